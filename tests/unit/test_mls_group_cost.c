/* SPDX-License-Identifier: MIT */
/*
 * What an operation costs as the group doubles, counted and not timed: calls and bytes that go
 * through the table of primitives. In a full tree a commit and following it cost the logarithm; in
 * the tree that Adds alone leave, and when joining, they cost n and never n squared; a Welcome for k
 * in a tree of n costs n + k.
 */
#include "sotto_test.h"

#include <stdlib.h>

#include "mls/public_group.h"
#include "mls_crowd.h"

enum {
    SMALL = 64, /* leaves; doubled */
};

/* Calls of a stretch; bytes that were hashed, by SHA-256 or HMAC. */
struct counts {
    size_t hashes, hash_bytes, dh, signs, verifies, seals, opens;
    size_t taken, alive; /* bytes of memory: asked for, not given back yet */
};

/* ---- A provider that counts ------------------------------------------------------------------ */

struct counter {
    struct mls_provider table;
    struct counts now;
};

static const struct mls_provider *
real(void)
{
    return mls_provider_default();
}

static void
count_parts(struct counter *c, const struct mls_bytes *parts, size_t count)
{
    c->now.hashes++;
    for (size_t i = 0; i < count; i++)
        c->now.hash_bytes += parts[i].len;
}

static int
count_sha256(void *ctx, const struct mls_bytes *parts, size_t count, uint8_t out[MLS_HASH_BYTES])
{
    count_parts(ctx, parts, count);
    return real()->sha256(NULL, parts, count, out);
}

static int
count_hmac(void *ctx, struct mls_bytes key, const struct mls_bytes *parts, size_t count,
           uint8_t out[MLS_HASH_BYTES])
{
    count_parts(ctx, parts, count);
    return real()->hmac_sha256(NULL, key, parts, count, out);
}

static int
count_x25519(void *ctx, const uint8_t secret[MLS_X25519_BYTES],
             const uint8_t peer[MLS_X25519_BYTES], uint8_t out[MLS_X25519_BYTES])
{
    ((struct counter *)ctx)->now.dh++;
    return real()->x25519(NULL, secret, peer, out);
}

static int
count_sign(void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES], struct mls_bytes message,
           uint8_t out[MLS_ED25519_SIGNATURE_BYTES])
{
    ((struct counter *)ctx)->now.signs++;
    return real()->ed25519_sign(NULL, seed, message, out);
}

static int
count_verify(void *ctx, const uint8_t key[MLS_ED25519_PUBLIC_BYTES], struct mls_bytes message,
             const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES])
{
    ((struct counter *)ctx)->now.verifies++;
    return real()->ed25519_verify(NULL, key, message, signature);
}

static int
count_seal(void *ctx, enum mls_aead_id aead, const uint8_t *key,
           const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad, struct mls_bytes plain,
           uint8_t *out)
{
    ((struct counter *)ctx)->now.seals++;
    return real()->aead_seal(NULL, aead, key, nonce, aad, plain, out);
}

static int
count_open(void *ctx, enum mls_aead_id aead, const uint8_t *key,
           const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad, struct mls_bytes cipher,
           uint8_t *out)
{
    ((struct counter *)ctx)->now.opens++;
    return real()->aead_open(NULL, aead, key, nonce, aad, cipher, out);
}

static void *
count_alloc(void *ctx, size_t len)
{
    struct counter *c = ctx;
    size_t *block = malloc(2 * sizeof(size_t) + len);

    if (block == NULL)
        return NULL;
    c->now.taken += len;
    c->now.alive += len;
    block[0] = len;
    return block + 2;
}

static void
count_release(void *ctx, void *ptr)
{
    if (ptr == NULL)
        return;
    size_t *block = (size_t *)ptr - 2;
    ((struct counter *)ctx)->now.alive -= block[0];
    free(block);
}

static void
counter_init(struct counter *c)
{
    *c = (struct counter){.table = *real()};
    c->table.ctx = c;
    c->table.alloc = count_alloc;
    c->table.release = count_release;
    c->table.sha256 = count_sha256;
    c->table.hmac_sha256 = count_hmac;
    c->table.x25519 = count_x25519;
    c->table.ed25519_sign = count_sign;
    c->table.ed25519_verify = count_verify;
    c->table.aead_seal = count_seal;
    c->table.aead_open = count_open;
}

