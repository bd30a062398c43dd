/* SPDX-License-Identifier: MIT */
/*
 * The send queue: what is put in, and encrypted anew when the epoch went on meanwhile. Going out is flush.c.
 */
#include "outbox.h"

#include "backoff.h"
#include "copies.h"
#include "group.h"
#include "joining.h"
#include "outbox_rows.h"
#include "text.h"

#include <sodium.h>
#include <string.h>

#define PADDING_BYTES 256

struct vault_place
outbox_content_place(const uint64_t *number)
{
    return (struct vault_place){"outbox.content", number, sizeof(*number)};
}

struct vault_place
outbox_refusal_place(const uint64_t *number)
{
    return (struct vault_place){"outbox.refusal", number, sizeof(*number)};
}

void
outbox_content(Sotto__Content__V1__Content *content, uint8_t id[ID_BYTES])
{
    sotto__content__v1__content__init(content);
    randombytes_buf(id, ID_BYTES);
    content->id = view(id, ID_BYTES);
    content->sent_ms = wall_ms();
}

/* ---- in -------------------------------------------------------------------------------------- */

/* Encrypts a content for the group's epoch. While somebody leaves nothing may be encrypted (RFC 9420
 * section 12.4), nor with keys that another copy of this profile used: the message stays empty, and its row waits for
 * the next epoch. */
static int
encrypt(struct sotto_client *client, const struct chat *chat, struct mls_group *group,
        const struct buf *content, struct mls_buf *message_out)
{
    if (mls_group_proposal_count(group) > 0 || copies_spent(chat))
        return SOTTO_CLIENT_OK;
    int problem = mls_group_encrypt(group, (struct mls_bytes){content->data, content->len},
                                    (struct mls_bytes){NULL, 0}, PADDING_BYTES, message_out);
    if (problem == MLS_EREMOVED)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "permission_denied",
                    "you are no longer a member of this chat");
    return problem ? group_trouble(client, "encrypt the message", problem) : SOTTO_CLIENT_OK;
}

static int
insert_parcel(struct sotto_client *client, const struct chat *chat, struct mls_group *group,
              const struct buf *content, enum outbox_refused refused, uint64_t number)
{
    struct mls_buf message = {0};
    struct buf sealed = {0};
    int status = encrypt(client, chat, group, content, &message);
    if (status)
        return status;
    vault_seal(&client->profile.vault, outbox_content_place(&number), content->data, content->len,
               &sealed);
    status =
        query_run(&client->profile, &client->error,
                  "INSERT INTO outbox(client_msg_id, chat_id, epoch, created_ms, content,"
                  " message, keep) VALUES(?, ?, ?, ?, ?, ?, ?)",
                  BINDS(bind_int((int64_t)number), bind_blob(chat->id, ID_BYTES),
                        bind_int((int64_t)mls_group_epoch(group)), bind_int(wall_ms()),
                        bind_blob(sealed.data, sealed.len), bind_blob(message.data, message.len),
                        bind_int(refused == OUTBOX_KEEP)));
    buf_fini(&sealed);
    mls_buf_fini(&message);
    return status;
}

static int
fail_broken(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    struct buf why = {0};
    int status = joining_reason(client, chat_id, true, &why);
    if (status == SOTTO_CLIENT_OK)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "this device missed changes of the group and has not joined it anew: %.380s",
                      why.len ? tr((const char *)why.data) : tr("that needs the server"));
    buf_fini(&why);
    return status;
}

/* The chat and its group, when this device can write there. */
static int
open_chat(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], struct chat *chat_out,
          struct mls_group **group_out)
{
    int status = chat_load(client, chat_id, chat_out);
    if (status)
        return status;
    if (chat_out->exists && chat_out->state == CHAT_LEFT)
        return chat_fail_left(client, chat_out);
    if (chat_out->exists && chat_out->state == CHAT_RESET)
        return chat_fail_reset(client);
    status = chat_gate_gone(client, chat_out);
    if (status)
        return status;
    if (chat_out->exists && chat_out->state == CHAT_BROKEN)
        return fail_broken(client, chat_id);
    if (chat_out->exists && chat_out->state == CHAT_READY)
        status = group_load(client, chat_id, group_out);
    if (status == SOTTO_CLIENT_OK && !*group_out)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "this device is not in the chat yet; run `sotto listen`, which joins it");
    return status;
}

static int
check_room(struct sotto_client *client, size_t more)
{
    int64_t rows = 0;
    int status = query_number(&client->profile, &rows, &client->error,
                              "SELECT COUNT(*) FROM outbox", NULL, 0);
    if (status == SOTTO_CLIENT_OK && rows + (int64_t)more > OUTBOX_ROWS_MAX)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "resource_exhausted",
                      "%d messages wait already; connect to the server first", OUTBOX_ROWS_MAX);
    return status;
}

