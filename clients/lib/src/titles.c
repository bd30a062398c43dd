/* SPDX-License-Identifier: MIT */
/*
 * Titles for devices that joined by themselves. See titles.h.
 */
#include "titles.h"

#include "chat.h"
#include "leaving.h"
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

int
titles_note_joiner(struct sotto_client *client, struct inbox *inbox,
                   const Sotto__Chat__V1__Entry *entry, const struct mls_received *received)
{
    struct chat *chat = &inbox->chat;
    struct verify_cert cert;
    int role = 0;
    if (chat->type == CHAT_DIRECT || !chat->title[0] ||
        !group_certificate(&received->sender, &cert))
        return SOTTO_CLIENT_OK;
    int status = chat_role(client, chat->id, client->account.user_id, &role);
    if (role == ROLE_OWNER || role == ROLE_ADMIN || id_equal(cert.user_id, client->account.user_id))
        chat->title_owed = entry->seq;
    return status;
}

void
titles_note_told(struct chat *chat, const char *title, uint64_t seq)
{
    if (seq > chat->title_owed && !strcmp(title, chat->title))
        chat->title_owed = 0;
}

/* Chats in which a title is owed, in memory of their own (free). */
static int
find_owed(struct sotto_client *client, struct chat **chats_out, size_t *count_out)
{
    int64_t owed = 0;
    size_t total = 0;
    struct chat *chats = NULL;
    *chats_out = NULL;
    *count_out = 0;
    int status = query_number(&client->profile, &owed, &client->error,
                              "SELECT COUNT(*) FROM chats WHERE title_owed > 0 AND state = ?",
                              BINDS(bind_int(CHAT_READY)));
    if (status || owed == 0)
        return status;
    status = chat_list(client, &chats, &total);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < total; i++)
        if (chats[i].title_owed && chats[i].state == CHAT_READY)
            chats[(*count_out)++] = chats[i];
    *chats_out = chats;
    return status;
}

int
titles_rank(struct sotto_client *client, bool *owed_out, unsigned *rank_out)
{
    struct chat *chats = NULL;
    size_t count = 0;
    int status = find_owed(client, &chats, &count);
    *owed_out = count > 0;
    *rank_out = 0;
    if (status == SOTTO_CLIENT_OK && count)
        status = leaving_lower(client, &chats[0], rank_out);
    free(chats);
    return status;
}

/* In the queue or not owed: never neither, never twice. */
static int
tell(struct sotto_client *client, const struct chat *chat)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = chat_queue_title(client, chat->id, chat->title, true);
    if (status == SOTTO_CLIENT_OK)
        status = query_run(&client->profile, &client->error,
                           "UPDATE chats SET title_owed = 0 WHERE chat_id = ?",
                           BINDS(bind_blob(chat->id, ID_BYTES)));
    return profile_end(&client->profile, status, &client->error);
}

int
titles_tell(struct sotto_client *client)
{
    struct chat *chats = NULL;
    size_t count = 0;
    int status = find_owed(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        status = chat_check_readers(client, chats[i].id);
        if (status == SOTTO_CLIENT_OK)
            status = tell(client, &chats[i]);
        if (is_refused(client, status) || status == SOTTO_CLIENT_EBLOCKED)
            status = SOTTO_CLIENT_OK; /* it stays owed */
    }
    free(chats);
    return status || !count ? status : outbox_flush(client);
}
