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

/* After a ReInit: id and extensions of the successor. */
EXPORT(group_successor)
int
wasm_group_successor(const struct mls_group *group, struct mls_buf *id_out,
                     struct mls_buf *extensions_out)
{
    struct mls_reinit_view view;
    bool closed = mls_group_is_closed(group, &view);

    return wasm_tell_reinit(closed, &view, id_out, extensions_out);
}

/* The suite of the successor; 0 while the group is not closed. */
EXPORT(group_successor_suite)
uint32_t
wasm_group_successor_suite(const struct mls_group *group)
{
    struct mls_reinit_view view;

    return mls_group_is_closed(group, &view) ? view.suite : 0;
}

EXPORT(group_reinit)
int
wasm_group_reinit(uint32_t owner, const struct mls_client *client, const struct mls_group *old,
                  const struct packages *packages, struct mls_buf *commit_out,
                  struct mls_buf *welcome_out, struct mls_group **group_out)
{
    const struct mls_config config = wasm_config(owner);

    return mls_group_reinit(&config, client, old, packages->items, packages->count, commit_out,
                            welcome_out, group_out);
}

EXPORT(group_branch)
int
wasm_group_branch(uint32_t owner, const struct mls_client *client, const struct mls_group *old,
                  const uint8_t *id, size_t id_len, const struct packages *packages,
                  struct mls_buf *commit_out, struct mls_buf *welcome_out,
                  struct mls_group **group_out)
{
    const struct mls_config config = wasm_config(owner);

    return mls_group_branch(&config, client, old, bytes(id, id_len), packages->items,
                            packages->count, commit_out, welcome_out, group_out);
}
