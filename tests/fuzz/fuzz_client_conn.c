/* SPDX-License-Identifier: MIT */
/*
 * What a server sends to a client: frames behind their lengths, from the Hello on, over a socket that then ends. A call
 * is open, so that answers have where to go. Accepted is an input from which the client took an event or an answer.
 */
#include "fuzz.h"

#include "conn.h"

#include "frame.pb-c.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 1000 /* never waited: the other end is closed */

static bool
take_all(struct conn *conn)
{
    const Sotto__Frame__V1__Cancel empty = SOTTO__FRAME__V1__CANCEL__INIT;
    struct sotto_client_error error;
    struct conn_event event;
    struct conn_reply reply;
    bool taken = false;
    uint64_t ticket;

    if (conn_call(conn, "sotto.chat.v1.ChatService/Sync", &empty.base, WAIT_MS, &ticket, &error) ==
            0 &&
        conn_wait(conn, ticket, WAIT_MS, &reply, &error) == 0) {
        assert(memchr(reply.code, 0, sizeof(reply.code)) != NULL);
        conn_reply_fini(&reply);
        taken = true;
    }
    while (conn_next_event(conn, conn_now_ms() + WAIT_MS, &event, &error) == 1) {
        assert(memchr(event.type, 0, sizeof(event.type)) != NULL);
        conn_event_fini(&event);
        taken = true;
    }
    return taken;
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct sotto_client_error error;
    struct conn *conn = NULL;
    bool taken = false;
    int ends[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return false;
    if (send(ends[1], data, size, MSG_DONTWAIT) == (ssize_t)size &&
        shutdown(ends[1], SHUT_WR) == 0) {
        if (conn_adopt(ends[0], framing_tcp(), WAIT_MS, &conn, &error) == 0)
            taken = take_all(conn);
        conn_close(&conn);
    } else {
        close(ends[0]);
    }
    close(ends[1]);
    return taken;
}

static size_t
add(uint8_t *out, size_t at, const Sotto__Frame__V1__Frame *frame)
{
    const size_t size = sotto__frame__v1__frame__get_packed_size(frame);

    for (int i = 0; i < 4; i++)
        out[at++] = (uint8_t)(size >> (8 * (3 - i)));
    return at + sotto__frame__v1__frame__pack(frame, out + at);
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    static uint8_t bytes[] = "body";
    const ProtobufCBinaryData view = {sizeof(bytes), bytes};
    Sotto__Frame__V1__Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    Sotto__Frame__V1__Hello hello = SOTTO__FRAME__V1__HELLO__INIT;
    Sotto__Frame__V1__Event event = SOTTO__FRAME__V1__EVENT__INIT;
    Sotto__Frame__V1__Ping ping = SOTTO__FRAME__V1__PING__INIT;
    Sotto__Frame__V1__Error error = SOTTO__FRAME__V1__ERROR__INIT;
    Sotto__Frame__V1__Reply reply = SOTTO__FRAME__V1__REPLY__INIT;
    Sotto__Frame__V1__Goodbye goodbye = SOTTO__FRAME__V1__GOODBYE__INIT;
    uint8_t data[1024];
    size_t greeted, size;

    (void)state;
    hello.version = 1;
    hello.name = (char *)(uintptr_t) "sotto";
    hello.max_frame = 1 << 20;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_HELLO;
    frame.hello = &hello;
    greeted = add(data, 0, &frame);

    event.type = (char *)(uintptr_t) "sotto.chat.v1.EntryEvent";
    event.body = view;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_EVENT;
    frame.event = &event;
    size = add(data, greeted, &frame);
    ping.data = view;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PING;
    frame.ping = &ping;
    take("event", data, add(data, size, &frame), arg);

    error.code = (char *)(uintptr_t) "aborted";
    error.message = (char *)(uintptr_t) "the epoch is another";
    error.details = view;
    reply.result_case = SOTTO__FRAME__V1__REPLY__RESULT_ERROR;
    reply.error = &error;
    frame.id = 1;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_REPLY;
    frame.reply = &reply;
    size = add(data, greeted, &frame);
    frame.id = 0;
    goodbye.code = 1001;
    goodbye.reason = (char *)(uintptr_t) "the server stops";
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_GOODBYE;
    frame.goodbye = &goodbye;
    take("error", data, add(data, size, &frame), arg);
}

const struct fuzz_target fuzz_target = {.name = "client_conn", .one = one, .seeds = seeds};
