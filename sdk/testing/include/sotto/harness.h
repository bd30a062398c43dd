/* SPDX-License-Identifier: MIT */
/*
 * A host for the unit tests of a module: everything that sotto/module.h promises, in one thread, on a virtual
 * clock, with a real SQLite database and no server.
 *
 *     struct harness *h = harness_create(sotto_module_entry());
 *     harness_set(h, "greeting", "hello");
 *     assert_int_equal(harness_start(h), 0);
 *     uint64_t alice = harness_connect(h);
 *     harness_attach(h, alice, alice_id, device_id, login_id);
 *     const struct harness_answer *answer = harness_rpc(h, alice, "Say", &request.base);
 *     harness_destroy(&h);
 *
 * What the module does off the logic thread (writes, reads, jobs) and what it posts, publishes or asks is queued
 * and runs in harness_run, in order; most functions here call it. Nothing happens behind the test's back, so a
 * test may also stand between two steps: harness_rpc_begin, look around, harness_run.
 *
 * The harness is strict where the server is: a module that pushes an event it did not declare, touches the tables
 * of another module, calls the host inside a transaction, or forgets a request, stops the test with an assertion.
 *
 * All functions: one thread, the test's. Pointers that are returned stay valid until harness_destroy, except
 * those of pushes and publishes, which harness_forget ends.
 */
#ifndef SOTTO_HARNESS_H
#define SOTTO_HARNESS_H

#include "sotto/module.h"

