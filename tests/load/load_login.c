/* SPDX-License-Identifier: MIT */
/*
 * The job `login`: OPAQUE logins (LoginStart, LoginFinish), one user a connection, N at a time. The client's stretching
 * costs nothing here: what is measured is the server's share, five multiplications of ristretto255 a login.
 */
#include "load.h"
#include "rig_user.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256

struct login_slot {
    struct rig_conn conn;
    struct rig_user user;
    struct rig_login login;
};

struct login_job {
    const struct load_options *options;
    struct login_slot *slots;
    int epoll;
    uint64_t done, refused;
};

static int
slot_setup(struct login_job *job, size_t number)
{
    struct login_slot *slot = &job->slots[number];
    char name[33];

    rig_conn_init(&slot->conn);
    snprintf(name, sizeof(name), "login-%d-%zu", (int)getpid(), number);
    if (rig_dial(&slot->conn, &job->options->address) != 0)
        return -1;
    return rig_user_register(&slot->user, &slot->conn, name);
}

/* From a connection of its own: a new login of a device ends the one before, and what was attached by it. */
static int
begin(struct login_job *job, struct login_slot *slot)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = slot};

    if (rig_dial(&slot->conn, &job->options->address) != 0 ||
        epoll_ctl(job->epoll, EPOLL_CTL_ADD, slot->conn.wire.fd, &event) != 0)
        return -1;
    rig_login_start(&slot->login, &slot->user, &slot->conn);
    return rig_wire_flush(&slot->conn.wire);
}

static void
take_frame(struct login_job *job, struct login_slot *slot, const Sotto__Frame__V1__Frame *frame)
{
    if (frame->kind_case != SOTTO__FRAME__V1__FRAME__KIND_REPLY)
        return;
    if (frame->reply->result_case != SOTTO__FRAME__V1__REPLY__RESULT_ERROR &&
        slot->login.step == RIG_LOGIN_STARTED &&
        rig_login_finish(&slot->login, &slot->user, &slot->conn, &frame->reply->body) == 0)
        return;
    if (slot->login.step == RIG_LOGIN_FINISHED &&
        frame->reply->result_case != SOTTO__FRAME__V1__REPLY__RESULT_ERROR)
        job->done++;
    else
        job->refused++;
    rig_login_start(&slot->login, &slot->user, &slot->conn);
}

static int
serve(struct login_job *job, struct login_slot *slot)
{
    Sotto__Frame__V1__Frame *frame;

    if (rig_wire_fill(&slot->conn.wire) != 0)
        return begin(job, slot); /* the server waits ten seconds for an Attach */
    while ((frame = rig_next(&slot->conn)) != NULL) {
        take_frame(job, slot, frame);
        sotto__frame__v1__frame__free_unpacked(frame, NULL);
    }
    return rig_wire_flush(&slot->conn.wire);
}

static int
measure(struct login_job *job)
{
    struct epoll_event events[EVENTS_MAX];
    double start = rig_now_s();
    int result = 0;

    for (size_t i = 0; i < job->options->connections && result == 0; i++)
        result = begin(job, &job->slots[i]);
    while (result == 0 && rig_now_s() - start < job->options->seconds) {
        int count = epoll_wait(job->epoll, events, EVENTS_MAX, 100);

        for (int i = 0; i < count && result == 0; i++)
            result = serve(job, events[i].data.ptr);
    }
    printf("{\"job\":\"login\",\"connections\":%zu,\"per_s\":%.0f,\"refused\":%llu}\n",
           job->options->connections, (double)job->done / (rig_now_s() - start),
           (unsigned long long)job->refused);
    return result == 0 && job->done > 0 ? 0 : 1;
}

int
load_login(const struct load_options *options)
{
    struct login_job job = {.options = options, .epoll = epoll_create1(0)};
    size_t made = 0;
    int code = 1;

    job.slots = calloc(options->connections, sizeof(*job.slots));
    while (job.slots != NULL && made < options->connections && slot_setup(&job, made) == 0)
        made++;
    if (made == options->connections) {
        printf("{\"ready\":%zu}\n", made);
        code = measure(&job);
    }
    for (size_t i = 0; i < made; i++)
        rig_conn_fini(&job.slots[i].conn);
    free(job.slots);
    close(job.epoll);
    return code;
}