int
outbox_add_within(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                  const struct buf *contents, size_t count, enum outbox_refused refused,
                  uint64_t *numbers_out)
{
    struct chat chat;
    struct mls_group *group = NULL;
    int status = check_room(client, count);
    if (status == SOTTO_CLIENT_OK)
        status = open_chat(client, chat_id, &chat, &group);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        status = meta_next(&client->profile, "client_msg_id", &numbers_out[i], &client->error);
        if (status == SOTTO_CLIENT_OK)
            status = insert_parcel(client, &chat, group, &contents[i], refused, numbers_out[i]);
    }
    if (status == SOTTO_CLIENT_OK && client->caught_up && count)
        status = copies_note_given(client, numbers_out[count - 1]);
    /* The key of each message is used: the state must be on the disk before the bytes leave. */
    if (status == SOTTO_CLIENT_OK)
        status = group_save(client, &chat, group);
    mls_group_destroy(&group);
    return status;
}

int
outbox_add(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], const struct buf *contents,
           size_t count, enum outbox_refused refused, uint64_t *numbers_out)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = outbox_add_within(client, chat_id, contents, count, refused, numbers_out);
    return profile_end(&client->profile, status, &client->error);
}

/* ---- again ----------------------------------------------------------------------------------- */

int
outbox_note_refusal(struct sotto_client *client, uint64_t number, int64_t tries,
                    const struct sotto_client_error *refusal)
{
    struct buf sealed = {0};
    int status = query_run(&client->profile, &client->error,
                           "DELETE FROM outbox WHERE client_msg_id = ? AND keep = 0",
                           BINDS(bind_int((int64_t)number)));
    if (status)
        return status;
    vault_seal(&client->profile.vault, outbox_refusal_place(&number), refusal->message,
               strlen(refusal->message) + 1, &sealed);
    status = query_run(&client->profile, &client->error,
                       "UPDATE outbox SET tries = tries + ?, retry_ms = ?, refusal = ?"
                       " WHERE client_msg_id = ?",
                       BINDS(bind_int(tries), bind_int(wall_ms() + RETRY_AFTER_MS),
                             bind_blob(sealed.data, sealed.len), bind_int((int64_t)number)));
    buf_fini(&sealed);
    return status;
}

/* Encrypts one row anew; the row is in the hands of the caller's transaction. */
static int
encrypt_again(struct sotto_client *client, sqlite3_stmt *row)
{
    uint64_t number = (uint64_t)sqlite3_column_int64(row, 0);
    uint8_t chat_id[ID_BYTES];
    struct chat chat;
    struct mls_group *group = NULL;
    struct buf content = {0};
    struct mls_buf message = {0};
    query_id(row, 1, chat_id);
    int status = query_unseal(&client->profile, row, 2, outbox_content_place(&number), &content,
                              &client->error);
    if (status == SOTTO_CLIENT_OK)
        status = open_chat(client, chat_id, &chat, &group);
    if (status == SOTTO_CLIENT_OK)
        status = encrypt(client, &chat, group, &content, &message);
    if (status == SOTTO_CLIENT_OK)
        status =
            query_run(&client->profile, &client->error,
                      "UPDATE outbox SET message = ?, epoch = ? WHERE client_msg_id = ?",
                      BINDS(bind_blob(message.data, message.len),
                            bind_int((int64_t)mls_group_epoch(group)), bind_int((int64_t)number)));
    if (status == SOTTO_CLIENT_OK)
        status = group_save(client, &chat, group);
    mls_group_destroy(&group);
    mls_buf_fini(&message);
    buf_fini(&content);
    return status;
}

int
outbox_renew_stale(struct sotto_client *client, struct sotto_client_error *refusal)
{
    sqlite3_stmt *statement = NULL;
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = query(&client->profile, &statement, &client->error,
                   "SELECT client_msg_id, chat_id, content FROM outbox WHERE" OUTBOX_IS_DUE
                   "AND message IS NULL AND chat_id NOT IN (SELECT chat_id FROM chats"
                   " WHERE state = ?3) ORDER BY client_msg_id",
                   BINDS(OUTBOX_DUE_BINDS, bind_int(CHAT_BROKEN)));
    while (status == SOTTO_CLIENT_OK &&
           (status = query_step(&client->profile, statement, &client->error)) == 1) {
        int64_t number = sqlite3_column_int64(statement, 0);
        status = encrypt_again(client, statement);
        if (status && strcmp(client->error.code, "profile")) {
            *refusal = client->error;
            status = outbox_note_refusal(client, (uint64_t)number, RETRY_TRIES_MAX, refusal);
        }
    }
    sqlite3_finalize(statement);
    return profile_end(&client->profile, status, &client->error);
}
