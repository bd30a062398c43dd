/* SPDX-License-Identifier: MIT */
/*
 * Messaging Layer Security (RFC 9420) for one client: key packages, groups, messages.
 *
 * A struct mls_group is one member's view of one group. It holds secrets, does no I/O, starts no
 * thread, keeps no global state and never looks at the clock: randomness and primitives come from
 * the provider, time and trust from the callbacks in struct mls_config.
 *
 * Threads: a group is used by one thread at a time, getters included; different groups are
 * independent, but for one that find_group gives to another. What takes no group may be called from
 * any thread. A config, a client and a provider are only read, and may be shared.
 *
 * Sections are those of RFC 9420 where no other RFC is named.
 *
 * The life of a group:
 *
 *     mls_key_package_create()  -> publish the message, keep the private bundle
 *     mls_group_create()  or  mls_group_join(welcome, private bundle)  or
 *     mls_group_join_external(group info) -> PENDING, as after mls_group_commit()
 *     mls_group_commit()  -> a PENDING commit; send it; when the delivery service accepted it
 *                            mls_group_merge_pending(), when another commit won
 *                            mls_group_clear_pending()
 *     mls_group_process() -> an application message, a proposal (kept until the next epoch), or a
 *                            STAGED commit: look at what it changes, then mls_group_merge_staged()
 *                            or mls_group_drop_staged()
 *     mls_group_encrypt() -> an application message
 *     mls_group_save()    -> after EVERY call that changed the group and before its output is
 *                            sent: a restored older state would use a key and nonce twice
 *
 * Rules that hold for every function here:
 *   - Return value: 0, or a negative MLS_E... of mls/error.h. Nothing received from the network
 *     reaches an assert; NULL where a pointer is required does.
 *   - A refused call changes nothing: mls_group_save() gives the same bytes before and after.
 *     That holds for MLS_ENOMEM and a provider that fails, too: the call may be made again.
 *   - Outputs (`..._out`, struct mls_buf) belong to the caller and are untouched on failure.
 *     struct mls_bytes is borrowed; where a view points is said at each function.
 *   - A field of a parameter struct that is zero means none or the usual, where it is not said to be
 *     required: name the fields you set, and later versions may add others.
 *   - Memory taken while parsing is bounded by a small multiple of the input's size; a tree of blank
 *     nodes takes 1 MB at the most.
 *   - Cipher suites: 3 (X25519, ChaCha20-Poly1305, SHA-256, Ed25519) and 1 (AES-128-GCM instead).
 *     Credentials: basic. Commits and proposals are sent as PublicMessage and accepted in both
 *     framings.
 *
 * Errors are named at a function only when they are expected there. Any function may also give
 * MLS_ENOMEM, MLS_EARG (a parameter out of its range), MLS_EDECODE, MLS_ESIZE, MLS_EVERSION,
 * MLS_ESUITE, MLS_ECRYPTO, MLS_ESIGNATURE, MLS_EAEAD and MLS_EMAC.
 */
#ifndef MLS_MLS_H
#define MLS_MLS_H

#include "mls/config.h"
#include "mls/key_package.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mls_group;

/* ---- Groups: life ------------------------------------------------------------------------ */

/* What a creator decides. Borrowed for the call. */
struct mls_group_params {
    uint16_t suite;            /* 3 or 1 */
    struct mls_bytes group_id; /* 1..MLS_GROUP_ID_BYTES_MAX bytes, unique for ever: random ones */
    /* Group context extensions of epoch 0; copied. */
    const struct mls_extension *extensions;
    size_t extension_count;
};

/*
 * Creates a group with one member, the creator at leaf 0, epoch 0 (section 11). The caller owns
 * *group_out and ends it with mls_group_destroy(); config is copied, its provider and what its `arg`
 * points to must live as long. MLS_EARG: a parameter is out of its range. MLS_EPROPOSAL: the
 * extensions ask for what the creator's leaf does not have.
 */
