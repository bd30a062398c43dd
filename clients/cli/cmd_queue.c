/* SPDX-License-Identifier: MIT */
/*
 * queue, retry, drop: messages of ours that wait, and those that the server refused.
 */
#include "cli.h"
#include "json.h"
#include "text.h"
#include "view.h"

struct waiting {
    const struct cli *cli;
    size_t count;
};

static int
show_waiting(const struct sotto_client_message *message, void *arg)
{
    struct waiting *waiting = arg;
    waiting->count++;
    if (!waiting->cli->json && !waiting->cli->quiet)
        printf("%.6s  ", message->id);
    print_message(waiting->cli, message);
    return 0;
}

int
cmd_queue(struct cli *cli)
{
    struct waiting waiting = {.cli = cli};
    int status = sotto_client_waiting(cli->client, NULL, false, show_waiting, &waiting);
    if (status == SOTTO_CLIENT_OK && waiting.count == 0 && !cli->json && !cli->quiet)
        puts(tr("nothing waits to be sent"));
    return print_status(cli, status);
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
