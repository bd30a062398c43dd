/* SPDX-License-Identifier: MIT */
/*
 * Names: what modules declare, and which subscription takes which topic. Facts are in broker_publish.c, questions in
 * broker_call.c, decisions in broker_hook.c.
 */
#include "core/broker.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker_table.h"
#include "core/loop.h"

#define CAPACITY 4096
#define CAPACITY_BYTES (8u * 1024 * 1024)
#define NAME_MAX_BYTES 127

/* The core's own topics; sotto/core.proto has their message. */
static const char *const core_topics[] = {
    "sotto.core.session.attached.v1",
    "sotto.core.session.closed.v1",
};

/* ---- tables ---- */

static bool
topic_equal(const struct map_node *node, const void *key, size_t size)
{
    const char *name = MAP_OF(node, struct topic, node)->name;

    return strlen(name) == size && memcmp(name, key, size) == 0;
}

static bool
provider_equal(const struct map_node *node, const void *key, size_t size)
{
    const char *name = MAP_OF(node, struct provider, node)->row->name;

    return strlen(name) == size && memcmp(name, key, size) == 0;
}

static bool
point_equal(const struct map_node *node, const void *key, size_t size)
{
    const char *name = MAP_OF(node, struct point, node)->row->name;

    return strlen(name) == size && memcmp(name, key, size) == 0;
}

struct topic *
broker_topic(const struct broker *broker, const char *name)
{
    struct map_node *node = map_get(&broker->topics, name, strlen(name));

    return node ? MAP_OF(node, struct topic, node) : NULL;
}

struct provider *
broker_provider(const struct broker *broker, const char *name)
{
    struct map_node *node = map_get(&broker->providers, name, strlen(name));

    return node ? MAP_OF(node, struct provider, node) : NULL;
}

struct point *
broker_point(const struct broker *broker, const char *name)
{
    struct map_node *node = map_get(&broker->points, name, strlen(name));

    return node ? MAP_OF(node, struct point, node) : NULL;
}

/* Makes room for one more pointer in an array that grows one by one. NULL: out of memory. */
static void *
grow(void *array, size_t count)
{
    return realloc(array, (count + 1) * sizeof(void *));
}

struct broker *
broker_of(struct sotto_host *host)
{
    struct core *core = host_module(host)->core;

    loop_assert(core->logic);
    return core->broker;
}

/* ---- registration ---- */

static int
out_of_memory(struct sotto_err *err)
{
    return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
}

/* <module>.<noun>…: parts of [a-z0-9_] separated by single dots. */
static bool
is_name(const char *name, bool wildcards)
{
    size_t size = strlen(name);
    bool part = false;

    if (!size || size > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < size; i++) {
        bool alone = (i == 0 || name[i - 1] == '.') && (name[i + 1] == '.' || !name[i + 1]);

        if (name[i] == '.') {
            if (!part)
                return false;
            part = false;
            continue;
        }
        part = true;
        if ((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
            name[i] == '_')
            continue;
        if (!wildcards || !alone || (name[i] != '*' && (name[i] != '>' || name[i + 1])))
            return false;
    }
    return part;
}

static int
check_own(const struct host_module *owner, const char *what, const char *name,
          struct sotto_err *err)
{
    size_t size = strlen(owner->name);

    if (!is_name(name, false) || strncmp(name, owner->name, size) != 0 || name[size] != '.')
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s \"%s\": its name must be %s.<noun>.<verb>.v1", what, name,
                             owner->name);
    return 0;
}

static int
add_topic(struct broker *broker, struct host_module *owner, const char *name, struct sotto_err *err)
{
    struct topic **list = grow(broker->topic_list, broker->topic_count);
    struct topic *topic;

    if (!list)
        return out_of_memory(err);
    broker->topic_list = list;
    if (broker_topic(broker, name))
        return sotto_err_set(err, SOTTO_EPRECONDITION, "topic \"%s\" is declared twice", name);
    topic = calloc(1, sizeof(*topic));
    if (!topic)
        return out_of_memory(err);
    topic->name = name;
    topic->owner = owner;
    map_add(&broker->topics, &topic->node, name, strlen(name));
    list[broker->topic_count++] = topic;
    return 0;
}

