/* SPDX-License-Identifier: MIT */
/*
 * What the application answers for: where primitives come from, whom it trusts, what time it is, which keys it
 * has. Every function that makes or follows a group takes a struct mls_config and copies it; a zeroed one with
 * provider, check_credential and now is enough to begin with.
 */
#ifndef MLS_CONFIG_H
#define MLS_CONFIG_H

#include "mls/bytes.h"
#include "mls/error.h"
#include "mls/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mls_change; /* mls/mls.h */
struct mls_group;

/*
 * Callbacks get `arg` of the config, run on the calling thread inside the call that needs them, and
 * must not call back into the same group.
 */
struct mls_config {
    /* Primitives and randomness. Borrowed: must outlive every group made with it. */
    const struct mls_provider *provider;

    /*
     * Decides whether the credential is authentic (section 5.3.1): 0, or a negative MLS_E... that the call then
     * returns (MLS_ECREDENTIAL by custom). Called for each leaf in an Add, an Update, a commit's
     * path, and for every member of the tree when joining. Required. The view is valid during
     * the call only.
     */
    int (*check_credential)(void *arg, const struct mls_credential_view *credential);

    /*
     * Unix time in seconds against which key package lifetimes are judged (RFC 9420 section 7.3),
     * when Adds are made or received. When catching up on an old log, give the time at which the
     * delivery service accepted the message that is being processed. Required.
     */
    uint64_t (*now)(void *arg);

    /*
     * Finds an external pre-shared key by its id and writes it to psk_out (already initialised). 0,
     * or MLS_EPSK when it is not known. May be NULL: no external PSKs. Resumption PSKs of the same
     * group are kept by the library for the last MLS_RESUMPTION_MAX epochs.
     */
    int (*find_psk)(void *arg, struct mls_bytes psk_id, struct mls_buf *psk_out);

    /*
     * Finds another group of ours by its id, when a resumption PSK of it is named (RFC 9420 section
     * 8.6): by the Welcome of its successor or of a branch, or in a commit. NULL when there is none,
     * which gives MLS_EPSK. The group is only read, and borrowed until the call that asked returns: no
     * other thread may change it so long.
     * May be NULL: no PSKs of other groups.
     */
    const struct mls_group *(*find_group)(void *arg, struct mls_bytes group_id);

    /*
     * Decides whether a proposal from outside may be kept, and so be committed (RFC 9420 section
     * 12.1.8): one by an external sender of the group, or by somebody who asks to be added. 0, or the
     * error that mls_group_process() then gives, MLS_EPROPOSAL by custom. All members must come to
     * the same answer, or the commit of one is refused by another. The view is valid during the call
     * only. May be NULL: external senders may propose, newcomers may not.
     */
    int (*check_outsider)(void *arg, const struct mls_change *change);

    /*
     * Longest lifetime in seconds, from not_before to not_after, of a leaf in an Add; a longer one
     * is MLS_ELIFETIME. RFC 9420 section 7.2 wants every application to have such a bound, the same
     * for all its clients. 0: none.
     */
    uint64_t lifetime_max;

    /*
     * Largest LeafNode in bytes, of an Add, an Update, a path, and of members when joining; a larger one is
     * MLS_ESIZE. A leaf travels with every tree from then on, so an application should have such a bound,
     * the same for all its clients. 0: none.
     */
    size_t leaf_bytes_max;

    /* What the callbacks get; borrowed like the provider. May be NULL. */
    void *arg;
};

#ifdef __cplusplus
}
#endif
#endif
