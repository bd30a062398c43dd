/* SPDX-License-Identifier: MIT */
/*
 * Trust on first use, and the comparison with what the server says.
 *
 * A contradiction never stops us from following a group: a client that refuses a commit falls out
 * of it. It stops us from sending (trust_gate.c), which is what the other side could profit from.
 */
#include "trust.h"

#include "store.h"

#include "mls/error.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_WINDOW 32

/* ---- comparing ------------------------------------------------------------------------------- */

/* An event in every chat with the user, so that people learn of it where they would write. */
static int
announce_change(struct sotto_client *client, const uint8_t user_id[ID_BYTES])
{
    sqlite3_stmt *statement;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT c.chat_id, c.cursor, c.epoch FROM chats c JOIN chat_members m"
                       " ON m.chat_id = c.chat_id WHERE m.user_id = ?",
                       BINDS(bind_blob(user_id, ID_BYTES)));
    if (status)
        return status;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        struct message message = {
            .kind = KIND_KEY_CHANGED,
            .seq = (uint64_t)sqlite3_column_int64(statement, 1),
            .epoch = (uint64_t)sqlite3_column_int64(statement, 2),
            .ts_ms = wall_ms(),
        };
        query_id(statement, 0, message.chat_id);
        memcpy(message.from_user, user_id, ID_BYTES);
        status = message_store(client, &message, NULL, "the identity key changed");
        if (status)
            break;
    }
    sqlite3_finalize(statement);
    return status;
}

static int
mark_changed(struct sotto_client *client, struct contact *contact,
             const uint8_t identity_key[KEY_BYTES])
{
    if (contact->changed && !memcmp(contact->changed_key, identity_key, KEY_BYTES))
        return SOTTO_CLIENT_OK;
    contact->changed = true;
    memcpy(contact->changed_key, identity_key, KEY_BYTES);
    int status = contact_store(client, contact);
    if (status == SOTTO_CLIENT_OK)
        status = trust_note(client, contact->user_id, identity_key, TR("changed"));
    return status ? status : announce_change(client, contact->user_id);
}

static int
pin(struct sotto_client *client, struct contact *contact, const uint8_t identity_key[KEY_BYTES])
{
    contact->pinned = true;
    contact->first_seen = wall_seconds();
    memcpy(contact->identity_key, identity_key, KEY_BYTES);
    int status = contact_store(client, contact);
    return status ? status
                  : trust_note(client, contact->user_id, identity_key, TR("first contact"));
}

int
trust_observe(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
              const uint8_t identity_key[KEY_BYTES])
{
    struct contact contact;
    int status = contact_load(client, user_id, &contact);
    if (status)
        return status;
    if (!contact.pinned)
        return pin(client, &contact, identity_key);
    if (!memcmp(contact.identity_key, identity_key, KEY_BYTES))
        return SOTTO_CLIENT_OK;
    bool accepted = false;
    status = trust_was_accepted(client, user_id, identity_key, &accepted);
    if (status || accepted)
        return status;
    return mark_changed(client, &contact, identity_key);
}

int
trust_is_known(struct sotto_client *client, const struct verify_cert *cert, bool *known_out)
{
    struct contact contact;
    *known_out = true;
    if (id_equal(cert->user_id, client->account.user_id))
        return SOTTO_CLIENT_OK; /* no other key gets into a group (trust_check_credential) */
    int status = contact_load(client, cert->user_id, &contact);
    if (status)
        return status;
    if (contact.pinned && !memcmp(contact.identity_key, cert->identity_key, KEY_BYTES))
        return SOTTO_CLIENT_OK;
    return trust_was_accepted(client, cert->user_id, cert->identity_key, known_out);
}

int
trust_device_is_gone(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                     const uint8_t device_id[ID_BYTES], bool *gone_out)
{
    int64_t count = 0;
    int status = query_number(&client->profile, &count, &client->error,
                              "SELECT COUNT(*) FROM removed_devices WHERE user_id = ?"
                              " AND device_id = ?",
                              BINDS(bind_blob(user_id, ID_BYTES), bind_blob(device_id, ID_BYTES)));
    *gone_out = count > 0;
    return status;
}

