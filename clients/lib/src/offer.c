/* SPDX-License-Identifier: MIT */
/*
 * Resets that wait: their ids, their table, and what is to be thought of them. See offer.h.
 */
#include "offer.h"

#include "text.h"
#include "trust.h"

#include "profile.pb-c.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_BYTES 8 /* of an id; the rest says what it replaces */

void
offer_fini(struct offer *offer)
{
    buf_fini(&offer->welcome);
    free(offer->users);
    *offer = (struct offer){0};
}

/* ---- the id ---------------------------------------------------------------------------------- */

static void
mark(const uint8_t old_id[ID_BYTES], const uint8_t *random, uint8_t out[crypto_hash_sha256_BYTES])
{
    static const uint8_t label[] = "sotto reset v1";
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    crypto_hash_sha256_update(&hash, label, sizeof(label) - 1);
    crypto_hash_sha256_update(&hash, old_id, ID_BYTES);
    crypto_hash_sha256_update(&hash, random, RANDOM_BYTES);
    crypto_hash_sha256_final(&hash, out);
}

void
offer_make_id(const uint8_t old_id[ID_BYTES], uint8_t id_out[ID_BYTES])
{
    uint8_t made[crypto_hash_sha256_BYTES];
    randombytes_buf(id_out, RANDOM_BYTES);
    mark(old_id, id_out, made);
    memcpy(id_out + RANDOM_BYTES, made, ID_BYTES - RANDOM_BYTES);
}

bool
offer_id_fits(const uint8_t id[ID_BYTES], const uint8_t old_id[ID_BYTES])
{
    uint8_t made[crypto_hash_sha256_BYTES];
    mark(old_id, id, made);
    return memcmp(id + RANDOM_BYTES, made, ID_BYTES - RANDOM_BYTES) == 0;
}

int
offer_find_old(struct sotto_client *client, const uint8_t id[ID_BYTES], struct chat *old_out)
{
    sqlite3_stmt *statement;
    uint8_t old[ID_BYTES];
    bool found = false;
    *old_out = (struct chat){0};
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT chat_id FROM chats WHERE state IN (?, ?, ?)",
                       BINDS(bind_int(CHAT_READY), bind_int(CHAT_BROKEN), bind_int(CHAT_RESET)));
    if (status)
        return status;
    while (!found && (status = query_step(&client->profile, statement, &client->error)) == 1) {
        query_id(statement, 0, old);
        found = offer_id_fits(id, old);
    }
    sqlite3_finalize(statement);
    if (status < 0 || !found)
        return status < 0 ? status : SOTTO_CLIENT_OK;
    return chat_load(client, old, old_out);
}

/* ---- the table ------------------------------------------------------------------------------- */

static struct vault_place
record_place(const uint8_t old_id[ID_BYTES])
{
    return (struct vault_place){"offers.record", old_id, ID_BYTES};
}

static int
read_record(struct sotto_client *client, const struct buf *value, struct offer *offer)
{
    Sotto__Profile__V1__Offer *record =
        pb_unpack(&sotto__profile__v1__offer__descriptor, value->data, value->len);
    if (!record)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "profile",
                    "a chat in this profile is damaged; restore the profile");
    buf_set(&offer->welcome, record->welcome.data, record->welcome.len);
    offer->users = mem_alloc(record->n_users, ID_BYTES);
    for (size_t i = 0; i < record->n_users; i++)
        if (take_bytes(record->users[i], offer->users[offer->user_count], ID_BYTES))
            offer->user_count++;
    pb_free(record);
    return SOTTO_CLIENT_OK;
}

int
offer_load(struct sotto_client *client, const uint8_t old_id[ID_BYTES], struct offer *offer_out)
{
    sqlite3_stmt *row;
    struct buf value = {0};
    *offer_out = (struct offer){0};
    memcpy(offer_out->chat_id, old_id, ID_BYTES);
    int status = query(&client->profile, &row, &client->error,
                       "SELECT successor, by_user, ts_ms, confirmed, refusal, about, record"
                       " FROM offers WHERE chat_id = ?",
                       BINDS(bind_blob(old_id, ID_BYTES)));
    if (status)
        return status;
    status = query_step(&client->profile, row, &client->error);
    if (status == 1) {
        offer_out->exists = true;
        query_id(row, 0, offer_out->successor);
        query_id(row, 1, offer_out->by);
        offer_out->ts_ms = sqlite3_column_int64(row, 2);
        offer_out->confirmed = sqlite3_column_int(row, 3) != 0;
        offer_out->refusal = (enum offer_refusal)sqlite3_column_int(row, 4);
        query_id(row, 5, offer_out->about);
        status =
            query_unseal(&client->profile, row, 6, record_place(old_id), &value, &client->error);
    }
    sqlite3_finalize(row);
    if (status == SOTTO_CLIENT_OK && offer_out->exists)
        status = read_record(client, &value, offer_out);
    buf_fini(&value);
    return status;
}

int
offer_store(struct sotto_client *client, const struct offer *offer)
{
    Sotto__Profile__V1__Offer record = SOTTO__PROFILE__V1__OFFER__INIT;
    struct buf value = {0};
    struct buf sealed = {0};
    ProtobufCBinaryData *users = mem_alloc(offer->user_count, sizeof(*users));
    for (size_t i = 0; i < offer->user_count; i++)
        users[i] = view(offer->users[i], ID_BYTES);
    record.welcome = view(offer->welcome.data, offer->welcome.len);
    record.n_users = offer->user_count;
    record.users = users;
    buf_pack(&value, &record.base);
    free(users);
    vault_seal(&client->profile.vault, record_place(offer->chat_id), value.data, value.len,
               &sealed);
    int status =
        query_run(&client->profile, &client->error,
                  "INSERT OR REPLACE INTO offers(chat_id, successor, by_user, ts_ms, confirmed,"
                  " refusal, about, record) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                  BINDS(bind_blob(offer->chat_id, ID_BYTES), bind_blob(offer->successor, ID_BYTES),
                        bind_blob(offer->by, ID_BYTES), bind_int(offer->ts_ms),
                        bind_int(offer->confirmed), bind_int(offer->refusal),
                        bind_blob(offer->about, ID_BYTES), bind_blob(sealed.data, sealed.len)));
    buf_fini(&value);
    buf_fini(&sealed);
    return status ? status : contact_names_due(client);
}

