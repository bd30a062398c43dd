/* SPDX-License-Identifier: MIT */
/*
 * The first minutes: a profile without an account asks whether to make one or to log in.
 */
#ifndef CLI_WELCOME_H
#define CLI_WELCOME_H

#include "cli.h"

/* Returns at once when the profile has an account. SOTTO_CLIENT_EAUTH when the person leaves. */
int welcome(struct cli *cli);

#endif
