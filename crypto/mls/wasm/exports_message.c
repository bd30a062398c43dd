/* SPDX-License-Identifier: MIT */
/*
 * Exports for what members send each other: proposals, commits, messages. Conventions: exports.c.
 */
#include "exports.h"

#include <stdlib.h>

/* ---- Proposals and commits --------------------------------------------------------------------- */

EXPORT(proposals_new)
struct wasm_proposals *
wasm_proposals_new(void)
{
    return calloc(1, sizeof(struct wasm_proposals));
}

EXPORT(proposals_free)
void
wasm_proposals_free(struct wasm_proposals *list)
{
    free(list);
}

static int
append(struct wasm_proposals *list, const struct mls_proposal *proposal)
{
    if (list->count == MLS_PROPOSALS_MAX)
        return MLS_ESIZE;
    list->items[list->count++] = *proposal;
    return 0;
}

/* Bytes given to proposals_... must stay until the list was used. */
EXPORT(proposals_add)
int
wasm_proposals_add(struct wasm_proposals *list, const uint8_t *key_package, size_t len)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                               .key_package = bytes(key_package, len)});
}

EXPORT(proposals_update)
int
wasm_proposals_update(struct wasm_proposals *list)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_UPDATE});
}

EXPORT(proposals_remove)
int
wasm_proposals_remove(struct wasm_proposals *list, uint32_t leaf)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .leaf = leaf});
}

EXPORT(proposals_psk)
int
wasm_proposals_psk(struct wasm_proposals *list, const uint8_t *id, size_t len)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_PSK, .psk_id = bytes(id, len)});
}

/* The resumption secret of an epoch of the group with this id; none: of the one in which it is proposed. */
EXPORT(proposals_resumption)
int
wasm_proposals_resumption(struct wasm_proposals *list, const uint8_t *id, size_t len, double epoch)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_PSK,
                                               .psk_resumption = true,
                                               .group_id = bytes(id, len),
                                               .psk_epoch = (uint64_t)epoch});
}

/* Closes the group for a successor; the list of its extensions must stay until this one was used. */
EXPORT(proposals_reinit)
int
wasm_proposals_reinit(struct wasm_proposals *list, const uint8_t *id, size_t len, uint32_t suite,
                      const struct wasm_extensions *extensions)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_REINIT,
                                               .group_id = bytes(id, len),
                                               .suite = (uint16_t)suite,
                                               .extensions = extensions->items,
                                               .extension_count = extensions->count});
}

/* The complete new list of the group context's extensions; must stay, too. */
EXPORT(proposals_extensions)
int
wasm_proposals_extensions(struct wasm_proposals *list, const struct wasm_extensions *extensions)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                               .extensions = extensions->items,
                                               .extension_count = extensions->count});
}

/* The list has one proposal. */
EXPORT(group_propose)
int
wasm_group_propose(struct mls_group *group, const struct wasm_proposals *list,
                   const uint8_t *authenticated, size_t authenticated_len,
                   struct mls_buf *message_out)
{
    if (list->count != 1)
        return MLS_EARG;
    return mls_group_propose(group, &list->items[0], bytes(authenticated, authenticated_len),
                             message_out);
}

/* The list has one proposal. `external_sender` MLS_EXTERNAL_SENDER_NONE: somebody who asks to be added. */
EXPORT(propose_from_outside)
int
wasm_propose_from_outside(uint32_t suite, const uint8_t *id, size_t id_len, double epoch,
                          uint32_t external_sender, const uint8_t *seed,
                          const struct wasm_proposals *list, const uint8_t *authenticated,
                          size_t authenticated_len, struct mls_buf *message_out)
{
    const bool asks = external_sender == MLS_EXTERNAL_SENDER_NONE;

    if (list->count != 1)
        return MLS_EARG;
    const struct mls_outside_params params = {
        .suite = (uint16_t)suite,
        .group_id = bytes(id, id_len),
        .epoch = (uint64_t)epoch,
        .sender_type = asks ? MLS_SENDER_NEW_MEMBER_PROPOSAL : MLS_SENDER_EXTERNAL,
        .external_sender = asks ? 0 : external_sender,
        .signature_seed = seed,
        .proposal = list->items[0],
        .authenticated_data = bytes(authenticated, authenticated_len),
    };
    return mls_propose_from_outside(mls_provider_default(), &params, message_out);
}

EXPORT(group_proposal_count)
size_t
wasm_group_proposal_count(const struct mls_group *group)
{
    return mls_group_proposal_count(group);
}

/* Flags: 1 force_path, 2 welcome_without_tree, 4 skip_kept_proposals. */
EXPORT(group_commit)
int
wasm_group_commit(struct mls_group *group, const struct wasm_proposals *list, uint32_t flags,
                  const uint8_t *authenticated, size_t authenticated_len,
                  struct mls_buf *commit_out, struct mls_buf *welcome_out,
                  struct mls_buf *group_info_out)
{
    const struct mls_commit_options options = {
        .proposals = list->items,
        .proposal_count = list->count,
        .force_path = (flags & 1) != 0,
        .welcome_without_tree = (flags & 2) != 0,
        .skip_kept_proposals = (flags & 4) != 0,
        .authenticated_data = bytes(authenticated, authenticated_len),
    };

