/* SPDX-License-Identifier: MIT */
/*
 * Entries of a chat's log: application messages, proposals, commits.
 *
 * Who wrote a message is what MLS proves, never what the server says. An entry that MLS refuses
 * changes nothing in the group; a refused application message is skipped with a mark in the
 * archive, a refused commit leaves this device behind for good, because the others went on without
 * us.
 */
#include "changes.h"

#include "copies.h"
#include "leaving.h"
#include "offer.h"
#include "report.h"
#include "titles.h"
#include "trust.h"
#include "text.h"

#include "content.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the batch ------------------------------------------------------------------------------- */

int
inbox_begin(struct sotto_client *client, struct inbox *inbox)
{
    int status = profile_begin(&client->profile, &client->error);
    inbox->open = status == SOTTO_CLIENT_OK;
    return status;
}

int
inbox_put_down(struct sotto_client *client, struct inbox *inbox)
{
    int status = SOTTO_CLIENT_OK;
    if (inbox->dirty && inbox->group)
        status = group_save(client, &inbox->chat, inbox->group);
    else if (inbox->dirty)
        status = chat_store(client, &inbox->chat);
    mls_group_destroy(&inbox->group);
    inbox->chat = (struct chat){0};
    inbox->dirty = false;
    return status;
}

int
inbox_pick_up(struct sotto_client *client, struct inbox *inbox, const uint8_t chat_id[ID_BYTES])
{
    if (inbox->chat.exists && id_equal(inbox->chat.id, chat_id))
        return SOTTO_CLIENT_OK;
    int status = inbox_put_down(client, inbox);
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, chat_id, &inbox->chat);
    if (status == SOTTO_CLIENT_OK && inbox->chat.exists)
        status = group_load(client, chat_id, &inbox->group);
    return status;
}

int
inbox_end(struct sotto_client *client, struct inbox *inbox, int status)
{
    if (status == SOTTO_CLIENT_OK)
        status = inbox_put_down(client, inbox);
    mls_group_destroy(&inbox->group);
    inbox->chat = (struct chat){0};
    inbox->dirty = false;
    inbox->open = false;
    client->mls_now = 0;
    return profile_end(&client->profile, status, &client->error);
}

/* ---- application messages -------------------------------------------------------------------- */

/* A row for the archive about this entry. */
static struct message
row_of(const struct inbox *inbox, const Sotto__Chat__V1__Entry *entry, enum message_kind kind)
{
    struct message message = {
        .seq = entry->seq,
        .kind = kind,
        .epoch = entry->epoch,
        .ts_ms = entry->ts_ms,
    };
    memcpy(message.chat_id, inbox->chat.id, ID_BYTES);
    take_bytes(entry->sender_user, message.from_user, ID_BYTES);
    take_bytes(entry->sender_device, message.from_device, ID_BYTES);
    return message;
}

static int
note_undecryptable(struct sotto_client *client, struct inbox *inbox,
                   const Sotto__Chat__V1__Entry *entry, const char *why)
{
    struct message message = row_of(inbox, entry, KIND_UNDECRYPTABLE);
    return message_store(client, &message, NULL, why);
}

/* A title counts from who is owner or admin at this place of the log. The first one is told by whoever made the
 * chat or added us, who need not be either, or by another device of ours. A chat of two goes by the other's name. */
static int
may_set_title(struct sotto_client *client, const struct chat *chat, const uint8_t user[ID_BYTES],
              bool told, bool *may_out)
{
    int role = 0;
    int status = chat_role(client, chat->id, user, &role);
    bool leads = role == ROLE_OWNER || role == ROLE_ADMIN;
    bool invites = (chat->has_inviter && id_equal(user, chat->inviter)) ||
                   id_equal(user, client->account.user_id);
    *may_out = chat->type != CHAT_DIRECT && (told ? !chat->title[0] && (leads || invites) : leads);
    return status;
}

static int
take_title(struct sotto_client *client, struct inbox *inbox, struct message *message,
           const struct buf *content, const Sotto__Content__V1__ChatInfo *info)
{
    struct sotto_client_error why;
    struct chat *chat = &inbox->chat;
    bool may = false;
    titles_note_told(chat, info->title, message->seq);
    int status = may_set_title(client, chat, message->from_user, info->told, &may);
    if (status || !may || message->seq <= chat->title_seq ||
        check_text(TR("title"), info->title, SOTTO_CLIENT_TITLE_CHARS, &why))
        return status;
    bool is_new = strcmp(chat->title, info->title) != 0;
    snprintf(chat->title, sizeof(chat->title), "%s", info->title);
    chat->title_seq = message->seq;
    message->kind = info->told ? KIND_TITLE : KIND_RENAMED;
    return is_new ? message_store(client, message, content, NULL) : SOTTO_CLIENT_OK;
}

