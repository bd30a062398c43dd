/* SPDX-License-Identifier: MIT */
/*
 * Who is in which chat, as the logic thread knows it: what the accepted commits say and nothing else.
 *
 *     person --- devices --- seats --- chats        sessions hang on devices
 *
 * A seat is a device's place in a chat, one leaf of the group's tree. Chats, persons and devices that were ever in a chat
 * live as long as the module; seats come and go with commits. Everything is rebuilt from the tables at start.
 *
 * What is durable must be known here, so functions that add end the process when memory is gone: a restart
 * rebuilds the roster, whereas going on would enforce a wrong one.
 */
#ifndef CHAT_ROSTER_H
#define CHAT_ROSTER_H

#include "chat.h"

#define CHAT_SESSIONS_MAX 8 /* live connections of one device; the oldest gives way */
/* Of a person in memory: those that were ever in a chat, a hundred at most, and logins that listen and are in none. */
#define CHAT_DEVICES_MAX 512

struct chat_seat;
struct chat_turn;

/* Of what a user may do so much of in a day (chat_quota.h). */
struct chat_used {
    double amount; /* at at_ms */
    int64_t at_ms; /* monotonic */
};

struct chat_person {
    uint8_t id[CHAT_ID_BYTES]; /* first: the key */
    struct chat_device **devices;
    size_t device_count;
    uint32_t at_work, waiting; /* requests in the job pool and behind it (chat_turn.h) */
    struct chat_turn *first_turn, *last_turn;
    struct chat_used stored, made; /* bytes, chats */
};

struct chat_device {
    uint8_t user[CHAT_ID_BYTES]; /* first: the key is user and device id */
    uint8_t id[CHAT_ID_BYTES];
    uint32_t num;    /* in the tables; 0: not there yet */
    bool is_gone;    /* its user deleted the account */
    bool is_removed; /* its user had removed it when the rosters were loaded */
    uint8_t session_count;
    uint32_t holders; /* that keep the pointer from one turn of the loop to another */
    uint64_t sessions[CHAT_SESSIONS_MAX]; /* subscribed by Sync */
    uint64_t events;                      /* entries and Welcomes for this device so far */
    struct chat_seat **seats;
    size_t seat_count, seat_capacity;
};

/* A user in one chat. */
struct chat_user {
    uint8_t id[CHAT_ID_BYTES];
    Sotto__Chat__V1__Role role;
    bool is_gone; /* deleted the account: calls of theirs find no chat */
    uint32_t seat_count;
    size_t place;    /* in the chat's users */
    int64_t pace_ms; /* of the commits so far (chat_turn.h) */
};

/* A retired seat holds its leaf for a member who left, until the next commit takes the leaf away. Only chat, leaf
 * and user (NULL) are set, and it is in no device's list. */
struct chat_seat {
    struct chat *chat;
    struct chat_device *device;
    struct chat_user *user;
    uint32_t leaf;
    uint32_t since_seq; /* reads what comes after */
    uint32_t read_seq;
    size_t mark;   /* place of its waiting mark, when it has one: that names device and chat */
    uint64_t seen; /* serial of the last walk that met it */
};

/* A stored Remove proposal of the chat's epoch; its leaf is retired. */
struct chat_proposal {
    uint32_t leaf;
    uint8_t ref[MLS_REF_BYTES];
};

struct chat {
    uint8_t id[CHAT_ID_BYTES]; /* first: the key */
    uint32_t num;
    Sotto__Chat__V1__ChatType type;
    Sotto__Chat__V1__Mode mode;
    uint16_t suite;
    bool is_closed; /* a direct chat, of whose two one deleted the account */
    uint64_t epoch;
    uint32_t seq;
    int64_t last_ts_ms;
    struct chat_link resets;      /* the chat that this one replaces */
    struct chat_link replaced_by; /* set: the chat is closed */
    struct chat_seat **leaves;    /* by leaf index; NULL: blank */
    uint32_t leaf_capacity;
    uint32_t seat_count; /* taken leaves, retired ones among them */
    struct chat_user **users;
    size_t user_count, user_capacity;
    struct chat_proposal *proposals;
    size_t proposal_count;
    uint64_t seen; /* serial of the last walk that met it */
    bool seen_own; /* and whether the device that it was for sits here */
    struct chat_purge {
        uint32_t seq;      /* the last entry that is gone; 0: none */
        int64_t oldest_ms; /* of the first that is there; 0: not known */
        bool is_in_line;
        bool is_due; /* a cursor moved */
        bool is_at_work;
        bool is_deleted;   /* the whole chat goes */
        bool is_over;      /* it went */
        struct chat *next; /* in the line */
    } purge;               /* of a relay chat, or a deleted one (chat_purge.c) */
};

