/* SPDX-License-Identifier: MIT */
/*
 * The table chat_members: who is in a chat, and as what. Who, the MLS group says; as what, the
 * entries of the log. Both are kept here so that a list of chats needs no group to be opened.
 */
#include "store.h"

#include "text.h"
#include "trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *
chat_role_name(int role)
{
    static const char *const names[] = {"", TR("owner"), TR("admin"), TR("member")};
    return role >= 1 && role <= ROLE_MEMBER ? names[role] : "";
}

bool
chat_lists_member(const uint8_t (*user_ids)[ID_BYTES], size_t count,
                  const uint8_t user_id[ID_BYTES])
{
    for (size_t i = 0; i < count; i++)
        if (id_equal(user_ids[i], user_id))
            return true;
    return false;
}

int
chat_fail_left(struct sotto_client *client, const struct chat *chat)
{
    char by[SOTTO_CLIENT_NAME_BYTES];
    char day[16];
    struct tm date;
    time_t seconds = (time_t)(chat->left_ms / 1000);
    if (chat->left_how == LEFT_UNPROVEN)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "permission_denied",
                    "the server says that you are no longer a member of this chat");
    if (!localtime_r(&seconds, &date) || !strftime(day, sizeof(day), "%Y-%m-%d", &date))
        snprintf(day, sizeof(day), "?"); /* a year that no calendar has */
    int status = contact_show_name(client, chat->left_by, by);
    if (status)
        return status;
    if (chat->left_how == LEFT_SELF)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "permission_denied",
                    "you left this chat on %s; a member can add you again", day);
    if (chat->left_how == LEFT_DELETED)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "permission_denied",
                    "the server says that %s deleted this chat on %s; `sotto delete-chat` takes it"
                    " away here, too",
                    by, day);
    if (chat->left_how == LEFT_REPLACED)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                    "%s started this chat anew on %s; `sotto chats` shows the new one", by, day);
    return fail(&client->error, SOTTO_CLIENT_EFAILED, "permission_denied",
                "%s removed you from this chat on %s; what came later is not for you", by, day);
}

int
chat_fail_reset(struct sotto_client *client)
{
    return fail(
        &client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
        "this chat was started anew and takes nothing more; `sotto confirm` shows who would "
        "be in the new one, and enters it");
}

int
chat_is_gone(struct sotto_client *client, const struct chat *chat,
             char name_out[SOTTO_CLIENT_NAME_BYTES], bool *gone_out)
{
    uint8_t(*ids)[ID_BYTES] = NULL;
    size_t count = 0;
    struct contact contact;
    *gone_out = false;
    if (chat->type != CHAT_DIRECT)
        return SOTTO_CLIENT_OK;
    int status = chat_members(client, chat->id, &ids, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count && !*gone_out; i++) {
        status = contact_load(client, ids[i], &contact);
        *gone_out = status == SOTTO_CLIENT_OK && contact.deleted_ms != 0;
        if (*gone_out)
            status = contact_show_name(client, ids[i], name_out);
    }
    free(ids);
    return status;
}

int
chat_gate_gone(struct sotto_client *client, const struct chat *chat)
{
    char name[SOTTO_CLIENT_NAME_BYTES];
    bool gone = false;
    int status = chat_is_gone(client, chat, name, &gone);
    if (status || !gone)
        return status;
    return fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                "%s deleted the account; nothing can be sent here any more", name);
}

int
chat_drop_member(struct sotto_client *client, const uint8_t id[ID_BYTES],
                 const uint8_t user_id[ID_BYTES])
{
    return query_run(&client->profile, &client->error,
                     "DELETE FROM chat_members WHERE chat_id = ? AND user_id = ?",
                     BINDS(bind_blob(id, ID_BYTES), bind_blob(user_id, ID_BYTES)));
}

