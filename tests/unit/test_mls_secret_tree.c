/* SPDX-License-Identifier: MIT */
/*
 * Secret tree: the official vectors, and the promises of its header on keys: each one once, in any
 * order, a peek changes nothing, memory bounded by who spoke.
 */
#include "sotto_test.h"

#include "mls_secret_tree_fixture.h"
#include "schedule.h"

static const char FILE_NAME[] = "mls/secret-tree.json";

/* ---- Official vectors --------------------------------------------------------------------- */

static void
check_sender_data(const struct mls_crypto *c, const json_t *v)
{
    struct vec_bytes cipher = vec_need_hex(v, "ciphertext");
    uint8_t secret[MLS_HASH_BYTES], key[MLS_AEAD_KEY_BYTES_MAX], nonce[MLS_AEAD_NONCE_BYTES];
    uint8_t want_key[MLS_AEAD_KEY_BYTES_MAX], want_nonce[MLS_AEAD_NONCE_BYTES];

    vec_need_hex_array(v, "sender_data_secret", secret, sizeof secret);
    vec_need_hex_array(v, "key", want_key, c->suite->key_bytes);
    vec_need_hex_array(v, "nonce", want_nonce, sizeof want_nonce);
    assert_ok(
        mls_schedule_sender_data_key(c, secret, mls_bytes(cipher.data, cipher.len), key, nonce));
    vec_assert_equal("sender data key", key, c->suite->key_bytes, want_key, c->suite->key_bytes);
    vec_assert_equal("sender data nonce", nonce, sizeof nonce, want_nonce, sizeof want_nonce);
    vec_free(&cipher);
}

static void
check_key(struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type, const json_t *v,
          const char *key_name, const char *nonce_name)
{
    const size_t key_bytes = tree->c.suite->key_bytes;
    const struct mls_message_key key =
        use(tree, leaf, type, (uint32_t)vec_need_uint(v, "generation"));
    uint8_t want_key[MLS_AEAD_KEY_BYTES_MAX], want_nonce[MLS_AEAD_NONCE_BYTES];

    vec_need_hex_array(v, key_name, want_key, key_bytes);
    vec_need_hex_array(v, nonce_name, want_nonce, sizeof want_nonce);
    vec_assert_equal(key_name, key.key, key_bytes, want_key, key_bytes);
    vec_assert_equal(nonce_name, key.nonce, sizeof key.nonce, want_nonce, sizeof want_nonce);
}

static void
check_case(const json_t *test_case, uint16_t suite)
{
    struct mls_crypto c;
    const json_t *leaves = vec_need(test_case, "leaves");
    struct mls_secret_tree tree;
    uint8_t secret[MLS_HASH_BYTES];
    json_t *generations, *v;
    size_t leaf, i;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), suite));
    check_sender_data(&c, vec_need(test_case, "sender_data"));
    vec_need_hex_array(test_case, "encryption_secret", secret, sizeof secret);
    assert_ok(mls_secret_tree_init(&tree, &c, (uint32_t)json_array_size(leaves), secret));
    json_array_foreach(leaves, leaf, generations)
    {
        json_array_foreach(generations, i, v)
        {
            check_key(&tree, (uint32_t)leaf, HS, v, "handshake_key", "handshake_nonce");
            check_key(&tree, (uint32_t)leaf, APP, v, "application_key", "application_nonce");
        }
    }
    mls_secret_tree_fini(&tree);
}

/* ---- Promises ----------------------------------------------------------------------------- */

static void
the_order_in_which_leaves_speak_does_not_matter(void **state)
{
    (void)state;
    struct mls_message_key up[16];
    struct context ctx;

    start(&ctx, 16);
    for (uint32_t leaf = 0; leaf < 16; leaf++)
        up[leaf] = use(&ctx.tree, leaf, APP, 0);
    assert_int_equal(ctx.tree.node_count, 0);
    finish(&ctx);

    start(&ctx, 16);
    for (uint32_t i = 0; i < 16; i++) {
        const uint32_t leaf = (i * 7 + 5) % 16;
        const struct mls_message_key key = use(&ctx.tree, leaf, APP, 0);
        assert_memory_equal(&key, &up[leaf], sizeof key);
    }
    assert_int_equal(ctx.tree.node_count, 0);
    finish(&ctx);
}

