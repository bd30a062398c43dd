/* SPDX-License-Identifier: MIT */
/*
 * A device is invited with a Welcome that passes every signature and tag (fuzz_mls.h): GroupInfo, extensions, the
 * whole ratchet tree come from whoever invites. The same input is tried as what the device stored of its KeyPackage.
 */
#include "sotto_test.h"

#include "fuzz_mls.h"

static bool
joins(struct fuzz_mls *world, struct mls_bytes welcome, struct mls_bytes secret)
{
    const struct mls_join_params params = {.welcome = welcome, .key_package_private = secret};
    const struct mls_client self = mls_peer_client(&world->bob, 86400);
    struct mls_group *group = NULL;

    fuzz_mls_forget(world);
    const int rc = mls_group_join(&world->bob.config, &self, &params, &group);

    mls_group_destroy(&group);
    return rc == MLS_OK;
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct fuzz_mls *world = state;
    const struct mls_bytes input = {data, size};

    return joins(world, input, mls_buf_bytes(&world->bob.packages[0].secret)) ||
           joins(world, mls_buf_bytes(&world->add_bob.welcome), input);
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct fuzz_mls *world = state;

    take("welcome", world->add_bob.welcome.data, world->add_bob.welcome.len, arg);
    take("key-package", world->bob.packages[0].secret.data, world->bob.packages[0].secret.len, arg);
}

const struct fuzz_target fuzz_target = {
    .name = "mls_join", .setup = fuzz_mls_setup_trusting, .one = one, .seeds = seeds};