/* What was counted since `before`. */
static struct counts
since(const struct counter *c, struct counts before)
{
    return (struct counts){
        .hashes = c->now.hashes - before.hashes,
        .hash_bytes = c->now.hash_bytes - before.hash_bytes,
        .dh = c->now.dh - before.dh,
        .signs = c->now.signs - before.signs,
        .verifies = c->now.verifies - before.verifies,
        .seals = c->now.seals - before.seals,
        .opens = c->now.opens - before.opens,
        .taken = c->now.taken - before.taken,
        .alive = c->now.alive - before.alive,
    };
}

/* ---- One life -------------------------------------------------------------------------------- */

/* What each step cost in a group of so many. */
struct life {
    struct counts join, commit, follow, outside, invite, write, read;
    size_t saved, commit_bytes;
};

static void
invite_two(struct mls_crowd *crowd, struct mls_crowd_guest guests[2], struct mls_buf *welcome)
{
    struct mls_proposal adds[2];

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mls_crowd_guest_init(&guests[i], crowd), 0);
        adds[i] = (struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                        .key_package = mls_buf_bytes(&guests[i].package)};
    }
    assert_int_equal(mls_crowd_commit(crowd, adds, 2, NULL, welcome), 0);
}

/* Somebody outside takes the commit. */
static void
follow_outside(struct counter *c, struct mls_public_group **group, const struct mls_buf *commit,
               struct life *out)
{
    struct mls_public_group *next = NULL;
    struct mls_received received = {0};
    struct counts before = c->now;

    assert_int_equal(mls_public_group_take_commit(*group, mls_buf_bytes(commit), &received, &next),
                     0);
    out->outside = since(c, before);
    mls_received_fini(&received);
    mls_public_group_destroy(group);
    *group = next;
}

static struct mls_public_group *
open_outside(const struct mls_crowd_guest *guest, const struct mls_crowd *crowd)
{
    struct mls_public_group *group = NULL;
    struct mls_buf info = {0};

    assert_int_equal(mls_group_export_info(guest->group, true, &info), 0);
    assert_int_equal(mls_public_group_open(&crowd->config, mls_buf_bytes(&info),
                                           (struct mls_bytes){NULL, 0}, &group),
                     0);
    mls_buf_fini(&info);
    return group;
}

/* One guest commits, the other and somebody outside follow; twice, since the first commit also ends that both are
 * unmerged. The second is what is counted. */
static void
renew(struct counter *c, const struct mls_crowd *crowd, struct mls_crowd_guest guests[2],
      struct life *out)
{
    struct mls_public_group *outside = open_outside(&guests[0], crowd);

    for (int round = 0; round < 2; round++) {
        struct mls_buf commit = {0}, welcome = {0};
        struct counts before = c->now;

        assert_int_equal(mls_group_commit(guests[0].group,
                                          &(struct mls_commit_options){.force_path = true}, &commit,
                                          &welcome, NULL),
                         0);
        out->commit = since(c, before);
        out->commit_bytes = commit.len;
        assert_int_equal(mls_group_merge_pending(guests[0].group), 0);
        before = c->now;
        assert_int_equal(mls_crowd_guest_follow(&guests[1], &commit), 0);
        out->follow = since(c, before);
        follow_outside(c, &outside, &commit, out);
        mls_buf_fini(&commit);
    }
    mls_public_group_destroy(&outside);
}

static void
talk(struct counter *c, struct mls_crowd_guest guests[2], struct life *out)
{
    const struct mls_bytes text = {(const uint8_t *)"text", 4};
    struct mls_buf message = {0};
    struct mls_received received = {0};
    struct counts before = c->now;

    assert_int_equal(
        mls_group_encrypt(guests[0].group, text, (struct mls_bytes){NULL, 0}, 0, &message), 0);
    out->write = since(c, before);
    before = c->now;
    assert_int_equal(mls_group_process(guests[1].group, mls_buf_bytes(&message), &received), 0);
    out->read = since(c, before);
    mls_received_fini(&received);
    mls_buf_fini(&message);
}

