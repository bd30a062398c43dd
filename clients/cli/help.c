/* SPDX-License-Identifier: MIT */
/*
 * `--help`: of everything, and of one command.
 */
#include "cli.h"

static const char global_options[] =
    "Options of every command:\n"
    "  --profile DIR          where keys and messages live (default $XDG_DATA_HOME/sotto/default)\n"
    "  --server URL           tcp://host:port (default tcp://127.0.0.1:7500; remembered)\n"
    "  --password-file FILE   the account's password; without it you are asked\n"
    "  --passphrase-file FILE a passphrase that seals the profile's key, from its first use on\n"
    "  --timeout SECONDS      for connecting and each answer (default 15)\n"
    "  --json                 one JSON object a line\n"
    "  --quiet                print no results for people\n";

static const char exit_codes[] =
    "Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 not logged in, 4 network,\n"
    "5 blocked: an identity key changed (see `sotto verify --help`).\n";

void
help_all(FILE *out)
{
    fputs("sotto " SOTTO_VERSION ": an end-to-end encrypted messenger\n\n"
          "usage: sotto [OPTIONS] COMMAND [ARGUMENTS]\n\nCommands:\n",
          out);
    for (size_t i = 0; i < command_count; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n`sotto COMMAND --help` tells more about one.\n\n%s\n%s", global_options,
            exit_codes);
    fputs("\nTo begin: `sotto register NAME`, then `sotto new OTHER`, `sotto send OTHER hello`,\n"
          "and `sotto listen` in a second terminal.\n",
          out);
}

void
help_command(const struct command *command, FILE *out)
{
    fprintf(out, "usage: sotto %s %s\n\n%s.\n\n%s\n%s", command->name, command->usage,
            command->summary, command->help, global_options);
}
