/* SPDX-License-Identifier: MIT */
/*
 * open, more, help, quit: commands of the interactive client alone.
 */
#include "hint.h"
#include "screen.h"

int
cmd_open(struct cli *cli)
{
    return screen_open(cli->screen, cli_word(cli, 1));
}

int
cmd_more(struct cli *cli)
{
    return screen_more(cli->screen);
}

int
cmd_help(struct cli *cli)
{
    const char *name = cli_word(cli, 1);
    if (!name) {
        help_screen(stdout);
        return SOTTO_CLIENT_OK;
    }
    const struct command *command = command_find(*name == '/' ? name + 1 : name, PLACE_SCREEN);
    if (!command)
        return hint_unknown_command(cli, name, PLACE_SCREEN);
    help_command(command, PLACE_SCREEN, stdout);
    return SOTTO_CLIENT_OK;
}

int
cmd_quit(struct cli *cli)
{
    screen_quit(cli->screen);
    return SOTTO_CLIENT_OK;
}
