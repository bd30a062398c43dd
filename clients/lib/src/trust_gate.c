/* SPDX-License-Identifier: MIT */
/*
 * The gate before sending: whose keys stand against it, as far as the profile knows.
 *
 * Nothing is encrypted to a user whose identity key changed until a person accepts it. And where the person wants
 * *verified only*, nothing to a user who is not marked as verified: trust on first use is not enough then. A device
 * needs no mark of its own, since no device is taken that its user's identity key did not certify (trust_check_credential).
 */
#include "trust.h"

#include "store.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

#define FETCH_BEFORE_SEND_MAX 16
#define VERIFIED_ONLY "verified_only" /* in meta; a value: it is on */

/* ---- users ----------------------------------------------------------------------------------- */

int
trust_gate_user(struct sotto_client *client, const uint8_t user_id[ID_BYTES])
{
    struct contact contact;
    char name[SOTTO_CLIENT_NAME_BYTES];
    int status = contact_load(client, user_id, &contact);
    if (status == SOTTO_CLIENT_OK && contact.changed) {
        status = contact_show_name(client, user_id, name);
        if (status == SOTTO_CLIENT_OK)
            status = fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                          "the identity key of %s changed; compare it with `sotto verify %s`, then "
                          "accept it with `sotto verify %s --accept`",
                          name, name, name);
    }
    return status;
}

/* ---- verified only --------------------------------------------------------------------------- */

int
sotto_client_verified_only(struct sotto_client *client, bool *only_out)
{
    struct buf value = {0};
    const int status = meta_get(&client->profile, VERIFIED_ONLY, &value, &client->error);
    if (status == SOTTO_CLIENT_OK)
        *only_out = value.len > 0;
    buf_fini(&value);
    return status;
}

int
sotto_client_set_verified_only(struct sotto_client *client, bool only)
{
    return meta_set(&client->profile, VERIFIED_ONLY, "1", only, &client->error);
}

static int
gate_unverified(struct sotto_client *client, const uint8_t user_id[ID_BYTES])
{
    struct contact contact;
    char name[SOTTO_CLIENT_NAME_BYTES];
    if (id_equal(user_id, client->account.user_id))
        return SOTTO_CLIENT_OK;
    int status = contact_load(client, user_id, &contact);
    if (status || contact.verified)
        return status;
    status = contact_show_name(client, user_id, name);
    return status ? status
                  : fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                         "%s is not verified, and you send to verified people only; compare with "
                         "`sotto verify %s` and then --mark, or say `sotto verified-only off`",
                         name, name);
}

int
trust_gate_verified(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count)
{
    bool only = false;
    int status = sotto_client_verified_only(client, &only);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && only && i < count; i++)
        status = gate_unverified(client, user_ids[i]);
    return status;
}

/* ---- chats ----------------------------------------------------------------------------------- */

/* Reads up to `max` members of a chat other than ourselves, the least recently checked first. */
static int
read_members(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], size_t max,
             uint8_t (*ids)[ID_BYTES], size_t *count_out)
{
    sqlite3_stmt *statement;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT m.user_id FROM chat_members m LEFT JOIN contacts c"
                       " ON c.user_id = m.user_id WHERE m.chat_id = ? AND m.user_id <> ?"
                       " ORDER BY COALESCE(c.checked_ms, 0) LIMIT ?",
                       BINDS(bind_blob(chat_id, ID_BYTES),
                             bind_blob(client->account.user_id, ID_BYTES), bind_int((int64_t)max)));
    if (status)
        return status;
    size_t count = 0;
    while (count < max && (status = query_step(&client->profile, statement, &client->error)) == 1)
        query_id(statement, 0, ids[count++]);
    sqlite3_finalize(statement);
    *count_out = count;
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

int
trust_gate_chat(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    int64_t count = 0;
    int status = query_number(&client->profile, &count, &client->error,
                              "SELECT COUNT(*) FROM chat_members WHERE chat_id = ?",
                              BINDS(bind_blob(chat_id, ID_BYTES)));
    if (status || count == 0)
        return status;
    uint8_t(*ids)[ID_BYTES] = mem_alloc((size_t)count, ID_BYTES);
    size_t found = 0;
    status = read_members(client, chat_id, (size_t)count, ids, &found);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < found; i++)
        status = trust_gate_user(client, ids[i]);
    if (status == SOTTO_CLIENT_OK)
        status = trust_gate_verified(client, (const uint8_t(*)[ID_BYTES])ids, found);
    free(ids);
    return status;
}

int
trust_check_chat(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    uint8_t ids[FETCH_BEFORE_SEND_MAX][ID_BYTES];
    size_t count = 0;
    int status = read_members(client, chat_id, FETCH_BEFORE_SEND_MAX, ids, &count);
    if (status == SOTTO_CLIENT_OK)
        status = trust_fetch(client, (const uint8_t(*)[ID_BYTES])ids, count);
    return status ? status : trust_gate_chat(client, chat_id);
}
