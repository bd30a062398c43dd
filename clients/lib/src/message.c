/* SPDX-License-Identifier: MIT */
/*
 * The archive of messages. Content stays as the sender encoded it, sealed; it is decoded when it is
 * shown.
 */
#include "store.h"

#include "notice.h"
#include "text.h"
#include "trust.h"

#include "content.pb-c.h"
#include "profile.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a sealed body is bound to: chat, sequence number and kind. */
struct body_row {
    uint8_t bytes[ID_BYTES + 9];
};

static struct vault_place
body_place(const struct message *message, struct body_row *row)
{
    memcpy(row->bytes, message->chat_id, ID_BYTES);
    for (int i = 0; i < 8; i++)
        row->bytes[ID_BYTES + i] = (uint8_t)(message->seq >> (8 * (7 - i)));
    row->bytes[ID_BYTES + 8] = (uint8_t)message->kind;
    return (struct vault_place){"messages.body", row->bytes, sizeof(row->bytes)};
}

int
message_store(struct sotto_client *client, const struct message *message, const struct buf *content,
              const char *note)
{
    Sotto__Profile__V1__Archived archived = SOTTO__PROFILE__V1__ARCHIVED__INIT;
    struct body_row row;
    struct buf value = {0};
    struct buf sealed = {0};
    if (content)
        archived.content = view(content->data, content->len);
    if (note)
        archived.note = (char *)(uintptr_t)note;
    ProtobufCBinaryData *users = mem_alloc(message->user_count, sizeof(*users));
    for (size_t i = 0; i < message->user_count; i++)
        users[i] = view(message->users[i], ID_BYTES);
    archived.n_users = message->user_count;
    archived.users = users;
    archived.role = (uint32_t)message->role;
    ProtobufCBinaryData *devices = mem_alloc(message->user_count, sizeof(*devices));
    for (size_t i = 0; message->devices && i < message->user_count; i++)
        devices[archived.n_devices++] = view(message->devices[i], ID_BYTES);
    archived.devices = devices;
    archived.verified = message->verified;
    archived.lost = message->lost;
    archived.behind = message->behind;
    buf_pack(&value, &archived.base);
    free(users);
    free(devices);
    vault_seal(&client->profile.vault, body_place(message, &row), value.data, value.len, &sealed);
    int status = query_run(
        &client->profile, &client->error,
        "INSERT OR IGNORE INTO messages(chat_id, seq, kind, epoch, from_user, from_device,"
        " ts_ms, client_msg_id, body, content_id) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        BINDS(bind_blob(message->chat_id, ID_BYTES), bind_int((int64_t)message->seq),
              bind_int(message->kind), bind_int((int64_t)message->epoch),
              bind_blob(message->from_user, ID_BYTES), bind_blob(message->from_device, ID_BYTES),
              bind_int(message->ts_ms), bind_int((int64_t)message->client_msg_id),
              bind_blob(sealed.data, sealed.len),
              bind_blob(message->has_content_id ? message->content_id : NULL, ID_BYTES)));
    buf_fini(&value);
    buf_fini(&sealed);
    return status;
}

static void
message_read(sqlite3_stmt *row, struct message *message)
{
    *message = (struct message){
        .local_id = sqlite3_column_int64(row, 0),
        .seq = (uint64_t)sqlite3_column_int64(row, 2),
        .kind = (enum message_kind)sqlite3_column_int(row, 3),
        .epoch = (uint64_t)sqlite3_column_int64(row, 4),
        .ts_ms = sqlite3_column_int64(row, 7),
        .client_msg_id = (uint64_t)sqlite3_column_int64(row, 8),
    };
    query_id(row, 1, message->chat_id);
    query_id(row, 5, message->from_user);
    query_id(row, 6, message->from_device);
}

/* ---- repeats --------------------------------------------------------------------------------- */

#define SAME_NAMES_MAX 16 /* a sender who gives one name to more messages gains nothing by it */

static int
has_content(struct sotto_client *client, sqlite3_stmt *row, const struct buf *content,
            bool *has_out)
{
    struct buf value = {0};
    struct body_row place;
    struct message message;
    message_read(row, &message);
    int status = query_unseal(&client->profile, row, 9, body_place(&message, &place), &value,
                              &client->error);
    if (status)
        return status;
    Sotto__Profile__V1__Archived *archived =
        pb_unpack(&sotto__profile__v1__archived__descriptor, value.data, value.len);
    *has_out = archived && archived->content.len == content->len &&
               !memcmp(archived->content.data, content->data, content->len);
    pb_free(archived);
    buf_fini(&value);
    return SOTTO_CLIENT_OK;
}