/* known: the sender's identity key is. What comes under another is kept and marked, and changes nothing. */
static int
store_content(struct sotto_client *client, struct inbox *inbox, struct message *message,
              const struct buf *content, bool known)
{
    struct sotto_client_error why;
    Sotto__Content__V1__Content *decoded =
        pb_unpack(&sotto__content__v1__content__descriptor, content->data, content->len);
    bool repeated = false;
    if (!decoded) {
        message->kind = KIND_UNDECRYPTABLE;
        return message_store(client, message, NULL, "its content is malformed");
    }
    message->has_content_id = take_bytes(decoded->id, message->content_id, ID_BYTES);
    int status = message_is_repeat(client, message, content, &repeated);
    if (status || repeated) {
        pb_free(decoded);
        return status;
    }
    if (decoded->body_case == SOTTO__CONTENT__V1__CONTENT__BODY_TEXT &&
        !check_text(TR("text"), decoded->text->text, SOTTO_CLIENT_TEXT_CHARS, &why)) {
        message->kind = known ? KIND_TEXT : KIND_UNTRUSTED;
        status = message_store(client, message, content, NULL);
    } else if (known && decoded->body_case == SOTTO__CONTENT__V1__CONTENT__BODY_CHAT_INFO) {
        status = take_title(client, inbox, message, content, decoded->chat_info);
    }
    pb_free(decoded); /* kinds of a later version are read by a later version: nothing to keep */
    return status;
}

static int
take_application(struct sotto_client *client, struct inbox *inbox,
                 const Sotto__Chat__V1__Entry *entry, const struct mls_received *received)
{
    struct verify_cert cert;
    struct message message = row_of(inbox, entry, KIND_TEXT);
    struct buf content = {0};
    bool known = false;
    if (!group_certificate(&received->sender, &cert))
        return note_undecryptable(client, inbox, entry, "its sender has no certificate");
    int status = trust_is_known(client, &cert, &known);
    if (status)
        return status;
    memcpy(message.from_user, cert.user_id, ID_BYTES);
    memcpy(message.from_device, cert.device_id, ID_BYTES);
    buf_set(&content, received->plaintext.data, received->plaintext.len);
    status = store_content(client, inbox, &message, &content, known);
    buf_fini(&content);
    return status;
}

/* ---- commits --------------------------------------------------------------------------------- */

/* The epoch advanced: a commit of ours that was still pending has lost, or is the one that was
 * merged. The roster is of this epoch already, so that putting the group down does not take it over
 * once more: that would bring back who leaves later in the same batch. */
static int
enter_epoch(struct sotto_client *client, struct inbox *inbox)
{
    inbox->roster_changed = true;
    inbox->chat.epoch = mls_group_epoch(inbox->group);
    int status = contact_names_due(client);
    return status ? status : chat_set_blob(client, inbox->chat.id, CHAT_BLOB_PENDING_CALL, NULL, 0);
}

/* MLS refused an entry: note it. A commit takes the others on without us, and a leaving must be made
 * final all the same. */
static int
take_refused(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry,
             int problem)
{
    const bool is_commit = entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT;
    bool noted = false;
    if (problem == MLS_EOWN && !is_commit)
        return SOTTO_CLIENT_OK;
    int status = SOTTO_CLIENT_OK;
    if (is_commit) /* a commit of our own that this profile knows nothing of: it is an old copy */
        inbox->chat.state = CHAT_BROKEN;
    if (is_commit && problem != MLS_EOWN)
        status = report_refused(client, inbox, entry, problem, &noted);
    else if (!is_commit)
        status = leaving_refused(client, inbox,
                                 (struct mls_bytes){entry->message.data, entry->message.len});
    if (status || noted)
        return status;
    return note_undecryptable(client, inbox, entry, mls_error_text(problem));
}

/* A ReInit would end the group for a successor that no chat has. */
static bool
closes_the_group(const struct mls_received *received)
{
    for (size_t i = 0; i < received->change_count; i++) {
        if (received->changes[i].type == MLS_PROPOSAL_REINIT)
            return true;
    }
    return false;
}

