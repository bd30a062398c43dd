/* SPDX-License-Identifier: MIT */
/*
 * A whole running half of the server inside a unit test: logic loop (the test's own thread), I/O loops, RPC,
 * sessions and broker, with one made-up module behind them, and peers that speak the TCP door. Waiting is always for
 * an event, with a deadline.
 */
#ifndef SOTTO_RIG_H
#define SOTTO_RIG_H

#include "sotto_test.h"

#include <uv.h>

#include "core/broker.h"
#include "core/host.h"
#include "core/io.h"
#include "core/loop.h"
#include "core/rpc.h"
#include "core/session.h"
#include "core/settings.h"
#include "frame.pb-c.h"
#include "tests/support/rig.pb-c.h"

#define RIG_WAIT_MS 60000
#define RIG_HELD_MAX 256

struct rig {
    uv_loop_t uv;
    struct core core;
    struct settings settings;
    struct sotto_module descriptor;
    struct host_module module;
    char address[64];
    int port;
    struct sotto_req *held[RIG_HELD_MAX]; /* requests of Hold, oldest first */
    size_t held_count;
    size_t echoed;
    uint64_t last_session; /* of the caller of Echo, Hold or Enter */
    uint64_t facts;        /* sotto.core.session.* heard */
};

/* Limits that no test meets by accident. Change rig->settings.limits between rig_init and rig_start,
 * which takes as many I/O threads as SOTTO_IO_THREADS says, or one. */
void rig_init(struct rig *);
void rig_start(struct rig *);
void rig_stop(struct rig *);
/* Runs the logic loop until done(arg); fails the test after RIG_WAIT_MS. */
void rig_until(struct rig *, bool (*done)(void *arg), void *arg);
/* Runs it once without waiting. */
void rig_turn(struct rig *);

/* A client. Everything it reads is a Frame of the generated decoder: one more pair of eyes on ours. */
struct peer {
    struct rig *rig;
    int fd;
    uint8_t *in;
    size_t in_size, in_capacity;
    bool ended; /* the server closed */
};

void peer_open(struct peer *, struct rig *);
/* The same without waiting for Hello. false: refused at once. */
void peer_connect(struct peer *, struct rig *);
void peer_close(struct peer *);
/* Raw bytes; all of them. */
void peer_write(struct peer *, const void *data, size_t size);
void peer_frame(struct peer *, const Sotto__Frame__V1__Frame *);
/* Calls sotto.rig.v1.RigService/<method>. */
void peer_call(struct peer *, uint64_t id, const char *method, const char *text);
void peer_call_body(struct peer *, uint64_t id, const char *method, const void *body, size_t size);
/* The next frame; NULL when the server closed instead. Free with sotto__frame__v1__frame__free_unpacked. */
Sotto__Frame__V1__Frame *peer_read(struct peer *);
/* Reads until the server closes; returns the code of the last Goodbye, 0 without one. */
int peer_read_end(struct peer *);
/* Calls Enter with this user (16 letters) and waits for the reply. */
void peer_attach(struct peer *, const char *user);

/* What a test with two clients begins with: for cmocka_unit_test_setup_teardown, *state becomes a struct scene whose
 * rig is initialised and not started. */
struct scene {
    struct rig rig;
    struct peer alice, bob;
};
int scene_setup(void **state);
int scene_teardown(void **state);

/* Checks a reply: its id and text, or its error code. Frees it. */
void expect_text(Sotto__Frame__V1__Frame *take_frame, uint64_t id, const char *text);
void expect_error(Sotto__Frame__V1__Frame *take_frame, uint64_t id, const char *code);

#endif