int mls_group_create(const struct mls_config *config, const struct mls_client *client,
                     const struct mls_group_params *params, struct mls_group **group_out);

/* How to join by a Welcome. Borrowed for the call. */
struct mls_join_params {
    struct mls_bytes welcome;             /* MLSMessage(Welcome) */
    struct mls_bytes key_package_private; /* private_out of mls_key_package_create() */
    /* ratchet_tree<V> as encoded; len 0: it must be in the Welcome's extension. */
    struct mls_bytes ratchet_tree;
    /* Gets the leaf of the member who signed the GroupInfo, which is who invites. May be NULL. */
    uint32_t *inviter_out;
};

/*
 * Joins from a Welcome and checks the whole tree (section 12.4.3.1). Of the client the seed is used: the key
 * package says the rest. *group_out is the caller's, as after mls_group_create(). The caller refuses a group id
 * it has already, and deletes the bundle after success (unless it is its last resort).
 *   - MLS_ENOTFOUND: the Welcome is not for this key package.
 *   - MLS_EPSK: it names a PSK that find_psk or find_group does not know.
 *   - MLS_ELINK: it says to continue or to branch from a group of ours, and does not match it.
 *   - MLS_ETREE, MLS_EPARENT_HASH, MLS_EPATH: the tree or its secrets are refused.
 *   - MLS_ECREDENTIAL: or whatever else check_credential gave for a member.
 *   - MLS_EARG: the seed does not belong to the key package.
 */
int mls_group_join(const struct mls_config *config, const struct mls_client *client,
                   const struct mls_join_params *params, struct mls_group **group_out);

struct mls_proposal;

/* How to join by a commit of our own. Borrowed for the call. */
struct mls_external_join_params {
    struct mls_bytes group_info; /* MLSMessage(GroupInfo) of the current epoch, with external_pub */
    /* ratchet_tree<V> as encoded; len 0: it must be in the GroupInfo's extension. */
    struct mls_bytes ratchet_tree;
    /* Resync (section 12.4.3.2): with `resync`, our old leaf, which the same commit removes. */
    bool resync;
    uint32_t old_leaf;
    /* PSKs to bring in; a resumption PSK is that of find_group's group, even when it is the same one:
     * a state from before. */
    const struct mls_proposal *psks;
    size_t psk_count;
    struct mls_bytes authenticated_data;
};

/*
 * Joins by a commit of our own, without anybody's help (section 12.4.3.2), and checks the whole tree
 * as mls_group_join() does. The suite is that of the group; the client's lifetime is not used, since
 * a leaf of a commit has none (section 7.2).
 *
 * The group comes back with that commit PENDING: until mls_group_merge_pending() we are no member,
 * mls_group_is_active() is false, getters tell what the GroupInfo says (no secrets, and the own leaf
 * is the one to come), mls_group_process() knows our commit when it comes back, and everything else
 * gives MLS_EPENDING. It can be saved and loaded. When another commit won, destroy the group and begin
 * again with the GroupInfo of the new epoch.
 *   - commit_out: PublicMessage(Commit). group_info_out: as in mls_group_commit(); may be NULL.
 *   - MLS_ENOTFOUND: there is no external_pub. MLS_EPSK: a PSK is not known.
 *   - MLS_ETREE, MLS_EPARENT_HASH, MLS_ECREDENTIAL...: as in mls_group_join(). MLS_ETREE, too, when a
 *     member has our signature key and is not removed.
 *   - MLS_EPROPOSAL: old_leaf is nobody's; a PSK is named twice; we lack what the group requires.
 */
int mls_group_join_external(const struct mls_config *config, const struct mls_client *client,
                            const struct mls_external_join_params *params,
                            struct mls_group **group_out, struct mls_buf *commit_out,
                            struct mls_buf *group_info_out);

