/* SPDX-License-Identifier: MIT */
/*
 * Secret tree: the official vectors, and the promises of its header: each key once, old keys gone
 * from the state, a peek or a failure changes nothing, memory bounded by who spoke.
 */
#include "sotto_test.h"

#include "mls_test_provider.h"
#include "schedule.h"
#include "secret_tree.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/secret-tree.json";

static const enum mls_ratchet_type APP = MLS_RATCHET_APPLICATION;
static const enum mls_ratchet_type HS = MLS_RATCHET_HANDSHAKE;

static const uint8_t SECRET[MLS_HASH_BYTES] = {0x5e, 0xc2, 0xe7};

struct context {
    struct mls_test_provider tp;
    struct mls_crypto c;
    struct mls_secret_tree tree;
};

static void
start(struct context *ctx, uint32_t n_leaves)
{
    mls_test_provider_init(&ctx->tp);
    assert_ok(mls_crypto_init(&ctx->c, &ctx->tp.table, 3));
    assert_ok(mls_secret_tree_init(&ctx->tree, &ctx->c, n_leaves, SECRET));
}

static void
finish(struct context *ctx)
{
    mls_secret_tree_fini(&ctx->tree);
    mls_test_provider_check(&ctx->tp);
}

/* The state as bytes; the caller frees it with mls_mem_free(real provider). */
static struct vec_bytes
stored(const struct mls_secret_tree *tree)
{
    struct mls_writer w;
    struct vec_bytes out = {0};

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_secret_tree_write(tree, &w);
    assert_ok(mls_writer_take(&w, &out.data, &out.len));
    return out;
}

static void
assert_state_is(const struct mls_secret_tree *tree, const struct vec_bytes *want)
{
    struct vec_bytes now = stored(tree);

    vec_assert_equal("state", now.data, now.len, want->data, want->len);
    vec_free(&now);
}

static struct mls_message_key
use(struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type, uint32_t generation)
{
    struct mls_message_key key;

    assert_ok(mls_secret_tree_peek(tree, leaf, type, generation, &key));
    assert_int_equal(key.generation, generation);
    assert_ok(mls_secret_tree_consume(tree, leaf, type, generation));
    return key;
}

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
check_case(const struct mls_crypto *c, const json_t *test_case)
{
    const json_t *leaves = vec_need(test_case, "leaves");
    struct mls_secret_tree tree;
    uint8_t secret[MLS_HASH_BYTES];
    json_t *generations, *v;
    size_t leaf, i;

    check_sender_data(c, vec_need(test_case, "sender_data"));
    vec_need_hex_array(test_case, "encryption_secret", secret, sizeof secret);
    assert_ok(mls_secret_tree_init(&tree, c, (uint32_t)json_array_size(leaves), secret));
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

static void
official_vectors_of_suite(uint16_t suite)
{
    json_t *root = vectors_load(FILE_NAME);
    json_t *test_case;
    size_t i, count = 0;
    struct mls_crypto c;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), suite));
    json_array_foreach(root, i, test_case)
    {
        if (vec_need_uint(test_case, "cipher_suite") != suite)
            continue;
        check_case(&c, test_case);
        count++;
    }
    vectors_report(FILE_NAME, suite, count, 3);
    json_decref(root);
}

static void
official_vectors_of_suite_1_hold(void **state)
{
    (void)state;
    official_vectors_of_suite(MLS_SUITE_X25519_AES128GCM_SHA256_ED25519);
}

static void
official_vectors_of_suite_3_hold(void **state)
{
    (void)state;
    official_vectors_of_suite(MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519);
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
    struct vec_bytes before = stored(&ctx.tree);
    spoil(&ctx.tree);
    struct vec_bytes bytes = stored(&ctx.tree);
    assert_true(restore(&ctx.c, &bytes, &copy) < 0);
    vec_free(&before);
    vec_free(&bytes);
    finish(&ctx);
}

static void
forget_a_node(struct mls_secret_tree *tree)
{
    tree->node_count--;
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
a_state_that_does_not_cover_each_leaf_once_is_refused(void **state)
{
    (void)state;
    check_refused(forget_a_node);
    check_refused(grow_the_tree);
    check_refused(shrink_the_tree);
    check_refused(make_size_odd);
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
    cmocka_unit_test(official_vectors_of_suite_1_hold),
    cmocka_unit_test(official_vectors_of_suite_3_hold),
    cmocka_unit_test(the_order_in_which_leaves_speak_does_not_matter),
    cmocka_unit_test(a_used_generation_cannot_be_derived_again),
    cmocka_unit_test(messages_may_arrive_in_any_order),
    cmocka_unit_test(the_two_ratchets_of_a_leaf_are_independent),
    cmocka_unit_test(a_peek_changes_nothing),
    cmocka_unit_test(a_generation_too_far_ahead_is_refused),
    cmocka_unit_test(only_the_latest_skipped_keys_are_kept),
    cmocka_unit_test(a_sender_takes_one_generation_after_the_other),
    cmocka_unit_test(an_idle_tree_of_many_leaves_costs_one_secret),
    cmocka_unit_test(a_stored_tree_continues_where_it_was),
    cmocka_unit_test(a_stored_tree_holds_no_key_that_was_used),
    cmocka_unit_test(a_message_opened_before_does_not_open_from_a_later_state),
    cmocka_unit_test(a_shortened_state_is_refused),
    cmocka_unit_test(a_state_that_does_not_cover_each_leaf_once_is_refused),
    cmocka_unit_test(a_state_of_another_suite_or_version_is_refused),
    cmocka_unit_test(flipped_bytes_of_a_state_never_break_the_reader),
    cmocka_unit_test(running_out_of_memory_leaves_the_tree_as_it_was),
    cmocka_unit_test(running_out_of_memory_while_reading_leaks_nothing),
};

SOTTO_TEST_MAIN(tests)
