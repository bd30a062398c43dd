/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the secret tree share: a tree over the counting provider, its state as bytes,
 * and a receiver's step.
 */
#ifndef SOTTO_MLS_SECRET_TREE_FIXTURE_H
#define SOTTO_MLS_SECRET_TREE_FIXTURE_H

#include "mls_test_provider.h"
#include "secret_tree.h"
#include "sotto_test.h"
#include "vectors.h"

static const enum mls_ratchet_type APP = MLS_RATCHET_APPLICATION;
static const enum mls_ratchet_type HS = MLS_RATCHET_HANDSHAKE;

static const uint8_t SECRET[MLS_HASH_BYTES] = {0x5e, 0xc2, 0xe7};

struct context {
    struct mls_test_provider tp;
    struct mls_crypto c;
    struct mls_secret_tree tree;
};

static inline void
start(struct context *ctx, uint32_t n_leaves)
{
    mls_test_provider_init(&ctx->tp);
    assert_ok(mls_crypto_init(&ctx->c, &ctx->tp.table, 3));
    assert_ok(mls_secret_tree_init(&ctx->tree, &ctx->c, n_leaves, SECRET));
}

static inline void
finish(struct context *ctx)
{
    mls_secret_tree_fini(&ctx->tree);
    mls_test_provider_check(&ctx->tp);
}

/* The state as bytes; the caller frees it with mls_mem_free(real provider). */
static inline struct vec_bytes
stored(const struct mls_secret_tree *tree)
{
    struct mls_writer w;
    struct vec_bytes out = {0};

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_secret_tree_write(tree, &w);
    assert_ok(mls_writer_take(&w, &out.data, &out.len));
    return out;
}

static inline void
assert_state_is(const struct mls_secret_tree *tree, const struct vec_bytes *want)
{
    struct vec_bytes now = stored(tree);

    vec_assert_equal("state", now.data, now.len, want->data, want->len);
    vec_free(&now);
}

static inline struct mls_message_key
use(struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type, uint32_t generation)
{
    struct mls_message_key key;

    assert_ok(mls_secret_tree_peek(tree, leaf, type, generation, &key));
    assert_int_equal(key.generation, generation);
    assert_ok(mls_secret_tree_consume(tree, leaf, type, generation));
    return key;
}

#endif
