/* SPDX-License-Identifier: MIT */
/*
 * publish, call and hook between modules, as sotto/broker.h promises them.
 *
 * All names come from the modules' tables: broker_add_module takes them, broker_seal checks the whole (every
 * call and hook has its other end, hook chains have an order) and works out which subscriptions match which
 * topic, so that at run time a publish is one look-up and a walk. Nothing runs inside the callback that
 * caused it except hooks, which are asked inline, at most BROKER_DEPTH_MAX deep. Logic thread, except hook_complete.
 */
#ifndef CORE_BROKER_H
#define CORE_BROKER_H

#include "core/buf.h"
#include "core/core.h"
#include "core/host.h"
#include "sotto/broker.h"

#define BROKER_DEPTH_MAX 8

struct broker;

int broker_create(struct core *, struct broker **broker_out);
void broker_destroy(struct broker **); /* NULL-safe */
/* Takes topics, subs, calls, hook_points and hooks of a module. SOTTO_EPRECONDITION with a sentence: a name
 * that is not the module's own, a second provider of a call, a malformed pattern. */
int broker_add_module(struct broker *, struct host_module *, struct sotto_err *);
/* Orders the hook chains and matches patterns. SOTTO_EPRECONDITION: a cycle, named. */
int broker_seal(struct broker *, struct sotto_err *);
/* A module stops: its subscriptions and hooks fall silent, its calls answer no provider, what it had in
 * flight is refused. */
void broker_drop_module(struct broker *, struct host_module *);
/* Publishes in the core's own name ("sotto.core.session.closed.v1"). */
int broker_publish_core(struct broker *, const char *topic, struct sotto_view key,
                        struct sotto_view payload);
/* Calls, decisions and queued envelopes that are not through. */
size_t broker_open(const struct broker *);
/* sotto_broker_… in Prometheus text. Logic thread. */
void broker_render_metrics(void *broker, struct buf *out);
/* "point phase module": the order of all hook chains, for operators. */
void broker_render_hooks(const struct broker *, struct buf *out);

extern const struct sotto_broker_api broker_api;

#endif
