/* SPDX-License-Identifier: MIT */
/* The job `idle`: many attached connections of a few users, held open so that the server's memory can be read. */
#include "load.h"
#include "rig_user.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define USERS 10

static int
open_all(const struct load_options *options, struct rig_user *users, struct rig_conn *conns)
{
    for (size_t i = 0; i < options->connections; i++) {
        struct rig_user *user = &users[i % USERS];
        char name[33];

        rig_conn_init(&conns[i]);
        if (rig_dial(&conns[i], &options->address) != 0)
            return -1;
        snprintf(name, sizeof(name), "idle-%d-%zu", (int)getpid(), i);
        if (i < USERS ? rig_user_register(user, &conns[i], name) != 0
                      : rig_user_attach(user, &conns[i]) != 0)
            return -1;
    }
    return 0;
}

/* Holds the connections until stdin ends; the server's pings are left to its own time limit. */
int
load_idle(const struct load_options *options)
{
    struct rig_user *users = calloc(USERS, sizeof(*users));
    struct rig_conn *conns = calloc(options->connections, sizeof(*conns));
    int code = 1;

    if (users != NULL && conns != NULL && open_all(options, users, conns) == 0) {

        printf("{\"ready\":%zu}\n", options->connections);
        load_wait_stdin();
        code = 0;
    }
    for (size_t i = 0; conns != NULL && i < options->connections; i++)
        rig_conn_fini(&conns[i]);
    free(conns);
    free(users);
    return code;
}
