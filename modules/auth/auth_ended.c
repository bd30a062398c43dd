/* SPDX-License-Identifier: MIT */
/*
 * Logins that ended while an access token of theirs may be within its time.
 *
 * Every Attach asks this set, so a revocation holds from the moment its transaction is on the disk,
 * at no cost on the disk for the others. It is filled from the table auth_ended at start and
 * forgets a login when its last token has expired. Ids are random and made by this server, so their
 * own first bytes serve as hash.
 */
#include "auth.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64u
#define SLOTS_MAX (1u << 22)

struct slot {
    uint8_t login[SOTTO_ID_BYTES];
    int64_t until; /* 0: empty */
};

/* Open addressing with linear probing; at most half full. */
struct auth_ended_set {
    struct slot *slots;
    size_t slot_count; /* a power of two */
    size_t count;
};

static size_t
first_place(const uint8_t login[SOTTO_ID_BYTES], size_t slot_count)
{
    uint64_t hash;

    memcpy(&hash, login, sizeof(hash));
    return (size_t)hash & (slot_count - 1);
}

/* The slot of this login, or the empty one where it would go. */
static struct slot *
find_slot(struct slot *slots, size_t slot_count, const uint8_t login[SOTTO_ID_BYTES])
{
    size_t place = first_place(login, slot_count);

    while (slots[place].until != 0 && memcmp(slots[place].login, login, SOTTO_ID_BYTES) != 0)
        place = (place + 1) & (slot_count - 1);
    return &slots[place];
}

/* Moves what is still of interest at now into a table of the given size. */
static int
rebuild(struct auth_ended_set *set, size_t slot_count, int64_t now)
{
    struct slot *slots;
    size_t count = 0;

    if (slot_count > SLOTS_MAX)
        return SOTTO_ENOMEM;
    slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL)
        return SOTTO_ENOMEM;
    for (size_t i = 0; i < set->slot_count; i++) {
        if (set->slots[i].until <= now)
            continue;
        *find_slot(slots, slot_count, set->slots[i].login) = set->slots[i];
        count++;
    }
    free(set->slots);
    *set = (struct auth_ended_set){slots, slot_count, count};
    return 0;
}

int
auth_ended_set_create(struct auth_ended_set **set_out)
{
    struct auth_ended_set *set = calloc(1, sizeof(*set));

    if (set == NULL || rebuild(set, SLOTS_MIN, 0) != 0) {
        free(set);
        return SOTTO_ENOMEM;
    }
    *set_out = set;
    return 0;
}

void
auth_ended_set_destroy(struct auth_ended_set **set)
{
    if (*set == NULL)
        return;
    free((*set)->slots);
    free(*set);
    *set = NULL;
}

int
auth_ended_set_add(struct auth_ended_set *set, const uint8_t login[SOTTO_ID_BYTES], int64_t until)
{
    struct slot *slot;

    if (until <= 0)
        return 0;
    if (2 * (set->count + 1) > set->slot_count && rebuild(set, 2 * set->slot_count, 0) != 0)
        return SOTTO_ENOMEM;
    slot = find_slot(set->slots, set->slot_count, login);
    if (slot->until == 0) {
        memcpy(slot->login, login, SOTTO_ID_BYTES);
        set->count++;
    }
    if (slot->until < until)
        slot->until = until;
    return 0;
}

bool
auth_ended_set_has(const struct auth_ended_set *set, const uint8_t login[SOTTO_ID_BYTES])
{
    return find_slot(set->slots, set->slot_count, login)->until != 0;
}

void
auth_ended_set_expire(struct auth_ended_set *set, int64_t now)
{
    size_t slot_count = set->slot_count;

    while (slot_count > SLOTS_MIN && 8 * set->count < slot_count)
        slot_count /= 2;
    /* Without memory the old table stays: it refuses no token that it should not refuse. */
    (void)rebuild(set, slot_count, now);
}

size_t
auth_ended_set_count(const struct auth_ended_set *set)
{
    return set->count;
}

/* ---- telling everybody ----------------------------------------------------------------------- */

static const char *const why_names[] = {
    [AUTH_WHY_LOGOUT] = "logout",
    [AUTH_WHY_REVOKED] = "revoked",
    [AUTH_WHY_REPLACED] = "replaced",
    [AUTH_WHY_EVICTED] = "evicted",
    [AUTH_WHY_REUSED] = "reused",
    [AUTH_WHY_DEVICE_REMOVED] = "device_removed",
    [AUTH_WHY_ACCOUNT_DELETED] = "account_deleted",
};

static void
publish_ended(struct auth *auth, const Sotto__Auth__V1__LoginEnded *event)
{
    uint8_t payload[4 * (SOTTO_ID_BYTES + 8)];
    const size_t size = protobuf_c_message_get_packed_size(&event->base);
    const struct sotto_view key = {event->user_id.data, event->user_id.len};

    if (size > sizeof(payload))
        return;
    protobuf_c_message_pack(&event->base, payload);
    if (auth->host->broker->publish(auth->host, "auth.login.ended.v1", key,
                                    (struct sotto_view){payload, size}) != 0)
        auth->host->api->log(auth->host, SOTTO_LOG_WARN,
                             "the end of a login could not be published to other modules");
}

static void
announce(struct auth *auth, const struct auth_ended_list *list,
         const struct auth_ended_login *ended)
{
    Sotto__Auth__V1__LoginEnded event = SOTTO__AUTH__V1__LOGIN_ENDED__INIT;
    uint8_t ids[3][SOTTO_ID_BYTES];
    char why[16];

    memcpy(ids[0], list->user, SOTTO_ID_BYTES);
    memcpy(ids[1], ended->device, SOTTO_ID_BYTES);
    memcpy(ids[2], ended->login, SOTTO_ID_BYTES);
    snprintf(why, sizeof(why), "%s", why_names[ended->why]);
    event.user_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, ids[0]};
    event.device_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, ids[1]};
    event.login_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, ids[2]};
    event.why = why;

    auth->host->session->push_matching(
        auth->host, &(struct sotto_session_match){.user = list->user}, &event.base);
    auth->host->session->close_matching(
        auth->host, &(struct sotto_session_match){.login = ended->login},
        SOTTO_GOODBYE_UNAUTHENTICATED,
        list->goodbye != NULL ? list->goodbye : "this login has ended");
    publish_ended(auth, &event);
    if (ended->why == AUTH_WHY_REUSED)
        auth->host->api->log(auth->host, SOTTO_LOG_WARN,
                             "a used refresh token came back; its login has ended");
    auth_count(auth, AUTH_M_LOGINS_ENDED, ended->why, 1);
}

void
auth_announce_ended(struct auth *auth, const struct auth_ended_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        /* When the set cannot hold it, Attach has to ask the store from now on. */
        if (auth_ended_set_add(auth->ended, list->items[i].login, list->until) != 0)
            auth->ready = false;
        announce(auth, list, &list->items[i]);
    }
}
