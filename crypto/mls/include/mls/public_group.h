/* SPDX-License-Identifier: MIT */
/*
 * Following a group from outside (RFC 9750, delivery services): the public half of RFC 9420.
 *
 * A struct mls_public_group knows the tree, the members and the transcript of a group, and no secret.
 * It starts from a GroupInfo with its tree and goes from epoch to epoch with the public commits. It
 * checks all that can be checked without a secret, by the same code that members run, and refuses
 * with the same errors. What nobody can check from outside:
 *
 *   - the membership tag of a message and the confirmation tag of a commit: the transcript takes the
 *     latter as it was sent;
 *   - what is sealed in an UpdatePath or a Welcome, and whether a pre-shared key is known.
 *
 * So a malicious member can still lead a follower where no member goes, but only with a commit that
 * carries its signature.
 *
 * A followed group never changes, except that proposals are kept in it: a commit makes the next one
 * beside it. The two share the nodes of their trees, so a group and all that came of it belong to one
 * thread at a time. A copy of its own is made with save and load. The rules on top of mls/mls.h hold
 * here, too.
 */
#ifndef MLS_PUBLIC_GROUP_H
#define MLS_PUBLIC_GROUP_H

#include "mls/mls.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mls_public_group;

/*
 * Starts from MLSMessage(GroupInfo) and ratchet_tree<V>; when that is empty, the tree must be in the
 * GroupInfo's extension. Verifies all that section 12.4.3.1 asks of both. Of the config provider,
 * check_credential, now, lifetime_max and check_outsider are used; it is copied. The caller owns
 * *group_out and ends it with mls_public_group_destroy().
 *   - MLS_ETREE, MLS_EPARENT_HASH, MLS_ESIGNATURE: the tree or the signature is refused.
 *   - MLS_ECREDENTIAL: or whatever else check_credential gave for a member.
 */
int mls_public_group_open(const struct mls_config *config, struct mls_bytes group_info,
                          struct mls_bytes ratchet_tree, struct mls_public_group **group_out);

/* Frees it, but not another one that came of it. Accepts NULL and pointers to NULL; sets the pointer to
 * NULL. */
void mls_public_group_destroy(struct mls_public_group **group);

/*
 * Verifies a proposal (section 12.1) and keeps it until the next epoch, so that a commit may name it. A
 * second copy changes nothing. received_out is filled on success and ends with mls_received_fini();
 * its views point into storage of its own.
 *   - Those of mls_group_process(), MLS_ECLOSED among them.
 *   - MLS_EUNSUPPORTED: a PrivateMessage, which nobody can open here. MLS_EARG: a commit.
 */
int mls_public_group_take_proposal(struct mls_public_group *group, struct mls_bytes message,
                                   struct mls_received *received_out);

/* Forgets kept proposals but for the `count` oldest, as when those that came after were not stored. */
void mls_public_group_forget_proposals(struct mls_public_group *group, size_t count);

/*
 * Verifies a commit (section 12.4.2, what of it is public). On success *next_out is the group it leads
 * to, without kept proposals and the caller's to destroy, and received_out says what it changes; `group` stays
 * as it was, whether the caller destroys it or lets another commit be the next. Errors as above;
 * MLS_EARG: a proposal.
 */
int mls_public_group_take_commit(const struct mls_public_group *group, struct mls_bytes message,
                                 struct mls_received *received_out,
                                 struct mls_public_group **next_out);

/*
 * Whether MLSMessage(GroupInfo) (section 12.4.3) is one of this epoch, signed by a member: who joins
 * with it ends up with the others. signer_out gets the leaf of who signed it, and may be NULL. MLS_EGROUP, MLS_EEPOCH,
 * MLS_ETREE (another tree or extensions), MLS_EMAC (another transcript or confirmation tag),
 * MLS_ESIGNATURE.
 */
int mls_public_group_check_info(const struct mls_public_group *group, struct mls_bytes group_info,
                                uint32_t *signer_out);

/* ---- What is true now ---------------------------------------------------------------------- */

/* Each does what its namesake in mls/mls.h does for a member. They change nothing and cannot fail where
 * nothing else is said; what is borrowed is valid until the group is destroyed. */

/* The group id (GroupContext, section 8.1), borrowed. */
struct mls_bytes mls_public_group_id(const struct mls_public_group *group);

/* The epoch of this one (GroupContext, section 8.1); a commit leads to one with the next. */
uint64_t mls_public_group_epoch(const struct mls_public_group *group);

/* The cipher suite (section 17.1), 3 or 1. */
uint16_t mls_public_group_suite(const struct mls_public_group *group);

/* Hash of the whole ratchet tree (section 7.8): with id and epoch it names what was verified. */
void mls_public_group_tree_hash(const struct mls_public_group *group, uint8_t out[MLS_HASH_BYTES]);

/* How many proposals are kept (section 12.4), of which a commit may name any. */
size_t mls_public_group_proposal_count(const struct mls_public_group *group);

/* Members (section 4.1) in the order of their leaves: start with *cursor = 0; false when there are no more. Their
 * credentials are borrowed. */
bool mls_public_group_next_member(const struct mls_public_group *group, uint32_t *cursor,
                                  struct mls_member *member_out);

/* The member at a leaf (section 4.1); its credential is borrowed. MLS_ENOTFOUND: blank or out of range. */
int mls_public_group_member(const struct mls_public_group *group, uint32_t leaf,
                            struct mls_member *member_out);

/* How many leaves are not blank (section 4.1). Walks the tree. */
uint32_t mls_public_group_member_count(const struct mls_public_group *group);

/* Whether the commit of a ReInit (section 12.1.5) led here: no message is taken any more. view_out (may
 * be NULL) then says what the successor must be; borrowed. */
bool mls_public_group_is_closed(const struct mls_public_group *group,
                                struct mls_reinit_view *view_out);

/* One extension of the group context (section 8.1), its data without a length; borrowed. MLS_ENOTFOUND when absent. */
int mls_public_group_extension(const struct mls_public_group *group, uint16_t type,
                               struct mls_bytes *data_out);

/* ratchet_tree<V> (section 12.4.3.3), as a joiner wants it: the same bytes that a member would give. */
int mls_public_group_ratchet_tree(const struct mls_public_group *group, struct mls_buf *tree_out);

/* ---- Keeping it ------------------------------------------------------------------------------ */

/* About how many bytes of memory it takes, nodes that another one shares included. */
size_t mls_public_group_memory(const struct mls_public_group *group);

/* Writes everything, kept proposals included: no secret, versioned, a form of ours. The same group gives
 * the same bytes. */
int mls_public_group_save(const struct mls_public_group *group, struct mls_buf *state_out);

/* Reads what was saved; it was verified once, so nothing is verified again. *group_out is the caller's,
 * as after mls_public_group_open(), and shares nothing with another. MLS_EDECODE: damaged, or of an
 * unknown version. */
int mls_public_group_load(const struct mls_config *config, struct mls_bytes state,
                          struct mls_public_group **group_out);

#ifdef __cplusplus
}
#endif
#endif