static void
live(uint32_t members, bool full, struct life *out)
{
    struct counter c;
    struct mls_crowd crowd;
    struct mls_crowd_guest guests[2];
    struct mls_buf welcome = {0}, state = {0};

    counter_init(&c);
    assert_int_equal(mls_crowd_init(&crowd, &c.table, 3, members - 2), 0);
    if (full)
        assert_int_equal(mls_crowd_fill(&crowd), 0);
    struct counts before = c.now;
    invite_two(&crowd, guests, &welcome);
    out->invite = since(&c, before);
    assert_int_equal(mls_crowd_guest_join(&guests[1], &crowd, &welcome), 0);
    before = c.now;
    assert_int_equal(mls_crowd_guest_join(&guests[0], &crowd, &welcome), 0);
    out->join = since(&c, before);
    renew(&c, &crowd, guests, out);
    talk(&c, guests, out);
    assert_int_equal(mls_group_save(guests[0].group, &state), 0);
    out->saved = state.len;

    mls_buf_fini(&state);
    mls_buf_fini(&welcome);
    mls_crowd_guest_fini(&guests[0]);
    mls_crowd_guest_fini(&guests[1]);
    mls_crowd_fini(&crowd);
    assert_int_equal(c.now.alive, 0);
}

/* ---- Growth ----------------------------------------------------------------------------------- */

/* The value may grow by a constant for each doubling. */
static void
assert_adds(const char *what, size_t small, size_t large, size_t allowed)
{
    if (large > small + allowed)
        fail_msg("%s: %zu in the group, %zu in twice the group", what, small, large);
}

/* The value may double, and a little more for what grows by the logarithm. */
static void
assert_doubles(const char *what, size_t small, size_t large)
{
    if (large > 2 * small + small / 8)
        fail_msg("%s: %zu in the group, %zu in twice the group", what, small, large);
}

static void
in_a_full_tree_a_commit_costs_the_logarithm(void **state)
{
    struct life small, large;

    (void)state;
    live(SMALL, true, &small);
    live(2 * SMALL, true, &large);

    assert_int_equal(small.commit.signs, 2); /* leaf and message */
    assert_int_equal(large.commit.signs, 2);
    assert_adds("commit: seals", small.commit.seals, large.commit.seals, 1);
    assert_adds("commit: multiplications", small.commit.dh, large.commit.dh, 1);
    assert_adds("commit: hashes", small.commit.hashes, large.commit.hashes, 40);
    assert_adds("commit: bytes", small.commit_bytes, large.commit_bytes, 200);

    assert_int_equal(small.follow.verifies, 2);
    assert_int_equal(large.follow.verifies, 2);
    assert_int_equal(large.follow.opens, 1);
    assert_int_equal(large.follow.dh, 1);
    assert_adds("follow: hashes", small.follow.hashes, large.follow.hashes, 40);
    assert_adds("follow: bytes hashed", small.follow.hash_bytes, large.follow.hash_bytes, 4000);
}

/* Whoever follows without secrets never multiplies or opens anything, and hashes the same path. */
static void
following_from_outside_costs_no_more_than_following(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct life small, large;

        live(SMALL, full, &small);
        live(2 * SMALL, full, &large);
        assert_int_equal(small.outside.verifies, 2);
        assert_int_equal(large.outside.verifies, 2);
        assert_int_equal(large.outside.dh + large.outside.opens + large.outside.seals, 0);
        assert_true(large.outside.hashes < large.follow.hashes);
        assert_true(large.outside.hash_bytes < large.follow.hash_bytes);
        if (full)
            assert_adds("outside: hashes", small.outside.hashes, large.outside.hashes, 40);
    }
}

