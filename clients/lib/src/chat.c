/* SPDX-License-Identifier: MIT */
/*
 * New chats. The group is made here, with everybody's devices added in its first commit, and stored
 * with the encoded call before the server hears of it. Until the server has answered the chat is
 * CHAT_CREATING; the call is repeated, byte for byte, and the server answers a repeat like the
 * first. The lock is held meanwhile, so nobody else takes a chat in the making for one that was
 * left behind.
 */
#include "chat.h"

#include "group.h"
#include "notice.h"
#include "offer.h"
#include "outbox.h"
#include "session.h"
#include "sync.h"
#include "text.h"
#include "trust.h"
#include "upkeep.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SEQ 1 /* of a chat's log: the commit that makes it */
#define SENDERS_BYTES_MAX 256
#define LEAF_LIFETIME_SECONDS (365 * 86400)

/* ---- finishing ------------------------------------------------------------------------------- */

int
chat_queue_title(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], const char *title,
                 bool told)
{
    Sotto__Content__V1__Content content;
    Sotto__Content__V1__ChatInfo info = SOTTO__CONTENT__V1__CHAT_INFO__INIT;
    uint8_t id[ID_BYTES];
    struct buf encoded = {0};
    uint64_t number;
    outbox_content(&content, id);
    info.title = (char *)(uintptr_t)title;
    info.told = told;
    content.body_case = SOTTO__CONTENT__V1__CONTENT__BODY_CHAT_INFO;
    content.chat_info = &info;
    buf_pack(&encoded, &content.base);
    int status = outbox_add_within(client, chat_id, &encoded, 1, OUTBOX_DROP, &number);
    buf_fini(&encoded);
    return status;
}

int
chat_send_title(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], const char *title,
                bool told)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = chat_queue_title(client, chat_id, title, told);
    status = profile_end(&client->profile, status, &client->error);
    return status ? status : outbox_flush(client);
}

/* The server has the chat, and we are in epoch 1. The title is queued in the same transaction, because
 * nobody would send it after an end right behind it. */
static int
enter_first(struct sotto_client *client, struct chat *chat, const struct mls_group *group,
            const Sotto__Chat__V1__CommitReply *reply)
{
    chat->state = CHAT_READY;
    chat->read_seq = reply->seq;
    chat->last_ts = reply->ts_ms;
    int status = group_save(client, chat, group);
    if (status == SOTTO_CLIENT_OK)
        status = notice_start(client, chat->id, group);
    if (status == SOTTO_CLIENT_OK && chat->title[0])
        status = chat_queue_title(client, chat->id, chat->title, true);
    return status ? status : offer_entered(client, chat->id);
}

/* Sends the stored Create. Whatever the server says for good, the chat is no longer in the
 * making. existing_out (may be NULL) gets the id of the direct chat that the pair has already;
 * the status is EFAILED all the same. */
static int
finish_creation(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                uint8_t existing_out[ID_BYTES])
{
    struct buf call = {0};
    struct buf details = {0};
    Sotto__Chat__V1__CommitReply *reply = NULL;
    int status = chat_get_blob(client, chat_id, CHAT_BLOB_PENDING_CALL, &call);
    if (status)
        return status;
    Sotto__Chat__V1__CreateRequest *request =
        pb_unpack(&sotto__chat__v1__create_request__descriptor, call.data, call.len);
    buf_fini(&call);
    if (!request)
        return chat_delete(client, chat_id);
    status = rpc(client, CHAT_METHOD("Create"), &request->base,
                 &sotto__chat__v1__commit_reply__descriptor, &reply, &details);
    pb_free(request);
    if (status == SOTTO_CLIENT_OK && reply->seq != FIRST_SEQ) {
        status = fail_malformed(&client->error); /* the call stays, and is repeated */
    } else if (status == SOTTO_CLIENT_OK) {
        status = group_accepted(client, chat_id, reply, enter_first);
    } else if (is_refused(client, status) && strcmp(client->error.code, "resource_exhausted")) {
        struct sotto_client_error kept = client->error;
        Sotto__Chat__V1__CreateConflict *conflict =
            pb_unpack(&sotto__chat__v1__create_conflict__descriptor, details.data, details.len);
        if (conflict && existing_out)
            take_bytes(conflict->chat_id, existing_out, ID_BYTES);
        pb_free(conflict);
        int deleted = chat_delete(client, chat_id);
        status = deleted ? deleted : kept.status;
        if (!deleted)
            client->error = kept;
    }
    pb_free(reply);
    buf_fini(&details);
    return status;
}

