/* SPDX-License-Identifier: MIT */
/* What the files about the account share (account.c). */
#ifndef CLIENT_ACCOUNT_H
#define CLIENT_ACCOUNT_H

#include "session.h"

#include "opaque/opaque.h"

/* Proves to the server, over a connection, that we know the password of this name: the id of a LoginStart, and in
 * login_out the KE3 that answers it, which the caller wipes (opaque_client_login_fini). Nothing is opened or stored
 * by it. */
int account_prove(struct sotto_client *client, const char *name, const char *password,
                  uint8_t start_id_out[ID_BYTES], struct opaque_login *login_out);

#endif
