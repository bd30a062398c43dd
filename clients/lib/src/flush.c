/* SPDX-License-Identifier: MIT */
/*
 * The send queue on its way out. The lock is never held while the server is asked: each step reads the queue
 * afresh, and two processes that flush at once do no harm, because the server knows each number.
 */
#include "outbox.h"

#include "backoff.h"
#include "chat.h"
#include "copies.h"
#include "joining.h"
#include "leaving.h"
#include "outbox_rows.h"
#include "session.h"
#include "sync.h"
#include "text.h"

#include <string.h>

#define EPOCH_TRIES 8
#define NETWORK_TRIES 3
#define BUSY_TRIES 60 /* refusals for being too fast, before giving up */
#define BUSY_PAUSE_LEAST_MS 100
#define BUSY_PAUSE_MOST_MS 300

/* A row of the queue, and what became of it. */
struct parcel {
    uint64_t number;
    uint8_t chat_id[ID_BYTES];
    uint64_t epoch;
    struct buf message;
    uint64_t ticket;
    uint64_t seq;
    int64_t ts_ms;
    enum {
        PARCEL_WAITS,
        PARCEL_ACCEPTED,
        PARCEL_STALE,
        PARCEL_TAKEN, /* another message has its number */
        PARCEL_BUSY,
        PARCEL_REFUSED,
    } fate;
    struct sotto_client_error refusal; /* fate PARCEL_REFUSED */
};

/* ---- out ------------------------------------------------------------------------------------- */

static void
parcels_fini(struct parcel *parcels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_fini(&parcels[i].message);
}

/* Whether a chat stands in the batch with a message of another epoch than this one. */
static bool
is_of_another_epoch(const struct parcel *parcel, const struct parcel *batch, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (batch[i].epoch != parcel->epoch && id_equal(batch[i].chat_id, parcel->chat_id))
            return true;
    return false;
}

/* Reads the next rows of the queue that may go out, at most `window`, of each chat those of one epoch: if the server
 * refuses them as too old, what was written after them must not be there before them. */
static int
read_queue(struct sotto_client *client, uint64_t after, size_t window, struct parcel *parcels,
           size_t *count_out)
{
    sqlite3_stmt *statement;
    int status =
        query(&client->profile, &statement, &client->error,
              "SELECT client_msg_id, chat_id, epoch, message FROM outbox"
              " WHERE" OUTBOX_IS_DUE "AND client_msg_id > ?3 AND message IS NOT NULL"
              " ORDER BY client_msg_id LIMIT ?4",
              BINDS(OUTBOX_DUE_BINDS, bind_int((int64_t)after), bind_int((int64_t)window)));
    if (status)
        return status;
    size_t count = 0;
    while (count < window &&
           (status = query_step(&client->profile, statement, &client->error)) == 1) {
        struct parcel *parcel = &parcels[count];
        *parcel = (struct parcel){.number = (uint64_t)sqlite3_column_int64(statement, 0),
                                  .epoch = (uint64_t)sqlite3_column_int64(statement, 2)};
        query_id(statement, 1, parcel->chat_id);
        if (is_of_another_epoch(parcel, parcels, count))
            break;
        buf_set(&parcel->message, sqlite3_column_blob(statement, 3),
                (size_t)sqlite3_column_bytes(statement, 3));
        count++;
    }
    sqlite3_finalize(statement);
    *count_out = count;
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

/* Takes out of the batch what stands in a chat with a blocked member. */
static int
leave_blocked(struct sotto_client *client, struct parcel *parcels, size_t *count)
{
    size_t kept = 0;
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; i < *count; i++) {
        if (status == SOTTO_CLIENT_OK)
            status = chat_gate_readers(client, parcels[i].chat_id);
        if (status == SOTTO_CLIENT_EBLOCKED) {
            status = SOTTO_CLIENT_OK;
            buf_fini(&parcels[i].message);
        } else {
            parcels[kept++] = parcels[i];
        }
    }
    *count = kept;
    return status;
}

static int
send_parcels(struct sotto_client *client, struct parcel *parcels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Sotto__Chat__V1__SendRequest request = SOTTO__CHAT__V1__SEND_REQUEST__INIT;
        request.chat_id = view(parcels[i].chat_id, ID_BYTES);
        request.client_msg_id = parcels[i].number;
        request.message = view(parcels[i].message.data, parcels[i].message.len);
        int status = conn_call(client->conn, CHAT_METHOD("Send"), &request.base, client->timeout_ms,
                               &parcels[i].ticket, &client->error);
        if (status)
            return status;
    }
    return SOTTO_CLIENT_OK;
}

/* The server refused a message because it is in an epoch that this device has left: it went back to a copy of its
 * database, or lies. No message will ever be of its epoch, so to come again is no use. */
