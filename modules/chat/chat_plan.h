/* SPDX-License-Identifier: MIT */
/*
 * A commit bundle on its way: what it says (read in the job pool), whether that is allowed (judged on the logic
 * thread), and what it becomes (written on the writer thread, then applied to the roster).
 */
#ifndef CHAT_PLAN_H
#define CHAT_PLAN_H

#include "chat_roster.h"
#include "verify/verify.h"

/* A new leaf. */
struct chat_add {
    uint8_t user[CHAT_ID_BYTES];
    uint8_t device[CHAT_ID_BYTES];
    uint8_t signature_key[VERIFY_KEY_BYTES];
    uint8_t ref[MLS_REF_BYTES]; /* of the KeyPackage */
    bool is_welcome;            /* the Welcome has a secret for it */
    Sotto__Chat__V1__Role role; /* if the user is new: a member, unless the chat replaces another */
    uint32_t leaf;              /* from the judgement */
    uint32_t num;               /* from the transaction */
    struct chat_user *member;   /* while it is applied */
};

struct chat_remove {
    uint32_t leaf;
    uint32_t num;                  /* of its device; from the judgement */
    uint8_t user[CHAT_ID_BYTES];   /* likewise */
    uint8_t device[CHAT_ID_BYTES]; /* likewise */
    bool if_gone;    /* allowed only if its user's device is registered no more; likewise */
    bool is_retired; /* its user left before; likewise, and the rest is then not set */
    bool is_last;    /* the user has no leaf after this commit; likewise */
    bool is_deleted; /* the user of a group deleted the account; likewise */
};

struct chat_plan {
    /* what is asked */
    const struct mls_provider *mls;
    const Sotto__Chat__V1__Bundle *bundle;
    ProtobufCBinaryData chat_id;
    uint16_t suite;
    uint8_t user[CHAT_ID_BYTES]; /* the committer */
    uint8_t device[CHAT_ID_BYTES];

    /* what the bundle says */
    uint64_t epoch;   /* in which it was made */
    bool is_external; /* by a device that has no leaf yet; adds holds itself alone */
    uint32_t sender;  /* leaf; of an external commit the one that its GroupInfo names */
    bool has_path;
    uint8_t path_key[VERIFY_KEY_BYTES]; /* signature key of the committer's new leaf */
    size_t add_count, remove_count, ref_count;
    struct chat_add adds[CHAT_ADDS_MAX];
    struct chat_remove removes[CHAT_REMOVES_MAX];  /* those of the refs follow with the judgement */
    uint8_t refs[CHAT_REMOVES_MAX][MLS_REF_BYTES]; /* proposals that it names */
    size_t proposal_count; /* that were stored when it was judged; it removes all their leaves */

    const char *text; /* why it is refused */
};

/* Reads the bundle and checks all that needs no roster: the form of the three messages, that they belong together,
 * and every certificate. Pool thread. SOTTO_OK, or an error with text. */
int plan_read(struct chat_plan *);

/* NULL, or why a member with the first role may not remove one with the second. Any thread. */
const char *plan_refuse_remove(Sotto__Chat__V1__Role own, Sotto__Chat__V1__Role other);

/* Whether the committer may do this in the chat, and on which leaves the new devices will sit. Logic thread; holds as
 * long as the chat stays in the plan's epoch. */
int plan_judge(const struct delivery *, const struct chat *, struct chat_plan *);

/* The same for the first bundle of a chat, whose leaf 0 is the committer. type: of the new chat. For a direct
 * chat other_out is the second user. */
int plan_judge_first(const struct delivery *, Sotto__Chat__V1__ChatType type, struct chat_plan *,
                     const uint8_t **other_out);

#endif