/*
 * Writes the whole state: secret, versioned, self-contained (pending commit and kept proposals
 * included, a staged commit not). The same state gives the same bytes. The form is ours, the RFC has
 * none; its size is about that of the ratchet tree, 250 bytes a member.
 */
int mls_group_save(const struct mls_group *group, struct mls_buf *state_out);

/*
 * Reads what mls_group_save() wrote; the config's callbacks may be new ones. *group_out is the
 * caller's, as after mls_group_create(). The state is believed, and nothing in it verified again: the
 * caller is expected to store it sealed. MLS_EDECODE: damaged by accident, or of an unknown version.
 */
int mls_group_load(const struct mls_config *config, struct mls_bytes state,
                   struct mls_group **group_out);

/* Wipes and frees everything of the group: views borrowed from it end here. Accepts NULL and pointers
 * to NULL; sets the pointer to NULL. */
void mls_group_destroy(struct mls_group **group);

/* ---- Groups: what is true now ------------------------------------------------------------ */

/* Getters change nothing. They work in every group, also in one that was closed or that we are no
 * longer in, which then tells its last epoch; where nothing else is said they cannot fail. */

/* The group id (GroupContext, section 8.1), borrowed until the group is destroyed. */
struct mls_bytes mls_group_id(const struct mls_group *group);

/* The epoch we are in (GroupContext, section 8.1); one more after each merge. */
uint64_t mls_group_epoch(const struct mls_group *group);

/* The cipher suite (section 17.1), 3 or 1, the same for the whole life of a group. */
uint16_t mls_group_suite(const struct mls_group *group);

/* Our leaf (section 4.1), which does not change while we are a member: what a REMOVE of ours names. */
uint32_t mls_group_own_leaf(const struct mls_group *group);

/* False once a commit that removed us was merged: every other call then gives MLS_EREMOVED,
 * except the getters, mls_group_save() and mls_group_destroy(). False, too, as long as an external
 * commit of ours is pending. */
bool mls_group_is_active(const struct mls_group *group);

/* A leaf that is in use (section 4.1). */
struct mls_member {
    uint32_t leaf;                         /* index, from 0 */
    struct mls_credential_view credential; /* borrowed until the next merge or destroy */
};

/* Members (section 4.1) in the order of their leaves: start with *cursor = 0; false when there are no more, and then
 * member_out is untouched. */
bool mls_group_next_member(const struct mls_group *group, uint32_t *cursor,
                           struct mls_member *member_out);

/* The member at a leaf (section 4.1). MLS_ENOTFOUND: blank or out of range. */
int mls_group_member(const struct mls_group *group, uint32_t leaf, struct mls_member *member_out);

/* How many leaves are not blank. Walks the tree: its time grows with the group. */
uint32_t mls_group_member_count(const struct mls_group *group);

/* Equal at two members exactly when they agree on everything (section 8.7): to be compared by other
 * means, and no secret. All zero where the epoch's secrets are not ours: before we joined, after we were
 * removed. */
void mls_group_epoch_authenticator(const struct mls_group *group, uint8_t out[MLS_HASH_BYTES]);

/* Hash of the whole ratchet tree (section 7.8). */
void mls_group_tree_hash(const struct mls_group *group, uint8_t out[MLS_HASH_BYTES]);

/*
 * MLS-Exporter (section 8.5): `size` bytes, at most MLS_EXPORT_BYTES_MAX, into out; a secret of the epoch, the same
 * for all its members. The label is a C string. MLS_EREMOVED, MLS_EPENDING: we are not in this epoch.
 */
int mls_group_export(const struct mls_group *group, const char *label, struct mls_bytes context,
                     uint8_t *out, size_t size);

/* One extension of the group context (section 8.1), its data without a length; borrowed until the next
 * merge. MLS_ENOTFOUND when absent. */
int mls_group_extension(const struct mls_group *group, uint16_t type, struct mls_bytes *data_out);

