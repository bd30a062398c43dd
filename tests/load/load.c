/* SPDX-License-Identifier: MIT */
/*
 * sotto-load: drives a server with many clients from one thread, and keeps a ledger of what was promised.
 *
 *   sotto-load pairs  --server URL [--pairs N] [--readers R] [--window W] [--seconds S] [--bytes B]
 *       durable chats of a sender and R readers (preset 1): each sender keeps W messages in flight for S seconds;
 *       prints rates and latencies
 *   sotto-load ledger --server URL [--pairs N] [--readers R] [--window W] [--messages M] [--seconds S]
 *       M messages for each chat, or one more than were begun when stdin ended, through every loss of the connection, at
 *       most S seconds; prints the ledger: acknowledged, delivered, lost, shown twice. Exit 1 when lost or
 *       twice is not 0
 *   sotto-load group  --server URL [--members N] [--window W] [--seconds S]
 *       one sender to a group: deliveries a second
 *   sotto-load catchup --server URL [--pairs N] [--messages M]
 *       a device that missed M messages in each of N chats: seconds until it has them all
 *   sotto-load attach --server URL [--connections N] [--seconds S]
 *       connects, attaches and leaves, N at a time: a second
 *   sotto-load login  --server URL [--connections N] [--seconds S]
 *       OPAQUE logins without the client's stretching, N at a time: a second
 *   sotto-load idle   --server URL [--connections N]
 *       opens N attached connections, prints {"ready":N} and holds them until stdin ends
 *   sotto-load stall  --server URL [--members N] [--readers R] [--messages M] [--bytes B]
 *       R of the members stop reading while the group gets M messages, and come back when stdin ends; prints how many
 *       of these read to the end ("back"; stderr says what stopped one that did not) and how many messages those who
 *       read to the end lack ("lost"). A token is never renewed: the server's access_lifetime has to outlast the job
 *   sotto-load readers --server URL [--members N]
 *       registers reader-0 to reader-N-1, who join what they are invited to; each line on stdin lets them catch up and
 *       prints how many are in, in one epoch, with one text read
 *   sotto-load secrets --server URL
 *       registers a user, prints its keys and tokens in hex and holds the connection until stdin ends
 *
 * URL is tcp://HOST:PORT or ws://HOST:PORT; bare HOST:PORT is TCP. Results are JSON, a line each, on stdout; while
 * pairs or ledger run, a line {"connected":…} appears ten times a second: open connections, what is unanswered on
 * them, and how many sends were acknowledged or refused, how many clients were told that the server stops, how many
 * connections were made again.
 */
#include "load.h"

#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
load_wait_stdin(void)
{
    char byte;

    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

static int
load_pairs_rates(const struct load_options *options)
{
    return load_pairs(options, false);
}

static int
load_pairs_ledger(const struct load_options *options)
{
    return load_pairs(options, true);
}

static const struct job {
    const char *name;
    int (*run)(const struct load_options *options);
} jobs[] = {
    {"pairs", load_pairs_rates}, {"ledger", load_pairs_ledger}, {"group", load_group},
    {"catchup", load_catchup},   {"idle", load_idle},           {"attach", load_attach},
    {"login", load_login},       {"secrets", load_secrets},     {"readers", load_readers},
    {"stall", load_stall},
};

static int
usage(void)
{
    fprintf(
        stderr,
        "usage: sotto-load JOB --server [tcp://|ws://]HOST:PORT [--pairs N] [--readers R] [--window W]\n"
        "                  [--seconds S] [--messages M] [--members N] [--connections N]\n"
        "                  [--bytes B]\njobs:");
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        fprintf(stderr, " %s", jobs[i].name);
    fprintf(stderr, "\n");
    return 2;
}

static int
parse_server(const char *text, struct rig_address *address_out)
{
    bool ws = strncmp(text, "ws://", 5) == 0;

    if (ws || strncmp(text, "tcp://", 6) == 0)
        text = strstr(text, "://") + 3;
    address_out->door = ws ? RIG_DOOR_WS : RIG_DOOR_TCP;
    return rig_wire_address(text, &address_out->socket);
}

static int
parse_options(int argc, char **argv, struct load_options *options)
{
    static const struct option names[] = {
        {"server", required_argument, NULL, 's'},      {"pairs", required_argument, NULL, 'p'},
        {"readers", required_argument, NULL, 'r'},     {"window", required_argument, NULL, 'w'},
        {"seconds", required_argument, NULL, 't'},     {"messages", required_argument, NULL, 'm'},
        {"members", required_argument, NULL, 'g'},     {"bytes", required_argument, NULL, 'b'},
        {"connections", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0},
    };
    bool have_server = false;
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 's':
            if (parse_server(optarg, &options->address) != 0)
                return -1;
            have_server = true;
            break;
        case 'p': options->pairs = (size_t)atoi(optarg); break;
        case 'r': options->readers = (size_t)atoi(optarg); break;
        case 'w': options->window = (size_t)atoi(optarg); break;
        case 't': options->seconds = atof(optarg); break;
        case 'm': options->messages = (size_t)atoi(optarg); break;
        case 'g': options->members = (size_t)atoi(optarg); break;
        case 'b': options->bytes = (size_t)atoi(optarg); break;
        case 'c': options->connections = (size_t)atoi(optarg); break;
        default: return -1;
        }
    }
    /* 128 is the server's window of repeats: more in flight could not be resent safely. */
    if (options->window == 0 || options->window > 100 || options->bytes == 0 ||
        options->bytes > 8192 || options->pairs == 0 || options->pairs > 2000 ||
        options->readers == 0 || options->readers > LOAD_READERS_MAX || options->members < 2 ||
        options->members > 2000 || options->messages == 0)
        return -1;
    return have_server ? 0 : -1;
}

int
main(int argc, char **argv)
{
    struct load_options options = {.pairs = 100,
                                   .readers = 1,
                                   .window = 16,
                                   .seconds = 5,
                                   .messages = 1000,
                                   .members = 100,
                                   .connections = 1000,
                                   .bytes = 256};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2 || sodium_init() < 0 || parse_options(argc - 1, argv + 1, &options) != 0)
        return usage();
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        if (strcmp(argv[1], jobs[i].name) == 0)
            return jobs[i].run(&options);
    return usage();
}