int
chat_set_members(struct sotto_client *client, const uint8_t id[ID_BYTES],
                 const uint8_t (*user_ids)[ID_BYTES], size_t count)
{
    uint8_t(*before)[ID_BYTES] = NULL;
    size_t before_count = 0;
    int status = chat_members(client, id, &before, &before_count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < before_count; i++)
        if (!chat_lists_member(user_ids, count, before[i]))
            status = chat_drop_member(client, id, before[i]);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status =
            query_run(&client->profile, &client->error,
                      "INSERT OR IGNORE INTO chat_members(chat_id, user_id, role) VALUES(?, ?, ?)",
                      BINDS(bind_blob(id, ID_BYTES), bind_blob(user_ids[i], ID_BYTES),
                            bind_int(ROLE_MEMBER)));
    free(before);
    return status;
}

int
chat_role(struct sotto_client *client, const uint8_t id[ID_BYTES], const uint8_t user_id[ID_BYTES],
          int *role_out)
{
    int64_t role = 0;
    int status =
        query_number(&client->profile, &role, &client->error,
                     "SELECT MAX(role) FROM chat_members WHERE chat_id = ? AND user_id = ?",
                     BINDS(bind_blob(id, ID_BYTES), bind_blob(user_id, ID_BYTES)));
    *role_out = (int)role;
    return status;
}

int
chat_set_role(struct sotto_client *client, const uint8_t id[ID_BYTES],
              const uint8_t user_id[ID_BYTES], int role)
{
    return query_run(&client->profile, &client->error,
                     "UPDATE chat_members SET role = ? WHERE chat_id = ? AND user_id = ?",
                     BINDS(bind_int(role), bind_blob(id, ID_BYTES), bind_blob(user_id, ID_BYTES)));
}

int
chat_members(struct sotto_client *client, const uint8_t id[ID_BYTES],
             uint8_t (**user_ids_out)[ID_BYTES], size_t *count_out)
{
    int64_t rows = 0;
    int status = query_number(&client->profile, &rows, &client->error,
                              "SELECT COUNT(*) FROM chat_members WHERE chat_id = ?",
                              BINDS(bind_blob(id, ID_BYTES)));
    sqlite3_stmt *statement = NULL;
    if (status == SOTTO_CLIENT_OK)
        status = query(&client->profile, &statement, &client->error,
                       "SELECT user_id FROM chat_members WHERE chat_id = ? LIMIT ?",
                       BINDS(bind_blob(id, ID_BYTES), bind_int(rows)));
    if (status)
        return status;
    uint8_t(*ids)[ID_BYTES] = mem_alloc((size_t)rows, ID_BYTES);
    size_t count = 0;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1)
        query_id(statement, 0, ids[count++]);
    sqlite3_finalize(statement);
    if (status) {
        free(ids);
        return status;
    }
    *user_ids_out = ids;
    *count_out = count;
    return SOTTO_CLIENT_OK;
}

int
chat_member_names(struct sotto_client *client, const uint8_t id[ID_BYTES],
                  char (**names_out)[SOTTO_CLIENT_NAME_BYTES], size_t *count_out)
{
    uint8_t(*ids)[ID_BYTES] = NULL;
    int status = chat_members(client, id, &ids, count_out);
    if (status == SOTTO_CLIENT_OK)
        status = contact_show_names(client, (const uint8_t(*)[ID_BYTES])ids, *count_out, names_out);
    free(ids);
    return status;
}

int
chat_show_title(struct sotto_client *client, const struct chat *chat, struct buf *text_out)
{
    char(*names)[SOTTO_CLIENT_NAME_BYTES] = NULL;
    size_t count = 0;
    struct buf text = {0};
    if (chat->title[0] && chat->type != CHAT_DIRECT) {
        buf_set(text_out, chat->title, strlen(chat->title) + 1);
        return SOTTO_CLIENT_OK;
    }
    int status = chat_member_names(client, chat->id, &names, &count);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(names[i], client->account.name))
            continue;
        buf_append(&text, ", ", text.len ? 2 : 0);
        buf_append(&text, names[i], strlen(names[i]));
    }
    buf_append(&text, "", 1);
    free(names);
    buf_fini(text_out);
    *text_out = text;
    return SOTTO_CLIENT_OK;
}
