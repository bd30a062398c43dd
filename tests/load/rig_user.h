/* SPDX-License-Identifier: MIT */
/*
 * Accounts and chats of the load rig: registered through the real methods, with a key-stretching function
 * that costs nothing, because Argon2id runs on clients and is not what a server's bench measures.
 */
#ifndef RIG_USER_H
#define RIG_USER_H

#include "rig_conn.h"

#include "mls/mls.h"
#include "opaque/opaque.h"

struct rig_user {
    char name[33];
    uint8_t user_id[16];
    uint8_t device_id[16];
    uint8_t identity_seed[32], device_seed[32];
    uint8_t identity_key[32], device_key[32];
    uint8_t certificate[256];
    size_t certificate_size;
    char access_token[2049];
    uint8_t refresh_token[32];
    uint8_t export_key[64];
};

struct rig_chat {
    uint8_t chat_id[16];
    uint64_t epoch;
};

/* Registers `name` over an open connection, attaches it, publishes identity and device. 0 or -1. */
int rig_user_register(struct rig_user *user, struct rig_conn *conn, const char *name);

/* Binds a fresh connection to the user. 0 or -1. */
int rig_user_attach(const struct rig_user *user, struct rig_conn *conn);

/* A login of a registered user in two calls, without waiting. */
struct rig_login {
    enum { RIG_LOGIN_IDLE, RIG_LOGIN_STARTED, RIG_LOGIN_FINISHED } step;
    struct opaque_client opaque;
};
/* Queues LoginStart. */
void rig_login_start(struct rig_login *login, const struct rig_user *user, struct rig_conn *conn);
/* Takes the body of the reply to LoginStart and queues LoginFinish; 0, or -1 when the server does not know the
 * record. */
int rig_login_finish(struct rig_login *login, const struct rig_user *user, struct rig_conn *conn,
                     const ProtobufCBinaryData *body);

/* For groups of the rig: everybody is trusted. */
struct mls_config rig_mls_config(void);
/* Who the user says that it is, for a leaf made now; borrowed. */
struct mls_client rig_mls_client(const struct rig_user *user);
/* A KeyPackage of the user's device and its private half; an MLS error code. */
int rig_key_package(const struct rig_user *user, struct mls_buf *message_out,
                    struct mls_buf *private_out);

/* Creates a chat of the first user with the others, at most 200 in a commit, through its attached connection; the first
 * user's device alone can follow what it made. 0 or -1. */
int rig_chat_create(struct rig_chat *chat, struct rig_conn *conn, struct rig_user *const *users,
                    size_t count);

/* Tells the server that the Welcomes of these chats were used, as every client does: until then each page of Sync
 * carries them once more, with the whole tree of the group. Chat ids are borrowed. 0, or -1 with conn->error set. */
int rig_chat_joined(struct rig_conn *conn, ProtobufCBinaryData *chat_ids, size_t count);

/* Writes an MLSMessage(PrivateMessage) whose clear part is right for the chat and whose `size` bytes of
 * ciphertext are noise: the server reads nothing else. Returns its length, at most size + 64. */
size_t rig_private_message(const struct rig_chat *chat, size_t size, uint8_t *out);

#endif
