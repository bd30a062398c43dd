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
 * GroupInfo's extension. Verifies all that section 12.4.3.1 asks of both. The config's find_psk is
 * not used.
 *   - MLS_ETREE, MLS_EPARENT_HASH, MLS_ESIGNATURE: the tree or the signature is refused.
 *   - MLS_ECREDENTIAL: or whatever else check_credential gave for a member.
 */
int mls_public_group_open(const struct mls_config *config, struct mls_bytes group_info,
                          struct mls_bytes ratchet_tree, struct mls_public_group **group_out);

/* Frees. Accepts NULL and pointers to NULL; sets the pointer to NULL. */
void mls_public_group_destroy(struct mls_public_group **group);

/*
 * Verifies a proposal and keeps it until the next epoch, so that a commit may name it. A second copy
 * changes nothing. received_out is filled on success and ends with mls_received_fini(). Errors are
 * those of mls_group_process(), MLS_ECLOSED among them; MLS_EUNSUPPORTED also for a PrivateMessage. MLS_EARG: a commit.
 */
int mls_public_group_take_proposal(struct mls_public_group *group, struct mls_bytes message,
                                   struct mls_received *received_out);

/*
 * Verifies a commit. On success next_out is the group it leads to, without kept proposals, and
 * received_out says what it changes. Errors as above; MLS_EARG: a proposal.
 */
int mls_public_group_take_commit(const struct mls_public_group *group, struct mls_bytes message,
                                 struct mls_received *received_out,
                                 struct mls_public_group **next_out);

/*
 * Whether MLSMessage(GroupInfo) is one of this epoch, signed by a member: who joins with it ends up
 * with the others. signer_out gets the leaf of who signed it, and may be NULL. MLS_EGROUP, MLS_EEPOCH,
 * MLS_ETREE (another tree or extensions), MLS_EMAC (another transcript or confirmation tag),
 * MLS_ESIGNATURE.
 */
int mls_public_group_check_info(const struct mls_public_group *group, struct mls_bytes group_info,
                                uint32_t *signer_out);

/* ---- What is true now; as for a member's group in mls/mls.h -------------------------------- */

struct mls_bytes mls_public_group_id(const struct mls_public_group *group);
uint64_t mls_public_group_epoch(const struct mls_public_group *group);
uint16_t mls_public_group_suite(const struct mls_public_group *group);
void mls_public_group_tree_hash(const struct mls_public_group *group, uint8_t out[MLS_HASH_BYTES]);
size_t mls_public_group_proposal_count(const struct mls_public_group *group);

/* As sent with the commit that led here, or in the GroupInfo. */
void mls_public_group_confirmation_tag(const struct mls_public_group *group,
                                       uint8_t out[MLS_HASH_BYTES]);

bool mls_public_group_next_member(const struct mls_public_group *group, uint32_t *cursor,
                                  struct mls_member *member_out);
int mls_public_group_member(const struct mls_public_group *group, uint32_t leaf,
                            struct mls_member *member_out);
uint32_t mls_public_group_member_count(const struct mls_public_group *group);
/* As mls_group_is_closed(): after the commit of a ReInit no message is taken any more. */
bool mls_public_group_is_closed(const struct mls_public_group *group,
                                struct mls_reinit_view *view_out);
int mls_public_group_extension(const struct mls_public_group *group, uint16_t type,
                               struct mls_bytes *data_out);

/* ratchet_tree<V>, as a joiner wants it. */
int mls_public_group_ratchet_tree(const struct mls_public_group *group, struct mls_buf *tree_out);

/* ---- Keeping it ------------------------------------------------------------------------------ */

/* About how many bytes of memory it takes, nodes that another one shares included. */
size_t mls_public_group_memory(const struct mls_public_group *group);

/* Writes everything, kept proposals included: no secret. The same group gives the same bytes. */
int mls_public_group_save(const struct mls_public_group *group, struct mls_buf *state_out);

/* Reads what was saved; it was verified once, so nothing is verified again. MLS_EDECODE: damaged, or
 * of an unknown version. */
int mls_public_group_load(const struct mls_config *config, struct mls_bytes state,
                          struct mls_public_group **group_out);

#ifdef __cplusplus
}
#endif
#endif
