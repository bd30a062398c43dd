/* SPDX-License-Identifier: MIT */
/*
 * A group inside the library: the current epoch and what waits beside it. The public contract is in
 * mls/mls.h; which file does what is in the README.
 */
#ifndef MLS_GROUP_H
#define MLS_GROUP_H

#include "epoch.h"
#include "mls/mls.h"

/* A proposal received or made in this epoch. */
struct mls_kept_proposal {
    uint8_t ref[MLS_REF_BYTES];
    struct mls_sender sender;
    struct mls_buf encoded; /* the Proposal */
    /* Of our own Update: the private key that goes with its leaf. */
    bool has_leaf_secret;
    uint8_t leaf_secret[MLS_KEM_SECRET_BYTES];
};

/* 40 bytes each. */
struct mls_resumption {
    uint64_t epoch;
    uint8_t psk[MLS_HASH_BYTES];
};

struct mls_group {
    struct mls_config config;
    struct mls_crypto c;
    struct mls_buf id;
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    bool active;
    /* Our external commit is pending: `epoch` is what its GroupInfo says, without secrets and
     * without us. Not active until it is merged. */
    bool joining;
    struct mls_epoch *epoch;

    struct mls_kept_proposal *kept;
    size_t kept_count;
    size_t kept_cap;

    struct mls_resumption resumption[MLS_RESUMPTION_MAX]; /* oldest first */
    size_t resumption_count;

    /* While the first commit of a group that continues another is made, and never else: the other
     * one, and the usage of its resumption PSK (enum mls_psk_usage). */
    const struct mls_group *origin;
    uint8_t origin_usage;

    struct mls_epoch *pending;            /* where our own commit leads */
    uint8_t pending_hash[MLS_HASH_BYTES]; /* of its message, to know it when it comes back */

    struct mls_epoch *staged; /* where a received commit leads; NULL with staged_removal */
    bool staged_removal;      /* a received commit removes us */
};

/* Makes a group without an epoch. */
int mls_group_new(const struct mls_config *config, uint16_t suite, struct mls_bytes id,
                  const uint8_t seed[MLS_ED25519_SEED_BYTES], struct mls_group **group_out);

static inline bool
mls_group_has_staged(const struct mls_group *group)
{
    return group->staged != NULL || group->staged_removal;
}

/* Remembers the resumption secret of the current epoch. */
void mls_group_remember_resumption(struct mls_group *group);

/* MLS_EPENDING when we are no member yet, MLS_EREMOVED when we are none any more. */
int mls_group_require_active(const struct mls_group *group);

/* The same, and MLS_ECLOSED after a ReInit. */
int mls_group_require_open(const struct mls_group *group);

/* How a group begins. */
struct mls_start {
    uint16_t suite;
    struct mls_bytes group_id;
    struct mls_bytes extensions; /* of the GroupContext, encoded */
};

/* Makes a group in epoch 0 with its creator. */
int mls_group_start(const struct mls_config *config, const struct mls_client *client,
                    const struct mls_start *start, struct mls_group **group_out);

/* ---- Kept proposals (group_propose.c) ------------------------------------------------------ */

/* NULL when no kept proposal has this reference. */
const struct mls_kept_proposal *mls_group_find_kept(const struct mls_group *group,
                                                    struct mls_bytes ref);

/* Adds one; takes its buffer on success. A second one with the same reference changes nothing. */
int mls_group_keep(struct mls_group *group, struct mls_kept_proposal *take_proposal);

/* Drops all but the `count` oldest. */
void mls_group_drop_kept(struct mls_group *group, size_t count);

/* Encodes a caller's proposal. `leaf_secret_out` gets the private key of an Update. */
int mls_group_encode_proposal(const struct mls_group *group, const struct mls_proposal *proposal,
                              struct mls_buf *encoded_out,
                              uint8_t leaf_secret_out[MLS_KEM_SECRET_BYTES]);

/* ---- Believing what brings one in (group_trust.c) -------------------------------------------- */

/* A GroupInfo can be one of this suite: version, suite, lengths. MLS_EVERSION, MLS_ESUITE. */
int mls_trust_info(const struct mls_crypto *c, const struct mls_group_info *info);