/* Once, however often the log is read from its beginning. */
static int
note_gone(struct sotto_client *client, const struct contact *contact, const uint8_t key[KEY_BYTES],
          const uint8_t device_id[ID_BYTES])
{
    bool known = false;
    int status = trust_device_is_gone(client, contact->user_id, device_id, &known);
    if (status || known)
        return status;
    status =
        query_run(&client->profile, &client->error,
                  "INSERT INTO removed_devices(user_id, device_id) VALUES(?, ?)",
                  BINDS(bind_blob(contact->user_id, ID_BYTES), bind_blob(device_id, ID_BYTES)));
    return status ? status
                  : trust_note_device(client, contact->user_id, key, "device removed", device_id);
}

/* Whoever sits in our chats for that user has no account any more. */
static int
note_deleted(struct sotto_client *client, struct contact *contact, uint64_t deleted_at)
{
    int status = SOTTO_CLIENT_OK;
    if (!contact->deleted_ms) {
        contact->deleted_ms = deleted_at && deleted_at < INT64_MAX ? (int64_t)deleted_at : 1;
        status = trust_note(client, contact->user_id, contact->identity_key, TR("account deleted"));
        if (status == SOTTO_CLIENT_OK)
            status = contact_store(client, contact);
    }
    /* Again for each chat that tells: this device may have entered it after it knew. */
    return status ? status
                  : query_run(&client->profile, &client->error,
                              "INSERT OR IGNORE INTO removed_devices(user_id, device_id)"
                              " SELECT user_id, device_id FROM chat_devices WHERE user_id = ?",
                              BINDS(bind_blob(contact->user_id, ID_BYTES)));
}

int
trust_take_deletion(struct sotto_client *client, const struct verify_deletion *deletion,
                    bool *proven_out)
{
    struct contact contact;
    int status = contact_load(client, deletion->user_id, &contact);
    *proven_out = status == SOTTO_CLIENT_OK && contact.pinned &&
                  !verify_deletion_check(deletion, contact.identity_key);
    return *proven_out ? note_deleted(client, &contact, deletion->deleted_at) : status;
}

/* Walks the key log; good_out says that it is whole and continues what we saw before. */
static void
walk_log(const struct contact *contact, const Sotto__Keyx__V1__GetIdentityReply *reply,
         struct verify_log *log, bool *good_out)
{
    bool met_known_head = contact->log_number == 0;
    verify_log_init(log, contact->user_id);
    *good_out = false;
    for (size_t i = 0; i < reply->n_key_log; i++) {
        const Sotto__Keyx__V1__KeyLogEntry *entry = reply->key_log[i];
        if (entry->hash.len != VERIFY_HASH_BYTES ||
            verify_log_apply(log, entry->entry.data, entry->entry.len, entry->hash.data, NULL))
            return;
        if (log->number == contact->log_number)
            met_known_head = !memcmp(log->head, contact->log_head, VERIFY_HASH_BYTES);
    }
    *good_out = met_known_head && log->number > 0;
}

/* What the server says of a user proves itself: signature and key log fit the key. */
static bool
proves_itself(const struct contact *contact, const Sotto__Keyx__V1__GetIdentityReply *reply,
              const uint8_t key[KEY_BYTES], struct verify_log *log)
{
    bool whole = false;
    walk_log(contact, reply, log, &whole);
    return whole && reply->signature.len == VERIFY_SIGNATURE_BYTES &&
           !verify_identity_check(contact->user_id, key, reply->signature.data) &&
           !memcmp(log->identity_key, key, KEY_BYTES);
}

/* Every device that the account ever had, in whatever chat we meet it. */
static int
note_all_gone(struct sotto_client *client, const struct contact *contact,
              const Sotto__Keyx__V1__GetIdentityReply *reply)
{
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < reply->n_key_log; i++) {
        const Sotto__Keyx__V1__KeyLogEntry *line = reply->key_log[i];
        struct verify_log_entry entry;
        struct verify_cert cert;
        if (!verify_log_decode(line->entry.data, line->entry.len, &entry) &&
            entry.kind == VERIFY_LOG_DEVICE_ADDED &&
            !verify_cert_parse(entry.certificate, VERIFY_CERT_BYTES, &cert))
            status = query_run(
                &client->profile, &client->error,
                "INSERT OR IGNORE INTO removed_devices(user_id, device_id) VALUES(?, ?)",
                BINDS(bind_blob(contact->user_id, ID_BYTES), bind_blob(cert.device_id, ID_BYTES)));
    }
    return status;
}

