/* SPDX-License-Identifier: MIT */
/*
 * What the files of the chat module share.
 *
 * On the logic thread there is struct delivery, the module's state, with the roster of every chat in memory
 * (chat_roster.h). On the writer thread there is the cache of heads and windows (chat_writer.h). They never
 * touch each other: a transaction gets copies in its argument, and its done function brings the result back.
 */
#ifndef CHAT_H
#define CHAT_H

#include <string.h>

#include "chat.pb-c.h"
#include "chat_map.h"
#include "mls/mls.h"
#include "mls/view.h"
#include "sotto/module.h"

#define CHAT_ID_BYTES SOTTO_ID_BYTES
#define CHAT_MESSAGE_BYTES_MAX 65536 /* MLSMessage of an application message */
/*
 * Of a bundle. Its pieces have bounds of their own, so that whatever members put into a chat can be handed out: with
 * 5,000 leaves of this size a tree has 6 MiB, and a page of Sync holds a Welcome, its tree and a commit in one frame.
 */
#define CHAT_BUNDLE_BYTES_MAX (16u * 1024 * 1024)
/* 200 adds and a path for 5,000 devices: 0.7 MiB. */
#define CHAT_COMMIT_BYTES_MAX (2u * 1024 * 1024)
#define CHAT_WELCOME_BYTES_MAX (4u * 1024 * 1024) /* with the tree inside, which it need not have */
#define CHAT_GROUP_INFO_BYTES_MAX 16384           /* the extensions of the context are in it */
#define CHAT_LEAF_BYTES_MAX 1024                  /* one of ours has about 400 */
#define CHAT_SEATS_MAX 5000                       /* devices in a chat, and chats of a device */
#define CHAT_ADDS_MAX 200                         /* a commit */
#define CHAT_REMOVES_MAX 200                      /* a commit */
#define CHAT_PROPOSALS_MAX 32                     /* a Leave: devices of one user */
#define CHAT_LEADERS_MAX 100  /* owners and admins of a chat: every Welcome names them */
#define CHAT_REPORTS_MAX 16   /* reported commits of a chat that are kept */
#define CHAT_CURSORS_MAX 5000 /* a request */
#define CHAT_PAGE_BYTES 65536 /* of a Sync */
#define CHAT_SEQ_MAX UINT32_MAX
#define CHAT_ACK_EVERY_MS 5000
#define CHAT_MARKS_MAX 16384 /* read cursors that wait to be written */
#define CHAT_PURGE_EVERY_MS 1000
#define CHAT_HELD_MAX 1024 /* requests that wait for the rosters at start */

enum chat_metric {
    CHAT_METRIC_MESSAGES = 0,
    CHAT_METRIC_REPEATS,
    CHAT_METRIC_COMMITS,
    CHAT_METRIC_STALE,
    CHAT_METRIC_CHATS,
    CHAT_METRIC_PURGED,
    CHAT_METRIC_PURGE_LINE,
    CHAT_METRIC_REPORTS,
    CHAT_METRIC_RESETS,
};

/* Why an entry was purged: the label of CHAT_METRIC_PURGED. */
enum chat_purge_reason {
    CHAT_PURGED_READ = 0, /* every device had it */
    CHAT_PURGED_LATE,     /* somebody was away for longer than relay_keep */
    CHAT_PURGED_DELETED,  /* with its chat */
};

/* A read cursor to be written: device and chat by number. */
struct chat_mark {
    uint32_t device;
    uint32_t chat;
    uint32_t seq;
};

struct chat_marks {
    size_t count;
    struct chat_mark marks[]; /* CHAT_MARKS_MAX */
};

/* A request that came before the rosters were read. */
struct chat_held {
    struct sotto_req *req;
    const ProtobufCMessage *in;
    sotto_rpc_fn *fn;
};

