/* SPDX-License-Identifier: MIT */
/*
 * The job `attach`: connects, reads Hello, attaches with an access token, leaves; N of them at a time, again and again.
 * Connections end by a reset, or the ports of one address would be used up within seconds.
 */
#include "load.h"
#include "rig_user.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "modules/auth/auth.pb-c.h"

#define USERS 10
#define EVENTS_MAX 256

struct attach_job {
    const struct load_options *options;
    struct rig_user users[USERS];
    struct rig_conn *conns;
    int epoll;
    uint64_t attached, refused;
};

static int
register_users(struct attach_job *job)
{
    struct rig_conn conn;
    int result = 0;

    rig_conn_init(&conn);
    for (size_t i = 0; i < USERS && result == 0; i++) {
        char name[33];

        snprintf(name, sizeof(name), "attach-%d-%zu", (int)getpid(), i);
        result = rig_dial(&conn, &job->options->address) != 0 ||
                 rig_user_register(&job->users[i], &conn, name) != 0;
    }
    rig_conn_fini(&conn);
    return result;
}

static int
begin(struct attach_job *job, struct rig_conn *conn)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

    if (rig_dial_begin(conn, &job->options->address) != 0)
        return -1;
    return epoll_ctl(job->epoll, EPOLL_CTL_ADD, conn->wire.fd, &event);
}

/* Hello is answered with Attach, the reply ends the round. 0, or -1 when no new connection can be made. */
static int
take_frame(struct attach_job *job, struct rig_conn *conn, const Sotto__Frame__V1__Frame *frame)
{
    if (frame->kind_case == SOTTO__FRAME__V1__FRAME__KIND_HELLO) {
        Sotto__Auth__V1__AttachRequest request = SOTTO__AUTH__V1__ATTACH_REQUEST__INIT;

        request.access_token = job->users[(size_t)(conn - job->conns) % USERS].access_token;
        rig_queue(conn, "sotto.auth.v1.AuthService/Attach", &request.base);
        return rig_wire_flush(&conn->wire);
    }
    if (frame->kind_case != SOTTO__FRAME__V1__FRAME__KIND_REPLY)
        return 0;
    if (frame->reply->result_case == SOTTO__FRAME__V1__REPLY__RESULT_ERROR)
        job->refused++;
    else
        job->attached++;
    rig_wire_abort(&conn->wire);
    return begin(job, conn);
}

static int
serve(struct attach_job *job, struct rig_conn *conn)
{
    Sotto__Frame__V1__Frame *frame;
    int ended = rig_wire_fill(&conn->wire);
    int result = 0;

    while (result == 0 && (frame = rig_next(conn)) != NULL) {
        result = take_frame(job, conn, frame);
        sotto__frame__v1__frame__free_unpacked(frame, NULL);
        ended = 0;
    }
    if (ended != 0) {
        job->refused++;
        rig_wire_abort(&conn->wire);
        result = begin(job, conn);
    }
    return result;
}

static int
measure(struct attach_job *job)
{
    struct epoll_event events[EVENTS_MAX];
    double start = rig_now_s();
    int result = 0;

    for (size_t i = 0; i < job->options->connections && result == 0; i++)
        result = begin(job, &job->conns[i]);
    while (result == 0 && rig_now_s() - start < job->options->seconds) {
        int count = epoll_wait(job->epoll, events, EVENTS_MAX, 100);

        for (int i = 0; i < count && result == 0; i++)
            result = serve(job, events[i].data.ptr);
    }
    printf("{\"job\":\"attach\",\"connections\":%zu,\"per_s\":%.0f,\"refused\":%llu}\n",
           job->options->connections, (double)job->attached / (rig_now_s() - start),
           (unsigned long long)job->refused);
    return result == 0 && job->attached > 0 ? 0 : 1;
}

int
load_attach(const struct load_options *options)
{
    struct attach_job job = {.options = options, .epoll = epoll_create1(0)};
    int code = 1;

    job.conns = calloc(options->connections, sizeof(*job.conns));
    for (size_t i = 0; job.conns != NULL && i < options->connections; i++)
        rig_conn_init(&job.conns[i]);
    if (job.conns != NULL && register_users(&job) == 0) {
        printf("{\"ready\":%zu}\n", options->connections);
        code = measure(&job);
    }
    for (size_t i = 0; job.conns != NULL && i < options->connections; i++)
        rig_conn_fini(&job.conns[i]);
    free(job.conns);
    close(job.epoll);
    return code;
}