/* A name and what is said of it. */
static void
write_sentence(enum offer_refusal refusal, const char *name, char out[OFFER_SENTENCE_BYTES])
{
    const size_t size = OFFER_SENTENCE_BYTES;
    switch (refusal) {
    case OFFER_GOOD:
    case OFFER_UNSEEN:
        snprintf(out, size,
                 tr("%s started this chat anew; `sotto confirm` shows who would be in it, and "
                    "enters it"),
                 name);
        return;
    case OFFER_BY_STRANGER:
        snprintf(out, size,
                 tr("the new chat is refused: %s, who made it, was no member of this one"), name);
        return;
    case OFFER_NEW_USER:
        snprintf(out, size,
                 tr("the new chat is refused: %s would be in it and was no member of this one"),
                 name);
        return;
    case OFFER_OTHER_KEY:
        snprintf(
            out, size,
            tr("the new chat is refused: %s would be in it under another identity key than the "
               "one you know; see `sotto verify`"),
            name);
        return;
    case OFFER_GONE_DEVICE:
        snprintf(
            out, size,
            tr("the new chat is refused: a device that %s removed from the account would be in "
               "it"),
            name);
        return;
    case OFFER_OTHER_CHAT:
        snprintf(
            out, size,
            tr("the new chat is refused: the one that %s made, as the server says, was not made "
               "in the place of this one"),
            name);
        return;
    case OFFER_WITHOUT_US:
        snprintf(out, size, tr("%s started this chat anew without you; only they can let you in"),
                 name);
        return;
    case OFFER_GONE:
        snprintf(out, size, tr("%s started this chat anew, and the new one was deleted"), name);
        return;
    }
}

int
offer_sentence(struct sotto_client *client, const struct offer *offer,
               char sentence_out[OFFER_SENTENCE_BYTES])
{
    char name[SOTTO_CLIENT_NAME_BYTES];
    const bool about_somebody =
        offer->refusal >= OFFER_BY_STRANGER && offer->refusal <= OFFER_GONE_DEVICE;
    int status = contact_show_name(client, about_somebody ? offer->about : offer->by, name);
    if (status == SOTTO_CLIENT_OK)
        write_sentence(offer->refusal, name, sentence_out);
    return status;
}

/* ---- judging --------------------------------------------------------------------------------- */

static int
refuse(struct offer *offer, enum offer_refusal refusal, const uint8_t about[ID_BYTES])
{
    offer->refusal = refusal;
    memcpy(offer->about, about, ID_BYTES);
    return SOTTO_CLIENT_OK;
}

/* One of those who would be in it. */
static int
judge_member(struct sotto_client *client, struct offer *offer, const struct verify_cert *member)
{
    int role = 0;
    bool known = false, gone = false;
    int status = chat_role(client, offer->chat_id, member->user_id, &role);
    if (status == SOTTO_CLIENT_OK)
        status = trust_is_known(client, member, &known);
    if (status == SOTTO_CLIENT_OK)
        status = trust_device_is_gone(client, member->user_id, member->device_id, &gone);
    if (status || (role && known && !gone))
        return status;
    return refuse(offer,
                  role == 0 ? OFFER_NEW_USER
                  : !known  ? OFFER_OTHER_KEY
                            : OFFER_GONE_DEVICE,
                  member->user_id);
}

int
offer_judge(struct sotto_client *client, struct offer *offer, const struct verify_cert *members,
            size_t count, const uint8_t signer[ID_BYTES])
{
    int role = 0;
    bool has_us = false;
    free(offer->users);
    offer->users = mem_alloc(count, ID_BYTES);
    offer->user_count = 0;
    offer->refusal = OFFER_GOOD;
    memcpy(offer->by, signer, ID_BYTES);
    int status = chat_role(client, offer->chat_id, signer, &role);
    if (status == SOTTO_CLIENT_OK && role == 0)
        refuse(offer, OFFER_BY_STRANGER, signer);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        const uint8_t *user = members[i].user_id;
        has_us |= id_equal(user, client->account.user_id);
        if (!chat_lists_member((const uint8_t(*)[ID_BYTES])offer->users, offer->user_count, user))
            memcpy(offer->users[offer->user_count++], user, ID_BYTES);
        if (!offer_is_refused(offer))
            status = judge_member(client, offer, &members[i]);
    }
    if (!offer_is_refused(offer) && !has_us)
        offer->refusal = OFFER_WITHOUT_US;
    return status;
}

int
offer_judge_group(struct sotto_client *client, struct offer *offer, const struct mls_group *group,
                  const uint8_t signer[ID_BYTES])
{
    uint32_t cursor = 0;
    size_t count = 0;
    struct mls_member member;
    struct verify_cert *certs = mem_alloc(mls_group_member_count(group), sizeof(*certs));
    while (mls_group_next_member(group, &cursor, &member))
        count += group_certificate(&member.credential, &certs[count]);
    int status = offer_judge(client, offer, certs, count, signer);
    free(certs);
    return status;
}