int
chat_finish_creations(struct sotto_client *client)
{
    int64_t creating = 0;
    int status = query_number(&client->profile, &creating, &client->error,
                              "SELECT COUNT(*) FROM chats WHERE state = 2", NULL, 0);
    if (status || creating == 0)
        return status;
    struct chat *chats = NULL;
    size_t count = 0;
    status = profile_lock(&client->profile, &client->error);
    if (status)
        return status;
    status = chat_list(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        if (chats[i].state != CHAT_CREATING)
            continue;
        status = finish_creation(client, chats[i].id, NULL);
        /* Refused: the chat is gone again, which is all there is to do about it here. */
        if (is_refused(client, status))
            status = SOTTO_CLIENT_OK;
    }
    free(chats);
    profile_unlock(&client->profile);
    return status;
}

/* ---- finding --------------------------------------------------------------------------------- */

int
chat_resolve(struct sotto_client *client, const char *text, struct chat *chat_out)
{
    int status = chat_find(client, text, chat_out);
    if (status != SOTTO_CLIENT_EFAILED || strcmp(client->error.code, "not_found"))
        return status;
    struct sotto_client_error kept = client->error;
    status = sync_run(client, false);
    if (status)
        return status;
    client->error = kept;
    return chat_find(client, text, chat_out);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* The extension external_senders of groups to be made; none when empty. */
struct senders {
    uint8_t data[SENDERS_BYTES_MAX];
    size_t len;
};

static int
read_mode(struct sotto_client *client, const char *mode, int *mode_out)
{
    static const char *const names[] = {"archive", "relay", "peers", "ephemeral"};
    *mode_out = 1;
    if (!mode)
        return SOTTO_CLIENT_OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(mode, names[i])) {
            *mode_out = (int)i + 1;
            return SOTTO_CLIENT_OK;
        }
    return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                "\"%.32s\" is no mode: archive, relay, peers or ephemeral", mode);
}

static int
make_plan(struct sotto_client *client, const struct sotto_client_new *what, struct chat_plan *plan)
{
    if (what->name_count == 0 || what->name_count > CHAT_NAMES_MAX)
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "a new chat needs 1 to %d names", CHAT_NAMES_MAX);
    int status = read_mode(client, what->mode, &plan->mode);
    if (status == SOTTO_CLIENT_OK && what->title)
        status = check_text(TR("title"), what->title, SOTTO_CLIENT_TITLE_CHARS, &client->error);
    if (status == SOTTO_CLIENT_OK)
        status = contact_look_up(client, what->names, what->name_count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < what->name_count; i++) {
        struct contact contact;
        bool known = false;
        status = contact_find(client, what->names[i], &contact);
        for (size_t k = 0; status == SOTTO_CLIENT_OK && k < plan->count; k++)
            known = known || id_equal(plan->users[k], contact.user_id);
        if (status == SOTTO_CLIENT_OK && !known &&
            !id_equal(contact.user_id, client->account.user_id))
            memcpy(plan->users[plan->count++], contact.user_id, ID_BYTES);
    }
    if (status)
        return status;
    if (plan->count == 0)
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "a chat needs somebody else than yourself");
    plan->title = what->title;
    plan->type = plan->count == 1 && !what->title ? CHAT_DIRECT : CHAT_GROUP;
    memcpy(plan->users[plan->count++], client->account.user_id, ID_BYTES);
    return SOTTO_CLIENT_OK;
}

/* Who may ask to take removed devices out: the server's word, which is enough, since what it asks is judged each time
 * (leaving.h), and the group lists it from now on. */