/* The walk along the chats that users leave by deleting their accounts (chat_depart.c). */
struct depart {
    bool is_due; /* there may be some */
    bool is_at_work;
    bool is_left;                      /* this walk left some behind, for the next one */
    unsigned tries;                    /* of the one at work */
    uint32_t after_chat;               /* the walk goes on behind this chat */
    uint8_t after_user[CHAT_ID_BYTES]; /* and this user in it */
};

/* The module's state: the delivery service. */
struct delivery {
    struct sotto_host *host;
    const struct mls_provider *mls;
    struct chat_trees *trees; /* chat_tree.h */
    struct outside *outside;  /* chat_outside.h */
    size_t message_bytes_max; /* from the conf, at most CHAT_MESSAGE_BYTES_MAX */
    size_t seats_max;         /* likewise, CHAT_SEATS_MAX */
    uint64_t bytes_per_day;   /* from the conf, of one account */
    uint64_t chats_per_day;
    uint32_t modes; /* bits 1 << Mode that a new chat may have */
    uint64_t relay_keep_ms;
    uint64_t removal_grace_ms;
    bool sends_are_hooked; /* somebody is attached to chat.message.send.v1 */
    bool sends_are_told;   /* somebody is subscribed to chat.message.accepted.v1 */

    struct chat_map chats;   /* struct chat by id */
    struct chat_map devices; /* struct chat_device by user and device id */
    struct chat_map persons; /* struct chat_person by user id */
    uint64_t serial;         /* for marking what a walk has seen */

    bool is_ready; /* the rosters are in memory */
    int load_error;
    struct chat_held *held;
    size_t held_count;

    struct chat_marks *marks;
    bool flushes; /* a part of them is on its way to the writer, and the next one follows */
    struct sotto_timer *ack_timer;

    struct chat *purge_first, *purge_last; /* relay chats with entries (chat_purge.c) */
    size_t purge_line;                     /* how many */
    size_t purge_jobs;                     /* at work */
    struct sotto_timer *purge_timer;

    struct gone_line *gone; /* chat_gone.c */
    struct depart depart;   /* chat_depart.c */
    struct sotto_timer *gone_timer;

    sotto_done_fn *stop_done; /* set while stop waits for open work */
    void *stop_arg;
    size_t open_work; /* reads and writes in flight that belong to no request */
};

/* ---- chat_store.c -------------------------------------------------------------------------------- */

