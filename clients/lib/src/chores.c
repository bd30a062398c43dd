/* SPDX-License-Identifier: MIT */
/*
 * See chores.h.
 */
#include "chores.h"

#include "chat.h"
#include "joining.h"
#include "keys.h"
#include "leaving.h"
#include "titles.h"
#include "trust.h"
#include "upkeep.h"

#include <sodium.h>
#include <string.h>

#define ACK_AFTER_MS 1000
#define LOOK_EVERY_MS 15000
#define ADD_TRIES 6
#define COMMIT_FIRST_MS 50    /* of the device with the lowest leaf when somebody leaves */
#define COMMIT_OTHERS_MS 1500 /* the next one, and as much again for each further one */
#define COMMIT_LAST_MS 15000
#define TITLE_FIRST_MS 300  /* who joined by itself may be joining other chats yet */
#define ADD_FIRST_MS 300    /* the new device uploads its KeyPackages meanwhile */
#define GONE_LEAST_MS 1000  /* for the user who removed the device, who does it at once */
#define GONE_JITTER_MS 4000 /* and then for the first of the members */
#define ADD_OTHERS_MS 5000  /* when the first of our devices did not do it */
#define JOIN_LEAST_MS 3000  /* for a sibling that is online, which then sends the title, too */
#define JOIN_JITTER_MS 2000

/* ---- planning -------------------------------------------------------------------------------- */

/* Chats that wait for this device, or that it lost track of. */
static void
plan_join(struct chores *chores)
{
    if (chores->join_ms == 0)
        chores->join_ms = conn_now_ms() + JOIN_LEAST_MS + randombytes_uniform(JOIN_JITTER_MS);
}

/* Members removed devices: all who listen were told, and whoever comes first does it. */
static void
plan_gone(struct chores *chores, const struct sync_news *news)
{
    for (size_t i = 0; i < news->gone_count && chores->gone_count < GONE_USERS_MAX; i++)
        memcpy(chores->gone_users[chores->gone_count++], news->gone_users[i], ID_BYTES);
    if (news->gone_count && chores->gone_ms == 0)
        chores->gone_ms = conn_now_ms() + GONE_LEAST_MS + randombytes_uniform(GONE_JITTER_MS);
}

static void
plan_add(struct chores *chores)
{
    chores->add_ms = conn_now_ms() + ADD_FIRST_MS;
    chores->add_tries = 0;
}

/* Sets when to do what may be due, unless that is set: each rank later than the one before, up to COMMIT_LAST_MS. */
static void
plan(int64_t *at_ms, bool is_due, int64_t first_ms, unsigned rank)
{
    int64_t wait_ms = first_ms + (int64_t)rank * COMMIT_OTHERS_MS;
    if (wait_ms > COMMIT_LAST_MS)
        wait_ms = COMMIT_LAST_MS;
    if (is_due && *at_ms == 0)
        *at_ms = conn_now_ms() + wait_ms + randombytes_uniform((uint32_t)first_ms);
}

/* Somebody may have left. Of all who listen the lowest leaf commits it first, so that the others
 * find it done. */
static int
plan_commit(struct sotto_client *client, struct chores *chores)
{
    bool waits = false;
    unsigned rank = 0;
    int status = leaving_rank(client, &waits, &rank);
    plan(&chores->commit_ms, status == SOTTO_CLIENT_OK && waits, COMMIT_FIRST_MS, rank);
    return status;
}

/* Likewise for the title of a chat that a device joined by itself. */
static int
plan_title(struct sotto_client *client, struct chores *chores)
{
    bool owed = false;
    unsigned rank = 0;
    int status = titles_rank(client, &owed, &rank);
    plan(&chores->title_ms, status == SOTTO_CLIENT_OK && owed, TITLE_FIRST_MS, rank);
    return status;
}

int
chores_start(struct sotto_client *client, struct chores *chores)
{
    chores->look_ms = conn_now_ms();
    chores->commit_ms = chores->title_ms = 0;
    plan_add(chores);
    plan_join(chores);
    int status = plan_commit(client, chores);
    return status ? status : plan_title(client, chores);
}

int
chores_plan(struct sotto_client *client, struct chores *chores, const struct sync_news *news)
{
    int status = SOTTO_CLIENT_OK;
    if (news->any && chores->ack_ms == 0)
        chores->ack_ms = conn_now_ms() + ACK_AFTER_MS;
    plan_gone(chores, news);
    if (news->devices_changed)
        plan_add(chores);
    if (news->somebody_left)
        status = plan_commit(client, chores);
    if (status == SOTTO_CLIENT_OK && news->any)
        status = plan_title(client, chores);
    return status;
}

