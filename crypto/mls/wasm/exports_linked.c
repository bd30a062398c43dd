/* SPDX-License-Identifier: MIT */
/*
 * Exports for groups that continue a group: ReInit and branch. Conventions: exports.c. Whoever joins one
 * finds the old group by host_find_group.
 */
#include "exports.h"

#include <stdlib.h>

/* Key packages of those who come along. */
struct packages {
    size_t count;
    struct mls_bytes items[MLS_PROPOSALS_MAX];
};

EXPORT(packages_new)
struct packages *
wasm_packages_new(void)
{
    return calloc(1, sizeof(struct packages));
}

EXPORT(packages_free)
void
wasm_packages_free(struct packages *list)
{
    free(list);
}

/* The bytes must stay until the list was used. */
EXPORT(packages_add)
int
wasm_packages_add(struct packages *list, const uint8_t *package, size_t len)
{
    if (list->count == MLS_PROPOSALS_MAX)
        return MLS_ESIZE;
    list->items[list->count++] = bytes(package, len);
    return 0;
}

/* After a ReInit: id and extensions of the successor, the latter encoded. MLS_ENOTFOUND: there was none. */
EXPORT(group_successor)
int
wasm_group_successor(const struct mls_group *group, struct mls_buf *id_out,
                     struct mls_buf *extensions_out)
{
    struct mls_reinit_view view;

    if (!mls_group_is_closed(group, &view))
        return MLS_ENOTFOUND;
    int error = wasm_buf_set(id_out, view.group_id.data, view.group_id.len);
    return error != 0 ? error
                      : wasm_buf_set(extensions_out, view.extensions.data, view.extensions.len);
}

/* The suite of the successor; 0 while the group is not closed. */
EXPORT(group_successor_suite)
uint32_t
wasm_group_successor_suite(const struct mls_group *group)
{
    struct mls_reinit_view view;

    return mls_group_is_closed(group, &view) ? view.suite : 0;
}

/* The successor of a closed group with an empty id, else a branch under this id. */
EXPORT(group_continue)
int
wasm_group_continue(uint32_t owner, const struct mls_group *old, const uint8_t *id, size_t id_len,
                    const uint8_t *seed, const uint8_t *identity, size_t identity_len,
                    double not_before, double not_after, const struct packages *packages,
                    struct mls_buf *commit_out, struct mls_buf *welcome_out,
                    struct mls_group **group_out)
{
    const struct mls_config config = wasm_config(owner);
    const struct mls_client client = {
        .signature_seed = seed,
        .identity = bytes(identity, identity_len),
        .lifetime = {(uint64_t)not_before, (uint64_t)not_after},
    };

    return id_len == 0 ? mls_group_reinit(&config, &client, old, packages->items, packages->count,
                                          commit_out, welcome_out, group_out)
                       : mls_group_branch(&config, &client, old, bytes(id, id_len), packages->items,
                                          packages->count, commit_out, welcome_out, group_out);
}
