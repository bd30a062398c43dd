/* SPDX-License-Identifier: MIT */
/*
 * The table of sessions and what binds them. An id is the slot in its low 20 bits and a count above, so that
 * finding a session takes no hash and an old id never finds a new one. Pushing is in session_push.c.
 */
#include "core/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/call.h"
#include "core/clock.h"
#include "core/conn.h"
#include "core/loop.h"
#include "core/net_addr.h"
#include "core/session_table.h"

#define SLOT_BITS 20
#define SLOT_MASK (SESSION_SLOTS_MAX - 1)

static bool
user_equal(const struct map_node *node, const void *key, size_t size)
{
    return memcmp(MAP_OF(node, struct session, by_user)->identity.user, key, size) == 0;
}

static bool
device_equal(const struct map_node *node, const void *key, size_t size)
{
    return memcmp(MAP_OF(node, struct session, by_device)->identity.device, key, size) == 0;
}

static bool
login_equal(const struct map_node *node, const void *key, size_t size)
{
    return memcmp(MAP_OF(node, struct session, by_login)->identity.login, key, size) == 0;
}

int
sessions_create(struct core *core, const struct settings_limits *limits,
                struct sessions **sessions_out)
{
    struct sessions *all = calloc(1, sizeof(*all));

    if (!all)
        return SOTTO_ENOMEM;
    all->core = core;
    all->account_max = (size_t)limits->connections_per_account;
    if (map_init(&all->users, user_equal) || map_init(&all->devices, device_equal) ||
        map_init(&all->logins, login_equal)) {
        sessions_destroy(&all);
        return SOTTO_ENOMEM;
    }
    *sessions_out = all;
    return 0;
}

void
sessions_destroy(struct sessions **all_ptr)
{
    struct sessions *all = *all_ptr;

    if (!all)
        return;
    assert(!all->count);
    map_fini(&all->users);
    map_fini(&all->devices);
    map_fini(&all->logins);
    free(all->slots);
    free(all->free_slots);
    free(all->pushes);
    free(all);
    *all_ptr = NULL;
}

struct core *
sessions_core(const struct sessions *all)
{
    return all->core;
}

size_t
sessions_count(const struct sessions *all)
{
    return all->count;
}

size_t
sessions_attached(const struct sessions *all)
{
    return all->users.count;
}

/* ---- slots ---- */

static bool
grow_slots(struct sessions *all)
{
    size_t capacity = all->capacity ? all->capacity * 2 : 64;
    struct session **slots = realloc(all->slots, capacity * sizeof(*slots));
    uint32_t *free_slots;

    if (slots)
        all->slots = slots;
    free_slots = realloc(all->free_slots, capacity * sizeof(*free_slots));
    if (free_slots)
        all->free_slots = free_slots;
    if (!slots || !free_slots || capacity > SESSION_SLOTS_MAX)
        return false;
    for (size_t i = capacity; i > all->capacity; i--) {
        all->slots[i - 1] = NULL;
        all->free_slots[all->free_count++] = (uint32_t)(i - 1);
    }
    all->capacity = capacity;
    return true;
}

static bool
take_slot(struct sessions *all, struct session *session)
{
    uint32_t slot;

    if (!all->free_count && !grow_slots(all))
        return false;
    slot = all->free_slots[--all->free_count];
    all->slots[slot] = session;
    session->id = ++all->serial << SLOT_BITS | slot;
    return true;
}

static void
give_slot(struct session *session)
{
    struct sessions *all = session->all;
    uint32_t slot = (uint32_t)(session->id & SLOT_MASK);

    all->slots[slot] = NULL;
    all->free_slots[all->free_count++] = slot;
}

struct session *
session_find(const struct sessions *all, uint64_t id)
{
    size_t slot = id & SLOT_MASK;
    struct session *session = slot < all->capacity ? all->slots[slot] : NULL;

    return session && session->id == id && !session->closing ? session : NULL;
}

/* ---- life ---- */

struct session *
session_make(struct sessions *all, struct conn *conn, struct io_loop *loop, const struct door *door,
             const struct sockaddr *peer)
{
    struct session *session = calloc(1, sizeof(*session));

    if (!session)
        return NULL;
    session->all = all;
    session->conn = conn;
    session->loop = loop;
    session->door = door;
    ratelimit_key_address(peer, &session->at_address);
    session->payer = session->at_address;
    net_addr_print_host(peer, session->address, sizeof(session->address));
    return session;
}

