/* SPDX-License-Identifier: MIT */
/*
 * The stored group of a member, damaged under a hash that fits: an input is a state without the hash at its end.
 * What loads is stored and loaded again as the same, and can be used. What a server stores is in fuzz_mls_public.c.
 */
#include "sotto_test.h"

#include "fuzz_mls.h"

#include <assert.h>

/* Follows a commit and writes; only the process must survive. */
static void
use(struct fuzz_mls *world, struct mls_group *group)
{
    struct mls_received received = {0};
    struct mls_buf message = {0};

    fuzz_mls_forget(world);
    mls_group_process(group, mls_buf_bytes(&world->commit.commit), &received);
    mls_received_fini(&received);
    mls_group_drop_staged(group);
    mls_group_encrypt(group, (struct mls_bytes){0}, (struct mls_bytes){0}, 0, &message);
    mls_buf_fini(&message);
}

static bool
try_member(struct fuzz_mls *world, struct mls_bytes state)
{
    struct mls_group *group = NULL, *again = NULL;
    struct mls_buf first = {0}, second = {0};

    fuzz_mls_forget(world);
    if (mls_group_load(&world->bob.config, state, &group) != MLS_OK)
        return false;
    assert_ok(mls_group_save(group, &first));
    assert_ok(mls_group_load(&world->bob.config, mls_buf_bytes(&first), &again));
    assert_ok(mls_group_save(again, &second));
    assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    use(world, again);
    mls_buf_fini(&second);
    mls_buf_fini(&first);
    mls_group_destroy(&again);
    mls_group_destroy(&group);
    return true;
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    const struct mls_provider *p = mls_provider_default();
    const struct mls_bytes body = {data, size};
    uint8_t *whole = malloc(size + MLS_HASH_BYTES);

    assert_non_null(whole);
    if (size > 0)
        memcpy(whole, data, size);
    assert_ok(p->sha256(p->ctx, &body, 1, whole + size));
    const bool loaded = try_member(state, (struct mls_bytes){whole, size + MLS_HASH_BYTES});
    free(whole);
    return loaded;
}

static void
give(fuzz_seed_fn *take, void *arg, const char *name, const struct mls_group *group)
{
    struct mls_buf saved = {0};

    assert_ok(mls_group_save(group, &saved));
    take(name, saved.data, saved.len - MLS_HASH_BYTES, arg);
    mls_buf_fini(&saved);
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct fuzz_mls *world = state;

    give(take, arg, "joined", world->bob.group);
    give(take, arg, "keeps-proposals", world->alice.group);
    give(take, arg, "joins-by-itself", world->dave.group);
}

const struct fuzz_target fuzz_target = {
    .name = "mls_state", .setup = fuzz_mls_setup, .one = one, .seeds = seeds};