/* The ratchet tree as ratchet_tree<V> (section 12.4.3.3), for those who join without the extension. It
 * is public. */
int mls_group_ratchet_tree(const struct mls_group *group, struct mls_buf *tree_out);

/* MLSMessage(GroupInfo) of the current epoch, signed by us, with external_pub (section 12.4.3):
 * what a new group is shown to a delivery service with, and, with the tree, all that somebody needs
 * to join by mls_group_join_external(). MLS_EREMOVED, MLS_EPENDING, MLS_ECLOSED: nobody can join
 * this group by us. */
int mls_group_export_info(const struct mls_group *group, bool with_tree, struct mls_buf *info_out);

/* ---- Proposals and commits (RFC 9420 section 12) ----------------------------------------- */

/* What a caller proposes; which members count depends on the type. */
struct mls_proposal {
    enum mls_proposal_type type;  /* ADD, UPDATE, REMOVE, PSK, REINIT, GROUP_CONTEXT_EXTENSIONS */
    uint32_t leaf;                /* REMOVE */
    struct mls_bytes key_package; /* ADD: MLSMessage(KeyPackage) */
    struct mls_bytes psk_id;      /* PSK, external: as find_psk knows it */
    /* PSK: not an external one but the resumption secret of an epoch, usage "application" (section
     * 8.6), of this group or of the one with `group_id`, which find_group knows. MLS_EPSK when that
     * epoch is not among the last MLS_RESUMPTION_MAX. */
    bool psk_resumption;
    uint16_t suite; /* REINIT: of the successor, 3 or 1 */
    uint64_t psk_epoch;
    struct mls_bytes group_id; /* PSK, resumption: len 0: this group. REINIT: of the successor */
    /* GROUP_CONTEXT_EXTENSIONS: the complete new list. REINIT: those of the successor */
    const struct mls_extension *extensions;
    size_t extension_count;
};

/*
 * Makes a proposal (section 12.1) for others, or ourselves later, to commit: PublicMessage(Proposal) in
 * message_out. It is also kept in the group like one received. UPDATE renews our own leaf's key;
 * its private key waits in the group. Leaving is a REMOVE of mls_group_own_leaf().
 *   - MLS_EPROPOSAL: it could not be valid in this epoch. MLS_EPSK: the PSK is not known.
 *   - MLS_ECREDENTIAL, MLS_ELIFETIME: the key package of an ADD is refused.
 *   - MLS_ESTAGED: a received commit waits. MLS_EREMOVED, MLS_EPENDING, MLS_ECLOSED: as anywhere.
 */
int mls_group_propose(struct mls_group *group, const struct mls_proposal *proposal,
                      struct mls_bytes authenticated_data, struct mls_buf *message_out);

/* What somebody proposes who is no member. Borrowed for the call. */
struct mls_outside_params {
    uint16_t suite;                   /* of the group, as its GroupInfo says */
    struct mls_bytes group_id;        /* the same */
    uint64_t epoch;                   /* the same: in which members may commit it */
    enum mls_sender_type sender_type; /* EXTERNAL or NEW_MEMBER_PROPOSAL */
    uint32_t external_sender;         /* EXTERNAL: which of the group's external_senders we are */
    const uint8_t *signature_seed;    /* its; NEW_MEMBER_PROPOSAL: that of the key package */
    /* EXTERNAL: ADD, REMOVE, PSK, REINIT, GROUP_CONTEXT_EXTENSIONS. NEW_MEMBER_PROPOSAL: ADD */
    struct mls_proposal proposal;
    struct mls_bytes authenticated_data;
};

/*
 * Makes a proposal of somebody who is no member (section 12.1.8), for members to commit:
 * PublicMessage(Proposal). Needs no group and no secret of one; members judge whether it is valid.
 * MLS_EARG: that sender may not propose this; the seed is not that of the key package.
 */
int mls_propose_from_outside(const struct mls_provider *provider,
                             const struct mls_outside_params *params, struct mls_buf *message_out);

