/* SPDX-License-Identifier: MIT */
/*
 * Exports for what anybody may read of a message (mls/view.h). One handle takes what was read last: view_* reads into it,
 * view_number and view_bytes tell what is there. The message must stay until then. Conventions: exports.c.
 */
#include "exports.h"

#include "mls/key_package.h"
#include "mls/view.h"

#include <stdlib.h>
#include <string.h>

/* What was read last; each kind of message has its own part, the others stay zero. */
struct view {
    struct mls_message_info info;
    struct mls_key_package_info package;
    struct mls_group_info_view group_info;
    struct mls_commit_view commit;
    struct mls_commit_entry entry; /* of a commit; a proposal by itself stands here, too */
    struct mls_welcome_view welcome;
    uint8_t ref[MLS_REF_BYTES]; /* of a Welcome: for whom the entry is; of a proposal: its own */
    size_t offset;              /* of the next entry */
    struct mls_bytes bytes;     /* what view_bytes gave last */
};

EXPORT(view_new)
struct view *
wasm_view_new(void)
{
    return calloc(1, sizeof(struct view));
}

EXPORT(view_free)
void
wasm_view_free(struct view *view)
{
    free(view);
}

/* ---- Reading --------------------------------------------------------------------------------- */

EXPORT(view_message)
int
wasm_view_message(struct view *view, const uint8_t *message, size_t len)
{
    return mls_message_info(bytes(message, len), &view->info);
}

EXPORT(view_key_package)
int
wasm_view_key_package(struct view *view, const uint8_t *message, size_t len)
{
    return mls_key_package_info(mls_provider_default(), bytes(message, len), &view->package);
}

EXPORT(view_group_info)
int
wasm_view_group_info(struct view *view, const uint8_t *message, size_t len)
{
    return mls_group_info_view(bytes(message, len), &view->group_info);
}

EXPORT(view_proposal)
int
wasm_view_proposal(struct view *view, const uint8_t *message, size_t len)
{
    int error =
        mls_proposal_view(mls_provider_default(), bytes(message, len), &view->entry.proposal);

    return error != 0 ? error
                      : mls_proposal_ref(mls_provider_default(), bytes(message, len), view->ref);
}

EXPORT(view_commit)
int
wasm_view_commit(struct view *view, const uint8_t *message, size_t len)
{
    view->offset = 0;
    return mls_commit_view(bytes(message, len), &view->commit);
}

/* 1: there is another proposal; 0: no more. */
EXPORT(view_commit_next)
int
wasm_view_commit_next(struct view *view)
{
    return mls_commit_next(mls_provider_default(), &view->commit, &view->offset, &view->entry);
}

EXPORT(view_welcome)
int
wasm_view_welcome(struct view *view, const uint8_t *message, size_t len)
{
    view->offset = 0;
    return mls_welcome_view(bytes(message, len), &view->welcome);
}

/* 1: there is another one whom it is for; 0: no more. */
EXPORT(view_welcome_next)
int
wasm_view_welcome_next(struct view *view)
{
    return mls_welcome_next(&view->welcome, &view->offset, view->ref);
}

/* ---- Telling --------------------------------------------------------------------------------- */

static double
message_number(const struct mls_message_info *info, int field)
{
    switch (field) {
    case 0: return info->wire_format;
    case 1: return info->suite;
    case 2: return (double)info->epoch;
    case 3: return info->content_type;
    case 4: return info->sender_type;
    case 5: return info->sender;
    default: return (double)info->content_bytes;
    }
}

static double
entry_number(const struct mls_commit_entry *entry, int field)
{
    switch (field) {
    case 0: return entry->by_reference;
    case 1: return entry->proposal.type;
    case 2: return entry->proposal.suite;
    case 3: return entry->proposal.leaf;
    case 4: return (double)entry->proposal.lifetime.not_before;
    default: return (double)entry->proposal.lifetime.not_after;
    }
}

static double
package_number(const struct mls_key_package_info *package, int field)
{
    switch (field) {
    case 0: return package->suite;
    case 1: return (double)package->lifetime.not_before;
    case 2: return (double)package->lifetime.not_after;
    default: return (double)package->leaf_bytes;
    }
}

static double
group_info_number(const struct mls_group_info_view *info, int field)
{
    switch (field) {
    case 0: return info->suite;
    case 1: return (double)info->epoch;
    case 2: return info->signer;
    case 3: return info->has_external_pub;
    default: return info->has_ratchet_tree;
    }
}

/*
 * Numbers by tens. 0 message: wire format, suite, epoch, type of content, type of sender, sender, bytes of content.
 * 10 proposal: by_reference, type, suite, leaf, lifetime from and to. 20 key package: suite, lifetime from and to, bytes of
 * the leaf. 30 GroupInfo: suite, epoch, signer, has_external_pub, has_ratchet_tree. 40 commit: has_path, proposals.
 * 50 Welcome: suite, how many it is for, bytes of the GroupInfo.
 */
EXPORT(view_number)
double
wasm_view_number(const struct view *view, int field)
{
    switch (field) {
    case 40: return view->commit.has_path;
    case 41: return (double)view->commit.proposal_count;
    case 50: return view->welcome.suite;
    case 51: return (double)view->welcome.secret_count;
    case 52: return (double)view->welcome.group_info_bytes;
    default: break;
    }
    switch (field / 10) {
    case 0: return message_number(&view->info, field);
    case 1: return entry_number(&view->entry, field - 10);
    case 2: return package_number(&view->package, field - 20);
    default: return group_info_number(&view->group_info, field - 30);
    }
}

/*
 * Bytes by tens, for bytes_data and bytes_len until the next call: 0 message: group id, authenticated data. 10 proposal: its
 * struct, KeyPackageRef of an Add, ProposalRef in a commit, its own ProposalRef (of a Welcome: for whom). 20 key package: ref,
 * init key. 30 GroupInfo: group id, tree hash.
 */
EXPORT(view_bytes)
const struct mls_bytes *
wasm_view_bytes(struct view *view, int field)
{
    switch (field) {
    case 0: return &view->info.group_id;
    case 1: return &view->info.authenticated_data;
    case 10: return &view->entry.proposal.encoded;
    case 11: view->bytes = bytes(view->entry.proposal.key_package_ref, MLS_REF_BYTES); break;
    case 12: view->bytes = bytes(view->entry.ref, MLS_REF_BYTES); break;
    case 13: view->bytes = bytes(view->ref, MLS_REF_BYTES); break;
    case 20: view->bytes = bytes(view->package.ref, MLS_REF_BYTES); break;
    case 21: return &view->package.init_key;
    case 30: return &view->group_info.group_id;
    default: return &view->group_info.tree_hash;
    }
    return &view->bytes;
}

/* For credential_bytes: 0 of a proposal, 1 of a key package, 2 of a commit's path. */
EXPORT(view_credential)
const struct mls_credential_view *
wasm_view_credential(const struct view *view, int which)
{
    switch (which) {
    case 0: return &view->entry.proposal.credential;
    case 1: return &view->package.credential;
    default: return &view->commit.path_credential;
    }
}