void
session_on_opened(struct queue_item *item)
{
    struct session *session = MAP_OF(item, struct session, opened);

    session->all->count++;
    if (take_slot(session->all, session)) {
        session->open = true;
        return;
    }
    session->closing = true;
    conn_note_close(session->conn,
                    conn_goodbye(session->door->wire, SOTTO_GOODBYE_LIMIT, "too many connections"));
}

void
session_end(struct session *session, int code, const char *reason)
{
    if (session->closing || !session->open)
        return;
    session->closing = true;
    conn_note_close(session->conn, conn_goodbye(session->door->wire, code, reason));
}

static void
leave_indexes(struct session *session)
{
    struct sessions *all = session->all;

    if (!session->attached)
        return;
    map_remove(&all->users, &session->by_user);
    map_remove(&all->devices, &session->by_device);
    map_remove(&all->logins, &session->by_login);
    session->attached = false;
}

void
session_on_closed(struct queue_item *item)
{
    struct session *session = MAP_OF(item, struct session, closed);
    struct sessions *all = session->all;
    bool was_attached = session->attached;

    if (session->open)
        give_slot(session);
    session->open = false;
    session->closing = true;
    session->settled = true;
    leave_indexes(session);
    wheel_clear(loop_wheel(all->core->logic), &session->expiry);
    rpc_session_gone(session);
    conn_note_gone(session->conn);
    if (was_attached)
        session_publish(session, SESSION_TOPIC_CLOSED);
    session_settle(session);
}

void
session_settle(struct session *session)
{
    if (!session->settled || session->call_count)
        return;
    session->all->count--;
    free(session);
}

/* ---- binding ---- */

static void
on_expired(struct wheel_entry *entry)
{
    session_end(MAP_OF(entry, struct session, expiry), SOTTO_GOODBYE_UNAUTHENTICATED,
                "the token has expired");
}

static bool
same_id(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, SOTTO_ID_BYTES) == 0;
}

static void
enter_indexes(struct session *session)
{
    struct sessions *all = session->all;
    const struct sotto_identity *identity = &session->identity;

    map_add(&all->users, &session->by_user, identity->user, SOTTO_ID_BYTES);
    map_add(&all->devices, &session->by_device, identity->device, SOTTO_ID_BYTES);
    map_add(&all->logins, &session->by_login, identity->login, SOTTO_ID_BYTES);
    session->attached = true;
}

/* Whether the account has as many connections as one may: with fewer nobody fills the server's. */
static bool
is_crowded(const struct sessions *all, const uint8_t *user)
{
    size_t left = all->account_max;
    const struct map_node *node = map_get(&all->users, user, SOTTO_ID_BYTES);

    while (node && --left > 0)
        node = map_get_next(&all->users, node, user, SOTTO_ID_BYTES);
    return node != NULL;
}

int
session_attach(struct sessions *all, uint64_t id, const struct sotto_identity *identity)
{
    struct session *session = session_find(all, id);
    bool first;
    int64_t left;

    if (!session)
        return SOTTO_ENOTFOUND;
    first = !session->attached;
    if (!first && (!same_id(session->identity.user, identity->user) ||
                   !same_id(session->identity.device, identity->device)))
        return SOTTO_EPRECONDITION;
    if (first && is_crowded(all, identity->user))
        return SOTTO_EEXHAUSTED;
    leave_indexes(session);
    session->identity = *identity;
    enter_indexes(session);
    ratelimit_key_user(identity->user, &session->payer);
    left = identity->expires_ms - clock_wall_ms();
    wheel_set(loop_wheel(all->core->logic), &session->expiry, left > 0 ? (uint64_t)left : 0,
              on_expired);
    if (first) {
        conn_note_attached(session->conn);
        session_publish(session, SESSION_TOPIC_ATTACHED);
    }
    return 0;
}

void
session_close(struct sessions *all, uint64_t id, int code, const char *reason)
{
    struct session *session = session_find(all, id);

    if (session)
        session_end(session, code, reason);
}
