/* SPDX-License-Identifier: MIT */
/*
 * The life of a client object, and which server it talks to.
 */
#include "session.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DEFAULT_SERVER "tcp://127.0.0.1:7500"
#define DEFAULT_TIMEOUT_MS 15000
#define TIMEOUT_MS_MAX 600000

/* The server that was given, else the remembered one, or the default. */
static int
choose_server(struct sotto_client *client, const char *given)
{
    struct buf value = {0};
    struct conn_address address;
    int status = meta_get(&client->profile, "server", &value, &client->error);
    if (status == SOTTO_CLIENT_OK && given) {
        status = conn_parse_url(given, &address, &client->error);
        if (status == SOTTO_CLIENT_OK &&
            (value.len != strlen(given) + 1 || memcmp(value.data, given, value.len)))
            client->new_server = true; /* remembered once it has answered: see session_connect */
    }
    if (status == SOTTO_CLIENT_OK)
        snprintf(client->server, sizeof(client->server), "%s",
                 given       ? given
                 : value.len ? (const char *)value.data
                             : DEFAULT_SERVER);
    buf_fini(&value);
    return status;
}

int
sotto_client_open(const struct sotto_client_options *options, struct sotto_client **client_out,
                  struct sotto_client_error *error_out)
{
    if (sodium_init() < 0)
        return fail(error_out, SOTTO_CLIENT_EFAILED, "internal", "libsodium does not start");
    struct sotto_client *client = mem_alloc(1, sizeof(*client));
    client->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    client->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (options->timeout_ms)
        client->timeout_ms =
            options->timeout_ms < TIMEOUT_MS_MAX ? (int)options->timeout_ms : TIMEOUT_MS_MAX;
    snprintf(client->user_agent, sizeof(client->user_agent), "%s",
             options->user_agent ? options->user_agent : "sotto-client");
    int status =
        profile_init(&client->profile, options->profile, options->passphrase, &client->error);
    if (status == SOTTO_CLIENT_OK)
        status = choose_server(client, options->server);
    if (status == SOTTO_CLIENT_OK)
        status = account_load(client);
    if (status) {
        *error_out = client->error;
        sotto_client_close(&client);
        return status;
    }
    *client_out = client;
    return SOTTO_CLIENT_OK;
}

void
sotto_client_close(struct sotto_client **client)
{
    if (!client || !*client)
        return;
    session_drop(*client);
    if ((*client)->wake_fd >= 0)
        close((*client)->wake_fd);
    profile_fini(&(*client)->profile);
    account_fini(&(*client)->account);
    sodium_memzero(*client, sizeof(**client));
    free(*client);
    *client = NULL;
}

void
sotto_client_disconnect(struct sotto_client *client)
{
    session_drop(client);
}

const char *
sotto_client_user(struct sotto_client *client)
{
    return account_load(client) == SOTTO_CLIENT_OK && client->account.exists ? client->account.name
                                                                             : NULL;
}

const char *
sotto_client_server(const struct sotto_client *client)
{
    return client->server;
}

void
sotto_client_wake(struct sotto_client *client)
{
    /* A counter that is full wakes as well. */
    if (eventfd_write(client->wake_fd, 1))
        return;
}

void
sotto_client_stop(struct sotto_client *client)
{
    atomic_store(&client->stopped, true);
    sotto_client_wake(client);
}

const struct sotto_client_error *
sotto_client_last_error(const struct sotto_client *client)
{
    return &client->error;
}