/* Who joins takes nobody out but an old leaf of the same device. */
static bool
removes_only_itself(const struct mls_received *received, const struct verify_cert *joiner)
{
    struct verify_cert cert;
    for (size_t i = 0; i < received->change_count; i++)
        if (received->changes[i].type == MLS_PROPOSAL_REMOVE &&
            (!group_certificate(&received->changes[i].credential, &cert) ||
             !id_equal(cert.user_id, joiner->user_id) ||
             !id_equal(cert.device_id, joiner->device_id)))
            return false;
    return true;
}

/* Whoever joins by its own commit brings a device of somebody who is in the chat already; everybody
 * else is added by a member. */
static bool
may_be_followed(const struct inbox *inbox, const struct mls_received *received)
{
    uint8_t(*users)[ID_BYTES] = NULL;
    struct verify_cert cert;
    if (received->sender_type == MLS_SENDER_MEMBER)
        return true;
    if (!group_certificate(&received->sender, &cert) || !removes_only_itself(received, &cert))
        return false;
    size_t count = group_users(inbox->group, &users);
    bool known = chat_lists_member((const uint8_t(*)[ID_BYTES])users, count, cert.user_id);
    free(users);
    return known;
}

static int
take_commit(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry,
            const struct mls_received *received)
{
    bool closes = closes_the_group(received);
    if (closes || !may_be_followed(inbox, received)) {
        mls_group_drop_staged(inbox->group);
        return take_refused(client, inbox, entry, closes ? MLS_EUNSUPPORTED : MLS_ECREDENTIAL);
    }
    int problem = mls_group_merge_staged(inbox->group);
    if (problem)
        return group_trouble(client, TR("enter the new epoch"), problem);
    if (group_has_third(client, inbox->group))
        inbox->chat.type = CHAT_GROUP;
    int status = changes_commit(client, inbox, entry, received);
    if (status == SOTTO_CLIENT_OK && received->sender_type != MLS_SENDER_MEMBER)
        status = titles_note_joiner(client, inbox, entry, received);
    return status ? status : enter_epoch(client, inbox);
}

/* Our own commit came back before its answer did. */
static int
take_own_commit(struct sotto_client *client, struct inbox *inbox,
                const Sotto__Chat__V1__Entry *entry)
{
    int problem = mls_group_merge_pending(inbox->group);
    if (problem)
        return group_trouble(client, TR("enter the new epoch"), problem);
    int status = changes_own_commit(client, &inbox->chat, inbox->group, entry->seq, entry->ts_ms);
    return status ? status : enter_epoch(client, inbox);
}

/* ---- one entry ------------------------------------------------------------------------------- */

static int
take_received(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry,
              const struct mls_received *received)
{
    switch (received->kind) {
    case MLS_RECEIVED_APPLICATION: return take_application(client, inbox, entry, received);
    case MLS_RECEIVED_COMMIT: return take_commit(client, inbox, entry, received);
    case MLS_RECEIVED_OWN_COMMIT: return take_own_commit(client, inbox, entry);
    case MLS_RECEIVED_PROPOSAL: return changes_proposal(client, inbox, entry, received);
    }
    return SOTTO_CLIENT_OK;
}

static bool
is_from_this_device(struct sotto_client *client, const Sotto__Chat__V1__Entry *entry)
{
    return entry->sender_device.len == ID_BYTES && entry->sender_user.len == ID_BYTES &&
           id_equal(entry->sender_device.data, client->account.device_id) &&
           id_equal(entry->sender_user.data, client->account.user_id);
}

/* A message of this device: of this profile, or of a later one that this is an old copy of. */
static int
take_own(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry)
{
    bool ours = false;
    int status = copies_own_entry(client, inbox, entry, &ours);
    if (status || ours)
        return status;
    return note_undecryptable(client, inbox, entry,
                              TR("sent from this device; this profile is an older copy"));
}

/* What members send is taken for what it is, whatever kind the server says: else a name would be enough to hide it. */
static bool
is_servers_own(const Sotto__Chat__V1__Entry *entry)
{
    struct mls_message_info info;
    return mls_message_info((struct mls_bytes){entry->message.data, entry->message.len}, &info) &&
           (entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ROLE ||
            entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_REPORT ||
            entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_RESET ||
            entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ACCOUNT_DELETED);
}

static int
take_servers_own(struct sotto_client *client, struct inbox *inbox,
                 const Sotto__Chat__V1__Entry *entry)
{
    if (entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_REPORT)
        return report_taken(client, inbox, entry);
    if (entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_RESET)
        return offer_told(client, inbox, entry);
    if (entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ACCOUNT_DELETED)
        return changes_account_deleted(client, inbox, entry);
    return inbox->chat.state == CHAT_READY ? changes_role(client, inbox, entry) : SOTTO_CLIENT_OK;
}

