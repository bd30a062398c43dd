/* SPDX-License-Identifier: MIT */
/*
 * Resets as a person makes and confirms them; the rest is public (sotto/client.h).
 */
#ifndef CLIENT_RESET_H
#define CLIENT_RESET_H

#include "store.h"

/* Enters the chat that takes the place of the one of this name, catches up with it and loads it. EFAILED or EBLOCKED
 * with the reason when there is none, or it is refused. */
int reset_enter(struct sotto_client *client, const char *name, struct chat *successor_out);

#endif