/* How many proposals are kept in this epoch, ours and others' (section 12.4). While there are any,
 * mls_group_encrypt() gives MLS_EPROPOSALS. */
size_t mls_group_proposal_count(const struct mls_group *group);

/* What goes into a commit, and how it is made. All zero: what is kept, or nothing. Borrowed for the call. */
struct mls_commit_options {
    const struct mls_proposal *proposals; /* by value; UPDATE is not possible here */
    size_t proposal_count;
    bool skip_kept_proposals; /* leave the kept ones out; else all that are valid together go in */
    bool force_path; /* renew our keys even when nothing demands it (post-compromise security) */
    bool welcome_without_tree; /* leave the ratchet_tree extension out of the Welcome */
    struct mls_bytes authenticated_data;
};

/*
 * Makes a commit (section 12.4.1) of the kept proposals and those by value and leaves it PENDING: the group
 * does not change epoch until mls_group_merge_pending(). A commit of nothing is a valid update of
 * our own keys. Kept proposals that contradict each other or those by value are left out, a Remove
 * before an Update, the later Update before the earlier; those by value must be valid.
 *   - options: NULL for the kept proposals alone, or when there are none, of nothing.
 *   - commit_out: PublicMessage(Commit).
 *   - welcome_out: MLSMessage(Welcome) for all who are added, empty when nobody is. May be NULL, and
 *     then it is MLS_EARG to add somebody.
 *   - group_info_out: MLSMessage(GroupInfo) of the new epoch with external_pub and without the
 *     tree; may be NULL.
 *   - MLS_EPENDING: there is a pending commit already. MLS_ESTAGED: a received one waits.
 *   - MLS_EPROPOSAL: a proposal by value is not valid, or not together with another.
 *   - MLS_ETREE: somebody who is added is a member already, or added twice.
 *   - MLS_ELIFETIME: a key package is not in its lifetime. MLS_ECREDENTIAL: we refused it.
 */
int mls_group_commit(struct mls_group *group, const struct mls_commit_options *options,
                     struct mls_buf *commit_out, struct mls_buf *welcome_out,
                     struct mls_buf *group_info_out);

/* mls_group_commit() of one Add (section 12.1.1), and what is kept; welcome_out is for both. */
int mls_group_add(struct mls_group *group, struct mls_bytes key_package, struct mls_buf *commit_out,
                  struct mls_buf *welcome_out);

/* mls_group_commit() of one Remove (section 12.1.3), and what is kept. MLS_EARG: an Add is kept, and so
 * there would be a Welcome. */
int mls_group_remove(struct mls_group *group, uint32_t leaf, struct mls_buf *commit_out);

/* Whether a commit of ours waits for the delivery service; also after loading. */
bool mls_group_has_pending(const struct mls_group *group);

/* The delivery service accepted our commit: enter its epoch (section 12.4.2, as its receivers do). The
 * secrets of the old one are wiped, views of members end. MLS_EPENDING: there is none. */
int mls_group_merge_pending(struct mls_group *group);

/* Another commit won: forget ours. Does nothing without one. Its path keys are wiped. */
void mls_group_clear_pending(struct mls_group *group);

/* ---- Messages ---------------------------------------------------------------------------- */

/*
 * Encrypts application data to the group: PrivateMessage (section 6.3). The content is padded with
 * zeros so that its encoding is a multiple of padding_block bytes (0 or 1: none; at most MLS_PADDING_BLOCK_MAX).
 * authenticated_data travels in clear, authenticated. Each message uses up a key: save the group
 * before sending.
 *   - MLS_EPROPOSALS: kept proposals must be committed first (section 12.4).
 *   - MLS_EARG: padding_block is too large. MLS_ESIZE: the message would be.
 *   - MLS_EREMOVED, MLS_EPENDING, MLS_ECLOSED: we cannot write here.
 */
