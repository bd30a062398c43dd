/* SPDX-License-Identifier: MIT */
/*
 * Four people and the chat module on the test host: alice, bob, carol and dora, one device each, with real MLS
 * groups. Requests go to the chat that rig->chat names, whose id is that letter sixteen times.
 *
 * Nobody catches up by himself: who has not processed a commit stays in the old epoch, as on a real network.
 */
#ifndef CHAT_PEER_H
#define CHAT_PEER_H

#include "sotto/harness.h"

#include "chat.pb-c.h"
#include "mls_peer.h"

#define DIRECT SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT
#define GROUP SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_GROUP
#define OWNER SOTTO__CHAT__V1__ROLE__ROLE_OWNER
#define ADMIN SOTTO__CHAT__V1__ROLE__ROLE_ADMIN
#define MEMBER SOTTO__CHAT__V1__ROLE__ROLE_MEMBER

struct chat_peer {
    struct mls_peer mls;
    uint64_t session;
    struct peer_bundle bundle;   /* the last one made */
    struct mls_buf last_message; /* the last one encrypted */
    struct mls_buf last_proposals[2];
};

struct chat_rig {
    struct harness *h;
    struct chat_peer alice, bob, carol, dora;
    char chat;
    char resets;                    /* the chat that the next ones made replace; 0: none */
    Sotto__Chat__V1__ChatType type; /* of the last rig_create */
    Sotto__Chat__V1__Mode mode;
    const struct chat_peer *unknown; /* whose device keyx does not know */
    uint8_t senders[64];             /* of rig_list_server */
};

int rig_start(void **state);
/* The same for relay chats, whose entries wait ten seconds. */
int rig_start_relay(void **state);
int rig_stop(void **state);
/* Stops the module and starts it on the same database; everybody connects again. */
void rig_restart(struct chat_rig *);
/* The second half of it, after harness_stop. */
void rig_resume(struct chat_rig *);

static inline struct mls_bytes
to_mls(ProtobufCBinaryData bytes)
{
    return (struct mls_bytes){bytes.data, bytes.len};
}

/* The last bundle that a peer made, as a request has it. */
void peer_fill_bundle(Sotto__Chat__V1__Bundle *out, const struct peer_bundle *bundle);

/* A chat with up to two others in its first commit, which is merged when accepted. */
const struct harness_answer *rig_create(struct chat_rig *, struct chat_peer *, char chat,
                                        Sotto__Chat__V1__ChatType type, struct chat_peer *first,
                                        struct chat_peer *second);
const struct harness_answer *rig_create_again(struct chat_rig *, struct chat_peer *);
const struct harness_answer *rig_create_again_begin(struct chat_rig *, struct chat_peer *);
/* A group of alice (owner, leaf 0), bob (1) and carol (2), all joined; seq 1, epoch 1. */
void rig_group(struct chat_rig *, char chat);

/* Groups that alice makes list what the server offers from now on. */
void rig_list_server(struct chat_rig *);
/* alice, bob with two devices (the second is rig->dora) and carol, in epoch 2. */
void rig_group_with_phone(struct chat_rig *);

/* A commit that adds and removes (NULL: nobody); merged when accepted, dropped when not. */
const struct harness_answer *rig_commit(struct chat_rig *, struct chat_peer *,
                                        struct chat_peer *add, struct chat_peer *remove);
const struct harness_answer *rig_commit_begin(struct chat_rig *, struct chat_peer *,
                                              struct chat_peer *add, struct chat_peer *remove);

/* The same in two steps, to hand in something else than what was made. */
enum rig_variant { WHOLE, NO_WELCOME, NO_GROUP_INFO, WELCOME_AS_COMMIT };
void rig_prepare(struct chat_rig *, struct chat_peer *, struct chat_peer *add,
                 struct chat_peer *remove);