static int
add_sub(struct broker *broker, struct host_module *owner, const struct sotto_sub_row *row,
        struct sotto_err *err)
{
    struct subscription **list = grow(broker->subs, broker->sub_count);
    struct subscription *sub;

    if (!list)
        return out_of_memory(err);
    broker->subs = list;
    if (!row->fn || !is_name(row->pattern, true) || row->overflow > SOTTO_OVERFLOW_DROP_OLDEST)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "subscription \"%s\": malformed pattern, no function or an unknown "
                             "overflow policy",
                             row->pattern);
    sub = calloc(1, sizeof(*sub));
    if (!sub)
        return out_of_memory(err);
    sub->broker = broker;
    sub->owner = owner;
    sub->row = row;
    sub->capacity = row->capacity ? row->capacity : CAPACITY;
    sub->capacity_bytes = row->capacity_bytes ? row->capacity_bytes : CAPACITY_BYTES;
    list[broker->sub_count++] = sub;
    return 0;
}

static int
add_provider(struct broker *broker, struct host_module *owner, const struct sotto_call_row *row,
             struct sotto_err *err)
{
    struct provider **list = grow(broker->provider_list, broker->provider_count);
    struct provider *provider;

    if (!list)
        return out_of_memory(err);
    broker->provider_list = list;
    if (!is_name(row->name, false) || !row->fn)
        return sotto_err_set(err, SOTTO_EPRECONDITION, "call \"%s\": malformed name or no function",
                             row->name);
    provider = broker_provider(broker, row->name);
    if (provider)
        return sotto_err_set(err, SOTTO_EPRECONDITION, "call \"%s\" is provided by %s already",
                             row->name, provider->owner->name);
    provider = calloc(1, sizeof(*provider));
    if (!provider)
        return out_of_memory(err);
    provider->row = row;
    provider->owner = owner;
    map_add(&broker->providers, &provider->node, row->name, strlen(row->name));
    list[broker->provider_count++] = provider;
    return 0;
}

static int
add_point(struct broker *broker, struct host_module *owner, const struct sotto_hook_point_row *row,
          struct sotto_err *err)
{
    struct point **list = grow(broker->point_list, broker->point_count);
    struct point *point;

    if (!list)
        return out_of_memory(err);
    broker->point_list = list;
    if (broker_point(broker, row->name))
        return sotto_err_set(err, SOTTO_EPRECONDITION, "hook point \"%s\" is declared twice",
                             row->name);
    point = calloc(1, sizeof(*point));
    if (!point)
        return out_of_memory(err);
    point->row = row;
    point->owner = owner;
    map_add(&broker->points, &point->node, row->name, strlen(row->name));
    list[broker->point_count++] = point;
    return 0;
}

static int
add_hook(struct broker *broker, struct host_module *owner, const struct sotto_hook_row *row,
         struct sotto_err *err)
{
    struct hook **list = grow(broker->hooks, broker->hook_count);
    struct hook *hook;

    if (!list)
        return out_of_memory(err);
    broker->hooks = list;
    if (!row->fn || !is_name(row->point, false) || row->phase > SOTTO_HOOK_LATE)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "hook on \"%s\": malformed point, no function or an unknown phase",
                             row->point);
    hook = calloc(1, sizeof(*hook));
    if (!hook)
        return out_of_memory(err);
    hook->row = row;
    hook->owner = owner;
    list[broker->hook_count++] = hook;
    return 0;
}

