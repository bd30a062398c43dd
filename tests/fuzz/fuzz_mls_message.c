/* SPDX-License-Identifier: MIT */
/* MLS messages as a delivery service reads them, without secrets: every view, every walk. */
#include "sotto_test.h"

#include "fuzz_mls.h"
#include "mls/view.h"

#include <assert.h>

static void
within(struct mls_bytes view, struct mls_bytes message)
{
    assert(view.len == 0 ||
           (view.data >= message.data && view.data + view.len <= message.data + message.len));
}

static void
walk_commit(const struct fuzz_mls *world, struct mls_bytes message)
{
    struct mls_commit_view view;
    struct mls_commit_entry entry;
    size_t offset = 0, count = 0;

    if (mls_commit_view(message, &view) != MLS_OK)
        return;
    while (mls_commit_next(&world->provider, &view, &offset, &entry) == 1) {
        within(entry.proposal.encoded, message);
        count++;
    }
    assert(count <= view.proposal_count);
}

static void
walk_welcome(struct mls_bytes message)
{
    struct mls_welcome_view view;
    uint8_t ref[MLS_REF_BYTES];
    size_t offset = 0, count = 0;
    int rc;

    if (mls_welcome_view(message, &view) != MLS_OK)
        return;
    while ((rc = mls_welcome_next(&view, &offset, ref)) == 1)
        count++;
    /* References of a suite that is not ours may have another size, which is an error of the walk. */
    assert(rc < 0 ? count < view.secret_count : count == view.secret_count);
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    const struct fuzz_mls *world = state;
    const struct mls_bytes message = {data, size};
    struct mls_message_info info;
    struct mls_key_package_info package;
    struct mls_proposal_view proposal;
    struct mls_group_info_view group;
    uint8_t ref[MLS_REF_BYTES];

    walk_commit(world, message);
    walk_welcome(message);
    mls_proposal_view(&world->provider, message, &proposal);
    mls_proposal_ref(&world->provider, message, ref);
    if (mls_group_info_view(message, &group) == MLS_OK)
        within(group.group_id, message);
    if (mls_key_package_info(&world->provider, message, &package) == MLS_OK)
        within(package.credential.identity, message);
    if (mls_message_info(message, &info) != MLS_OK)
        return false;
    within(info.group_id, message);
    within(info.authenticated_data, message);
    return true;
}

static void
give(fuzz_seed_fn *take, void *arg, const char *name, const struct mls_buf *message)
{
    take(name, message->data, message->len, arg);
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct fuzz_mls *world = state;

    take("key-package", world->bob_package.data, world->bob_package.len, arg);
    give(take, arg, "welcome", &world->add_bob.welcome);
    give(take, arg, "group-info", &world->add_bob.group_info);
    give(take, arg, "group-info-with-tree", &world->info);
    give(take, arg, "first-commit", &world->add_bob.commit);
    give(take, arg, "commit", &world->commit.commit);
    give(take, arg, "application", &world->application);
    give(take, arg, "proposal", &world->proposal);
    give(take, arg, "external-commit", &world->external);
    give(take, arg, "reinit", &world->reinit);
}

const struct fuzz_target fuzz_target = {
    .name = "mls_message", .setup = fuzz_mls_setup, .one = one, .seeds = seeds};