int mls_group_encrypt(struct mls_group *group, struct mls_bytes plaintext,
                      struct mls_bytes authenticated_data, size_t padding_block,
                      struct mls_buf *message_out);

enum mls_received_kind {
    MLS_RECEIVED_APPLICATION = 1,
    MLS_RECEIVED_PROPOSAL,  /* kept in the group */
    MLS_RECEIVED_COMMIT,    /* staged: merge or drop it */
    MLS_RECEIVED_OWN_COMMIT /* our pending commit came back: mls_group_merge_pending() */
};

/* What a ReInit asks of the successor of the group it closes (section 12.1.5). */
struct mls_reinit_view {
    struct mls_bytes group_id;
    uint16_t version; /* 1: the protocol of RFC 9420 */
    uint16_t suite;
    struct mls_bytes extensions; /* GroupContext extensions, encoded without their length */
};

/* One thing a commit or proposal does. The views are borrowed from the struct mls_received. */
struct mls_change {
    enum mls_proposal_type type;
    bool by_reference;
    enum mls_sender_type proposer_type; /* a member, or who else may propose (section 12.1.8) */
    uint32_t proposer;                  /* leaf of the member who proposed it; else MLS_LEAF_NONE */
    /* Which of the group's external_senders proposed it, from 0 (section 12.1.8.1); else
     * MLS_EXTERNAL_SENDER_NONE. */
    uint32_t external_sender;
    /* ADD: the new leaf (MLS_LEAF_NONE until committed); UPDATE: whose; REMOVE: who goes;
     * EXTERNAL_INIT: the leaf of the committer, who joins by this commit; else MLS_LEAF_NONE */
    uint32_t leaf;
    /* ADD, UPDATE, EXTERNAL_INIT: the new one; REMOVE: the one that goes */
    struct mls_credential_view credential;
    struct mls_reinit_view reinit; /* REINIT: merging it closes the group */
};

/* What a message brought. Its views point into storage of its own, until mls_received_fini(). */
struct mls_received {
    enum mls_received_kind kind;
    uint64_t epoch; /* of the message; a commit leads to epoch + 1 */
    enum mls_sender_type sender_type;
    uint32_t sender_leaf; /* of a member, in the epoch of the message; else MLS_LEAF_NONE */
    /* Before the commit, of the member who signed. NEW_MEMBER_COMMIT: of the one who joins; where it
     * will stand says the EXTERNAL_INIT among the changes. Else empty. */
    struct mls_credential_view sender;
    struct mls_bytes plaintext; /* APPLICATION, padding removed */
    struct mls_bytes authenticated_data;
    const struct mls_change *changes; /* PROPOSAL: one; COMMIT: all, in the order of the commit */
    size_t change_count;
    bool has_path;     /* COMMIT: the sender renewed its keys */
    bool removes_self; /* COMMIT: merging it ends our membership */
    void *storage;     /* private: what the views point into */
};

/*
 * Opens one MLSMessage (PublicMessage or PrivateMessage) of this group. An application message
 * uses up its key: save the group before showing the text. A proposal is kept, also one of our own
 * that comes back. A commit is checked completely (section 12.4.2) and staged, and no other message
 * can be processed until it is merged or dropped. received_out is filled on success only and ends
 * with mls_received_fini(); its views point into storage of its own, not into `message`.
 *   - MLS_EGROUP, MLS_EEPOCH: of another group, of another epoch.
 *   - MLS_EREPLAY, MLS_EGENERATION: its key was used or is too old, or is too far ahead.
 *   - MLS_EOWN: sent by ourselves; an application message, or a commit that is not pending.
 *   - MLS_ENOTFOUND: the sender is no member. MLS_EMAC, MLS_ESIGNATURE, MLS_EAEAD: not genuine.
 *   - MLS_ECONFIRMATION: a commit by somebody who comes to another epoch than we do, or says so.
 *   - MLS_EPROPOSAL: a commit names proposals we do not have, or that are not valid together; a
 *     proposal that its sender may not make, or that check_outsider refused.
 *   - MLS_EPATH, MLS_EPARENT_HASH, MLS_ETREE, MLS_EPSK, MLS_ECREDENTIAL, MLS_ELIFETIME: what a
 *     commit or proposal brings is refused.
 *   - MLS_ESTAGED: a staged commit waits. MLS_EREMOVED: we are no member any more. MLS_ECLOSED: the
 *     group was closed by a ReInit.
 */
