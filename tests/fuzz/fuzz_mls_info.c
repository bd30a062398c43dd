/* SPDX-License-Identifier: MIT */
/*
 * A GroupInfo with its tree, whose signatures and tree hash all pass (fuzz_mls.h), comes from whoever it likes to a
 * server that begins to follow the group and to somebody who joins by an external commit. What one refuses because of
 * the group the other refuses.
 */
#include "sotto_test.h"

#include "fuzz_mls.h"
#include "mls/public_group.h"

#include <assert.h>

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct fuzz_mls *world = state;
    const struct mls_external_join_params params = {.group_info = {data, size}};
    const struct mls_client self = mls_peer_client(&world->dave, 86400);
    struct mls_public_group *followed = NULL;
    struct mls_group *joined = NULL;
    struct mls_buf commit = {0};

    fuzz_mls_forget(world);
    if (mls_public_group_open(&world->bob.config, params.group_info, (struct mls_bytes){0},
                              &followed) != MLS_OK) {
        assert(followed == NULL);
        return false;
    }
    fuzz_mls_forget(world);
    /* Who joins may still lack what the group requires, or the key to join with. */
    if (mls_group_join_external(&world->dave.config, &self, &params, &joined, &commit, NULL) ==
        MLS_OK)
        assert(mls_group_epoch(joined) == mls_public_group_epoch(followed));
    mls_buf_fini(&commit);
    mls_group_destroy(&joined);
    mls_public_group_destroy(&followed);
    return true;
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct fuzz_mls *world = state;

    take("group-info", world->info.data, world->info.len, arg);
}

const struct fuzz_target fuzz_target = {
    .name = "mls_info", .setup = fuzz_mls_setup_trusting, .one = one, .seeds = seeds};
