/* SPDX-License-Identifier: MIT */
/*
 * The test provider; see mls_test_provider.h. Each block carries its length in front.
 */
#include "mls_test_provider.h"

#include "sotto_test.h"

/* Stands in front of each block; its size keeps the block aligned for anything. */
struct mls_test_block {
    struct mls_test_block *next, *before;
    size_t len;
    size_t unused;
};

_Static_assert(sizeof(struct mls_test_block) % _Alignof(max_align_t) == 0, "alignment");

static void *
counting_alloc(void *ctx, size_t len)
{
    struct mls_test_provider *tp = ctx;

    tp->calls++;
    if (tp->fail_at && tp->calls == tp->fail_at)
        return NULL;
    struct mls_test_block *block = malloc(sizeof *block + len);
    if (!block)
        return NULL;
    *block = (struct mls_test_block){.next = tp->blocks, .len = len};
    if (tp->blocks)
        tp->blocks->before = block;
    tp->blocks = block;
    tp->live++;
    tp->bytes += len;
    return block + 1;
}

static void
counting_release(void *ctx, void *ptr)
{
    struct mls_test_provider *tp = ctx;
    const uint8_t *data = ptr;
    uint8_t any = 0;

    if (!ptr)
        return;
    struct mls_test_block *block = (struct mls_test_block *)ptr - 1;
    for (size_t i = 0; i < block->len; i++)
        any |= data[i];
    if (any)
        tp->unwiped++;
    tp->live--;
    tp->bytes -= block->len;
    if (block->before)
        block->before->next = block->next;
    else
        tp->blocks = block->next;
    if (block->next)
        block->next->before = block->before;
    free(block);
}

bool
mls_test_provider_holds(const struct mls_test_provider *tp, const void *bytes, size_t len)
{
    for (const struct mls_test_block *block = tp->blocks; block; block = block->next)
        if (memmem(block + 1, block->len, bytes, len))
            return true;
    return false;
}

/* ---- Primitives that fail -------------------------------------------------------------------- */

/* Counts a call of a primitive; true when it is the one to fail. */
static bool
is_broken(struct mls_test_provider *tp)
{
    tp->primitive_calls++;
    return tp->break_at != 0 && tp->primitive_calls == tp->break_at;
}

static int
repeatable_random(void *ctx, uint8_t *out, size_t len)
{
    struct mls_test_provider *tp = ctx;
    const struct mls_provider *real = mls_provider_default();
    uint8_t block[MLS_HASH_BYTES];

    if (is_broken(tp))
        return -1;
    if (!tp->fixed_random)
        return real->random(real->ctx, out, len);
    for (size_t done = 0; done < len; done += sizeof block) {
        const struct mls_bytes part = {(const uint8_t *)&tp->counter, sizeof tp->counter};
        if (real->sha256(real->ctx, &part, 1, block) != 0)
            return -1;
        memcpy(out + done, block, len - done < sizeof block ? len - done : sizeof block);
        tp->counter++;
    }
    return 0;
}

/* The other primitives: the default provider's, unless it is their turn to fail. */
#define BREAKABLE(name, params, ...)                                     \
    static int breakable_##name params                                   \
    {                                                                    \
        const struct mls_provider *real = mls_provider_default();        \
                                                                         \
        return is_broken(ctx) ? -1 : real->name(real->ctx, __VA_ARGS__); \
    }

BREAKABLE(sha256,
          (void *ctx, const struct mls_bytes *parts, size_t count, uint8_t out[MLS_HASH_BYTES]),
          parts, count, out)
BREAKABLE(hmac_sha256,
          (void *ctx, struct mls_bytes key, const struct mls_bytes *parts, size_t count,
           uint8_t out[MLS_HASH_BYTES]),
          key, parts, count, out)
BREAKABLE(x25519_public,
          (void *ctx, const uint8_t secret[MLS_X25519_BYTES], uint8_t out[MLS_X25519_BYTES]),
          secret, out)
BREAKABLE(x25519,
          (void *ctx, const uint8_t secret[MLS_X25519_BYTES], const uint8_t peer[MLS_X25519_BYTES],
           uint8_t out[MLS_X25519_BYTES]),
          secret, peer, out)
BREAKABLE(ed25519_public,
          (void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES],
           uint8_t out[MLS_ED25519_PUBLIC_BYTES]),
          seed, out)
BREAKABLE(ed25519_sign,
          (void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES], struct mls_bytes message,
           uint8_t out[MLS_ED25519_SIGNATURE_BYTES]),
          seed, message, out)
BREAKABLE(ed25519_verify,
          (void *ctx, const uint8_t key[MLS_ED25519_PUBLIC_BYTES], struct mls_bytes message,
           const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES]),
          key, message, signature)
BREAKABLE(aead_seal,
          (void *ctx, enum mls_aead_id aead, const uint8_t *key,
           const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad, struct mls_bytes plain,
           uint8_t *out),
          aead, key, nonce, aad, plain, out)
BREAKABLE(aead_open,
          (void *ctx, enum mls_aead_id aead, const uint8_t *key,
           const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad, struct mls_bytes cipher,
           uint8_t *out),
          aead, key, nonce, aad, cipher, out)

void
mls_test_provider_init(struct mls_test_provider *tp)
{
    const struct mls_provider *real = mls_provider_default();

    assert_non_null(real);
    *tp = (struct mls_test_provider){.table = *real};
    /* The other two functions of the default provider do not look at their context. */
    tp->table.ctx = tp;
    tp->table.alloc = counting_alloc;
    tp->table.release = counting_release;
    tp->table.random = repeatable_random;
    tp->table.sha256 = breakable_sha256;
    tp->table.hmac_sha256 = breakable_hmac_sha256;
    tp->table.x25519_public = breakable_x25519_public;
    tp->table.x25519 = breakable_x25519;
    tp->table.ed25519_public = breakable_ed25519_public;
    tp->table.ed25519_sign = breakable_ed25519_sign;
    tp->table.ed25519_verify = breakable_ed25519_verify;
    tp->table.aead_seal = breakable_aead_seal;
    tp->table.aead_open = breakable_aead_open;
}

void
mls_test_provider_check(const struct mls_test_provider *tp)
{
    assert_int_equal(tp->live, 0);
    assert_int_equal(tp->unwiped, 0);
}