/* What the key log says of devices after the entry that was known: who came, who went, at last all of them. At first
 * contact those who came are no news. */
static int
note_devices(struct sotto_client *client, struct contact *contact,
             const Sotto__Keyx__V1__GetIdentityReply *reply, const uint8_t key[KEY_BYTES])
{
    int status = SOTTO_CLIENT_OK;
    for (size_t i = contact->log_number; status == SOTTO_CLIENT_OK && i < reply->n_key_log; i++) {
        const Sotto__Keyx__V1__KeyLogEntry *line = reply->key_log[i];
        struct verify_log_entry entry;
        struct verify_cert cert;
        if (verify_log_decode(line->entry.data, line->entry.len, &entry))
            continue;
        if (entry.kind == VERIFY_LOG_DEVICE_ADDED && contact->log_number &&
            !verify_cert_parse(entry.certificate, VERIFY_CERT_BYTES, &cert))
            status =
                trust_note_device(client, contact->user_id, key, "device added", cert.device_id);
        if (entry.kind == VERIFY_LOG_DEVICE_REMOVED)
            status = note_gone(client, contact, key, entry.removal.device_id);
        if (entry.kind == VERIFY_LOG_ACCOUNT_DELETED)
            status = note_deleted(client, contact, entry.deletion.deleted_at);
    }
    if (status == SOTTO_CLIENT_OK && contact->deleted_ms)
        status = note_all_gone(client, contact, reply);
    return status;
}

/* The log went on: so do we. */
static int
follow_log(struct sotto_client *client, struct contact *contact, const struct verify_log *log,
           const Sotto__Keyx__V1__GetIdentityReply *reply, const uint8_t key[KEY_BYTES])
{
    if (log->number == contact->log_number)
        return SOTTO_CLIENT_OK;
    int status = note_devices(client, contact, reply, key);
    contact->accepted_unproven = false;
    contact->log_number = log->number;
    memcpy(contact->log_head, log->head, VERIFY_HASH_BYTES);
    return status ? status : contact_store(client, contact);
}

static int
observe_other(struct sotto_client *client, struct contact *contact, const uint8_t key[KEY_BYTES],
              const Sotto__Keyx__V1__GetIdentityReply *reply)
{
    struct verify_log log;
    /* The key in force is compared strictly: going back to an older one is a change as well. */
    if (contact->pinned && memcmp(contact->identity_key, key, KEY_BYTES))
        return mark_changed(client, contact, key);
    if (!proves_itself(contact, reply, key, &log)) {
        if (contact->accepted_unproven)
            return SOTTO_CLIENT_OK;
        if (contact->pinned)
            return mark_changed(client, contact, key);
        return fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                    "the server's record of %s's key contradicts itself; ask the operator",
                    contact->name[0] ? contact->name : "a user");
    }
    int status = contact->pinned ? SOTTO_CLIENT_OK : pin(client, contact, key);
    return status ? status : follow_log(client, contact, &log, reply, key);
}

/* Ourselves: the key is certain, and what the log says of our devices must be one story. */
static int
observe_own(struct sotto_client *client, const uint8_t key[KEY_BYTES],
            const Sotto__Keyx__V1__GetIdentityReply *reply)
{
    struct contact self;
    struct verify_log log;
    if (memcmp(key, client->account.identity_key, KEY_BYTES))
        return fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                    "the server shows another identity key for you than your own; do not use it "
                    "before its operator explained it");
    int status = contact_load(client, client->account.user_id, &self);
    if (status)
        return status;
    if (!proves_itself(&self, reply, key, &log))
        return fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                    "the server tells another story of your devices than it did before; do not use "
                    "it before its operator explained it");
    return follow_log(client, &self, &log, reply, key);
}

int
trust_observe_identity(struct sotto_client *client, const Sotto__Keyx__V1__GetIdentityReply *reply)
{
    uint8_t user_id[ID_BYTES];
    uint8_t key[KEY_BYTES];
    struct contact contact;
    if (!take_bytes(reply->user_id, user_id, ID_BYTES) ||
        !take_bytes(reply->identity_key, key, KEY_BYTES))
        return SOTTO_CLIENT_OK; /* no keys yet */
    if (id_equal(user_id, client->account.user_id))
        return observe_own(client, key, reply);
    int status = contact_load(client, user_id, &contact);
    return status ? status : observe_other(client, &contact, key, reply);
}