    return mls_group_commit(group, &options, commit_out, welcome_out, group_info_out);
}

EXPORT(group_has_pending)
int
wasm_group_has_pending(const struct mls_group *group)
{
    return mls_group_has_pending(group);
}

EXPORT(group_merge_pending)
int
wasm_group_merge_pending(struct mls_group *group)
{
    return mls_group_merge_pending(group);
}

EXPORT(group_clear_pending)
void
wasm_group_clear_pending(struct mls_group *group)
{
    mls_group_clear_pending(group);
}

EXPORT(group_merge_staged)
int
wasm_group_merge_staged(struct mls_group *group)
{
    return mls_group_merge_staged(group);
}

EXPORT(group_drop_staged)
void
wasm_group_drop_staged(struct mls_group *group)
{
    mls_group_drop_staged(group);
}

/* ---- Messages --------------------------------------------------------------------------------- */

EXPORT(group_encrypt)
int
wasm_group_encrypt(struct mls_group *group, const uint8_t *plain, size_t plain_len,
                   const uint8_t *authenticated_data, size_t authenticated_len,
                   size_t padding_block, struct mls_buf *message_out)
{
    return mls_group_encrypt(group, bytes(plain, plain_len),
                             bytes(authenticated_data, authenticated_len), padding_block,
                             message_out);
}

EXPORT(received_new)
struct mls_received *
wasm_received_new(void)
{
    return calloc(1, sizeof(struct mls_received));
}

EXPORT(received_free)
void
wasm_received_free(struct mls_received *received)
{
    if (received != NULL)
        mls_received_fini(received);
    free(received);
}

/* `received_out` is one of received_new that was not filled yet. */
EXPORT(group_process)
int
wasm_group_process(struct mls_group *group, const uint8_t *message, size_t len,
                   struct mls_received *received_out)
{
    return mls_group_process(group, bytes(message, len), received_out);
}

EXPORT(group_check_signature)
int
wasm_group_check_signature(struct mls_group *group, const uint8_t *message, size_t len)
{
    return mls_group_check_signature(group, bytes(message, len));
}

/* ---- What a message brought ------------------------------------------------------------------- */

/* Numbers: 0 kind, 1 leaf of the sender, 2 has_path, 3 removes_self, 4 changes, 5 type of the sender. */
EXPORT(received_number)
uint32_t
wasm_received_number(const struct mls_received *received, int field)
{
    switch (field) {
    case 0: return (uint32_t)received->kind;
    case 1: return received->sender_leaf;
    case 2: return received->has_path;
    case 3: return received->removes_self;
    case 4: return (uint32_t)received->change_count;
    default: return (uint32_t)received->sender_type;
    }
}

EXPORT(received_epoch)
double
wasm_received_epoch(const struct mls_received *received)
{
    return (double)received->epoch;
}

/* Views: 0 plaintext, 1 authenticated data. */
EXPORT(received_bytes)
const struct mls_bytes *
wasm_received_bytes(const struct mls_received *received, int field)
{
    return field == 0 ? &received->plaintext : &received->authenticated_data;
}

/* The credential of the sender, for credential_bytes. */
EXPORT(received_sender)
const struct mls_credential_view *
wasm_received_sender(const struct mls_received *received)
{
    return &received->sender;
}

/* One of the changes, as check_outsider is asked about one, too. */
EXPORT(received_change)
const struct mls_change *
wasm_received_change(const struct mls_received *received, uint32_t index)
{
    return &received->changes[index];
}

/* Numbers: 0 type, 1 leaf, 2 proposer, 3 by_reference, 4 external sender, 5 type of the proposer, 6 and 7 suite
 * and version of a ReInit. */
EXPORT(change_number)
uint32_t
wasm_change_number(const struct mls_change *change, int field)
{
    switch (field) {
    case 0: return (uint32_t)change->type;
    case 1: return change->leaf;
    case 2: return change->proposer;
    case 3: return change->by_reference;
    case 4: return change->external_sender;
    case 5: return (uint32_t)change->proposer_type;
    case 6: return change->reinit.suite;
    default: return change->reinit.version;
    }
}

/* Views of a ReInit: 0 group id, 1 extensions. */
EXPORT(change_bytes)
const struct mls_bytes *
wasm_change_bytes(const struct mls_change *change, int field)
{
    return field == 0 ? &change->reinit.group_id : &change->reinit.extensions;
}

/* The credential of a change, for credential_bytes. */
EXPORT(change_credential)
const struct mls_credential_view *
wasm_change_credential(const struct mls_change *change)
{
    return &change->credential;
}