static void
a_used_generation_cannot_be_derived_again(void **state)
{
    (void)state;
    struct mls_message_key key;
    struct context ctx;

    start(&ctx, 4);
    use(&ctx.tree, 2, APP, 0);
    use(&ctx.tree, 2, APP, 3);
    use(&ctx.tree, 2, APP, 1);
    struct vec_bytes before = stored(&ctx.tree);
    static const uint32_t used[] = {0, 1, 3};
    for (size_t i = 0; i < 3; i++) {
        assert_fails(mls_secret_tree_peek(&ctx.tree, 2, APP, used[i], &key), MLS_EREPLAY);
        assert_fails(mls_secret_tree_consume(&ctx.tree, 2, APP, used[i]), MLS_EREPLAY);
    }
    assert_state_is(&ctx.tree, &before);
    use(&ctx.tree, 2, APP, 2);
    use(&ctx.tree, 2, APP, 4);
    vec_free(&before);
    finish(&ctx);
}

static void
messages_may_arrive_in_any_order(void **state)
{
    (void)state;
    struct mls_message_key in_order[40];
    struct context ctx;

    start(&ctx, 8);
    for (uint32_t g = 0; g < 40; g++)
        in_order[g] = use(&ctx.tree, 5, APP, g);
    finish(&ctx);

    start(&ctx, 8);
    for (uint32_t i = 0; i < 40; i++) {
        const uint32_t g = (i * 23 + 11) % 40;
        const struct mls_message_key key = use(&ctx.tree, 5, APP, g);
        assert_memory_equal(&key, &in_order[g], sizeof key);
    }
    finish(&ctx);
}

static void
the_two_ratchets_of_a_leaf_are_independent(void **state)
{
    (void)state;
    struct mls_message_key app, hs;
    struct context ctx;

    start(&ctx, 4);
    app = use(&ctx.tree, 1, APP, 0);
    hs = use(&ctx.tree, 1, HS, 0);
    assert_memory_not_equal(app.key, hs.key, sizeof app.key);
    finish(&ctx);
}

static void
a_peek_changes_nothing(void **state)
{
    (void)state;
    struct mls_message_key first, second;
    struct context ctx;

    start(&ctx, 64);
    use(&ctx.tree, 9, APP, 4);
    struct vec_bytes before = stored(&ctx.tree);
    for (uint32_t leaf = 8; leaf < 12; leaf++) {
        assert_ok(mls_secret_tree_peek(&ctx.tree, leaf, APP, 17, &first));
        assert_ok(mls_secret_tree_peek(&ctx.tree, leaf, APP, 17, &second));
        assert_memory_equal(&first, &second, sizeof first);
        assert_ok(mls_secret_tree_peek(&ctx.tree, leaf, HS, 0, &first));
    }
    assert_ok(mls_secret_tree_peek(&ctx.tree, 9, APP, 2, &first));
    assert_state_is(&ctx.tree, &before);
    vec_free(&before);
    finish(&ctx);
}

static void
a_generation_too_far_ahead_is_refused(void **state)
{
    (void)state;
    struct mls_message_key key;
    struct context ctx;

    start(&ctx, 2);
    struct vec_bytes before = stored(&ctx.tree);
    assert_fails(mls_secret_tree_peek(&ctx.tree, 0, APP, MLS_RATCHET_FORWARD_MAX + 1, &key),
                 MLS_EGENERATION);
    assert_fails(mls_secret_tree_consume(&ctx.tree, 0, APP, MLS_RATCHET_FORWARD_MAX + 1),
                 MLS_EGENERATION);
    assert_fails(mls_secret_tree_peek(&ctx.tree, 0, APP, UINT32_MAX, &key), MLS_EGENERATION);
    assert_fails(mls_secret_tree_peek(&ctx.tree, 2, APP, 0, &key), MLS_EARG);
    assert_fails(mls_secret_tree_peek(&ctx.tree, 0, (enum mls_ratchet_type)2, 0, &key), MLS_EARG);
    assert_state_is(&ctx.tree, &before);
    use(&ctx.tree, 0, APP, MLS_RATCHET_FORWARD_MAX);
    vec_free(&before);
    finish(&ctx);
}