static int
learn_senders(struct sotto_client *client, struct senders *senders)
{
    Sotto__Chat__V1__GetExternalSenderRequest request =
        SOTTO__CHAT__V1__GET_EXTERNAL_SENDER_REQUEST__INIT;
    Sotto__Chat__V1__GetExternalSenderReply *reply = NULL;
    int status = rpc(client, CHAT_METHOD("GetExternalSender"), &request.base,
                     &sotto__chat__v1__get_external_sender_reply__descriptor, &reply, NULL);
    if (status == SOTTO_CLIENT_OK && reply->external_senders.len > sizeof(senders->data))
        status = fail_malformed(&client->error);
    if (status == SOTTO_CLIENT_OK) {
        senders->len = reply->external_senders.len;
        if (senders->len)
            memcpy(senders->data, reply->external_senders.data, senders->len);
    }
    pb_free(reply);
    return status;
}

static int
create_group(struct sotto_client *client, const struct senders *senders, const struct chat *chat,
             struct mls_group **group_out)
{
    const struct mls_extension extension = {MLS_EXTENSION_EXTERNAL_SENDERS,
                                            {senders->data, senders->len}};
    struct mls_config config;
    uint64_t now = (uint64_t)wall_seconds();
    struct mls_client self = group_mls_client(client);
    struct mls_group_params params = {
        .suite = GROUP_SUITE,
        .group_id = {chat->id, ID_BYTES},
        .extensions = &extension,
        .extension_count = senders->len > 0,
    };
    self.lifetime = (struct mls_lifetime){now - 3600, now + LEAF_LIFETIME_SECONDS};
    group_config(client, &config);
    int problem = mls_group_create(&config, &self, &params, group_out);
    return problem ? group_trouble(client, "make the chat", problem) : SOTTO_CLIENT_OK;
}

/* Stores the chat in the making. */
static int
store_creation(struct sotto_client *client, struct chat *chat, const struct chat_plan *plan,
               const struct mls_group *group, const struct group_bundle *bundle)
{
    Sotto__Chat__V1__CreateRequest request = SOTTO__CHAT__V1__CREATE_REQUEST__INIT;
    Sotto__Chat__V1__Bundle first;
    struct buf call = {0};
    group_bundle_view(bundle, &first);
    request.chat_id = view(chat->id, ID_BYTES);
    request.type = (Sotto__Chat__V1__ChatType)plan->type;
    request.mode = (Sotto__Chat__V1__Mode)plan->mode;
    request.suite = GROUP_SUITE;
    request.first = &first;
    if (plan->resets)
        request.resets = view(plan->resets, ID_BYTES);
    buf_pack(&call, &request.base);
    int status = profile_begin(&client->profile, &client->error);
    if (status == SOTTO_CLIENT_OK) {
        status = group_save(client, chat, group);
        if (status == SOTTO_CLIENT_OK)
            status = chat_set_members(client, chat->id, plan->users, plan->count);
        if (status == SOTTO_CLIENT_OK)
            status = chat_set_role(client, chat->id, client->account.user_id, ROLE_OWNER);
        if (status == SOTTO_CLIENT_OK)
            status = upkeep_note_new(client, chat->id);
        if (status == SOTTO_CLIENT_OK)
            status = chat_set_blob(client, chat->id, CHAT_BLOB_PENDING_CALL, call.data, call.len);
        status = profile_end(&client->profile, status, &client->error);
    }
    buf_fini(&call);
    return status;
}

/* Makes the chat with the devices of one commit. The lock is held. */
static int
create_with(struct sotto_client *client, const struct chat_plan *plan,
            const struct senders *senders, const ProtobufCBinaryData *packages, size_t count,
            struct chat *chat, uint8_t existing_out[ID_BYTES])
{
    struct mls_group *group = NULL;
    struct group_bundle bundle = {0};
    *chat = (struct chat){.type = plan->type,
                          .mode = plan->mode,
                          .state = CHAT_CREATING,
                          .last_ts = wall_ms(),
                          .has_inviter = true};
    if (plan->resets)
        offer_make_id(plan->resets, chat->id);
    else
        randombytes_buf(chat->id, ID_BYTES);
    memcpy(chat->inviter, client->account.user_id, ID_BYTES);
    snprintf(chat->title, sizeof(chat->title), "%s", plan->title ? plan->title : "");
    int status = create_group(client, senders, chat, &group);
    if (status == SOTTO_CLIENT_OK)
        status = group_make_commit(client, group, packages, count, &bundle);
    if (status == SOTTO_CLIENT_OK)
        status = store_creation(client, chat, plan, group, &bundle);
    mls_group_destroy(&group);
    group_bundle_fini(&bundle);
    return status ? status : finish_creation(client, chat->id, existing_out);
}

