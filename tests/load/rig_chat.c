/* SPDX-License-Identifier: MIT */
/*
 * Chats of the load rig: see rig_user.h. The first member makes a real MLS group and adds the others, as many a commit
 * as the server takes; their KeyPackages are made on the spot and never see keyx.
 */
#include "rig_user.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/chat/chat.pb-c.h"

#define CHAT "sotto.chat.v1.ChatService/"
#define SUITE 3
#define LIFETIME_S (90 * 24 * 3600)
#define ADDS_A_COMMIT 200

static int
trust_everyone(void *arg, const struct mls_credential_view *credential)
{
    (void)arg;
    (void)credential;
    return 0;
}

struct mls_config
rig_mls_config(void)
{
    return (struct mls_config){
        .provider = mls_provider_default(),
        .check_credential = trust_everyone,
        .now = mls_clock_default,
    };
}

struct mls_client
rig_mls_client(const struct rig_user *user)
{
    const uint64_t now = mls_clock_default(NULL);

    return (struct mls_client){
        .signature_seed = user->device_seed,
        .identity = {user->certificate, user->certificate_size},
        .lifetime = {now - 3600, now + LIFETIME_S},
    };
}

int
rig_key_package(const struct rig_user *user, struct mls_buf *message_out,
                struct mls_buf *private_out)
{
    const struct mls_config config = rig_mls_config();
    const struct mls_client self = rig_mls_client(user);

    return mls_key_package_create(&config, &self, SUITE, message_out, private_out);
}

/* ---- Commits ---- */

enum { COMMIT, WELCOME, GROUP_INFO, START, PARTS };

/* A commit that adds the users, and the group before it when it is the first. */
static int
make_commit(struct mls_group *group, struct rig_user *const *users, size_t count,
            struct mls_buf out[PARTS])
{
    struct mls_proposal *adds = calloc(count + 1, sizeof(*adds));
    struct mls_buf *packages = calloc(count + 1, sizeof(*packages)), secret;
    struct mls_commit_options options = {.proposals = adds, .proposal_count = count};
    int result = adds != NULL && packages != NULL ? 0 : -1;

    for (size_t i = 0; i < count && result == 0; i++) {
        mls_buf_init(&secret);
        result = rig_key_package(users[i], &packages[i], &secret);
        mls_buf_fini(&secret);
        adds[i].type = MLS_PROPOSAL_ADD;
        adds[i].key_package = (struct mls_bytes){packages[i].data, packages[i].len};
    }
    if (result == 0 && mls_group_epoch(group) == 0)
        result = mls_group_export_info(group, true, &out[START]);
    if (result == 0)
        result = mls_group_commit(group, &options, &out[COMMIT], &out[WELCOME], &out[GROUP_INFO]);
    for (size_t i = 0; packages != NULL && i < count; i++)
        mls_buf_fini(&packages[i]);
    free(packages);
    free(adds);
    if (result != 0)
        fprintf(stderr, "load: making a commit: %s\n", mls_error_text(result));
    return result;
}

static ProtobufCBinaryData
binary(const struct mls_buf *buf)
{
    return (ProtobufCBinaryData){.len = buf->len, .data = buf->data};
}

/* Create for the first commit of a chat, Commit for the others. Moves the chat's epoch. */
static int
send_bundle(struct rig_chat *chat, struct rig_conn *conn, bool is_direct,
            const struct mls_buf parts[PARTS])
{
    Sotto__Chat__V1__CreateRequest create = SOTTO__CHAT__V1__CREATE_REQUEST__INIT;
    Sotto__Chat__V1__CommitRequest commit = SOTTO__CHAT__V1__COMMIT_REQUEST__INIT;
    Sotto__Chat__V1__Bundle bundle = SOTTO__CHAT__V1__BUNDLE__INIT;
    Sotto__Chat__V1__CommitReply *reply;
    const bool is_first = chat->epoch == 0;

    bundle.commit = binary(&parts[COMMIT]);
    bundle.welcome = binary(&parts[WELCOME]);
    bundle.group_info = binary(&parts[GROUP_INFO]);
    bundle.start = binary(&parts[START]);
    create.chat_id = commit.chat_id = (ProtobufCBinaryData){.len = 16, .data = chat->chat_id};
    create.type = is_direct ? SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT
                            : SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_GROUP;
    create.mode = SOTTO__CHAT__V1__MODE__MODE_ARCHIVE;
    create.suite = SUITE;
    create.first = commit.bundle = &bundle;
    if (rig_call(conn, is_first ? CHAT "Create" : CHAT "Commit",
                 is_first ? &create.base : &commit.base, &sotto__chat__v1__commit_reply__descriptor,
                 (ProtobufCMessage **)&reply) != 0) {
        fprintf(stderr, "load: %s: %s\n", is_first ? "Create" : "Commit", conn->error);
        return -1;
    }
    chat->epoch = reply->epoch;
    protobuf_c_message_free_unpacked(&reply->base, NULL);
    return 0;
}

