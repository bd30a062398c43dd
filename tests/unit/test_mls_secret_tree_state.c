/* SPDX-License-Identifier: MIT */
/*
 * Secret tree, its state: what was used is gone from the stored form, a stored tree continues where
 * it was, bytes that are not a state are refused, and running out of memory changes nothing.
 */
#include "sotto_test.h"

#include "mls_secret_tree_fixture.h"
#include "secret_tree_ratchet.h"

/* ---- Stored state ------------------------------------------------------------------------- */

static int
restore(const struct mls_crypto *c, const struct vec_bytes *bytes, struct mls_secret_tree *out)
{
    struct mls_reader r;

    mls_reader_init(&r, mls_bytes(bytes->data, bytes->len));
    const int rc = mls_secret_tree_read(out, c, &r);
    if (rc == 0 && mls_reader_finish(&r) != 0) {
        mls_secret_tree_fini(out);
        return MLS_EDECODE;
    }
    return rc;
}

/* A tree with a frontier, two ratchets, and skipped keys. */
static void
make_lived_in(struct context *ctx)
{
    start(ctx, 16);
    use(&ctx->tree, 3, APP, 5);
    use(&ctx->tree, 3, APP, 2);
    use(&ctx->tree, 11, HS, 1);
    use(&ctx->tree, 12, APP, 0);
}

static void
a_stored_tree_continues_where_it_was(void **state)
{
    (void)state;
    struct mls_secret_tree copy;
    struct context ctx;

    make_lived_in(&ctx);
    struct vec_bytes bytes = stored(&ctx.tree);
    assert_ok(restore(&ctx.c, &bytes, &copy));
    assert_state_is(&copy, &bytes);
    for (uint32_t leaf = 0; leaf < 16; leaf++) {
        const struct mls_message_key a = use(&ctx.tree, leaf, APP, 7);
        const struct mls_message_key b = use(&copy, leaf, APP, 7);
        assert_memory_equal(&a, &b, sizeof a);
    }
    mls_secret_tree_fini(&copy);
    vec_free(&bytes);
    finish(&ctx);
}

static void
a_stored_tree_holds_no_key_that_was_used(void **state)
{
    (void)state;
    struct mls_message_key used[3], key;
    struct mls_secret_tree later;
    struct context ctx;

    start(&ctx, 8);
    used[0] = use(&ctx.tree, 6, APP, 0);
    used[1] = use(&ctx.tree, 6, APP, 4);
    used[2] = use(&ctx.tree, 6, APP, 2);
    struct vec_bytes bytes = stored(&ctx.tree);

    for (size_t i = 0; i < 3; i++)
        assert_null(memmem(bytes.data, bytes.len, used[i].key, sizeof used[i].key));
    assert_null(memmem(bytes.data, bytes.len, SECRET, sizeof SECRET));
    assert_ok(restore(&ctx.c, &bytes, &later));
    assert_fails(mls_secret_tree_peek(&later, 6, APP, 0, &key), MLS_EREPLAY);
    assert_fails(mls_secret_tree_peek(&later, 6, APP, 2, &key), MLS_EREPLAY);
    assert_fails(mls_secret_tree_peek(&later, 6, APP, 4, &key), MLS_EREPLAY);
    mls_secret_tree_fini(&later);
    vec_free(&bytes);
    finish(&ctx);
}

static void
a_used_key_stands_nowhere_in_memory(void **state)
{
    (void)state;
    static const uint32_t order[] = {4, 1, 3, 0, 2, 9, 8};
    struct context ctx;

    start(&ctx, 8);
    for (uint32_t leaf = 0; leaf < 8; leaf++) {
        for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
            const struct mls_message_key key = use(&ctx.tree, (leaf * 3) % 8, APP, order[i]);
            assert_false(mls_test_provider_holds(&ctx.tp, key.key, sizeof key.key));
        }
    }
    assert_false(mls_test_provider_holds(&ctx.tp, SECRET, sizeof SECRET));
    finish(&ctx);
}

static void
a_consumed_tree_secret_stands_nowhere_in_memory(void **state)
{
    (void)state;
    uint8_t before[16][MLS_HASH_BYTES];
    struct context ctx;

    start(&ctx, 16);
    use(&ctx.tree, 0, APP, 0);
    for (uint32_t leaf = 1; leaf < 16; leaf++) {
        const ptrdiff_t source = mls_secret_tree_find_source(&ctx.tree, leaf);
        assert_true(source >= 0);
        memcpy(before[leaf], ctx.tree.nodes[source].secret, MLS_HASH_BYTES);
        use(&ctx.tree, leaf, HS, 0);
        assert_false(mls_test_provider_holds(&ctx.tp, before[leaf], MLS_HASH_BYTES));
    }
    finish(&ctx);
}