static void
note_left_behind(struct sotto_client *client, uint64_t epoch, const struct buf *details)
{
    if (strcmp(client->error.code, "aborted") || !details->len)
        return;
    Sotto__Chat__V1__Stale *stale =
        pb_unpack(&sotto__chat__v1__stale__descriptor, details->data, details->len);
    if (stale && stale->epoch < epoch)
        fail(
            &client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
            "the server has forgotten changes of this chat, as after going back to a backup; delete the chat "
            "and make it anew");
    pb_free(stale);
}

/* Collects the answers; only the loss of the connection is an error here, and that a server which stops did not take
 * something: the next connection does. */
static int
collect(struct sotto_client *client, struct parcel *parcels, size_t count,
        struct sotto_client_error *refusal)
{
    struct sotto_client_error stopping = {0};
    for (size_t i = 0; i < count; i++) {
        Sotto__Chat__V1__SendReply *reply = NULL;
        struct buf details = {0};
        int status = rpc_wait(client, parcels[i].ticket, &sotto__chat__v1__send_reply__descriptor,
                              &reply, &details);
        if (status)
            note_left_behind(client, parcels[i].epoch, &details);
        buf_fini(&details);
        if (status == SOTTO_CLIENT_OK) {
            parcels[i].fate = PARCEL_ACCEPTED;
            parcels[i].seq = reply->seq;
            parcels[i].ts_ms = reply->ts_ms;
            pb_free(reply);
            if (!seq_is_possible(parcels[i].seq)) {
                parcels[i].fate = PARCEL_WAITS;
                fail_malformed(refusal);
            }
        } else if (conn_is_dead(client->conn)) {
            return status;
        } else if (status == SOTTO_CLIENT_ENETWORK && !conn_is_open(client->conn)) {
            stopping = client->error;
        } else if (!strcmp(client->error.code, "aborted")) {
            parcels[i].fate = PARCEL_STALE;
        } else if (!strcmp(client->error.code, "already_exists")) {
            parcels[i].fate = PARCEL_TAKEN;
        } else if (!strcmp(client->error.code, "resource_exhausted")) {
            parcels[i].fate = PARCEL_BUSY;
        } else if (status == SOTTO_CLIENT_EFAILED) {
            parcels[i].fate = PARCEL_REFUSED;
            parcels[i].refusal = client->error;
            *refusal = client->error;
        } else {
            *refusal = client->error; /* the login ended, the store is down: it waits */
        }
    }
    if (stopping.status)
        client->error = stopping;
    return stopping.status;
}

/* Another copy of this profile was faster, unless only another process encrypted the row anew and sent it. */
static int
settle_taken(struct sotto_client *client, const struct parcel *parcel)
{
    int64_t same = 0;
    int status = query_number(&client->profile, &same, &client->error,
                              "SELECT COUNT(*) FROM outbox WHERE client_msg_id = ? AND message = ?",
                              BINDS(bind_int((int64_t)parcel->number),
                                    bind_blob(parcel->message.data, parcel->message.len)));
    return status || !same ? status : copies_taken(client, parcel->chat_id, parcel->number);
}

/* Writes down what became of a batch, in one transaction. */
static int
settle(struct sotto_client *client, const struct parcel *parcels, size_t count)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        const struct parcel *parcel = &parcels[i];
        if (parcel->fate == PARCEL_ACCEPTED)
            status = outbox_record_sent(client, parcel->chat_id, parcel->number, parcel->seq,
                                        parcel->epoch, parcel->ts_ms);
        else if (parcel->fate == PARCEL_STALE)
            status = query_run(
                &client->profile, &client->error,
                "UPDATE outbox SET message = NULL WHERE client_msg_id = ?"
                " AND epoch = ?",
                BINDS(bind_int((int64_t)parcel->number), bind_int((int64_t)parcel->epoch)));
        else if (parcel->fate == PARCEL_TAKEN)
            status = settle_taken(client, parcel);
        else if (parcel->fate == PARCEL_REFUSED)
            status = outbox_note_refusal(client, parcel->number, 1, &parcel->refusal);
    }
    return profile_end(&client->profile, status, &client->error);
}

/* ---- a pass ---------------------------------------------------------------------------------- */

/* What a pass over the queue left to be done. */
struct rest {
    bool stale; /* something must be encrypted for another epoch */
    bool busy;  /* the server wants it slower */
};

static void
note_rest(const struct parcel *parcels, size_t count, struct rest *rest)
{
    for (size_t i = 0; i < count; i++) {
        rest->stale =
            rest->stale || parcels[i].fate == PARCEL_STALE || parcels[i].fate == PARCEL_TAKEN;
        rest->busy = rest->busy || parcels[i].fate == PARCEL_BUSY;
    }
}

/* What was put in without a connection has a number that the server's are known for only now. */
static int
note_given(struct sotto_client *client, const struct parcel *parcels, size_t count)
{
    int status = count ? profile_begin(&client->profile, &client->error) : SOTTO_CLIENT_OK;
    if (status || !count)
        return status;
    status = copies_note_given(client, parcels[count - 1].number);
    return profile_end(&client->profile, status, &client->error);
}

/* One pass over the queue, `window` messages at a time. Stops where something is left to be
 * done, so that later messages do not overtake earlier ones. */
