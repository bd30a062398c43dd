/* SPDX-License-Identifier: MIT */
/* The job `secrets`: registers one user, sends to a chat, and prints what a server must never keep, in hex. */
#include "load.h"
#include "peer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
print_hex(const char *name, const void *data, size_t size, const char *after)
{
    const uint8_t *bytes = data;

    printf("\"%s\":\"", name);
    for (size_t i = 0; i < size; i++)
        printf("%02x", bytes[i]);
    printf("\"%s", after);
}

static void
print_secrets(const struct rig_user *user)
{
    printf("{");
    print_hex("identity_seed", user->identity_seed, 32, ",");
    print_hex("device_seed", user->device_seed, 32, ",");
    print_hex("export_key", user->export_key, sizeof(user->export_key), ",");
    print_hex("refresh_token", user->refresh_token, sizeof(user->refresh_token), ",");
    print_hex("access_token", user->access_token, strlen(user->access_token), "}\n");
}

int
load_secrets(const struct load_options *options)
{
    struct rig_conn conn;
    struct rig_user user;
    char name[33];
    int code = 1;

    rig_conn_init(&conn);
    snprintf(name, sizeof(name), "secrets-%d", (int)getpid());
    if (rig_dial(&conn, &options->address) == 0 && rig_user_register(&user, &conn, name) == 0) {
        print_secrets(&user);
        load_wait_stdin();
        code = 0;
    }
    rig_conn_fini(&conn);
    return code;
}