int
message_is_repeat(struct sotto_client *client, const struct message *message,
                  const struct buf *content, bool *is_out)
{
    sqlite3_stmt *row;
    *is_out = false;
    if (!message->has_content_id)
        return SOTTO_CLIENT_OK;
    int status =
        query(&client->profile, &row, &client->error,
              "SELECT " MESSAGE_COLUMNS " FROM messages WHERE chat_id = ?"
              " AND content_id = ? AND from_user = ? AND from_device = ? LIMIT ?",
              BINDS(bind_blob(message->chat_id, ID_BYTES), bind_blob(message->content_id, ID_BYTES),
                    bind_blob(message->from_user, ID_BYTES),
                    bind_blob(message->from_device, ID_BYTES), bind_int(SAME_NAMES_MAX)));
    if (status)
        return status;
    while (!*is_out && (status = query_step(&client->profile, row, &client->error)) == 1) {
        status = has_content(client, row, content, is_out);
        if (status)
            break;
    }
    sqlite3_finalize(row);
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

/* ---- showing --------------------------------------------------------------------------------- */

static const char *
kind_name(enum message_kind kind)
{
    static const char *const names[] = {
        [KIND_TEXT] = "text",
        [KIND_TITLE] = "title",
        [KIND_JOINED] = "joined",
        [KIND_MEMBER_ADDED] = "member_added",
        [KIND_MEMBER_REMOVED] = "member_removed",
        [KIND_KEY_CHANGED] = "key_changed",
        [KIND_UNDECRYPTABLE] = "undecryptable",
        [KIND_NOT_KEPT] = "not_kept",
        [KIND_UNTRUSTED] = "untrusted",
        [KIND_GAP] = "gap",
        [KIND_DELETED] = "deleted",
        [KIND_MEMBER_LEFT] = "member_left",
        [KIND_ROLE_CHANGED] = "role_changed",
        [KIND_RENAMED] = "renamed",
        [KIND_DEVICE_ADDED] = "device_added",
        [KIND_DEVICE_REMOVED] = "device_removed",
        [KIND_DEVICE_GONE] = "device_gone",
        [KIND_DEVICE_DISPUTED] = "device_disputed",
        [KIND_BAD_COMMIT] = "bad_commit",
        [KIND_COMMIT_REPORTED] = "commit_reported",
        [KIND_RESET] = "reset",
        [KIND_ACCOUNT_DELETED] = "account_deleted",
        [KIND_REPAIRED] = "repaired",
    };
    return kind >= KIND_TEXT && kind <= KIND_REPAIRED ? names[kind] : "unknown";
}

/* Fills id and text from the content. */
static void
show_content(const Sotto__Content__V1__Content *content, struct sotto_client_message *shown)
{
    uint8_t id[ID_BYTES];
    if (take_bytes(content->id, id, ID_BYTES))
        id_hex(id, shown->id);
    if (content->body_case == SOTTO__CONTENT__V1__CONTENT__BODY_TEXT)
        shown->text = content->text->text;
    else if (content->body_case == SOTTO__CONTENT__V1__CONTENT__BODY_CHAT_INFO)
        shown->text = content->chat_info->title;
}

/* The names of those to whom an event happened, in one block of memory (free). */
static int
name_users(struct sotto_client *client, const struct message *message,
           char (**names_out)[SOTTO_CLIENT_NAME_BYTES], const char ***list_out)
{
    char(*names)[SOTTO_CLIENT_NAME_BYTES] = mem_alloc(message->user_count, sizeof(*names));
    const char **list = mem_alloc(message->user_count, sizeof(*list));
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < message->user_count; i++) {
        status = contact_show_name(client, message->users[i], names[i]);
        list[i] = names[i];
    }
    *names_out = names;
    *list_out = list;
    return status;
}

/* What a row says in words of ours, ended with a zero; nothing when it has none. */
static int
row_text(struct sotto_client *client, const struct message *message, struct buf *text_out)
{
    char line[256];
    if (message->devices)
        return notice_text(client, message, text_out);
    if (message->kind != KIND_NOT_KEPT || (!message->lost && !message->behind))
        return SOTTO_CLIENT_OK;
    int len = snprintf(
        line, sizeof(line),
        tr_count("%llu message was not kept", "%llu messages were not kept", message->lost),
        (unsigned long long)message->lost);
    buf_set(text_out, line, (size_t)len);
    const char *cure = tr("; the group changed meanwhile");
    if (message->behind)
        buf_append(text_out, cure, strlen(cure));
    buf_append(text_out, "", 1);
    return SOTTO_CLIENT_OK;
}