static void
a_message_opened_before_does_not_open_from_a_later_state(void **state)
{
    (void)state;
    const struct mls_bytes text = mls_bytes("meet at nine", 12);
    uint8_t cipher[12 + MLS_AEAD_TAG_BYTES], plain[12];
    struct mls_message_key key, other;
    struct mls_secret_tree later;
    struct context ctx;

    start(&ctx, 8);
    key = use(&ctx.tree, 1, APP, 0);
    assert_ok(mls_aead_seal(&ctx.c, key.key, key.nonce, mls_bytes_empty(), text, cipher));
    struct vec_bytes bytes = stored(&ctx.tree);
    assert_ok(restore(&ctx.c, &bytes, &later));

    /* Every key the later state can still give, of every leaf, fails on the old ciphertext. */
    for (uint32_t leaf = 0; leaf < 8; leaf++) {
        for (uint32_t g = 0; g < 8; g++) {
            if (mls_secret_tree_peek(&later, leaf, APP, g, &other) != 0)
                continue;
            assert_fails(mls_aead_open(&ctx.c, other.key, other.nonce, mls_bytes_empty(),
                                       mls_bytes(cipher, sizeof cipher), plain),
                         MLS_EAEAD);
        }
    }
    assert_fails(mls_secret_tree_peek(&later, 1, APP, 0, &other), MLS_EREPLAY);
    mls_secret_tree_fini(&later);
    vec_free(&bytes);
    finish(&ctx);
}

static void
a_shortened_state_is_refused(void **state)
{
    (void)state;
    struct mls_secret_tree copy;
    struct context ctx;

    make_lived_in(&ctx);
    struct vec_bytes bytes = stored(&ctx.tree);
    for (size_t len = 0; len < bytes.len; len++) {
        const struct vec_bytes cut = {.data = bytes.data, .len = len};
        assert_true(restore(&ctx.c, &cut, &copy) < 0);
    }
    vec_free(&bytes);
    finish(&ctx);
}

/* Stores a tree with the change `spoil` made to it and expects the reader to refuse it. */
static void
check_refused(void (*spoil)(struct mls_secret_tree *tree))
{
    struct mls_secret_tree copy;
    struct context ctx;

    make_lived_in(&ctx);
    spoil(&ctx.tree);
    struct vec_bytes bytes = stored(&ctx.tree);
    assert_true(restore(&ctx.c, &bytes, &copy) < 0);
    vec_free(&bytes);
    finish(&ctx);
}

static void
forget_a_node(struct mls_secret_tree *tree)
{
    tree->node_count--;
}

static void
swap_two_nodes(struct mls_secret_tree *tree)
{
    const struct mls_secret_node first = tree->nodes[0];

    tree->nodes[0] = tree->nodes[1];
    tree->nodes[1] = first;
}

static void
repeat_a_leaf(struct mls_secret_tree *tree)
{
    tree->leaves[1].leaf = tree->leaves[0].leaf;
}

static void
name_a_leaf_that_a_node_covers(struct mls_secret_tree *tree)
{
    tree->leaves[0].leaf = 0;
}

static void
skip_a_key_of_the_future(struct mls_secret_tree *tree)
{
    struct mls_ratchet *ratchet = &tree->leaves[0].ratchets[APP];

    ratchet->skipped[ratchet->skipped_count - 1].generation = ratchet->next;
}

static void
skip_a_key_twice(struct mls_secret_tree *tree)
{
    struct mls_ratchet *ratchet = &tree->leaves[0].ratchets[APP];

    ratchet->skipped[1].generation = ratchet->skipped[0].generation;
}

static void
grow_the_tree(struct mls_secret_tree *tree)
{
    tree->n_leaves *= 2;
}

static void
shrink_the_tree(struct mls_secret_tree *tree)
{
    tree->n_leaves /= 2;
}

static void
make_size_odd(struct mls_secret_tree *tree)
{
    tree->n_leaves = 15;
}

static void
a_state_that_could_give_a_key_twice_is_refused(void **state)
{
    (void)state;
    check_refused(forget_a_node);
    check_refused(grow_the_tree);
    check_refused(shrink_the_tree);
    check_refused(make_size_odd);
    check_refused(swap_two_nodes);
    check_refused(repeat_a_leaf);
    check_refused(name_a_leaf_that_a_node_covers);
    check_refused(skip_a_key_of_the_future);
    check_refused(skip_a_key_twice);
}

