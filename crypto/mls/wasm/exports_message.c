/* SPDX-License-Identifier: MIT */
/*
 * Exports for what members send each other: proposals, commits, messages. Conventions: exports.c.
 */
#include "exports.h"

#include <stdlib.h>

/* ---- Proposals and commits --------------------------------------------------------------------- */

/* What a proposal list holds at most here; a commit takes MLS_PROPOSALS_MAX. */
struct proposals {
    size_t count;
    struct mls_proposal items[MLS_PROPOSALS_MAX];
};

EXPORT(proposals_new)
struct proposals *
wasm_proposals_new(void)
{
    return calloc(1, sizeof(struct proposals));
}

EXPORT(proposals_free)
void
wasm_proposals_free(struct proposals *list)
{
    free(list);
}

static int
append(struct proposals *list, const struct mls_proposal *proposal)
{
    if (list->count == MLS_PROPOSALS_MAX)
        return MLS_ESIZE;
    list->items[list->count++] = *proposal;
    return 0;
}

/* Bytes given to proposals_... must stay until the list was used. */
EXPORT(proposals_add)
int
wasm_proposals_add(struct proposals *list, const uint8_t *key_package, size_t len)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                               .key_package = bytes(key_package, len)});
}

EXPORT(proposals_update)
int
wasm_proposals_update(struct proposals *list)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_UPDATE});
}

EXPORT(proposals_remove)
int
wasm_proposals_remove(struct proposals *list, uint32_t leaf)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .leaf = leaf});
}

EXPORT(proposals_psk)
int
wasm_proposals_psk(struct proposals *list, const uint8_t *id, size_t len)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_PSK, .psk_id = bytes(id, len)});
}

/* Closes the group for a successor; the list of its extensions must stay until this one was used. */
EXPORT(proposals_reinit)
int
wasm_proposals_reinit(struct proposals *list, const uint8_t *id, size_t len, uint32_t suite,
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
wasm_proposals_extensions(struct proposals *list, const struct wasm_extensions *extensions)
{
    return append(list, &(struct mls_proposal){.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                               .extensions = extensions->items,
                                               .extension_count = extensions->count});
}

/* Proposes the first of the list. */
EXPORT(group_propose)
int
wasm_group_propose(struct mls_group *group, const struct proposals *list,
                   struct mls_buf *message_out)
{
    if (list->count != 1)
        return MLS_EARG;
    return mls_group_propose(group, &list->items[0], bytes(NULL, 0), message_out);
}

/* `list` may be 0. Flags: 1 force_path, 2 welcome_without_tree, 4 skip_kept_proposals. */
EXPORT(group_commit)
int
wasm_group_commit(struct mls_group *group, const struct proposals *list, uint32_t flags,
                  struct mls_buf *commit_out, struct mls_buf *welcome_out,
                  struct mls_buf *group_info_out)
{
    const struct mls_commit_options options = {
        .proposals = list != NULL ? list->items : NULL,
        .proposal_count = list != NULL ? list->count : 0,
        .force_path = (flags & 1) != 0,
        .welcome_without_tree = (flags & 2) != 0,
        .skip_kept_proposals = (flags & 4) != 0,
    };

    return mls_group_commit(group, &options, commit_out, welcome_out, group_info_out);
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

/* Numbers of a message: 0 kind, 1 leaf of the sender, 2 has_path, 3 removes_self, 4 changes. */
EXPORT(received_number)
uint32_t
wasm_received_number(const struct mls_received *received, int field)
{
    switch (field) {
    case 0: return (uint32_t)received->kind;
    case 1: return received->sender_leaf;
    case 2: return received->has_path;
    case 3: return received->removes_self;
    default: return (uint32_t)received->change_count;
    }
}

/* Views of a message: 0 plaintext, 1 authenticated data, 2 identity of the sender. */
EXPORT(received_bytes)
const struct mls_bytes *
wasm_received_bytes(const struct mls_received *received, int field)
{
    switch (field) {
    case 0: return &received->plaintext;
    case 1: return &received->authenticated_data;
    default: return &received->sender.identity;
    }
}

/* Of the change at `index`: 0 type, 1 leaf, 2 proposer, 3 by_reference, 4 external sender. */
EXPORT(change_number)
uint32_t
wasm_change_number(const struct mls_received *received, uint32_t index, int field)
{
    const struct mls_change *change = &received->changes[index];

    switch (field) {
    case 0: return (uint32_t)change->type;
    case 1: return change->leaf;
    case 2: return change->proposer;
    case 3: return change->by_reference;
    default: return change->external_sender;
    }
}

/* The credential of a change, for credential_bytes. */
EXPORT(change_credential)
const struct mls_credential_view *
wasm_change_credential(const struct mls_received *received, uint32_t index)
{
    return &received->changes[index].credential;
}