static int
flush_once(struct sotto_client *client, size_t window, struct rest *rest,
           struct sotto_client_error *refusal)
{
    uint64_t after = 0;
    size_t count = 0;
    int status;
    *rest = (struct rest){0};
    do {
        struct parcel parcels[OUTBOX_BATCH];
        status = read_queue(client, after, window, parcels, &count);
        if (status || count == 0)
            return status;
        size_t sent = count;
        after = parcels[count - 1].number;
        status = leave_blocked(client, parcels, &sent);
        if (status == SOTTO_CLIENT_OK)
            status = note_given(client, parcels, sent);
        if (status == SOTTO_CLIENT_OK)
            status = send_parcels(client, parcels, sent);
        if (status == SOTTO_CLIENT_OK)
            status = collect(client, parcels, sent, refusal);
        /* What was answered before the connection broke is settled all the same. */
        struct sotto_client_error kept = client->error;
        int settled = settle(client, parcels, sent);
        note_rest(parcels, sent, rest);
        parcels_fini(parcels, sent);
        if (settled)
            return settled;
        client->error = kept;
    } while (status == SOTTO_CLIENT_OK && !rest->stale && !rest->busy);
    return status;
}

/* ---- until nothing is left ------------------------------------------------------------------- */

/* Enters broken chats anew where something waits. */
static int
mend_broken(struct sotto_client *client)
{
    int64_t waiting = 0;
    bool due = false;
    int status = query_number(&client->profile, &waiting, &client->error,
                              "SELECT COUNT(*) FROM outbox o JOIN chats c ON c.chat_id = o.chat_id"
                              " WHERE c.state = ? AND o.tries < ?",
                              BINDS(bind_int(CHAT_BROKEN), bind_int(RETRY_TRIES_MAX)));
    if (status == SOTTO_CLIENT_OK && waiting)
        status = joining_look(client, &due);
    return status == SOTTO_CLIENT_OK && due ? joining_run(client, NULL) : status;
}

/* Makes the epochs such that messages may go out, and encrypts those that wait for that. */
static int
make_ready(struct sotto_client *client, struct sotto_client_error *refusal)
{
    int status = leaving_commit(client);
    if (status == SOTTO_CLIENT_OK)
        status = mend_broken(client);
    if (status == SOTTO_CLIENT_OK)
        status = copies_renew(client);
    return status ? status : outbox_renew_stale(client, refusal);
}

/* Passes over the queue until nothing is left to be done. */
static int
flush_connected(struct sotto_client *client, struct sotto_client_error *refusal)
{
    struct rest rest = {.stale = true};
    int stale_tries = 0;
    int busy_tries = 0;
    /* Rows that an earlier run left to be encrypted anew, some because somebody was leaving. */
    int status = sync_once(client);
    if (status == SOTTO_CLIENT_OK)
        status = make_ready(client, refusal);
    while (status == SOTTO_CLIENT_OK && (rest.stale || rest.busy) && stale_tries < EPOCH_TRIES &&
           busy_tries < BUSY_TRIES) {
        if (stale_tries > 1)
            pause_after_race();
        if (rest.busy)
            pause_jitter(BUSY_PAUSE_LEAST_MS, BUSY_PAUSE_MOST_MS);
        status = flush_once(client, busy_tries ? 1 : OUTBOX_BATCH, &rest, refusal);
        stale_tries += rest.stale;
        busy_tries = rest.busy ? busy_tries + 1 : busy_tries > 0;
        if (status == SOTTO_CLIENT_OK && rest.stale)
            status = sync_run(client, false);
        if (status == SOTTO_CLIENT_OK && rest.stale)
            status = make_ready(client, refusal);
    }
    if (status == SOTTO_CLIENT_OK && (rest.stale || rest.busy))
        status = fail(
            &client->error, SOTTO_CLIENT_EFAILED, rest.stale ? "aborted" : "resource_exhausted",
            "%s; the message is kept and goes out with the next command",
            rest.stale ? tr("the chat changes too fast") : tr("the server wants us slower"));
    return status;
}

int
outbox_flush(struct sotto_client *client)
{
    struct sotto_client_error refusal = {0};
    int64_t waiting = 0;
    int status =
        query_number(&client->profile, &waiting, &client->error,
                     "SELECT COUNT(*) FROM outbox WHERE" OUTBOX_IS_DUE, BINDS(OUTBOX_DUE_BINDS));
    if (status || waiting == 0)
        return status;
    for (int try = 1; try <= NETWORK_TRIES; try++) {
        status = session_ready(client);
        if (status == SOTTO_CLIENT_OK)
            status = flush_connected(client, &refusal);
        if (status != SOTTO_CLIENT_ENETWORK || try == NETWORK_TRIES)
            break;
        session_drop(client);
        pause_jitter(500u << try, 750u << try);
    }
    if (status == SOTTO_CLIENT_OK && refusal.status) {
        client->error = refusal;
        return refusal.status;
    }
    return status;
}
