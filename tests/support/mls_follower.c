/* SPDX-License-Identifier: MIT */
/*
 * Following beside the members (mls_follower.h).
 */
#include "sotto_test.h"

#include "mls_follower.h"
#include "public_group.h"

struct mls_public_group *
follower_of(const struct kit_person *member)
{
    struct mls_public_group *follower = NULL;
    struct mls_buf info = {0};

    kit_expect(mls_group_export_info(member->group, true, &info), 0, "export");
    kit_expect(
        mls_public_group_open(&member->config, mls_buf_bytes(&info), mls_bytes_empty(), &follower),
        0, "open");
    for (size_t i = 0; i < member->group->kept_count; i++) {
        struct mls_kept_proposal copy = member->group->kept[i];

        copy.encoded = (struct mls_buf){0};
        assert_ok(mls_buf_set(&copy.encoded, member->config.provider,
                              mls_buf_bytes(&member->group->kept[i].encoded)));
        assert_ok(mls_group_keep(follower->group, &copy));
        mls_buf_fini(&copy.encoded);
    }
    mls_buf_fini(&info);
    return follower;
}

static void
state_of(const struct mls_public_group *follower, struct mls_buf *state)
{
    kit_expect(mls_public_group_save(follower, state), 0, "save");
}

static void
reload(struct mls_public_group **follower)
{
    const struct mls_config config = (*follower)->group->config;
    struct mls_buf before = {0}, after = {0};

    state_of(*follower, &before);
    mls_public_group_destroy(follower);
    kit_expect(mls_public_group_load(&config, mls_buf_bytes(&before), follower), 0, "load");
    state_of(*follower, &after);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, before.len);
    mls_buf_fini(&after);
    mls_buf_fini(&before);
}

void
follower_take_commit(struct mls_public_group **follower, const struct mls_buf *commit)
{
    struct mls_public_group *next = NULL;
    struct mls_received received = {0};

    kit_expect(mls_public_group_take_commit(*follower, mls_buf_bytes(commit), &received, &next), 0,
               "commit from outside");
    assert_int_equal(received.kind, MLS_RECEIVED_COMMIT);
    mls_received_fini(&received);
    mls_public_group_destroy(follower);
    *follower = next;
    reload(follower);
}

void
follower_take_proposal(struct mls_public_group *follower, const struct mls_buf *proposal)
{
    struct mls_received received = {0};

    kit_expect(mls_public_group_take_proposal(follower, mls_buf_bytes(proposal), &received), 0,
               "proposal from outside");
    assert_int_equal(received.kind, MLS_RECEIVED_PROPOSAL);
    mls_received_fini(&received);
}

void
follower_agrees(const struct mls_public_group *follower, const struct kit_person *member)
{
    uint8_t want[MLS_HASH_BYTES], got[MLS_HASH_BYTES];
    struct mls_buf info = {0};
    uint32_t signer;

    mls_group_tree_hash(member->group, want);
    mls_public_group_tree_hash(follower, got);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(mls_public_group_epoch(follower), mls_group_epoch(member->group));
    kit_expect(mls_group_export_info(member->group, false, &info), 0, "export");
    kit_expect(mls_public_group_check_info(follower, mls_buf_bytes(&info), &signer), 0, "info");
    assert_int_equal(signer, mls_group_own_leaf(member->group));
    mls_buf_fini(&info);
}

static bool
takes_a_secret(int error)
{
    return error == MLS_EMAC || error == MLS_ECONFIRMATION || error == MLS_EAEAD ||
           error == MLS_EPSK;
}

void
follower_compare(const struct kit_person *member, struct mls_bytes message, int error)
{
    struct mls_public_group *follower = follower_of(member), *next = NULL;
    struct mls_buf before = {0}, after = {0};
    struct mls_received received = {0};

    state_of(follower, &before);
    const int got = mls_public_group_take_commit(follower, message, &received, &next);
    /* What spoils the membership tag mostly spoils the signature, which is looked at after it. */
    if (error != MLS_EMAC || got != MLS_ESIGNATURE)
        kit_expect(got, takes_a_secret(error) ? 0 : error, "from outside");
    state_of(follower, &after);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, before.len);
    mls_received_fini(&received);
    mls_buf_fini(&after);
    mls_buf_fini(&before);
    mls_public_group_destroy(&next);
    mls_public_group_destroy(&follower);
}