static void
only_the_latest_skipped_keys_are_kept(void **state)
{
    (void)state;
    const uint32_t far = MLS_RATCHET_FORWARD_MAX;
    const uint32_t oldest = far - MLS_RATCHET_SKIPPED_MAX;
    struct mls_message_key key;
    struct context ctx;

    start(&ctx, 2);
    use(&ctx.tree, 0, APP, far);
    assert_fails(mls_secret_tree_peek(&ctx.tree, 0, APP, oldest - 1, &key), MLS_EREPLAY);
    use(&ctx.tree, 0, APP, oldest);
    use(&ctx.tree, 0, APP, far - 1);

    /* A second jump pushes out the oldest of the first. */
    use(&ctx.tree, 0, APP, far + 11);
    assert_ok(mls_secret_tree_peek(&ctx.tree, 0, APP, far + 1, &key));
    assert_ok(mls_secret_tree_peek(&ctx.tree, 0, APP, oldest + 9, &key));
    assert_fails(mls_secret_tree_peek(&ctx.tree, 0, APP, oldest + 8, &key), MLS_EREPLAY);
    for (uint32_t jump = 1; jump < 20; jump++)
        use(&ctx.tree, 0, APP, far + 11 + jump * far);
    assert_true(ctx.tp.bytes < 2 * MLS_RATCHET_SKIPPED_MAX * sizeof key);
    finish(&ctx);
}

static void
a_sender_takes_one_generation_after_the_other(void **state)
{
    (void)state;
    struct mls_message_key sent, received;
    struct context sender, receiver;
    uint32_t next;

    start(&sender, 4);
    start(&receiver, 4);
    for (uint32_t g = 0; g < 5; g++) {
        assert_ok(mls_secret_tree_next_generation(&sender.tree, 3, APP, &next));
        assert_int_equal(next, g);
        assert_ok(mls_secret_tree_take_next(&sender.tree, 3, APP, &sent));
        received = use(&receiver.tree, 3, APP, g);
        assert_memory_equal(&sent, &received, sizeof sent);
    }
    finish(&sender);
    finish(&receiver);
}

static void
an_idle_tree_of_many_leaves_costs_one_secret(void **state)
{
    (void)state;
    struct context ctx;

    start(&ctx, 8192);
    assert_int_equal(ctx.tp.live, 1);
    assert_true(ctx.tp.bytes <= 64);
    for (uint32_t i = 0; i < 50; i++)
        use(&ctx.tree, i * 163, APP, 0);
    assert_true(ctx.tp.live <= 2);
    assert_true(ctx.tp.bytes <= 50 * 2 * (136 + 13 * 36));
    finish(&ctx);
}

static const struct CMUnitTest tests[] = {
    VECTORS_OF_BOTH_SUITES(FILE_NAME, 3, check_case),
    cmocka_unit_test(the_order_in_which_leaves_speak_does_not_matter),
    cmocka_unit_test(a_used_generation_cannot_be_derived_again),
    cmocka_unit_test(messages_may_arrive_in_any_order),
    cmocka_unit_test(the_two_ratchets_of_a_leaf_are_independent),
    cmocka_unit_test(a_peek_changes_nothing),
    cmocka_unit_test(a_generation_too_far_ahead_is_refused),
    cmocka_unit_test(only_the_latest_skipped_keys_are_kept),
    cmocka_unit_test(a_sender_takes_one_generation_after_the_other),
    cmocka_unit_test(an_idle_tree_of_many_leaves_costs_one_secret),
};

SOTTO_TEST_MAIN(tests)
