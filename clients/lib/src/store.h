/* SPDX-License-Identifier: MIT */
/*
 * Chats and messages as the profile keeps them. Every function here is one or a few statements;
 * whoever changes several things that belong together wraps them in a transaction.
 */
#ifndef CLIENT_STORE_H
#define CLIENT_STORE_H

#include "state.h"

enum chat_state {
    CHAT_READY = 1,
    CHAT_CREATING = 2, /* made here, the server's answer is not in yet */
    CHAT_BROKEN = 3,   /* a commit could not be followed: this device must be added anew */
    CHAT_LEFT = 4,     /* this device is no longer a member; the archive stays */
    CHAT_RESET =
        5, /* closed: another chat takes its place, which waits to be confirmed (offer.h) */
    CHAT_OFFERED = 6, /* such a chat: nothing of it is shown, sent or taken but the cursor */
};

/* What a chat that is CHAT_LEFT knows of it. */
enum chat_left {
    LEFT_UNPROVEN = 0, /* the server said so; no commit or proposal came that proves it */
    LEFT_SELF = 1,     /* by a proposal of our own, signed by one of our devices */
    LEFT_REMOVED = 2,  /* by a commit, signed by the member left_by */
    LEFT_DELETED = 3,  /* the chat is gone for everybody: left_by deleted it, says the server */
    LEFT_REPLACED = 4, /* left_by started it anew, and this device is in the new one */
};

/* Values of sotto.chat.v1.ChatType. */
enum chat_type { CHAT_DIRECT = 1, CHAT_GROUP = 2 };

#define CHAT_TITLE_BYTES (SOTTO_CLIENT_TITLE_CHARS * 4 + 1) /* with its final zero */

struct chat {
    bool exists;
    uint8_t id[ID_BYTES];
    int type;
    int mode; /* sotto.chat.v1.Mode */
    int state;
    uint64_t cursor; /* seq of the last entry that was processed */
    uint64_t acked;  /* the same as the server knows it */
    uint64_t read_seq;
    int64_t last_ts; /* milliseconds */
    uint64_t epoch;
    char title[CHAT_TITLE_BYTES];
    uint64_t title_seq; /* of the message that gave it: our own is known before what came earlier */
    bool has_inviter;
    uint8_t inviter[ID_BYTES]; /* who made the chat or added us: whose title we take at first */
    uint64_t proposals;        /* kept in the group: to be committed before anything is sent */
    /* Its keys were used by another copy of this profile (copies.h); 0: none. */
    uint64_t spent_epoch;
    /* Seq of the commit of a joiner who is to be told it (titles.h); 0: none. */
    uint64_t title_owed;
    enum chat_left left_how;
    uint8_t left_by[ID_BYTES];     /* unless LEFT_UNPROVEN */
    int64_t left_ms;               /* likewise; the server's clock */
    uint8_t replaced_by[ID_BYTES]; /* of LEFT_REPLACED: that one */
};

/* This device was in the chat and is not any more; one that was replaced is over for all. */
static inline bool
chat_is_away(const struct chat *chat)
{
    return chat->state == CHAT_LEFT && chat->left_how != LEFT_REPLACED;
}

/* Sequence numbers begin at 1, and SQLite's integers end at 2^63 - 1. */
static inline bool
seq_is_possible(uint64_t seq)
{
    return seq > 0 && seq <= INT64_MAX;
}

int chat_load(struct sotto_client *client, const uint8_t id[ID_BYTES], struct chat *chat_out);
/* Inserts or updates everything but the MLS state and the pending call, which go when the chat is left: whoever steals
 * the profile later finds no key of a group that we are not in. */
int chat_store(struct sotto_client *client, const struct chat *chat);
/* Deletes a chat with its members; its messages stay if it has any. */
int chat_delete(struct sotto_client *client, const uint8_t id[ID_BYTES]);