enum chat_stmt {
    CHAT_DEVICE_FIND = 0,
    CHAT_DEVICE_ADD,
    CHAT_DEVICE_TOP,
    CHAT_DEVICE_PAGE,
    CHAT_DEVICE_SET_REMOVED,
    CHAT_CHAT_FIND,
    CHAT_CHAT_ADD,
    CHAT_CHAT_SET_EPOCH,
    CHAT_CHAT_EPOCH,
    CHAT_CHAT_SET_REPLACED,
    CHAT_CHAT_SET_DELETED,
    CHAT_CHAT_REMOVE,
    CHAT_CHAT_SET_TOP,
    CHAT_CHAT_TOP,
    CHAT_CHAT_PAGE,
    CHAT_PAIR_FIND,
    CHAT_PAIR_ADD,
    CHAT_PAIR_CLEAR,
    CHAT_MEMBER_ADD,
    CHAT_MEMBER_REMOVE,
    CHAT_MEMBER_CLEAR,
    CHAT_MEMBER_SET_ROLE,
    CHAT_MEMBER_LIST,
    CHAT_MEMBER_ROLE,
    CHAT_MEMBER_LEADERS,
    CHAT_MEMBER_OTHERS,
    CHAT_SEAT_TAKE,
    CHAT_SEAT_LEAVE,
    CHAT_SEAT_SET_READ,
    CHAT_SEAT_GET,
    CHAT_SEAT_SINCE,
    CHAT_SEAT_LIST,
    CHAT_SEAT_LEFT,
    CHAT_SEAT_FLOOR,
    CHAT_SEAT_CLEAR,
    CHAT_LOG_ADD,
    CHAT_LOG_LAST,
    CHAT_LOG_GET,
    CHAT_LOG_MAKER,
    CHAT_LOG_PAGE,
    CHAT_LOG_OLDEST,
    CHAT_LOG_PURGE,
    CHAT_PURGE_GET,
    CHAT_PURGE_SET,
    CHAT_PURGE_REMOVE,
    CHAT_WINDOW_GET,
    CHAT_WINDOW_SET,
    CHAT_PROPOSAL_ADD,
    CHAT_PROPOSAL_COUNT,
    CHAT_PROPOSAL_LIST,
    CHAT_PROPOSAL_MESSAGES,
    CHAT_PROPOSAL_CLEAR,
    CHAT_GROUP_INFO_SET,
    CHAT_GROUP_INFO_GET,
    CHAT_GROUP_INFO_CLEAR,
    CHAT_TREE_SET,
    CHAT_TREE_GET,
    CHAT_TREE_HASH,
    CHAT_TREE_CLEAR,
    CHAT_WELCOME_ADD,
    CHAT_WELCOME_SWEEP,
    CHAT_WELCOME_CLEAR,
    CHAT_INVITATION_ADD,
    CHAT_INVITATION_REMOVE,
    CHAT_INVITATION_LIST,
    CHAT_INVITATION_CLEAR,
    CHAT_REPORT_GET,
    CHAT_REPORT_ADD,
    CHAT_REPORT_OF,
    CHAT_REPORT_EXTENT,
    CHAT_REPORT_REMOVE,
    CHAT_REPORT_LIST,
    CHAT_REPORT_CLEAR,
    CHAT_REFUSAL_ADD,
    CHAT_REFUSAL_FIND,
    CHAT_REFUSAL_REMOVE,
    CHAT_REFUSAL_CLEAR,
    CHAT_NOTICE_ADD,
    CHAT_NOTICE_FIND,
    CHAT_NOTICE_LIST,
    CHAT_NOTICE_REMOVE,
    CHAT_NOTICE_SWEEP,
    CHAT_DELETED_ADD,
    CHAT_DELETED_GET,
    CHAT_DEPARTURE_ADD,
    CHAT_DEPARTURE_NEXT,
    CHAT_DEPARTURE_REMOVE,
    CHAT_DEPARTURE_CLEAR,
    CHAT_DEPARTURE_HEIR,
    CHAT_DEPARTURE_SEATS,
    CHAT_DEPARTURE_INVITATIONS,
    CHAT_STMT_COUNT,
};
extern const struct sotto_stmt_row chat_statements[CHAT_STMT_COUNT];

static inline int64_t
chat_log_id(uint32_t chat, uint32_t seq)
{
    return (int64_t)chat << 32 | seq;
}

/* Copies bytes into the transaction's memory; data NULL when that is used up. */
ProtobufCBinaryData chat_copy(struct sotto_tx *, struct sotto_view view);

/* Puts an id into a fixed array; false when the column has another length. */
bool chat_copy_id(struct sotto_view view, uint8_t id_out[CHAT_ID_BYTES]);

/* Another chat, by its id. */
struct chat_link {
    bool is_set;
    uint8_t id[CHAT_ID_BYTES];
};
/* Reads one from a column, which may be NULL; false when it has another length. */
bool chat_copy_link(struct sotto_view view, struct chat_link *link_out);

static inline ProtobufCBinaryData
chat_link_bytes(const struct chat_link *link)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)link->id,
                                 .len = link->is_set ? CHAT_ID_BYTES : 0};
}

/* A row of the log; the head is the caller's to move. */
struct chat_row {
    uint32_t chat, seq;
    Sotto__Chat__V1__EntryKind kind;
    uint64_t epoch;
    uint32_t device; /* who sent it */
    int64_t ts_ms;
    uint64_t client_msg_id;
    ProtobufCBinaryData message;
};
int chat_write_row(struct sotto_tx *, const struct chat_row *row);
/* The same as readers get it; chat, user and device are ids. Borrows all. */
Sotto__Chat__V1__Entry chat_entry(const struct chat_row *row, const uint8_t *chat,
                                  const uint8_t *user, const uint8_t *device);