#ifdef __cplusplus
extern "C" {
#endif

struct harness;

/* Makes a host for one module with the defaults of its conf. The clock starts at 1767225600000 ms (2026-01-01).
 * Asserts that the descriptor has the magic, version and size of this SDK. */
struct harness *harness_create(const struct sotto_module *module);

/* Gives a conf key a value, written as in the conf file without quotes ("30s", "16MiB", "yes"); a SECRET takes its
 * content. Before harness_start. Asserts that the key is one of the module's. */
void harness_set(struct harness *, const char *key, const char *value);

/* Configure, migrations, init, start. Returns 0 or the error of the step that refused; harness_error has its sentence.
 * After harness_stop it starts the module again, on the database as it is. */
int harness_start(struct harness *);

/* Why harness_start or harness_health refused; "" before. */
const char *harness_error(const struct harness *);

/* Quiesce, stop and fini; sessions are closed. Asserts that stop called done and that no request is open. */
void harness_stop(struct harness *);

/* Stops if need be and frees everything, the data folder too. NULL is allowed. */
void harness_destroy(struct harness **);

/* What init handed out, for tests that look inside. */
void *harness_state(const struct harness *);

/* The host as the module sees it. */
struct sotto_host *harness_host(struct harness *);

/* The module's health: 0 or an error with its sentence in harness_error. */
int harness_health(struct harness *);

/* Runs until nothing is queued. Asserts after 100,000 steps: something feeds itself. */
void harness_run(struct harness *);

/* The virtual wall clock, ms since 1970. */
int64_t harness_now_ms(const struct harness *);

/* Moves the clock forward, running what is due on the way in the order it is due. */
void harness_advance_ms(struct harness *, int64_t ms);

/* -- Sessions and requests ------------------------------------------------------------------------------- */

/* A new connection from 192.0.2.1, not attached; never 0. */
uint64_t harness_connect(struct harness *);

/* Attaches it as auth would. NULL ids are 16 zero bytes. */
void harness_attach(struct harness *, uint64_t session, const uint8_t *user, const uint8_t *device,
                    const uint8_t *login);

/* The address that requests of this session come from; copied. */
void harness_set_address(struct harness *, uint64_t session, const char *address);

/* Who the session is: NULL when it is not attached or gone. */
const struct sotto_identity *harness_identity(struct harness *, uint64_t session);

/* 0 while the session is open, else the code it was closed with. */
int harness_closed(struct harness *, uint64_t session);

/* The connection goes away, as when a client hangs up. */
void harness_disconnect(struct harness *, uint64_t session);

struct harness_answer {
    const char *method;
    bool done;                       /* the module has answered */
    int status;                      /* 0, or the SOTTO_E… it failed with */
    char text[512];                  /* the sentence of a failure */
    const ProtobufCMessage *message; /* the decoded reply; NULL on failure */
    struct sotto_view details;       /* of a failure, encoded; of harness_ask: the answer */
};

/* Sends a request (the plain method name, "Say") and runs until it is answered. Level and size are checked as the
 * server does. Asserts that the method exists and that an answer came; time does not pass, so a method that waits
 * for a timer needs harness_rpc_begin and harness_advance_ms. */
const struct harness_answer *harness_rpc(struct harness *, uint64_t session, const char *method,
                                         const ProtobufCMessage *request);

/* Hands the request to the module and returns at once; answer.done tells when it has been answered. */
const struct harness_answer *harness_rpc_begin(struct harness *, uint64_t session,
                                               const char *method, const ProtobufCMessage *request);

/* -- What the module said -------------------------------------------------------------------------------- */

struct harness_push {
    uint64_t session;
    const ProtobufCMessage *event; /* decoded */
};

/* Events pushed since the last harness_forget, one entry for each session reached. */
size_t harness_push_count(const struct harness *);
const struct harness_push *harness_push_at(const struct harness *, size_t index);

struct harness_publish {
    const char *topic;
    struct sotto_view key, payload;
};

/* Facts published since the last harness_forget. Subscriptions of the module itself get them too. */
size_t harness_publish_count(const struct harness *);
const struct harness_publish *harness_publish_at(const struct harness *, size_t index);

void harness_forget(struct harness *);

/* Sum of a counter, value of a gauge, or number of observations of a histogram. value: the index in .values. */
double harness_metric(const struct harness *, const char *name, uint32_t value);

/* -- What the rest of the server says to the module --------------------------------------------------------- */

/* Publishes a fact of another module to the subscriptions that match. */
void harness_fact(struct harness *, const char *topic, struct sotto_view key,
                  struct sotto_view payload);

/* Answers a question that the module asks. status 0 and an answer written to out (at most 64 KiB; size_out),
 * or a SOTTO_E…. */
typedef int harness_provider_fn(void *arg, struct sotto_view request, uint8_t *out,
                                size_t *size_out);

/* Provides the call `name`; without a provider questions end with SOTTO_ENOPROVIDER. fn NULL: no longer. */
void harness_provide(struct harness *, const char *name, harness_provider_fn *fn, void *arg);

/* Asks the module: the answer's status, text and bytes (in details). */
const struct harness_answer *harness_ask(struct harness *, const char *name,
                                         struct sotto_view request);

/* What the hook point `point` of this module decides from now on: 0 passes, SOTTO_E… denies with text. */
void harness_decide(struct harness *, const char *point, int status, const char *text);

/* Runs the module's hook on another module's point: SOTTO_PASS, or the error it denied with (text in the answer). A
 * deferred decision is waited for in harness_run. */
const struct harness_answer *harness_hook(struct harness *, const char *point,
                                          struct sotto_view payload);

/* -- The store -------------------------------------------------------------------------------------------- */

/* Runs SQL on the database, past the module. Asserts that it works. Returns the first column of the first row
 * as an integer, 0 without a row. */
int64_t harness_sql(struct harness *, const char *sql);

/* The next commit fails (count times): its writes are rolled back and end with SOTTO_EIO. */
void harness_fail_commits(struct harness *, unsigned count);

/* write and read refuse with SOTTO_EUNAVAILABLE, as with a full queue or an open breaker. */
void harness_refuse_store(struct harness *, bool refuse);

/* Every write runs twice, the first time rolled back: the contract allows it, so a module must stand it. */
void harness_run_writes_twice(struct harness *, bool twice);

#ifdef __cplusplus
}
#endif

#endif
