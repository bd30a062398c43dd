/* SPDX-License-Identifier: MIT */
/*
 * What a person may have meant: the nearest name to one that is unknown, another profile when this
 * one has no account.
 */
#ifndef CLI_HINT_H
#define CLI_HINT_H

#include "cli.h"

/* Complains about a command that is not there, with the nearest one; SOTTO_CLIENT_EUSAGE. */
int hint_unknown_command(const struct cli *cli, const char *name, enum place place);

/* After a command failed and said so: one more line for people if there is something to add. */
void hint_after(const struct cli *cli, const struct command *command, int status);

#endif