/* The same with its messages and what waits to be sent. */
int chat_forget(struct sotto_client *client, const uint8_t id[ID_BYTES]);

/* All chats, the latest first, in memory of their own (free). */
int chat_list(struct sotto_client *client, struct chat **chats_out, size_t *count_out);

/* The chat of two with a user; exists is false when there is none. */
int chat_find_direct(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                     struct chat *chat_out);

/* Finds a chat by id, beginning of an id, title or user name. Error when none or several fit. */
int chat_find(struct sotto_client *client, const char *text, struct chat *chat_out);

/* Names of the members in alphabetical order, in one block of memory (free). */
int chat_member_names(struct sotto_client *client, const uint8_t id[ID_BYTES],
                      char (**names_out)[SOTTO_CLIENT_NAME_BYTES], size_t *count_out);

/* The title to show: its own, the other's name in a chat of two, else the names of the members. */
int chat_show_title(struct sotto_client *client, const struct chat *chat, struct buf *text_out);

/* Users of a chat as the MLS group has them, without those who are leaving. Who was there before
 * keeps the role, who is new is a member. list: memory of its own (free). */
int chat_set_members(struct sotto_client *client, const uint8_t id[ID_BYTES],
                     const uint8_t (*user_ids)[ID_BYTES], size_t count);
int chat_members(struct sotto_client *client, const uint8_t id[ID_BYTES],
                 uint8_t (**user_ids_out)[ID_BYTES], size_t *count_out);

int chat_drop_member(struct sotto_client *client, const uint8_t id[ID_BYTES],
                     const uint8_t user_id[ID_BYTES]);
bool chat_lists_member(const uint8_t (*user_ids)[ID_BYTES], size_t count,
                       const uint8_t user_id[ID_BYTES]);

/* Values of sotto.chat.v1.Role. */
enum chat_role { ROLE_OWNER = 1, ROLE_ADMIN = 2, ROLE_MEMBER = 3 };

/* owner, admin, member; "" for anything else. */
const char *chat_role_name(int role);

/* A member's role as the log says it at the chat's cursor: a sotto.chat.v1.Role, 0 for who is no
 * member. Setting does nothing for them. */
int chat_role(struct sotto_client *client, const uint8_t id[ID_BYTES],
              const uint8_t user_id[ID_BYTES], int *role_out);
int chat_set_role(struct sotto_client *client, const uint8_t id[ID_BYTES],
                  const uint8_t user_id[ID_BYTES], int role);

/* Of a chat of two: the other one deleted the account, so that nothing can be sent. name has room for who it is. */
int chat_is_gone(struct sotto_client *client, const struct chat *chat,
                 char name_out[SOTTO_CLIENT_NAME_BYTES], bool *gone_out);
/* The error for whoever wants to write there; 0 where it is not so. */
int chat_gate_gone(struct sotto_client *client, const struct chat *chat);

/* The error for whoever wants something of a chat that is CHAT_LEFT: who ended it, and when. */
int chat_fail_left(struct sotto_client *client, const struct chat *chat);

/* The same for one that is CHAT_RESET. */
int chat_fail_reset(struct sotto_client *client);

/* The sealed columns `mls` and `pending_call`; an empty buffer is NULL. */
enum chat_blob { CHAT_BLOB_MLS, CHAT_BLOB_PENDING_CALL };
int chat_get_blob(struct sotto_client *client, const uint8_t id[ID_BYTES], enum chat_blob which,
                  struct buf *out);
int chat_set_blob(struct sotto_client *client, const uint8_t id[ID_BYTES], enum chat_blob which,
                  const void *data, size_t len);

/* ---- messages -------------------------------------------------------------------------------- */