int
message_show(struct sotto_client *client, const struct message *message, const struct buf *content,
             const char *note, sotto_client_message_fn each, void *arg, bool *stopped_out)
{
    char from[SOTTO_CLIENT_NAME_BYTES];
    char(*names)[SOTTO_CLIENT_NAME_BYTES] = NULL;
    const char **users = NULL;
    struct buf text = {0};
    Sotto__Content__V1__Content *decoded = NULL;
    int status = contact_show_name(client, message->from_user, from);
    if (status == SOTTO_CLIENT_OK)
        status = name_users(client, message, &names, &users);
    if (status == SOTTO_CLIENT_OK)
        status = row_text(client, message, &text);
    if (status)
        goto end;
    struct sotto_client_message shown = {
        .seq = message->seq,
        .epoch = message->epoch,
        .from = from,
        .ts = message->ts_ms,
        .kind = kind_name(message->kind),
        .text = text.len        ? (const char *)text.data
                : note && *note ? tr(note)
                                : NULL,
        .own = id_equal(message->from_user, client->account.user_id),
        .state = message->seq       ? TR("sent")
                 : message->refusal ? TR("failed")
                                    : TR("pending"),
        .reason = message->refusal,
        .users = users,
        .user_count = message->user_count,
        .role = message->role ? chat_role_name(message->role) : NULL,
        .about_own =
            chat_lists_member(message->users, message->user_count, client->account.user_id),
    };
    id_hex(message->chat_id, shown.chat);
    id_hex(message->from_user, shown.from_id);
    id_hex(message->from_device, shown.from_device);
    if (content && content->len)
        decoded = pb_unpack(&sotto__content__v1__content__descriptor, content->data, content->len);
    if (decoded)
        show_content(decoded, &shown);
    if (each(&shown, arg) && stopped_out)
        *stopped_out = true;
    pb_free(decoded);
end:
    buf_fini(&text);
    free(names);
    free(users);
    return status;
}

/* Ids in memory of their own (free); those that are none are left out. */
static size_t
take_ids(const ProtobufCBinaryData *from, size_t count, uint8_t (**ids_out)[ID_BYTES])
{
    uint8_t(*ids)[ID_BYTES] = mem_alloc(count, ID_BYTES);
    size_t taken = 0;
    for (size_t i = 0; i < count; i++)
        if (take_bytes(from[i], ids[taken], ID_BYTES))
            taken++;
    *ids_out = ids;
    return taken;
}

static int
show_row(struct sotto_client *client, sqlite3_stmt *row, const struct message *message,
         sotto_client_message_fn each, void *arg, bool *stopped)
{
    struct buf value = {0};
    struct body_row place;
    struct message full = *message;
    int status =
        query_unseal(&client->profile, row, 9, body_place(message, &place), &value, &client->error);
    if (status)
        return status;
    Sotto__Profile__V1__Archived *archived =
        pb_unpack(&sotto__profile__v1__archived__descriptor, value.data, value.len);
    if (archived) {
        struct buf content = {.data = archived->content.data, .len = archived->content.len};
        uint8_t(*users)[ID_BYTES] = NULL;
        uint8_t(*devices)[ID_BYTES] = NULL;
        full.user_count = take_ids(archived->users, archived->n_users, &users);
        full.users = (const uint8_t(*)[ID_BYTES])users;
        full.role = (int)archived->role;
        if (take_ids(archived->devices, archived->n_devices, &devices) == full.user_count)
            full.devices = full.user_count ? (const uint8_t(*)[ID_BYTES])devices : NULL;
        full.verified = archived->verified;
        full.lost = archived->lost;
        full.behind = archived->behind;
        status = message_show(client, &full, &content, archived->note, each, arg, stopped);
        free(users);
        free(devices);
    }
    pb_free(archived);
    buf_fini(&value);
    return status;
}

int
message_each(struct sotto_client *client, const char *sql, const struct bind *binds, size_t count,
             sotto_client_message_fn each, void *arg, int64_t *last_out, bool *stopped_out)
{
    sqlite3_stmt *statement;
    bool stopped = false;
    int status = query(&client->profile, &statement, &client->error, sql, binds, count);
    if (status)
        return status;
    while (!stopped && (status = query_step(&client->profile, statement, &client->error)) == 1) {
        struct message message;
        message_read(statement, &message);
        status = show_row(client, statement, &message, each, arg, &stopped);
        if (status)
            break;
        if (last_out)
            *last_out = message.local_id;
    }
    sqlite3_finalize(statement);
    if (stopped_out)
        *stopped_out = stopped;
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

int
message_find_sent(struct sotto_client *client, uint64_t client_msg_id, struct message *message_out)
{
    sqlite3_stmt *statement;
    struct message message = {0};
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT " MESSAGE_COLUMNS " FROM messages WHERE client_msg_id = ?",
                       BINDS(bind_int((int64_t)client_msg_id)));
    if (status)
        return status;
    status = query_step(&client->profile, statement, &client->error);
    if (status == 1)
        message_read(statement, &message);
    sqlite3_finalize(statement);
    if (status >= 0)
        *message_out = message;
    return status < 0 ? status : SOTTO_CLIENT_OK;
}
