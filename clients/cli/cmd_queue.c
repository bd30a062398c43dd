/* SPDX-License-Identifier: MIT */
/*
 * queue, retry, drop: messages of ours that wait, and those that the server refused.
 */
#include "cli.h"
#include "json.h"
#include "text.h"
#include "view.h"

static int
show_waiting(const struct sotto_client_message *message, void *arg)
{
    struct cli *cli = arg;
    if (!cli->json && !cli->quiet)
        printf("%.6s  ", message->id);
    print_message(cli, message);
    return 0;
}

int
cmd_queue(struct cli *cli)
{
    return print_status(cli, sotto_client_waiting(cli->client, NULL, false, show_waiting, cli));
}

int
cmd_retry(struct cli *cli)
{
    size_t count = 0;
    int status = sotto_client_retry(cli->client, cli_word(cli, 1), &count);
    if (status)
        return print_status(cli, status);
    if (cli->json)
        json_fact_uint("retried", count);
    else if (!cli->quiet)
        printf(
            tr_count("%zu message goes out once more\n", "%zu messages go out once more\n", count),
            count);
    return SOTTO_CLIENT_OK;
}

int
cmd_drop(struct cli *cli)
{
    size_t count = 0;
    int status = sotto_client_drop(cli->client, cli_word(cli, 1), &count);
    if (status)
        return print_status(cli, status);
    if (cli->json)
        json_fact_uint("dropped", count);
    else if (!cli->quiet)
        printf(tr_count("%zu message was dropped\n", "%zu messages were dropped\n", count), count);
    return SOTTO_CLIENT_OK;
}