int
broker_add_module(struct broker *broker, struct host_module *owner, struct sotto_err *err)
{
    const struct sotto_module *module = owner->descriptor;
    int rc = 0;

    assert(!broker->sealed);
    for (uint32_t i = 0; !rc && i < module->topics.count; i++) {
        const char *name = HOST_ROW(module->topics, struct sotto_topic_row, i)->name;

        rc = check_own(owner, "topic", name, err);
        if (!rc)
            rc = add_topic(broker, owner, name, err);
    }
    for (uint32_t i = 0; !rc && i < module->hook_points.count; i++) {
        const struct sotto_hook_point_row *row =
            HOST_ROW(module->hook_points, struct sotto_hook_point_row, i);

        rc = check_own(owner, "hook point", row->name, err);
        if (!rc)
            rc = add_point(broker, owner, row, err);
    }
    for (uint32_t i = 0; !rc && i < module->subs.count; i++)
        rc = add_sub(broker, owner, HOST_ROW(module->subs, struct sotto_sub_row, i), err);
    for (uint32_t i = 0; !rc && i < module->calls.count; i++)
        rc = add_provider(broker, owner, HOST_ROW(module->calls, struct sotto_call_row, i), err);
    for (uint32_t i = 0; !rc && i < module->hooks.count; i++)
        rc = add_hook(broker, owner, HOST_ROW(module->hooks, struct sotto_hook_row, i), err);
    return rc;
}

/* ---- the seal ---- */

static bool
pattern_matches(const char *pattern, const char *name)
{
    for (;;) {
        size_t want = strcspn(pattern, ".");
        size_t have = strcspn(name, ".");

        if (want == 1 && *pattern == '>')
            return have > 0;
        if (!(want == 1 && *pattern == '*' && have > 0) &&
            (want != have || memcmp(pattern, name, want) != 0))
            return false;
        pattern += want;
        name += have;
        if (!*pattern || !*name)
            return !*pattern && !*name;
        pattern++;
        name++;
    }
}

static int
match_topic(struct broker *broker, struct topic *topic)
{
    for (size_t i = 0; i < broker->sub_count; i++) {
        struct subscription **list;

        if (!pattern_matches(broker->subs[i]->row->pattern, topic->name))
            continue;
        list = grow(topic->subs, topic->sub_count);
        if (!list)
            return SOTTO_ENOMEM;
        topic->subs = list;
        list[topic->sub_count++] = broker->subs[i];
    }
    return 0;
}

int
broker_seal(struct broker *broker, struct sotto_err *err)
{
    assert(!broker->sealed);
    broker->sealed = true;
    for (size_t i = 0; i < broker->topic_count; i++)
        if (match_topic(broker, broker->topic_list[i]))
            return out_of_memory(err);
    for (size_t i = 0; i < broker->sub_count; i++)
        if (broker_init_sub(broker->subs[i]))
            return out_of_memory(err);
    return broker_order_hooks(broker, err);
}

/* ---- life ---- */

int
broker_create(struct core *core, struct broker **broker_out)
{
    struct broker *broker = calloc(1, sizeof(*broker));
    struct sotto_err err;

    if (!broker)
        return SOTTO_ENOMEM;
    broker->core = core;
    randombytes_buf(broker->id_prefix, sizeof(broker->id_prefix));
    if (map_init(&broker->topics, topic_equal) || map_init(&broker->providers, provider_equal) ||
        map_init(&broker->points, point_equal) || broker_init_decisions(broker))
        goto fail;
    for (size_t i = 0; i < sizeof(core_topics) / sizeof(core_topics[0]); i++)
        if (add_topic(broker, NULL, core_topics[i], &err))
            goto fail;
    *broker_out = broker;
    return 0;

fail:
    broker_destroy(&broker);
    return SOTTO_ENOMEM;
}

void
broker_drop_module(struct broker *broker, struct host_module *owner)
{
    for (size_t i = 0; i < broker->sub_count; i++)
        if (broker->subs[i]->owner == owner)
            broker_drop_sub(broker->subs[i]);
    for (size_t i = 0; i < broker->hook_count; i++)
        if (broker->hooks[i]->owner == owner)
            broker->hooks[i]->dropped = true;
    for (size_t i = 0; i < broker->provider_count; i++)
        if (broker->provider_list[i]->owner == owner)
            broker->provider_list[i]->dropped = true;
    broker_drop_calls(broker, owner);
    broker_drop_decisions(broker, owner);
}

