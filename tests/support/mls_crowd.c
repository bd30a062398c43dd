/* SPDX-License-Identifier: MIT */
/*
 * A large MLS group in one process; see mls_crowd.h.
 */
#include "mls_crowd.h"

#include <stdlib.h>
#include <string.h>

#include "group.h"

/* ---- What the library asks ----------------------------------------------------------------- */

static int
believe(void *arg, const struct mls_credential_view *credential)
{
    (void)arg;
    (void)credential;
    return 0;
}

static struct mls_client
somebody(const uint8_t seed[MLS_ED25519_SEED_BYTES])
{
    return (struct mls_client){.signature_seed = seed, .identity = mls_text("somebody")};
}

static int
key_package(const struct mls_crowd *crowd, uint8_t seed[MLS_ED25519_SEED_BYTES],
            struct mls_buf *message, struct mls_buf *secrets)
{
    const struct mls_provider *p = crowd->config.provider;

    if (p->random(p->ctx, seed, MLS_ED25519_SEED_BYTES) != 0)
        return MLS_ECRYPTO;
    const struct mls_client self = somebody(seed);
    return mls_key_package_create(&crowd->config, &self, crowd->suite, message, secrets);
}

/* ---- Making it ------------------------------------------------------------------------------ */

static int
merge(struct mls_crowd *crowd, const struct mls_commit_options *options, struct mls_buf *commit_out,
      struct mls_buf *welcome_out)
{
    struct mls_buf commit = {0}, welcome = {0};
    int error = mls_group_commit(crowd->group, options, commit_out != NULL ? commit_out : &commit,
                                 welcome_out != NULL ? welcome_out : &welcome, NULL);

    mls_buf_fini(&commit);
    mls_buf_fini(&welcome);
    return error != 0 ? error : mls_group_merge_pending(crowd->group);
}

/* Adds the members from `first` on, as many as one commit takes, without a path. */
static int
add_some(struct mls_crowd *crowd, uint32_t first, uint32_t count)
{
    struct mls_proposal *adds = calloc(count, sizeof(*adds));
    struct mls_buf *packages = calloc(count, sizeof(*packages));
    int error = adds == NULL || packages == NULL ? MLS_ENOMEM : 0;

    for (uint32_t i = 0; error == 0 && i < count; i++) {
        struct mls_buf secrets = {0};

        error = key_package(crowd, crowd->seeds[first + i], &packages[i], &secrets);
        adds[i] = (struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                        .key_package = mls_buf_bytes(&packages[i])};
        mls_buf_fini(&secrets);
    }
    if (error == 0)
        error = merge(crowd,
                      &(struct mls_commit_options){
                          .proposals = adds, .proposal_count = count, .welcome_without_tree = true},
                      NULL, NULL);
    for (uint32_t i = 0; packages != NULL && i < count; i++)
        mls_buf_fini(&packages[i]);
    free(packages);
    free(adds);
    return error;
}

int
mls_crowd_init(struct mls_crowd *crowd, const struct mls_provider *provider, uint16_t suite,
               uint32_t count)
{
    *crowd = (struct mls_crowd){
        .config = {.provider = provider, .check_credential = believe, .now = mls_clock_default},
        .suite = suite,
        .count = count,
        .seeds = calloc(count, sizeof(*crowd->seeds)),
    };
    if (crowd->seeds == NULL)
        return MLS_ENOMEM;
    if (provider->random(provider->ctx, crowd->seeds[0], MLS_ED25519_SEED_BYTES) != 0)
        return MLS_ECRYPTO;

    const struct mls_client self = somebody(crowd->seeds[0]);
    const struct mls_group_params params = {.suite = suite, .group_id = mls_text("crowd")};
    int error = mls_group_create(&crowd->config, &self, &params, &crowd->group);
    for (uint32_t done = 1; error == 0 && done < count;) {
        uint32_t some = count - done < MLS_PROPOSALS_MAX ? count - done : MLS_PROPOSALS_MAX;

        error = add_some(crowd, done, some);
        done += some;
    }
    return error;
}

void
mls_crowd_fini(struct mls_crowd *crowd)
{
    mls_group_destroy(&crowd->group);
    free(crowd->seeds);
    *crowd = (struct mls_crowd){0};
}

void
mls_crowd_become(struct mls_crowd *crowd, uint32_t leaf)
{
    crowd->group->epoch->own_leaf = leaf;
    crowd->group->epoch->keys.count = 0;
    memcpy(crowd->group->seed, crowd->seeds[leaf], MLS_ED25519_SEED_BYTES);
}

/* A member renews its path; each parent has a key once every other member has done so. */
static int
renew(struct mls_crowd *crowd, uint32_t leaf)
{
    mls_crowd_become(crowd, leaf);
    return mls_crowd_commit(crowd, NULL, 0, NULL, NULL);
}

/* From afar to near: each commit seals to what is still blank beside its path, which is half as much
 * from one stride to the next. Leaf by leaf it would be nearly all of the tree each time. */
int
mls_crowd_fill(struct mls_crowd *crowd)
{
    uint32_t stride = 2;
    int error = renew(crowd, 0);

    while (stride < crowd->count)
        stride *= 2;
    for (; error == 0 && stride >= 2; stride /= 2) {
        for (uint32_t leaf = stride; error == 0 && leaf < crowd->count; leaf += 2 * stride)
            error = renew(crowd, leaf);
    }
    return error;
}

int
mls_crowd_commit(struct mls_crowd *crowd, const struct mls_proposal *proposals, size_t count,
                 struct mls_buf *commit_out, struct mls_buf *welcome_out)
{
    return merge(crowd,
                 &(struct mls_commit_options){
                     .proposals = proposals, .proposal_count = count, .force_path = true},
                 commit_out, welcome_out);
}

/* ---- Guests --------------------------------------------------------------------------------- */

int
mls_crowd_guest_init(struct mls_crowd_guest *guest, const struct mls_crowd *crowd)
{
    *guest = (struct mls_crowd_guest){0};
    return key_package(crowd, guest->seed, &guest->package, &guest->secrets);
}

void
mls_crowd_guest_fini(struct mls_crowd_guest *guest)
{
    mls_group_destroy(&guest->group);
    mls_buf_fini(&guest->package);
    mls_buf_fini(&guest->secrets);
}

int
mls_crowd_guest_join(struct mls_crowd_guest *guest, const struct mls_crowd *crowd,
                     const struct mls_buf *welcome)
{
    const struct mls_client self = somebody(guest->seed);
    const struct mls_join_params params = {.welcome = mls_buf_bytes(welcome),
                                           .key_package_private = mls_buf_bytes(&guest->secrets)};

    return mls_group_join(&crowd->config, &self, &params, &guest->group);
}

int
mls_crowd_guest_follow(struct mls_crowd_guest *guest, const struct mls_buf *commit)
{
    struct mls_received received = {0};
    int error = mls_group_process(guest->group, mls_buf_bytes(commit), &received);

    mls_received_fini(&received);
    return error != 0 ? error : mls_group_merge_staged(guest->group);
}