/* It is signed by the member whom it names. MLS_ETREE, MLS_ESIGNATURE. */
int mls_trust_signer(const struct mls_tree *tree, const struct mls_group_info *info);

/*
 * Reads the tree (`ratchet_tree`, or when it is empty the extension of the GroupInfo) and believes
 * it: hash, signer, mls_tree_check(), every credential. The epoch, a new one, gets the tree and all
 * of the GroupContext.
 */
int mls_trust_tree(const struct mls_config *config, const struct mls_crypto *c,
                   const struct mls_group_info *info, struct mls_bytes ratchet_tree,
                   struct mls_epoch *epoch);

/* ---- Pre-shared keys (group_psk.c) --------------------------------------------------------- */

/* The keys that a list of proposals or a Welcome names, with the secret of each. */
struct mls_psk_set {
    const struct mls_provider *p;
    struct mls_psk *psks;
    struct mls_buf *secrets; /* what psks[i].secret points into */
    size_t count;
    size_t cap;
};

void mls_psk_set_init(struct mls_psk_set *set, const struct mls_provider *p);
void mls_psk_set_fini(struct mls_psk_set *set);

/* Another group of ours, as the application knows it; NULL when there is none. */
const struct mls_group *mls_find_group(const struct mls_config *config, struct mls_bytes group_id);

/* Finds the secret of a PSK and appends it; `id` must outlive the set. `group` may be NULL (when
 * joining there is no history). MLS_EPSK. */
int mls_psk_set_add(struct mls_psk_set *set, const struct mls_config *config,
                    const struct mls_group *group, const struct mls_psk_id *id);

/* ---- Groups that continue a group (group_link.c) -------------------------------------------- */

/* What the PSKs of a Welcome say of where the new group comes from; all zero: from nowhere. */
struct mls_link {
    uint8_t usage;               /* enum mls_psk_usage: REINIT, BRANCH; 0: no link */
    const struct mls_group *old; /* borrowed from find_group */
    uint64_t epoch;              /* of the old group */
};

/* Notes the link that a PSK of a Welcome is; does nothing for one that is none. MLS_ELINK: it is the
 * second one (section 12.4.3.1). MLS_EPSK: the group is not known. */
int mls_link_note(struct mls_link *link, const struct mls_config *config,
                  const struct mls_psk_id *id);

/* Everything that a new group in its first epoch owes the old one (sections 11.2, 11.3, 12.4.3.1).
 * MLS_ELINK. */
int mls_link_check(const struct mls_link *link, const struct mls_group *made);

/* ---- Checks of a leaf against a group (group_check.c) --------------------------------------- */

/* A leaf may be a member under these GroupContext extensions: it can do what they require and
 * understands each of them (sections 7.3, 13). */
int mls_check_leaf_fits(const struct mls_leaf *leaf, struct mls_bytes extensions);

/* Well formed and within their bounds: required_capabilities and external_senders decode. */
int mls_check_context_extensions(struct mls_bytes extensions);

/* Every member of the tree fits. */
int mls_check_tree_fits(const struct mls_tree *tree, struct mls_bytes extensions);

/* Asks the application, whose bound on a leaf's size comes first. `replaced` may be NULL. */
int mls_check_credential(const struct mls_config *config, const struct mls_leaf *leaf,
                         const struct mls_leaf *replaced);

/* MLS_ELIFETIME outside the lifetime of a leaf of source key_package, or when it is too long. */
int mls_check_lifetime(const struct mls_config *config, const struct mls_leaf *leaf);

/* Everything about a leaf that replaces the one at `index` with the given source. */
int mls_check_replacement(const struct mls_group *group, const struct mls_leaf *leaf,
                          uint8_t source, uint32_t index, struct mls_bytes extensions);

/* Everything about the leaf of an external commit that will stand at `index`; `replaced` is the one
 * it removes, or NULL (section 12.2: then it must be what an Update of that leaf could be). */
int mls_check_joiner(const struct mls_group *group, const struct mls_leaf *leaf, uint32_t index,
                     const struct mls_leaf *replaced, struct mls_bytes extensions);

#endif