size_t
broker_open(const struct broker *broker)
{
    return broker->queued + broker->call_count + broker->decisions.count;
}

static void
free_list(void **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void
broker_destroy(struct broker **broker_ptr)
{
    struct broker *broker = *broker_ptr;

    if (!broker)
        return;
    for (size_t i = 0; i < broker->sub_count; i++) {
        broker_drop_sub(broker->subs[i]);
        map_fini(&broker->subs[i]->by_key);
    }
    broker_free_calls(broker);
    broker_drop_decisions(broker, NULL);
    for (size_t i = 0; i < broker->topic_count; i++)
        free(broker->topic_list[i]->subs);
    for (size_t i = 0; i < broker->point_count; i++)
        free(broker->point_list[i]->chain);
    free_list((void **)broker->topic_list, broker->topic_count);
    free_list((void **)broker->provider_list, broker->provider_count);
    free_list((void **)broker->point_list, broker->point_count);
    free_list((void **)broker->subs, broker->sub_count);
    free_list((void **)broker->hooks, broker->hook_count);
    map_fini(&broker->topics);
    map_fini(&broker->providers);
    map_fini(&broker->points);
    map_fini(&broker->decisions);
    free(broker);
    *broker_ptr = NULL;
}

void
broker_render_metrics(void *arg, struct buf *out)
{
    const struct broker *broker = arg;

    buf_puts(out, "# HELP sotto_broker_published_total Facts published, by topic\n"
                  "# TYPE sotto_broker_published_total counter\n");
    for (size_t i = 0; i < broker->topic_count; i++)
        buf_printf(out, "sotto_broker_published_total{topic=\"%s\"} %llu\n",
                   broker->topic_list[i]->name,
                   (unsigned long long)broker->topic_list[i]->published);
    buf_puts(out, "# HELP sotto_broker_lost_total Facts that a full subscription did not get\n"
                  "# TYPE sotto_broker_lost_total counter\n");
    for (size_t i = 0; i < broker->sub_count; i++)
        buf_printf(out, "sotto_broker_lost_total{module=\"%s\",pattern=\"%s\"} %llu\n",
                   broker->subs[i]->owner->name, broker->subs[i]->row->pattern,
                   (unsigned long long)broker->subs[i]->lost);
    buf_puts(out, "# HELP sotto_broker_hooks_total Decisions of hook points, by outcome\n"
                  "# TYPE sotto_broker_hooks_total counter\n");
    for (size_t i = 0; i < broker->point_count; i++) {
        const struct point *point = broker->point_list[i];

        buf_printf(out,
                   "sotto_broker_hooks_total{point=\"%s\",outcome=\"passed\"} %llu\n"
                   "sotto_broker_hooks_total{point=\"%s\",outcome=\"denied\"} %llu\n"
                   "sotto_broker_hooks_total{point=\"%s\",outcome=\"late\"} %llu\n",
                   point->row->name, (unsigned long long)point->passed, point->row->name,
                   (unsigned long long)point->denied, point->row->name,
                   (unsigned long long)point->late);
    }
    buf_printf(out,
               "# HELP sotto_broker_open Queued facts, questions and decisions in flight\n"
               "# TYPE sotto_broker_open gauge\nsotto_broker_open %zu\n",
               broker_open(broker));
}

static bool
broker_wanted(struct sotto_host *host, const char *name)
{
    const struct broker *broker = broker_of(host);
    const struct topic *topic = broker_topic(broker, name);
    const struct point *point = broker_point(broker, name);

    return (topic && topic->sub_count > 0) ||
           (point && (point->count > 0 || point->row->preset_deny));
}

const struct sotto_broker_api broker_api = {
    .struct_size = sizeof(broker_api),
    .publish = broker_publish,
    .call = broker_call,
    .answer = broker_answer,
    .refuse = broker_refuse,
    .hook = broker_hook,
    .hook_deny = broker_hook_deny,
    .hook_token = broker_hook_token,
    .hook_complete = broker_hook_complete,
    .wanted = broker_wanted,
};