int
chat_make(struct sotto_client *client, const struct chat_plan *plan, struct chat *chat_out,
          uint8_t existing_out[ID_BYTES])
{
    Sotto__Keyx__V1__ClaimKeyPackagesReply *claim = NULL;
    struct senders senders;
    struct chat chat;
    int status = learn_senders(client, &senders);
    if (status == SOTTO_CLIENT_OK)
        status = group_claim(client, plan->users, plan->count, &claim);
    if (status)
        return status;
    size_t count = claim->n_key_packages;
    ProtobufCBinaryData *packages = group_packages(claim);
    size_t first = count < ADDS_PER_COMMIT ? count : ADDS_PER_COMMIT;
    status = profile_lock(&client->profile, &client->error);
    if (status == SOTTO_CLIENT_OK) {
        status = create_with(client, plan, &senders, packages, first, &chat, existing_out);
        profile_unlock(&client->profile);
    }
    if (status == SOTTO_CLIENT_OK && count > first)
        status = group_add(client, chat.id, packages + first, count - first);
    free(packages);
    pb_free(claim);
    if (status == SOTTO_CLIENT_OK && plan->title)
        status = outbox_flush(client);
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, chat.id, chat_out);
    return status;
}

/* The pair has a chat already: find it, or describe it when this device is not in it yet. The id is
 * the server's word, so it must be that of a chat with this user and nobody else. */
static int
use_existing(struct sotto_client *client, const struct chat_plan *plan,
             const uint8_t existing[ID_BYTES], struct chat *chat_out)
{
    int status = sync_run(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, existing, chat_out);
    if (status == SOTTO_CLIENT_OK && chat_out->exists) {
        struct chat direct;
        status = chat_find_direct(client, plan->users[0], &direct);
        if (status == SOTTO_CLIENT_OK && (!direct.exists || !id_equal(direct.id, existing)))
            status = fail(&client->error, SOTTO_CLIENT_EFAILED, "data_loss",
                          "the server named a chat that is not the one with this user");
    } else if (status == SOTTO_CLIENT_OK) {
        *chat_out = (struct chat){.type = plan->type, .mode = plan->mode};
        memcpy(chat_out->id, existing, ID_BYTES);
        struct contact contact;
        status = contact_load(client, plan->users[0], &contact);
        if (status == SOTTO_CLIENT_OK)
            snprintf(chat_out->title, sizeof(chat_out->title), "%s", contact.name);
    }
    return status;
}

static int
create_or_find(struct sotto_client *client, const struct chat_plan *plan, struct chat *chat_out)
{
    static const uint8_t none[ID_BYTES];
    uint8_t existing[ID_BYTES] = {0};
    int status = SOTTO_CLIENT_OK;
    *chat_out = (struct chat){0};
    if (plan->type == CHAT_DIRECT)
        status = chat_find_direct(client, plan->users[0], chat_out);
    if (status ||
        (chat_out->exists && (chat_out->state == CHAT_READY || chat_out->state == CHAT_RESET)))
        return status;
    status = chat_make(client, plan, chat_out, existing);
    if (status == SOTTO_CLIENT_EFAILED && !id_equal(existing, none))
        status = use_existing(client, plan, existing, chat_out);
    return status;
}

int
sotto_client_new(struct sotto_client *client, const struct sotto_client_new *what,
                 sotto_client_chat_fn each, void *arg)
{
    struct chat_plan plan = {0};
    struct chat chat;
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = make_plan(client, what, &plan);
    if (status == SOTTO_CLIENT_OK)
        status = create_or_find(client, &plan, &chat);
    return status ? status : chat_show(client, &chat, NULL, each, arg);
}
