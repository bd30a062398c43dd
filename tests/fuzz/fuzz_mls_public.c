/* SPDX-License-Identifier: MIT */
/*
 * A message that passes every signature and tag (fuzz_mls.h) reaches a member and somebody who follows the group from
 * outside: what the server refuses no member may take. For input that begins with 's' a saved follower is loaded, its
 * check sum made to fit, and led on by a good commit; with 'i' it is opened from a GroupInfo.
 */
#include "sotto_test.h"

#include "fuzz_mls.h"
#include "mls/public_group.h"

#include <assert.h>

struct outsider {
    struct fuzz_mls *world;
    struct mls_buf saved_member, saved; /* of bob, and of who follows */
    struct mls_buf info;
    struct mls_group *member;
    struct mls_public_group *follower;
};

static void
reset(struct outsider *o)
{
    const struct mls_config *config = &o->world->bob.config;

    mls_group_destroy(&o->member);
    mls_public_group_destroy(&o->follower);
    assert_ok(mls_group_load(config, mls_buf_bytes(&o->saved_member), &o->member));
    assert_ok(mls_public_group_load(config, mls_buf_bytes(&o->saved), &o->follower));
}

static void *
setup(void)
{
    struct outsider *o = calloc(1, sizeof(*o));
    struct mls_public_group *opened = NULL;

    assert_non_null(o);
    o->world = fuzz_mls_create();
    assert_ok(mls_group_save(o->world->bob.group, &o->saved_member));
    assert_ok(mls_group_export_info(o->world->bob.group, true, &o->info));
    assert_ok(mls_public_group_open(&o->world->bob.config, mls_buf_bytes(&o->info),
                                    (struct mls_bytes){0}, &opened));
    assert_ok(mls_public_group_save(opened, &o->saved));
    mls_public_group_destroy(&opened);
    reset(o);
    return o;
}

/* ---- one message, two readers -------------------------------------------------------------------------------- */

static int
take_outside(struct outsider *o, struct mls_bytes message)
{
    struct mls_public_group *next = NULL;
    struct mls_received received = {0};
    int rc = mls_public_group_take_commit(o->follower, message, &received, &next);

    if (rc == MLS_EARG)
        rc = mls_public_group_take_proposal(o->follower, message, &received);
    mls_received_fini(&received);
    if (next != NULL) {
        mls_public_group_destroy(&o->follower);
        o->follower = next;
    }
    return rc;
}

static bool
compare(struct outsider *o, struct mls_bytes message)
{
    struct mls_received received = {0};
    const int outside = take_outside(o, message);

    fuzz_mls_forget(o->world);
    const int inside = mls_group_process(o->member, message, &received);

    /* A PrivateMessage shows nothing, and whoever is removed does not look at the path. */
    if (inside == MLS_OK && !received.removes_self && outside != MLS_EUNSUPPORTED)
        assert(outside == MLS_OK);
    mls_received_fini(&received);
    if (inside == MLS_OK || outside == MLS_OK)
        reset(o);
    return outside == MLS_OK;
}

/* ---- what is stored, what begins it ----------------------------------------------------------------------------- */

static bool
load(struct outsider *o, const uint8_t *data, size_t size)
{
    const struct mls_provider *p = mls_provider_default();
    struct mls_bytes body = {data, size};
    uint8_t *state = malloc(size + MLS_HASH_BYTES);
    bool loaded;

    assert_non_null(state);
    if (size > 0)
        memcpy(state, data, size);
    assert_ok(p->sha256(p->ctx, &body, 1, state + size));
    mls_public_group_destroy(&o->follower);
    loaded = mls_public_group_load(&o->world->bob.config,
                                   (struct mls_bytes){state, size + MLS_HASH_BYTES},
                                   &o->follower) == MLS_OK;
    if (loaded)
        take_outside(o, mls_buf_bytes(&o->world->commit.commit));
    free(state);
    reset(o);
    return loaded;
}

static bool
open_info(struct outsider *o, struct mls_bytes info)
{
    struct mls_public_group *opened = NULL;
    const int rc =
        mls_public_group_open(&o->world->bob.config, info, (struct mls_bytes){0}, &opened);

    fuzz_mls_forget(o->world);
    mls_public_group_check_info(o->follower, info, NULL);
    mls_public_group_destroy(&opened);
    return rc == MLS_OK;
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct outsider *o = state;

    fuzz_mls_forget(o->world);
    if (size > 0 && data[0] == 's')
        return load(o, data + 1, size - 1);
    if (size > 0 && data[0] == 'i')
        return open_info(o, (struct mls_bytes){data + 1, size - 1});
    return compare(o, (struct mls_bytes){data, size});
}

static void
give(fuzz_seed_fn *take, void *arg, const char *name, char first, struct mls_bytes bytes)
{
    uint8_t *data = malloc(bytes.len + 1);

    assert_non_null(data);
    data[0] = (uint8_t)first;
    memcpy(data + 1, bytes.data, bytes.len);
    take(name, first == 0 ? data + 1 : data, first == 0 ? bytes.len : bytes.len + 1, arg);
    free(data);
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct outsider *o = state;
    const struct fuzz_mls *world = o->world;

    give(take, arg, "commit", 0, mls_buf_bytes(&world->commit.commit));
    give(take, arg, "proposal-add", 0, mls_buf_bytes(&world->proposal));
    give(take, arg, "proposal-remove", 0, mls_buf_bytes(&world->own_removal));
    give(take, arg, "proposal-update", 0, mls_buf_bytes(&world->update));
    give(take, arg, "proposal-extensions", 0, mls_buf_bytes(&world->context));
    give(take, arg, "proposal-reinit", 0, mls_buf_bytes(&world->reinit));
    give(take, arg, "external-commit", 0, mls_buf_bytes(&world->external));
    give(take, arg, "group-info", 'i', mls_buf_bytes(&o->info));
    give(take, arg, "saved", 's', (struct mls_bytes){o->saved.data, o->saved.len - MLS_HASH_BYTES});
}

const struct fuzz_target fuzz_target = {
    .name = "mls_public", .setup = setup, .one = one, .seeds = seeds};