static int
process(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry)
{
    bool application = entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_APPLICATION;
    if (application && entry->message.len == 0 && is_from_this_device(client, entry))
        return take_own(client, inbox, entry);
    if (is_servers_own(entry))
        return take_servers_own(client, inbox, entry);
    if (inbox->chat.state == CHAT_RESET)
        return offer_disproved(client, inbox);
    if (application && inbox->chat.state == CHAT_BROKEN)
        return note_undecryptable(client, inbox, entry,
                                  TR("this device missed changes of the group"));
    if (!inbox->group || inbox->chat.state != CHAT_READY)
        return SOTTO_CLIENT_OK;
    struct mls_bytes message = {entry->message.data, entry->message.len};
    if (!leaving_allows(inbox->group, message))
        return note_undecryptable(client, inbox, entry,
                                  TR("it proposes what members do not propose to a chat"));
    struct mls_received received = {0};
    client->mls_now = (uint64_t)(entry->ts_ms / 1000);
    int problem = mls_group_process(inbox->group, message, &received);
    if (problem)
        return take_refused(client, inbox, entry, problem);
    int status = take_received(client, inbox, entry, &received);
    mls_received_fini(&received);
    return status;
}

/* Own messages that were recorded when their answer came are steps the cursor may take without
 * an event: the server does not push them back. */
static int
step_over_own(struct sotto_client *client, struct chat *chat, uint64_t seq)
{
    int64_t own = 0;
    int status = query_number(&client->profile, &own, &client->error,
                              "SELECT COUNT(*) FROM messages WHERE chat_id = ? AND seq > ?"
                              " AND seq < ? AND client_msg_id > 0",
                              BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)chat->cursor),
                                    bind_int((int64_t)seq)));
    if (status == SOTTO_CLIENT_OK && (uint64_t)own == seq - chat->cursor - 1)
        chat->cursor = seq - 1;
    return status;
}

/* A chat's log has no holes but those that the server tells of (inbox_gap): what is missing between the
 * cursor and this entry was held back. */
static int
note_hole(struct sotto_client *client, const struct inbox *inbox,
          const Sotto__Chat__V1__Entry *entry)
{
    char note[96];
    struct message message = {
        .seq = inbox->chat.cursor + 1,
        .kind = KIND_GAP,
        .epoch = inbox->chat.epoch,
        .ts_ms = entry->ts_ms,
    };
    memcpy(message.chat_id, inbox->chat.id, ID_BYTES);
    snprintf(note, sizeof(note), "%llu..%llu", (unsigned long long)message.seq,
             (unsigned long long)entry->seq - 1);
    return message_store(client, &message, NULL, note);
}

int
inbox_entry(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry,
            bool live)
{
    if (entry->chat_id.len != ID_BYTES || !seq_is_possible(entry->seq))
        return SOTTO_CLIENT_OK;
    int status = inbox_pick_up(client, inbox, entry->chat_id.data);
    if (status)
        return status;
    struct chat *chat = &inbox->chat;
    if (!chat->exists) {
        inbox->gap = inbox->gap || live; /* its invitation is on the way: ask */
        return SOTTO_CLIENT_OK;
    }
    if (chat->state == CHAT_CREATING || chat->state == CHAT_LEFT || entry->seq <= chat->cursor)
        return SOTTO_CLIENT_OK;
    if (chat->state == CHAT_OFFERED) {
        chat->cursor = entry->seq;
        inbox->moved = inbox->dirty = true;
        return SOTTO_CLIENT_OK;
    }
    if (entry->seq > chat->cursor + 1)
        status = step_over_own(client, chat, entry->seq);
    if (status)
        return status;
    if (live && entry->seq > chat->cursor + 1) {
        inbox->gap = true;
        return SOTTO_CLIENT_OK;
    }
    if (entry->seq > chat->cursor + 1)
        status = note_hole(client, inbox, entry);
    if (status)
        return status;
    if (live && leaving_is_asked(entry)) { /* it comes again, with the key log */
        inbox->gap = true;
        return SOTTO_CLIENT_OK;
    }
    status = process(client, inbox, entry);
    chat->cursor = entry->seq;
    inbox->moved = true;
    if (entry->ts_ms > chat->last_ts)
        chat->last_ts = entry->ts_ms;
    inbox->dirty = true;
    return status;
}