static int
add_some(struct rig_chat *chat, struct rig_conn *conn, struct mls_group *group, bool is_direct,
         struct rig_user *const *users, size_t count)
{
    struct mls_buf parts[PARTS];
    int result;

    for (size_t i = 0; i < PARTS; i++)
        mls_buf_init(&parts[i]);
    result = make_commit(group, users, count, parts);
    if (result == 0)
        result = send_bundle(chat, conn, is_direct, parts);
    if (result == 0)
        result = mls_group_merge_pending(group);
    for (size_t i = 0; i < PARTS; i++)
        mls_buf_fini(&parts[i]);
    return result;
}

int
rig_chat_create(struct rig_chat *chat, struct rig_conn *conn, struct rig_user *const *users,
                size_t count)
{
    const struct mls_config config = rig_mls_config();
    const struct mls_client self = rig_mls_client(users[0]);
    struct mls_group_params params = {.suite = SUITE, .group_id = {chat->chat_id, 16}};
    struct mls_group *group = NULL;
    int result;

    randombytes_buf(chat->chat_id, 16);
    chat->epoch = 0;
    result = mls_group_create(&config, &self, &params, &group);
    for (size_t done = 1; done < count && result == 0; done += ADDS_A_COMMIT) {
        const size_t left = count - done;

        result = add_some(chat, conn, group, count == 2, users + done,
                          left < ADDS_A_COMMIT ? left : ADDS_A_COMMIT);
    }
    mls_group_destroy(&group);
    return result == 0 ? 0 : -1;
}

int
rig_chat_joined(struct rig_conn *conn, ProtobufCBinaryData *chat_ids, size_t count)
{
    Sotto__Chat__V1__AckRequest request = SOTTO__CHAT__V1__ACK_REQUEST__INIT;
    ProtobufCMessage *reply;

    request.welcomes_joined = chat_ids;
    request.n_welcomes_joined = count;
    if (rig_call(conn, CHAT "Ack", &request.base, &sotto__chat__v1__ack_reply__descriptor,
                 &reply) != 0)
        return -1;
    protobuf_c_message_free_unpacked(reply, NULL);
    return 0;
}

/* ---- Messages ---- */

static uint8_t *
put_opaque(uint8_t *at, const void *data, size_t size)
{
    if (size < 64) {
        *at++ = (uint8_t)size;
    } else {
        *at++ = (uint8_t)(0x40 | size >> 8);
        *at++ = (uint8_t)size;
    }
    memcpy(at, data, size);
    return at + size;
}

size_t
rig_private_message(const struct rig_chat *chat, size_t size, uint8_t *out)
{
    static const uint8_t noise[16 * 1024];
    uint8_t *at = out;

    *at++ = 0;
    *at++ = 1; /* ProtocolVersion mls10 */
    *at++ = 0;
    *at++ = MLS_WIRE_PRIVATE_MESSAGE;
    at = put_opaque(at, chat->chat_id, 16);
    for (int shift = 56; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(chat->epoch >> shift);
    *at++ = MLS_CONTENT_APPLICATION;
    at = put_opaque(at, noise, 0);
    at = put_opaque(at, noise, 28); /* encrypted_sender_data */
    at = put_opaque(at, noise, size < sizeof(noise) ? size : sizeof(noise) - 1);
    return (size_t)(at - out);
}