void roster_init(struct delivery *);
void roster_fini(struct delivery *);

struct chat *roster_chat(const struct delivery *, ProtobufCBinaryData chat_id);
struct chat_device *roster_device(const struct delivery *, const uint8_t *user,
                                  const uint8_t *device);
/* Finds or makes. */
struct chat_device *roster_device_need(struct delivery *, const uint8_t *user,
                                       const uint8_t *device);
struct chat_person *roster_person_need(struct delivery *, const uint8_t *user);
struct chat_user *roster_user(const struct chat *, const uint8_t *user);
/* The device's seat; NULL: it is not in the chat. device may be NULL. */
struct chat_seat *roster_seat(const struct chat *, const struct chat_device *);
/* The seat of the request's caller in the chat that it names; NULL also for an absent chat. */
struct chat_seat *roster_caller_seat(const struct delivery *, const struct sotto_caller *,
                                     ProtobufCBinaryData chat_id);

/* The chat, when the request's caller's user is a member of it, by whichever device; NULL otherwise. */
struct chat *roster_caller_chat(const struct delivery *, const struct sotto_caller *,
                                ProtobufCBinaryData chat_id);

/* A new chat; the empty shell of a deleted one when there is one with this id. */
struct chat *roster_chat_need(struct delivery *, const uint8_t *chat_id);
/* Nobody is in it any more. */
void roster_chat_empty(struct chat *);
/* The member deleted the account. */
void roster_user_gone(struct chat *, struct chat_user *);
/* So did whoever has these devices: nothing is pushed to them, and their calls find no chat. */
void roster_person_gone(struct delivery *, const uint8_t *user);
/* The user as a member; role counts only when it is new. */
struct chat_user *roster_user_need(struct chat *, const uint8_t *user, Sotto__Chat__V1__Role role);
/* Takes a blank leaf for a device; the user must be a member. */
struct chat_seat *roster_seat_take(struct chat *, uint32_t leaf, struct chat_device *,
                                   uint32_t since_seq);
/* Blanks a leaf; a user without seats is no member any more. */
void roster_seat_leave(struct chat *, uint32_t leaf);
/* A Remove of the leaf is stored: who has the seat leaves it, and it stays taken until the next commit of the chat. */
void roster_seat_retire(struct chat *, uint32_t leaf, const uint8_t ref[MLS_REF_BYTES]);

/* The proposal with this reference, or NULL. */
const struct chat_proposal *roster_proposal(const struct chat *, const uint8_t ref[MLS_REF_BYTES]);
void roster_proposals_clear(struct chat *);

/* Subscribes a connection of the device. */
void roster_subscribe(struct chat_device *, uint64_t session);
void roster_unsubscribe(struct chat_device *, uint64_t session);

/* Counts an entry of this chat for every device in it, and lists the live sessions of all but one. The list is
 * on the heap, the caller frees it; NULL when there is none. */
uint64_t *roster_listeners(const struct chat *, const struct chat_device *except,
                           size_t *count_out);

/* Pushes one event with these entries to the live sessions of all devices in the chat but one (NULL: of all). */
void chat_push(struct delivery *, const struct chat *, const struct chat_device *except,
               Sotto__Chat__V1__Entry **entries, size_t count);
/* The same with the one entry that was written, from this device of this user. */
void chat_push_row(struct delivery *, const struct chat *, const struct chat_device *except,
                   const struct chat_row *row, const uint8_t *user, const uint8_t *device);

#endif