static void
in_any_tree_joining_costs_each_member_once(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct life small, large;

        live(SMALL, full, &small);
        live(2 * SMALL, full, &large);
        assert_in_range(small.join.verifies, SMALL, SMALL + 2);
        assert_in_range(large.join.verifies, 2 * SMALL, 2 * SMALL + 2);
        assert_doubles("join: hashes", small.join.hashes, large.join.hashes);
        assert_doubles("join: bytes hashed", small.join.hash_bytes, large.join.hash_bytes);
        assert_doubles("join: memory asked for", small.join.taken, large.join.taken);
        assert_doubles("join: memory kept", small.join.alive, large.join.alive);
        assert_doubles("saved state", small.saved, large.saved);
    }
}

static void
in_the_tree_of_adds_alone_a_commit_costs_each_member_once(void **state)
{
    struct life small, large;

    (void)state;
    live(SMALL, false, &small);
    live(2 * SMALL, false, &large);
    assert_true(small.commit.seals < SMALL);
    assert_true(large.commit.seals < 2 * SMALL);
    assert_doubles("commit: hashes", small.commit.hashes, large.commit.hashes);
    assert_doubles("commit: bytes hashed", small.commit.hash_bytes, large.commit.hash_bytes);
    assert_doubles("commit: memory asked for", small.commit.taken, large.commit.taken);
    assert_doubles("follow: bytes hashed", small.follow.hash_bytes, large.follow.hash_bytes);
    assert_int_equal(large.follow.opens, 1);
}

static void
writing_and_reading_cost_the_same_in_every_group(void **state)
{
    struct life small, large;

    (void)state;
    live(SMALL, true, &small);
    live(2 * SMALL, true, &large);
    assert_int_equal(large.write.signs, 1);
    assert_int_equal(large.read.verifies, 1);
    assert_adds("write: hashes", small.write.hashes, large.write.hashes, 4);
    assert_adds("read: hashes", small.read.hashes, large.read.hashes, 4);
}

/* Seals a Welcome for k newcomers in the group and gives the bytes that were hashed for it. */
static size_t
bytes_to_add(struct mls_crowd *crowd, struct counter *c, size_t newcomers)
{
    struct mls_crowd_guest *guests = calloc(newcomers, sizeof(*guests));
    struct mls_proposal *adds = calloc(newcomers, sizeof(*adds));
    struct mls_buf commit = {0}, welcome = {0};
    const struct mls_commit_options options = {.proposals = adds, .proposal_count = newcomers};

    assert_non_null(guests);
    assert_non_null(adds);
    for (size_t i = 0; i < newcomers; i++) {
        assert_int_equal(mls_crowd_guest_init(&guests[i], crowd), 0);
        adds[i] = (struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                        .key_package = mls_buf_bytes(&guests[i].package)};
    }
    struct counts before = c->now;
    assert_int_equal(mls_group_commit(crowd->group, &options, &commit, &welcome, NULL), 0);
    struct counts spent = since(c, before);

    mls_group_clear_pending(crowd->group);
    mls_buf_fini(&commit);
    mls_buf_fini(&welcome);
    for (size_t i = 0; i < newcomers; i++)
        mls_crowd_guest_fini(&guests[i]);
    free(adds);
    free(guests);
    return spent.hash_bytes;
}

static void
a_welcome_for_many_is_hashed_once(void **state)
{
    struct counter c;
    struct mls_crowd crowd;
    struct mls_buf tree = {0};

    (void)state;
    counter_init(&c);
    assert_int_equal(mls_crowd_init(&crowd, &c.table, 3, 2 * SMALL), 0);
    assert_int_equal(mls_group_ratchet_tree(crowd.group, &tree), 0);
    size_t few = bytes_to_add(&crowd, &c, 2), many = bytes_to_add(&crowd, &c, 34);

    /* Each of the 32 more brings a key package and derivations; none the whole tree. */
    assert_true(many - few < 32 * tree.len / 4);
    mls_buf_fini(&tree);
    mls_crowd_fini(&crowd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_full_tree_a_commit_costs_the_logarithm),
        cmocka_unit_test(following_from_outside_costs_no_more_than_following),
        cmocka_unit_test(in_any_tree_joining_costs_each_member_once),
        cmocka_unit_test(in_the_tree_of_adds_alone_a_commit_costs_each_member_once),
        cmocka_unit_test(writing_and_reading_cost_the_same_in_every_group),
        cmocka_unit_test(a_welcome_for_many_is_hashed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