int mls_group_process(struct mls_group *group, struct mls_bytes message,
                      struct mls_received *received_out);

/* Wipes and frees what a struct mls_received owns. Accepts an all-zero one. */
void mls_received_fini(struct mls_received *received);

/*
 * Whether a PublicMessage of this group and epoch is signed by whom it names as its sender (section 6.1), whatever
 * else is wrong with it: what can be held against that sender when mls_group_process() refused it. The signature
 * covers all but the confirmation tag and the membership tag. MLS_ESIGNATURE, MLS_EGROUP, MLS_EEPOCH, MLS_ENOTFOUND;
 * MLS_EUNSUPPORTED: a PrivateMessage.
 */
int mls_group_check_signature(struct mls_group *group, struct mls_bytes message);

/* Enters the epoch of the staged commit (section 12.4.2); a pending commit of ours is cleared. The
 * secrets of the old epoch are wiped, views of members end. MLS_ESTAGED: there is none. */
int mls_group_merge_staged(struct mls_group *group);

/* Forgets the staged commit; the group stays in its epoch. Does nothing without one. */
void mls_group_drop_staged(struct mls_group *group);

/* ---- Groups that continue a group (RFC 9420 sections 11.2, 11.3) ---------------------------- */

/*
 * A commit of a REINIT proposal (section 12.1.5), which stands alone, closes the group once it is merged: commits,
 * proposals, messages, processing and mls_group_export_info() give MLS_ECLOSED. True then, and view_out (may be NULL) says what
 * the successor must be; borrowed until the group is destroyed.
 */
bool mls_group_is_closed(const struct mls_group *group, struct mls_reinit_view *view_out);

/*
 * Makes the successor (section 11.2) that the ReInit of a closed group asks for, with all members of it: we are the
 * creator, and key_packages are MLSMessages(KeyPackage) of everybody else, in the successor's suite.
 * Any member may do this, and one must. The new group is in epoch 1 and linked to the old one by a
 * resumption PSK; whoever joins it by the Welcome finds the old group by find_group and checks that
 * everything matches. Who is the same member is judged by the credential: it must be equal, byte for
 * byte.
 *   - commit_out: the first commit, for a delivery service that follows the group.
 *   - MLS_EARG: `old` is not closed.
 *   - MLS_ELINK: the members are not those of `old`. MLS_EVERSION, MLS_ESUITE: the ReInit asks for
 *     what we do not have. Else as mls_group_commit().
 */
int mls_group_reinit(const struct mls_config *config, const struct mls_client *client,
                     const struct mls_group *old, const struct mls_bytes *key_packages,
                     size_t key_package_count, struct mls_buf *commit_out,
                     struct mls_buf *welcome_out, struct mls_group **group_out);

/*
 * The same for a subgroup (section 11.3) under a group id of its own: some members of `old`, with its suite and extensions;
 * `old` goes on as before. MLS_ELINK: somebody is no member of `old`. MLS_ECLOSED,
 * MLS_EREMOVED: nothing can branch from it any more.
 */
int mls_group_branch(const struct mls_config *config, const struct mls_client *client,
                     const struct mls_group *old, struct mls_bytes group_id,
                     const struct mls_bytes *key_packages, size_t key_package_count,
                     struct mls_buf *commit_out, struct mls_buf *welcome_out,
                     struct mls_group **group_out);

#ifdef __cplusplus
}
#endif
#endif