int64_t
chores_next_ms(const struct chores *chores)
{
    const int64_t times[] = {chores->ack_ms,  chores->add_ms,    chores->join_ms,
                             chores->gone_ms, chores->commit_ms, chores->title_ms};
    int64_t next = chores->look_ms;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (times[i] && times[i] < next)
            next = times[i];
    return next;
}

/* ---- doing ----------------------------------------------------------------------------------- */

/* A refusal of a chore is nothing the user asked for: the next occasion tries again. */
static int
forgive(int status)
{
    return status == SOTTO_CLIENT_EFAILED || status == SOTTO_CLIENT_EBLOCKED ? SOTTO_CLIENT_OK
                                                                             : status;
}

static int
add_devices(struct sotto_client *client, struct chores *chores)
{
    size_t missing = 0;
    bool first_only = chores->add_tries < ADD_TRIES / 2;
    int status = chat_add_own_devices(client, first_only, &missing);
    /* Whoever removed a device takes it out of the chats; we do if it did not get to it. */
    if (status == SOTTO_CLIENT_OK && !first_only)
        status = chat_drop_gone_everywhere(client);
    chores->add_tries++;
    /* Another try is due while somebody lacks KeyPackages, and once for all of our devices. */
    if ((missing || first_only) && chores->add_tries < ADD_TRIES)
        chores->add_ms =
            conn_now_ms() + (missing ? ADD_FIRST_MS << chores->add_tries : ADD_OTHERS_MS);
    if (!missing && first_only)
        chores->add_tries = ADD_TRIES / 2;
    return forgive(status);
}

static int
join_chats(struct sotto_client *client, struct chores *chores)
{
    size_t left = 0;
    int status = joining_run(client, &left);
    if (status == SOTTO_CLIENT_OK && left)
        plan_join(chores);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, true);
    return forgive(status);
}

/* Not on the server's word: the users' key logs say which devices are gone. */
static int
drop_gone(struct sotto_client *client, struct chores *chores)
{
    int status =
        trust_fetch(client, (const uint8_t(*)[ID_BYTES])chores->gone_users, chores->gone_count);
    chores->gone_count = 0;
    if (status == SOTTO_CLIENT_OK)
        status = chat_drop_gone_everywhere(client);
    return forgive(status);
}

/* Often enough to renew a short-lived token before it ends. */
static int64_t
look_interval_ms(const struct sotto_client *client)
{
    int64_t now = wall_seconds();
    if (client->access_expires <= now) /* a server may say anything */
        return 1000;
    int64_t left = client->access_expires - now;
    if (left >= LOOK_EVERY_MS / 500)
        return LOOK_EVERY_MS;
    return left < 2 ? 1000 : left * 500;
}

static int
look_after(struct sotto_client *client, struct chores *chores)
{
    bool repair = false;
    int status = session_extend(client);
    chores->look_ms = conn_now_ms() + look_interval_ms(client);
    if (status == SOTTO_CLIENT_OK)
        status = keys_replenish(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = upkeep_run(client);
    if (status == SOTTO_CLIENT_OK)
        status = joining_look(client, &repair);
    if (repair)
        plan_join(chores);
    return status;
}

/* Whether the time has come; then it is over. */
static bool
take_due(int64_t *at_ms, int64_t now_ms)
{
    if (*at_ms == 0 || now_ms < *at_ms)
        return false;
    *at_ms = 0;
    return true;
}

int
chores_run(struct sotto_client *client, struct chores *chores, bool *changed_out)
{
    const int64_t now = conn_now_ms();
    int status = take_due(&chores->ack_ms, now) ? sync_ack(client) : SOTTO_CLIENT_OK;
    *changed_out = false;
    if (status == SOTTO_CLIENT_OK && take_due(&chores->add_ms, now)) {
        /* Our own commits come with no event, and tell of devices all the same. */
        *changed_out = true;
        status = add_devices(client, chores);
    }
    if (status == SOTTO_CLIENT_OK && take_due(&chores->join_ms, now)) {
        *changed_out = true;
        status = join_chats(client, chores);
    }
    if (status == SOTTO_CLIENT_OK && take_due(&chores->gone_ms, now)) {
        *changed_out = true;
        status = drop_gone(client, chores);
    }
    if (status == SOTTO_CLIENT_OK && take_due(&chores->title_ms, now))
        status = titles_tell(client);
    if (status == SOTTO_CLIENT_OK && take_due(&chores->commit_ms, now))
        status = leaving_commit(client);
    if (status == SOTTO_CLIENT_OK && now >= chores->look_ms)
        status = look_after(client, chores);
    return status;
}
