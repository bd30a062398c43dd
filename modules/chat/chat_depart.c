/* SPDX-License-Identifier: MIT */
/*
 * auth.account.deleted.v1: a user deleted the account and leaves every chat.
 *
 * At once, before anything is written, nothing is pushed to the user's devices any more and their calls find no
 * chat. One transaction then remembers the user and every chat that must be told (chat_departures). The chats
 * follow one after the other, each in a transaction of its own, which a restart continues:
 *
 *   group    an entry says so, with what proves it; when no owner is left, the longest-standing admin, else the
 *            longest-standing member becomes one; the server proposes to remove the user's leaves as an external
 *            sender, all of them, and the user is no member any more. Members commit that, like after a Leave.
 *   direct   the entry, and nothing is taken from then on: the other one keeps a chat to read, or deletes it
 *   nobody   is left who has an account: the chat is deleted
 *   reset    a chat that was: nothing, its log is closed
 *
 * A group that does not list the server, or is not followed, keeps the leaves until a member takes them out, which
 * any may. Only rows say what is left to do, so there is no line in memory: a walk asks the store for the next one,
 * leaves what is overtaken too often or fails, and comes back to it a second later.
 */
#include "chat_depart.h"

#include "auth.pb-c.h"

#define TRIES_MAX 8 /* of one chat in a walk, when commits overtake it */

/* ---- the fact, and what is remembered of it ------------------------------------------------------------------- */

/* Writer thread. */
static int
note_tx(struct sotto_tx *tx, void *arg)
{
    const struct chat_deletion *deletion = arg;
    struct sotto_stmt *stmt;
    int rc = chat_refuse_deleted(tx, deletion->user);

    if (rc != SOTTO_OK)
        return rc == SOTTO_EPRECONDITION ? SOTTO_OK : rc; /* heard before */
    stmt = sotto_stmt(tx, CHAT_DELETED_ADD);
    sotto_bind_blob(stmt, 1, deletion->user, CHAT_ID_BYTES);
    sotto_bind_blob(stmt, 2, deletion->by_device, CHAT_ID_BYTES);
    sotto_bind_int(stmt, 3, deletion->deleted_ms);
    sotto_bind_blob(stmt, 4, deletion->signature, deletion->signature_size);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_DEPARTURE_ADD);
    sotto_bind_blob(stmt, 1, deletion->user, CHAT_ID_BYTES);
    return sotto_step(stmt);
}

static void
report(struct delivery *ds, int status)
{
    ds->host->api->log(ds->host, SOTTO_LOG_WARN,
                       "the chats of a deleted account do not know it yet (%s); auth tells again",
                       sotto_error_code(status));
}

static void
note_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    const struct chat_deletion *deletion = arg;

    if (status != SOTTO_OK) {
        report(ds, status);
    } else {
        roster_person_gone(ds, deletion->user); /* devices that were added meanwhile, too */
        ds->depart.is_due = true;
        ds->depart.is_left = true; /* a walk that is under way may be past them */
        depart_next(ds);
    }
    chat_work_end(ds);
}

static void
take_fact(struct delivery *ds, const Sotto__Auth__V1__AccountDeleted *fact)
{
    struct chat_deletion deletion = {.deleted_ms = fact->deleted_ms,
                                     .signature_size = fact->signature.len};
    int rc;

    memcpy(deletion.user, fact->user_id.data, CHAT_ID_BYTES);
    memcpy(deletion.by_device, fact->by_device.data, CHAT_ID_BYTES);
    if (fact->signature.len > 0)
        memcpy(deletion.signature, fact->signature.data, fact->signature.len);
    roster_person_gone(ds, deletion.user);
    rc = ds->host->db->write(ds->host, note_tx, &deletion, sizeof(deletion), note_done);
    if (rc == SOTTO_OK)
        chat_work_begin(ds);
    else
        report(ds, rc);
}