enum message_kind {
    KIND_TEXT = 1,
    KIND_TITLE, /* told to us as newcomers */
    KIND_JOINED,
    KIND_MEMBER_ADDED,
    KIND_MEMBER_REMOVED,
    KIND_KEY_CHANGED,
    KIND_UNDECRYPTABLE,
    KIND_NOT_KEPT,  /* entries that the server deleted before we read them */
    KIND_UNTRUSTED, /* a text under an identity key that contradicts the known one */
    KIND_GAP,       /* entries that the server held back; seq is the first of them */
    KIND_DELETED,   /* the whole chat, says the server */
    KIND_MEMBER_LEFT,
    KIND_ROLE_CHANGED,
    KIND_RENAMED,
    KIND_DEVICE_ADDED,
    KIND_DEVICE_REMOVED,
    KIND_DEVICE_GONE,     /* removed by its user; the server asks the group to take it out */
    KIND_DEVICE_DISPUTED, /* not removed, as far as we know; likewise */
    KIND_BAD_COMMIT,      /* signed by whom it is from, and we cannot follow it */
    KIND_COMMIT_REPORTED, /* somebody cannot follow a commit of users[0], says the server */
    KIND_RESET,           /* the chat is closed for one that takes its place, says the server */
    KIND_ACCOUNT_DELETED, /* by its user */
    KIND_REPAIRED,        /* this device lost track and is in it again */
};
/* What is read: texts, what stands where one is missing or not to be trusted, and what happened to
 * the chat, its members and their devices. For SQL. */
#define KINDS_READ "(1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)"

struct message {
    int64_t local_id; /* order of arrival in this profile */
    uint8_t chat_id[ID_BYTES];
    uint64_t seq;
    enum message_kind kind;
    uint64_t epoch;
    uint8_t from_user[ID_BYTES];
    uint8_t from_device[ID_BYTES];
    int64_t ts_ms;
    uint64_t client_msg_id; /* of our own; else 0 */
    bool has_content_id;
    uint8_t content_id[ID_BYTES]; /* as the sender named it; written only */
    const char *refusal; /* of one that waits in the outbox: why it does not go out, or NULL */
    /* To whom an event happened, borrowed; and the sotto.chat.v1.Role that was given, or 0. */
    const uint8_t (*users)[ID_BYTES];
    size_t user_count;
    int role;
    /* Events about devices: one of each user, borrowed; and that the first user was verified. */
    const uint8_t (*devices)[ID_BYTES];
    bool verified;
    /* KIND_NOT_KEPT: how many messages, and that a commit was among what is missing. */
    uint64_t lost;
    bool behind;
};

/* Archives a message with its decrypted content (may be NULL) and a note (may be NULL). A second
 * one with the same chat, seq, kind and user is ignored. */
int message_store(struct sotto_client *client, const struct message *message,
                  const struct buf *content, const char *note);

/* Whether this message of another device is in the archive already: from the same device, under the same name and the
 * same byte for byte. A device that was put back to an old copy of itself may send what it does not know to be sent.
 * What differs in anything is another message, or a sender could hide from some what others read. */
int message_is_repeat(struct sotto_client *client, const struct message *message,
                      const struct buf *content, bool *is_out);

/* Runs a SELECT of MESSAGE_COLUMNS and hands each row out; `first` gets local_id of the last row
 * that was handed out (may be NULL). A callback's non-zero return ends it and is given in
 * stopped_out. */
#define MESSAGE_COLUMNS \
    "local_id, chat_id, seq, kind, epoch, from_user, from_device, ts_ms, client_msg_id, body"
int message_each(struct sotto_client *client, const char *sql, const struct bind *binds,
                 size_t count, sotto_client_message_fn each, void *arg, int64_t *last_out,
                 bool *stopped_out);

/* Finds our own message that was sent under this number; seq stays 0 when there is none. */
int message_find_sent(struct sotto_client *client, uint64_t client_msg_id,
                      struct message *message_out);

/* Hands out one message with content that is at hand. */
int message_show(struct sotto_client *client, const struct message *message,
                 const struct buf *content, const char *note, sotto_client_message_fn each,
                 void *arg, bool *stopped_out);

#endif
