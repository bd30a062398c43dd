/* SPDX-License-Identifier: MIT */
/*
 * A member of a group receives a message that passes every signature and tag (fuzz_mls.h): what a malicious member
 * could send. Whatever is refused leaves the group as it was, byte for byte.
 */
#include "sotto_test.h"

#include "fuzz_mls.h"

#include <assert.h>

#define COMPARE_EVERY 16 /* refusals; saving a group costs more than refusing a message */

struct member {
    struct fuzz_mls *world;
    struct mls_buf before; /* the state in which each input finds the group */
    struct mls_group *group;
    unsigned refusals;
};

static void
reset(struct member *member)
{
    mls_group_destroy(&member->group);
    assert_ok(
        mls_group_load(&member->world->bob.config, mls_buf_bytes(&member->before), &member->group));
}

static void *
setup(void)
{
    struct member *member = calloc(1, sizeof(*member));

    assert_non_null(member);
    member->world = fuzz_mls_create();
    assert_ok(mls_group_save(member->world->bob.group, &member->before));
    reset(member);
    return member;
}

static void
compare(struct member *member)
{
    struct mls_buf after = {0};

    if (member->refusals++ % COMPARE_EVERY != 0)
        return;
    assert_ok(mls_group_save(member->group, &after));
    assert(after.len == member->before.len &&
           memcmp(after.data, member->before.data, after.len) == 0);
    mls_buf_fini(&after);
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct member *member = state;
    struct mls_received received = {0};

    fuzz_mls_forget(member->world);
    const int rc = mls_group_process(member->group, (struct mls_bytes){data, size}, &received);

    if (rc != MLS_OK) {
        compare(member);
        return false;
    }
    if (received.kind == MLS_RECEIVED_COMMIT)
        assert(mls_group_merge_staged(member->group) == MLS_OK);
    mls_received_fini(&received);
    reset(member);
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
    const struct fuzz_mls *world = ((const struct member *)state)->world;

    give(take, arg, "application", &world->application);
    give(take, arg, "commit", &world->commit.commit);
    give(take, arg, "proposal-add", &world->proposal);
    give(take, arg, "proposal-remove", &world->own_removal);
    give(take, arg, "proposal-update", &world->update);
    give(take, arg, "proposal-extensions", &world->context);
    give(take, arg, "proposal-reinit", &world->reinit);
    give(take, arg, "external-commit", &world->external);
}

const struct fuzz_target fuzz_target = {
    .name = "mls_process", .setup = setup, .one = one, .seeds = seeds};