const struct harness_answer *rig_submit(struct chat_rig *, struct chat_peer *, enum rig_variant);
const struct harness_answer *rig_submit_as(struct chat_rig *, struct chat_peer *maker,
                                           struct chat_peer *sender);

const struct harness_answer *rig_send(struct chat_rig *, struct chat_peer *, uint64_t id,
                                      const char *text);
const struct harness_answer *rig_send_begin(struct chat_rig *, struct chat_peer *, uint64_t id,
                                            const char *text);
const struct harness_answer *rig_send_again(struct chat_rig *, struct chat_peer *, uint64_t id);
const struct harness_answer *rig_send_big(struct chat_rig *, struct chat_peer *, uint64_t id,
                                          size_t size);
const struct harness_answer *rig_send_bytes(struct chat_rig *, struct chat_peer *, uint64_t id,
                                            const void *data, size_t size);
/* The answer of an accepted Send. */
Sotto__Chat__V1__SendReply rig_sent(const struct harness_answer *);

const Sotto__Chat__V1__SyncReply *rig_sync(struct chat_rig *, struct chat_peer *, uint64_t cursor,
                                           bool live);
const struct harness_answer *rig_sync_begin(struct chat_rig *, struct chat_peer *, uint64_t cursor,
                                            bool live);
/* Without a cursor. */
const Sotto__Chat__V1__SyncReply *rig_sync_all(struct chat_rig *, struct chat_peer *);
/* alice, bob and carol listen. */
void rig_go_live(struct chat_rig *);
/* Reads and processes what comes after cursor. */
void rig_catch_up(struct chat_rig *, struct chat_peer *, uint64_t cursor);
void rig_ack(struct chat_rig *, struct chat_peer *, uint64_t seq, bool joined);

const Sotto__Chat__V1__ListChatsReply *rig_list(struct chat_rig *, struct chat_peer *);
const Sotto__Chat__V1__ListMembersReply *rig_members(struct chat_rig *, struct chat_peer *);
const struct harness_answer *rig_set_role(struct chat_rig *, struct chat_peer *,
                                          const struct chat_peer *target, Sotto__Chat__V1__Role);
const struct harness_answer *rig_set_role_begin(struct chat_rig *, struct chat_peer *,
                                                const struct chat_peer *target,
                                                Sotto__Chat__V1__Role);

/* Leaves with the Remove of the own leaf; its proposal stays in last_proposal and in the own group. */
const struct harness_answer *rig_leave(struct chat_rig *, struct chat_peer *);
/* Leaves with a Remove of whoever `target` is, and with one of both when `also` is not NULL. */
const struct harness_answer *rig_leave_as(struct chat_rig *, struct chat_peer *,
                                          struct chat_peer *target, struct chat_peer *also);
const struct harness_answer *rig_leave_again(struct chat_rig *, struct chat_peer *);
const struct harness_answer *rig_leave_begin(struct chat_rig *, struct chat_peer *);

const struct harness_answer *rig_delete(struct chat_rig *, struct chat_peer *);
const struct harness_answer *rig_delete_begin(struct chat_rig *, struct chat_peer *);
/* Says that the deletion is known. */
void rig_ack_deleted(struct chat_rig *, struct chat_peer *);

/* Says that the commit with this seq, made in this epoch, is bad. */
const struct harness_answer *rig_report(struct chat_rig *, struct chat_peer *, uint64_t seq,
                                        uint64_t epoch);
const Sotto__Chat__V1__ListReportsReply *rig_reports(struct chat_rig *, struct chat_peer *);

/* The public half of the group. */
const struct harness_answer *rig_get_group(struct chat_rig *, struct chat_peer *);
const struct harness_answer *rig_get_group_begin(struct chat_rig *, struct chat_peer *);

/* One of the methods that take a chat, with a request that is well made but for the chat. */
#define RIG_METHODS 5
const struct harness_answer *rig_any(struct chat_rig *, struct chat_peer *, int method);

#endif
