/* SPDX-License-Identifier: MIT */
/*
 * add, remove, leave, rename, role: groups that change. Each prints the chat as it is afterwards.
 */
#include "cli.h"

int
cmd_add(struct cli *cli)
{
    return print_status(cli, sotto_client_add(cli->client, cli_word(cli, 1), cli->words + 2,
                                              cli->word_count - 2, print_chat, cli));
}

int
cmd_remove(struct cli *cli)
{
    return print_status(
        cli, sotto_client_remove(cli->client, cli_word(cli, 1), cli_word(cli, 2), print_chat, cli));
}

int
cmd_leave(struct cli *cli)
{
    int status = sotto_client_leave(cli->client, cli_word(cli, 1), print_chat, cli);
    cli->lost_chat = status == SOTTO_CLIENT_OK;
    return print_status(cli, status);
}

int
cmd_rename(struct cli *cli)
{
    return print_status(
        cli, sotto_client_rename(cli->client, cli_word(cli, 1), cli_word(cli, 2), print_chat, cli));
}

int
cmd_role(struct cli *cli)
{
    return print_status(cli, sotto_client_set_role(cli->client, cli_word(cli, 1), cli_word(cli, 2),
                                                   cli_word(cli, 3), print_chat, cli));
}
