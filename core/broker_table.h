/* SPDX-License-Identifier: MIT */
/* The inside of the broker, shared by the files broker*.c and nobody else. */
#ifndef CORE_BROKER_TABLE_H
#define CORE_BROKER_TABLE_H

#include "core/broker.h"
#include "core/map.h"
#include "core/queue.h"
#include "core/wheel.h"

#define BROKER_CALLS_MAX 65536 /* questions in flight, all modules together */
#define BROKER_TEXT_MAX 256

/* One published fact, shared by the queues it stands in. */
struct fact {
    uint32_t refs;
    const struct topic *topic;
    struct sotto_envelope envelope;
    uint8_t bytes[]; /* key, payload, trace */
};

struct delivery {
    struct delivery *next;
    struct map_node node; /* COALESCE: by key */
    struct fact *fact;
};

struct subscription {
    struct broker *broker;
    struct host_module *owner;
    const struct sotto_sub_row *row;
    uint32_t capacity, capacity_bytes;
    struct delivery *first, *last;
    struct map by_key; /* COALESCE */
    uint32_t count;
    size_t bytes;
    struct queue_item item;
    bool scheduled, dropped;
    uint64_t lost;
};

struct topic {
    struct map_node node;
    const char *name;
    struct host_module *owner; /* NULL: the core */
    struct subscription **subs;
    size_t sub_count;
    uint64_t published;
};

struct provider {
    struct map_node node;
    const struct sotto_call_row *row;
    struct host_module *owner;
    bool dropped;
};

struct hook {
    const struct sotto_hook_row *row;
    struct host_module *owner;
    bool dropped;
};

struct point {
    struct map_node node;
    const struct sotto_hook_point_row *row;
    struct host_module *owner;
    struct hook **chain; /* in order, after the seal */
    size_t count;
    uint64_t passed, denied, late;
};

struct broker {
    struct core *core;
    struct map topics, providers, points;
    struct subscription **subs;
    struct hook **hooks;
    struct point **point_list;
    struct topic **topic_list;
    struct provider **provider_list;
    size_t sub_count, hook_count, point_count, topic_count, provider_count;
    bool sealed;
    uint8_t id_prefix[8];
    uint64_t facts;
    size_t queued;
    struct sotto_call *calls; /* in flight */
    size_t call_count;
    struct map decisions; /* deferred, by token */
    uint64_t tokens;
    unsigned depth; /* of hooks inside hooks */
};

struct topic *broker_topic(const struct broker *, const char *name);
struct provider *broker_provider(const struct broker *, const char *name);
struct point *broker_point(const struct broker *, const char *name);
struct broker *broker_of(struct sotto_host *);

/* broker_publish.c */
int broker_publish(struct sotto_host *, const char *topic, struct sotto_view key,
                   struct sotto_view payload);
int broker_init_sub(struct subscription *); /* at the seal */
void broker_drop_sub(struct subscription *);

/* broker_call.c */
void broker_call(struct sotto_host *, const char *name, struct sotto_view key,
                 struct sotto_view request, uint32_t deadline_ms, sotto_answer_fn *fn, void *arg);
void broker_answer(struct sotto_call *, struct sotto_view answer);
void broker_refuse(struct sotto_call *, int error, const char *text);
void broker_drop_calls(struct broker *, const struct host_module *owner);
void broker_free_calls(struct broker *);

/* broker_hook.c */
int broker_init_decisions(struct broker *);
int broker_order_hooks(struct broker *, struct sotto_err *);
void broker_hook(struct sotto_host *, const char *point, struct sotto_view payload,
                 sotto_decided_fn *fn, void *arg);
void broker_hook_deny(struct sotto_decision *, int error, const char *text);
uint64_t broker_hook_token(struct sotto_decision *);
void broker_hook_complete(struct sotto_host *, uint64_t token, int status, const char *text);
void broker_drop_decisions(struct broker *, const struct host_module *owner);

#endif