/* ---- fetching -------------------------------------------------------------------------------- */

static int
note_checked(struct sotto_client *client, const uint8_t user_id[ID_BYTES])
{
    return query_run(&client->profile, &client->error,
                     "UPDATE contacts SET checked_ms = ? WHERE user_id = ?",
                     BINDS(bind_int(wall_ms()), bind_blob(user_id, ID_BYTES)));
}

/* Collects the answers of one window of calls; each ticket is waited for, also after an error. */
static int
collect(struct sotto_client *client, const uint64_t *tickets, const uint8_t (*user_ids)[ID_BYTES],
        size_t count, Sotto__Keyx__V1__GetIdentityReply **replies)
{
    int result = SOTTO_CLIENT_OK;
    for (size_t i = 0; i < count; i++) {
        int status = rpc_wait(client, tickets[i], &sotto__keyx__v1__get_identity_reply__descriptor,
                              &replies[i], NULL);
        if (status && !strcmp(client->error.code, "not_found"))
            continue; /* no keys yet: there is nothing to compare */
        if (status == SOTTO_CLIENT_OK && (replies[i]->user_id.len != ID_BYTES ||
                                          memcmp(replies[i]->user_id.data, user_ids[i], ID_BYTES)))
            status = fail(&client->error, SOTTO_CLIENT_EFAILED, "data_loss",
                          "the server answered with another user's identity");
        if (result == SOTTO_CLIENT_OK)
            result = status;
    }
    return result;
}

/* Compares what was collected, in one transaction. */
static int
compare(struct sotto_client *client, Sotto__Keyx__V1__GetIdentityReply **replies,
        const uint8_t (*user_ids)[ID_BYTES], size_t count)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        if (replies[i])
            status = trust_observe_identity(client, replies[i]);
        if (status == SOTTO_CLIENT_OK)
            status = note_checked(client, user_ids[i]);
    }
    return profile_end(&client->profile, status, &client->error);
}

int
trust_fetch(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count)
{
    uint64_t tickets[FETCH_WINDOW];
    int status = SOTTO_CLIENT_OK;
    while (status == SOTTO_CLIENT_OK && count) {
        Sotto__Keyx__V1__GetIdentityReply *replies[FETCH_WINDOW] = {NULL};
        size_t sent = 0;
        for (; sent < count && sent < FETCH_WINDOW; sent++) {
            Sotto__Keyx__V1__GetIdentityRequest request =
                SOTTO__KEYX__V1__GET_IDENTITY_REQUEST__INIT;
            request.user_id = view(user_ids[sent], ID_BYTES);
            status = conn_call(client->conn, KEYX_METHOD("GetIdentity"), &request.base,
                               client->timeout_ms, &tickets[sent], &client->error);
            if (status)
                return status;
        }
        status = collect(client, tickets, user_ids, sent, replies);
        if (status == SOTTO_CLIENT_OK)
            status = compare(client, replies, user_ids, sent);
        for (size_t i = 0; i < sent; i++)
            pb_free(replies[i]);
        user_ids += sent;
        count -= sent;
    }
    return status;
}

/* ---- certificates in MLS --------------------------------------------------------------------- */

int
trust_check_credential(struct sotto_client *client, const uint8_t *identity, size_t identity_len,
                       const uint8_t *signature_key, const uint8_t *replaced, size_t replaced_len)
{
    struct verify_cert cert;
    struct verify_cert before;
    if (verify_cert_parse(identity, identity_len, &cert) || verify_cert_check(&cert, signature_key))
        return MLS_ECREDENTIAL;
    /* A leaf stays the same user's same device for as long as it stands. */
    if (replaced_len &&
        (verify_cert_parse(replaced, replaced_len, &before) ||
         !id_equal(before.user_id, cert.user_id) || !id_equal(before.device_id, cert.device_id)))
        return MLS_ECREDENTIAL;
    /* Nobody but us certifies our devices. */
    if (id_equal(cert.user_id, client->account.user_id))
        return memcmp(cert.identity_key, client->account.identity_key, KEY_BYTES) ? MLS_ECREDENTIAL
                                                                                  : MLS_OK;
    return trust_observe(client, cert.user_id, cert.identity_key) ? MLS_ECREDENTIAL : MLS_OK;
}