static void
a_state_of_another_suite_or_version_is_refused(void **state)
{
    (void)state;
    struct mls_secret_tree copy;
    struct mls_crypto other;
    struct context ctx;

    make_lived_in(&ctx);
    struct vec_bytes bytes = stored(&ctx.tree);
    assert_ok(mls_crypto_init(&other, &ctx.tp.table, 1));
    assert_fails(restore(&other, &bytes, &copy), MLS_ESUITE);
    bytes.data[0] = 2;
    assert_fails(restore(&ctx.c, &bytes, &copy), MLS_EVERSION);
    vec_free(&bytes);
    finish(&ctx);
}

static void
flipped_bytes_of_a_state_never_break_the_reader(void **state)
{
    (void)state;
    struct mls_secret_tree copy;
    struct context ctx;

    make_lived_in(&ctx);
    struct vec_bytes bytes = stored(&ctx.tree);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= 0xff;
        if (restore(&ctx.c, &bytes, &copy) == 0)
            mls_secret_tree_fini(&copy);
        bytes.data[i] ^= 0xff;
    }
    vec_free(&bytes);
    finish(&ctx);
}

/* ---- Memory running out ------------------------------------------------------------------- */

/* Consumes with the n-th allocation failing, n = 1, 2, ... until none is left to fail; every failure
 * must leave the state as it was. */
static void
check_consume_failures(uint32_t leaf, uint32_t generation)
{
    for (size_t n = 1;; n++) {
        struct context ctx;

        make_lived_in(&ctx);
        struct vec_bytes before = stored(&ctx.tree);
        ctx.tp.calls = 0;
        ctx.tp.fail_at = n;
        const int rc = mls_secret_tree_consume(&ctx.tree, leaf, APP, generation);
        const bool failed = ctx.tp.calls >= n;
        assert_int_equal(rc, failed ? MLS_ENOMEM : 0);
        if (failed) {
            assert_state_is(&ctx.tree, &before);
            assert_ok(mls_secret_tree_consume(&ctx.tree, leaf, APP, generation));
        }
        vec_free(&before);
        finish(&ctx);
        if (!failed)
            return;
        assert_true(n < 20);
    }
}

static void
running_out_of_memory_leaves_the_tree_as_it_was(void **state)
{
    (void)state;
    check_consume_failures(3, 30);
    check_consume_failures(3, 6);
    check_consume_failures(0, 9);
    check_consume_failures(0, 0);
}

static void
running_out_of_memory_while_reading_leaks_nothing(void **state)
{
    (void)state;
    struct mls_secret_tree copy;
    struct context ctx;
    size_t n = 0;
    int rc;

    make_lived_in(&ctx);
    struct vec_bytes bytes = stored(&ctx.tree);
    const size_t live = ctx.tp.live;
    do {
        ctx.tp.calls = 0;
        ctx.tp.fail_at = ++n;
        rc = restore(&ctx.c, &bytes, &copy);
        if (rc) {
            assert_int_equal(rc, MLS_ENOMEM);
            assert_int_equal(ctx.tp.live, live);
        }
        assert_true(n < 20);
    } while (rc);
    assert_true(n > 3);
    mls_secret_tree_fini(&copy);
    ctx.tp.calls = 0;
    ctx.tp.fail_at = 1;
    assert_fails(mls_secret_tree_init(&copy, &ctx.c, 4, SECRET), MLS_ENOMEM);
    vec_free(&bytes);
    finish(&ctx);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_stored_tree_continues_where_it_was),
    cmocka_unit_test(a_stored_tree_holds_no_key_that_was_used),
    cmocka_unit_test(a_used_key_stands_nowhere_in_memory),
    cmocka_unit_test(a_consumed_tree_secret_stands_nowhere_in_memory),
    cmocka_unit_test(a_message_opened_before_does_not_open_from_a_later_state),
    cmocka_unit_test(a_shortened_state_is_refused),
    cmocka_unit_test(a_state_that_could_give_a_key_twice_is_refused),
    cmocka_unit_test(a_state_of_another_suite_or_version_is_refused),
    cmocka_unit_test(flipped_bytes_of_a_state_never_break_the_reader),
    cmocka_unit_test(running_out_of_memory_leaves_the_tree_as_it_was),
    cmocka_unit_test(running_out_of_memory_while_reading_leaks_nothing),
};

SOTTO_TEST_MAIN(tests)