void
chat_on_account_deleted(void *state, const struct sotto_envelope *envelope)
{
    Sotto__Auth__V1__AccountDeleted *fact = sotto__auth__v1__account_deleted__unpack(
        NULL, envelope->payload.size, envelope->payload.data);

    if (fact == NULL)
        return;
    if (fact->user_id.len == CHAT_ID_BYTES && fact->by_device.len == CHAT_ID_BYTES &&
        fact->signature.len <= CHAT_SIGNATURE_BYTES_MAX)
        take_fact(state, fact);
    sotto__auth__v1__account_deleted__free_unpacked(fact, NULL);
}

/* ---- the walk ------------------------------------------------------------------------------------------------- */

/* Where the walk goes on: behind this one unless it is tried again. */
static void
move_on(struct depart *walk, const struct departure_end *end)
{
    if (end->status == SOTTO_EABORTED && ++walk->tries < TRIES_MAX)
        return;
    walk->tries = 0;
    walk->after_chat = end->chat;
    memcpy(walk->after_user, end->user, CHAT_ID_BYTES);
    if (end->status != SOTTO_OK && end->status != SOTTO_ENOTFOUND)
        walk->is_left = true;
}

void
depart_on_end(struct delivery *ds, const struct departure_end *end)
{
    move_on(&ds->depart, end);
    ds->depart.is_at_work = false;
    depart_next(ds);
}

/* What the store has next. */
struct found {
    uint32_t after_chat;
    uint8_t after_user[CHAT_ID_BYTES];
    bool is_any;
    uint32_t chat;
    uint8_t chat_id[CHAT_ID_BYTES];
    struct chat_deletion deletion;
};

/* Reader thread. */
static int
find_tx(struct sotto_tx *tx, void *arg)
{
    struct found *found = arg;
    struct chat_deletion *deletion = &found->deletion;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_DEPARTURE_NEXT);
    struct sotto_view signature;
    int rc;

    sotto_bind_int(stmt, 1, found->after_chat);
    sotto_bind_blob(stmt, 2, found->after_user, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    found->is_any = rc == SOTTO_ROW;
    if (!found->is_any)
        return rc;
    signature = sotto_col_blob(stmt, 5);
    if (!chat_copy_id(sotto_col_blob(stmt, 1), deletion->user) ||
        !chat_copy_id(sotto_col_blob(stmt, 2), found->chat_id) ||
        !chat_copy_id(sotto_col_blob(stmt, 3), deletion->by_device) ||
        signature.size > CHAT_SIGNATURE_BYTES_MAX)
        return SOTTO_EDATALOSS;
    found->chat = (uint32_t)sotto_col_int(stmt, 0);
    deletion->deleted_ms = sotto_col_int(stmt, 4);
    deletion->signature_size = signature.size;
    if (signature.size > 0)
        memcpy(deletion->signature, signature.data, signature.size);
    return SOTTO_OK;
}

/* The walk is over. What it left behind, and what came meanwhile, is for the next one. */
static void
end_walk(struct delivery *ds, bool is_left)
{
    ds->depart = (struct depart){.is_due = ds->depart.is_left || is_left};
}

static void
on_found(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    const struct found *found = arg;

    if (status == SOTTO_OK && found->is_any)
        departure_start(ds, found->chat, found->chat_id, &found->deletion);
    else
        end_walk(ds, status != SOTTO_OK);
    chat_work_end(ds);
}

void
depart_next(struct delivery *ds)
{
    struct depart *walk = &ds->depart;
    struct found found = {.after_chat = walk->after_chat};

    if (!ds->is_ready || !walk->is_due || walk->is_at_work || ds->gone_timer == NULL)
        return;
    memcpy(found.after_user, walk->after_user, CHAT_ID_BYTES);
    if (ds->host->db->read(ds->host, find_tx, &found, sizeof(found), on_found) != SOTTO_OK)
        return; /* the next tick tries again */
    walk->is_at_work = true;
    chat_work_begin(ds);
}
