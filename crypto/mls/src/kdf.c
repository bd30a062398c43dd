/* SPDX-License-Identifier: MIT */
/*
 * HKDF (RFC 5869) over the provider's HMAC, and the labelled derivations of RFC 9420 sections 8 and
 * 9.1. Labels and contexts go into the HMAC as parts, so nothing here allocates or copies a context.
 */
#include <string.h>

#include "codec.h"
#include "crypto.h"

static const char LABEL_PREFIX[] = "MLS 1.0 ";

int
mls_extract(const struct mls_crypto *c, struct mls_bytes salt, struct mls_bytes ikm,
            uint8_t out[MLS_HASH_BYTES])
{
    if (c->p->hmac_sha256(c->p->ctx, salt, &ikm, 1, out) != 0)
        return MLS_ECRYPTO;
    return 0;
}

/* T(i) = HMAC(PRK, T(i-1) | info | i); `block` holds T(i-1) and receives T(i). */
static int
expand_block(const struct mls_crypto *c, struct mls_bytes prk, const struct mls_bytes *info,
             size_t count, uint8_t index, uint8_t block[MLS_HASH_BYTES])
{
    struct mls_bytes parts[MLS_INFO_PARTS_MAX + 2];
    size_t used = 0;

    if (index > 1)
        parts[used++] = mls_bytes(block, MLS_HASH_BYTES);
    for (size_t i = 0; i < count; i++)
        parts[used++] = info[i];
    parts[used++] = mls_bytes(&index, 1);
    return c->p->hmac_sha256(c->p->ctx, prk, parts, used, block) == 0 ? 0 : MLS_ECRYPTO;
}

int
mls_expand(const struct mls_crypto *c, struct mls_bytes prk, const struct mls_bytes *info,
           size_t count, uint8_t *out, size_t len)
{
    uint8_t block[MLS_HASH_BYTES];
    size_t done = 0;
    int rc = 0;

    if (len == 0 || len > 255 * MLS_HASH_BYTES || count > MLS_INFO_PARTS_MAX)
        return MLS_EARG;
    for (unsigned index = 1; done < len; index++) {
        rc = expand_block(c, prk, info, count, (uint8_t)index, block);
        if (rc)
            break;
        const size_t piece = len - done < sizeof block ? len - done : sizeof block;
        memcpy(out + done, block, piece);
        done += piece;
    }
    mls_mem_wipe(c->p, block, sizeof block);
    if (rc)
        mls_mem_wipe(c->p, out, len);
    return rc;
}

int
mls_expand_with_label(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES],
                      const char *label, struct mls_bytes context, uint8_t *out, size_t len)
{
    const size_t prefix_len = sizeof LABEL_PREFIX - 1;
    const size_t label_len = strlen(label);
    uint8_t head[2 + 4];
    uint8_t context_head[4];
    uint8_t key[MLS_HASH_BYTES];

    if (len > UINT16_MAX || context.len > MLS_VARINT_MAX || label_len > MLS_VARINT_MAX - prefix_len)
        return MLS_EARG;
    head[0] = (uint8_t)(len >> 8);
    head[1] = (uint8_t)len;
    const size_t head_len = 2 + mls_varint_put(head + 2, prefix_len + label_len);
    const size_t context_head_len = mls_varint_put(context_head, context.len);
    const struct mls_bytes info[] = {
        mls_bytes(head, head_len),
        mls_bytes(LABEL_PREFIX, prefix_len),
        mls_bytes(label, label_len),
        mls_bytes(context_head, context_head_len),
        context,
    };

    /* `out` may be `secret`, and a long output needs the key again after its first block. */
    memcpy(key, secret, sizeof key);
    const int rc =
        mls_expand(c, mls_bytes(key, sizeof key), info, sizeof info / sizeof *info, out, len);
    mls_mem_wipe(c->p, key, sizeof key);
    return rc;
}

int
mls_derive_secret(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES],
                  const char *label, uint8_t out[MLS_HASH_BYTES])
{
    return mls_expand_with_label(c, secret, label, mls_bytes_empty(), out, MLS_HASH_BYTES);
}

int
mls_derive_tree_secret(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES],
                       const char *label, uint32_t generation, uint8_t *out, size_t len)
{
    const uint8_t context[4] = {
        (uint8_t)(generation >> 24),
        (uint8_t)(generation >> 16),
        (uint8_t)(generation >> 8),
        (uint8_t)generation,
    };

    return mls_expand_with_label(c, secret, label, mls_bytes(context, sizeof context), out, len);
}
