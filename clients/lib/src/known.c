/* SPDX-License-Identifier: MIT */
/*
 * What the profile knows by itself, for a program that shows it while a listener keeps it up to
 * date: no function here needs a connection.
 */
#include "chat.h"

#include "trust.h"

#include <stdlib.h>
#include <string.h>

int
sotto_client_archive(struct sotto_client *client, const char *chat, uint64_t before, size_t limit,
                     sotto_client_message_fn each, void *arg)
{
    struct chat found;
    int status = chat_find(client, chat, &found);
    if (status)
        return status;
    int64_t end = before && before < INT64_MAX ? (int64_t)before : INT64_MAX;
    int64_t rows = limit < INT64_MAX ? (int64_t)limit : -1;
    return message_each(client,
                        "SELECT * FROM (SELECT " MESSAGE_COLUMNS " FROM messages"
                        " WHERE chat_id = ?1 AND kind = 1 AND seq < ?2"
                        " ORDER BY seq DESC LIMIT ?3) ORDER BY seq",
                        BINDS(bind_blob(found.id, ID_BYTES), bind_int(end), bind_int(rows)), each,
                        arg, NULL, NULL);
}

int
sotto_client_mark_read(struct sotto_client *client, const char *chat, uint64_t seq)
{
    struct chat found;
    int status = chat_find(client, chat, &found);
    if (status || seq <= found.read_seq || seq > INT64_MAX)
        return status;
    return query_run(&client->profile, &client->error,
                     "UPDATE chats SET read_seq = MAX(read_seq, ?) WHERE chat_id = ?",
                     BINDS(bind_int((int64_t)seq), bind_blob(found.id, ID_BYTES)));
}

/* chat_show goes on whatever its callback returns, so an early end is noted here. */
struct ending {
    sotto_client_chat_fn each;
    void *arg;
    bool stopped;
};

static int
pass_on(const struct sotto_client_chat *chat, void *arg)
{
    struct ending *ending = arg;
    ending->stopped = ending->each(chat, ending->arg) != 0;
    return 0;
}

int
sotto_client_known_chats(struct sotto_client *client, sotto_client_chat_fn each, void *arg)
{
    struct ending ending = {.each = each, .arg = arg};
    struct chat *chats = NULL;
    size_t count = 0;
    int status = chat_list(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && !ending.stopped && i < count; i++)
        if (chats[i].state != CHAT_CREATING && chats[i].state != CHAT_OFFERED)
            status = chat_show(client, &chats[i], NULL, pass_on, &ending);
    free(chats);
    return status;
}

int
sotto_client_find(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                  void *arg)
{
    struct chat found;
    int status = chat_find(client, chat, &found);
    return status ? status : chat_show(client, &found, NULL, each, arg);
}

int
sotto_client_known_users(struct sotto_client *client, sotto_client_name_fn each, void *arg)
{
    char(*names)[SOTTO_CLIENT_NAME_BYTES] = NULL;
    int64_t rows = 0;
    size_t count = 0;
    sqlite3_stmt *statement;
    int status = query_number(&client->profile, &rows, &client->error,
                              "SELECT COUNT(*) FROM contacts", NULL, 0);
    if (status == SOTTO_CLIENT_OK)
        status = query(&client->profile, &statement, &client->error, "SELECT user_id FROM contacts",
                       NULL, 0);
    if (status)
        return status;
    names = mem_alloc((size_t)rows + 1, sizeof(*names));
    while (count < (size_t)rows &&
           (status = query_step(&client->profile, statement, &client->error)) == 1) {
        struct contact contact;
        uint8_t id[ID_BYTES];
        query_id(statement, 0, id);
        status = contact_load(client, id, &contact);
        if (status)
            break;
        if (contact.name[0])
            memcpy(names[count++], contact.name, SOTTO_CLIENT_NAME_BYTES);
    }
    sqlite3_finalize(statement);
    contact_sort_names(names, count);
    for (size_t i = 0; status >= 0 && i < count && each(names[i], arg) == 0;)
        i++;
    free(names);
    return status < 0 ? status : SOTTO_CLIENT_OK;
}