/* A leaf that a stored proposal takes out, and up to where its device may read. */
struct chat_leaf_end {
    uint32_t leaf;
    uint32_t device;
    uint32_t until_seq;
};
/* The row of a Remove proposal, the end of the seat, and the proposal for the next commit. */
int chat_write_proposal(struct sotto_tx *, const struct chat_row *row,
                        const struct chat_leaf_end *end, const uint8_t ref[MLS_REF_BYTES]);

/* What the other members of a chat are. */
struct chat_others {
    int64_t members, owners, leaders; /* leaders: owners and admins */
};
int chat_count_others(struct sotto_tx *, uint32_t chat, const uint8_t *user,
                      struct chat_others *others_out);
/* The one number that a statement with one argument, the chat, answers; SOTTO_EIO when it answers nothing. Writer
 * thread. */
int chat_read_number(struct sotto_tx *, uint32_t statement, uint32_t chat, int64_t *number_out);
/* The role of a member; ROLE_UNSPECIFIED: the user is none. */
int chat_find_role(struct sotto_tx *, uint32_t chat, const uint8_t *user,
                   Sotto__Chat__V1__Role *role_out);

/* SOTTO_EPRECONDITION: the user deleted the account. */
int chat_refuse_deleted(struct sotto_tx *, const uint8_t *user);

/* Takes away all rows that make the chat one, and marks it deleted; its log is the purge's (chat_delete.c). */
int chat_take_rows(struct sotto_tx *, uint32_t chat, int64_t ts_ms);

/* ---- answers --------------------------------------------------------------------------------------- */

/* The one answer for chats that are absent and those that are not the caller's. */
void chat_fail_absent(struct sotto_req *);
/* failed_precondition, with the chat that took this one's place; false, and no answer, if none did or chat is NULL.
 * Where a transaction found the chat closed, its done function sees it here: closings are applied in the order of
 * the store. */
struct chat;
bool chat_fail_replaced(struct sotto_req *, const struct chat *);
/* aborted, with the chat's epoch. */
void chat_fail_stale(struct delivery *, struct sotto_req *, uint64_t epoch);

static inline ProtobufCBinaryData
chat_bytes(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = size};
}

static inline struct mls_bytes
chat_mls(ProtobufCBinaryData bytes)
{
    return (struct mls_bytes){.data = bytes.data, .len = bytes.len};
}

/* ---- chat_load.c ------------------------------------------------------------------------------------ */

/* Begins to read the rosters. */
int chat_load(struct delivery *);
/* Refuses what still waits for them. */
void chat_load_give_up(struct delivery *);
/* True when the request may run now; otherwise it is kept (or refused) and the caller returns. */
bool chat_is_ready(struct delivery *, struct sotto_req *, const ProtobufCMessage *in,
                   sotto_rpc_fn *fn);

/* ---- handlers ----------------------------------------------------------------------------------------- */

sotto_rpc_fn chat_on_create, chat_on_commit, chat_on_send, chat_on_sync, chat_on_ack;
sotto_rpc_fn chat_on_list_chats, chat_on_list_members, chat_on_set_role, chat_on_leave;
sotto_rpc_fn chat_on_delete, chat_on_get_group, chat_on_get_external_sender;
sotto_rpc_fn chat_on_report_commit, chat_on_list_reports;
sotto_timer_fn chat_on_ack_timer;

/* Hands all waiting read cursors to the writer; what it does not take is dropped. */
void chat_flush_marks(struct delivery *);

/* ---- chat_modes.c -------------------------------------------------------------------------------------- */

/* The bits of a list of names as in the conf; 0: a name is unknown, or there is none. */
uint32_t modes_parse(const char *text);
/* Refuses a new chat, and says what to choose. */
void modes_refuse(const struct delivery *, struct sotto_req *);

/* Counts work that belongs to no request; the last one to end lets stop finish. */
void chat_work_begin(struct delivery *);
void chat_work_end(struct delivery *);

#endif
