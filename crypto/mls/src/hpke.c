/* SPDX-License-Identifier: MIT */
/*
 * HPKE base mode (RFC 9180, section 5.1) for one message: a key schedule is made, used once for
 * sequence number 0 or for an export, and wiped. So there is no context object and no counter.
 */
#include "hpke.h"

#include <string.h>

#include "codec.h"
#include "hpke_label.h"

struct hpke_keys {
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX];
    uint8_t nonce[MLS_AEAD_NONCE_BYTES];
    uint8_t exporter[MLS_HASH_BYTES];
};

static struct hpke_suite
hpke_suite(const struct mls_crypto *c)
{
    const uint16_t ids[] = {c->suite->kem->id, c->suite->kdf_id, (uint16_t)c->suite->aead};
    struct hpke_suite suite = {.id = "HPKE", .len = 10};

    for (size_t i = 0; i < 3; i++) {
        suite.id[4 + 2 * i] = (uint8_t)(ids[i] >> 8);
        suite.id[5 + 2 * i] = (uint8_t)ids[i];
    }
    return suite;
}

/* key_schedule_context: mode_base, psk_id_hash of no PSK, info_hash. */
static int
schedule_context(const struct mls_crypto *c, const struct hpke_suite *suite,
                 const struct mls_bytes *info, size_t info_count,
                 uint8_t context[1 + 2 * MLS_HASH_BYTES])
{
    context[0] = 0x00;
    const int rc =
        hpke_labeled_extract(c, suite, mls_bytes_empty(), "psk_id_hash", NULL, 0, context + 1);
    if (rc)
        return rc;
    return hpke_labeled_extract(c, suite, mls_bytes_empty(), "info_hash", info, info_count,
                                context + 1 + MLS_HASH_BYTES);
}

/* KeySchedule of section 5.1, from the shared secret of the KEM. */
static int
key_schedule(const struct mls_crypto *c, const uint8_t shared[MLS_KEM_SHARED_BYTES],
             const struct mls_bytes *info, size_t info_count, struct hpke_keys *out)
{
    const struct hpke_suite suite = hpke_suite(c);
    uint8_t context[1 + 2 * MLS_HASH_BYTES];
    uint8_t secret[MLS_HASH_BYTES];
    const struct mls_bytes ctx = mls_bytes(context, sizeof context);

    int rc = schedule_context(c, &suite, info, info_count, context);
    if (rc == 0)
        rc = hpke_labeled_extract(c, &suite, mls_bytes(shared, MLS_KEM_SHARED_BYTES), "secret",
                                  NULL, 0, secret);
    if (rc == 0)
        rc = hpke_labeled_expand(c, &suite, secret, "key", ctx, out->key, c->suite->key_bytes);
    if (rc == 0)
        rc = hpke_labeled_expand(c, &suite, secret, "base_nonce", ctx, out->nonce,
                                 sizeof out->nonce);
    if (rc == 0)
        rc =
            hpke_labeled_expand(c, &suite, secret, "exp", ctx, out->exporter, sizeof out->exporter);
    mls_mem_wipe(c->p, secret, sizeof secret);
    return rc;
}

static int
setup_send(const struct mls_crypto *c, struct mls_bytes public_key, const struct mls_bytes *info,
           size_t info_count, uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], struct hpke_keys *out)
{
    uint8_t shared[MLS_KEM_SHARED_BYTES];
    int rc = c->suite->kem->encap(c, public_key, shared, kem_output_out);

    if (rc == 0)
        rc = key_schedule(c, shared, info, info_count, out);
    mls_mem_wipe(c->p, shared, sizeof shared);
    return rc;
}

static int
setup_receive(const struct mls_crypto *c, struct mls_bytes kem_output,
              const uint8_t secret[MLS_KEM_SECRET_BYTES], const struct mls_bytes *info,
              size_t info_count, struct hpke_keys *out)
{
    uint8_t shared[MLS_KEM_SHARED_BYTES];
    int rc = c->suite->kem->decap(c, kem_output, secret, shared);

    if (rc == 0)
        rc = key_schedule(c, shared, info, info_count, out);
    mls_mem_wipe(c->p, shared, sizeof shared);
    return rc;
}

/* Context.Export of section 5.3. */
static int
export_secret(const struct mls_crypto *c, const struct hpke_keys *keys, struct mls_bytes context,
              uint8_t *out, size_t len)
{
    const struct hpke_suite suite = hpke_suite(c);

    return hpke_labeled_expand(c, &suite, keys->exporter, "sec", context, out, len);
}

int
mls_hpke_seal(const struct mls_crypto *c, struct mls_bytes public_key, const struct mls_bytes *info,
              size_t info_count, struct mls_bytes aad, struct mls_bytes plain,
              uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *cipher_out)
{
    struct hpke_keys keys;
    int rc = setup_send(c, public_key, info, info_count, kem_output_out, &keys);

    if (rc == 0)
        rc = mls_aead_seal(c, keys.key, keys.nonce, aad, plain, cipher_out);
    mls_mem_wipe(c->p, &keys, sizeof keys);
    return rc;
}

int
mls_hpke_open(const struct mls_crypto *c, struct mls_bytes kem_output,
              const uint8_t secret[MLS_KEM_SECRET_BYTES], const struct mls_bytes *info,
              size_t info_count, struct mls_bytes aad, struct mls_bytes cipher, uint8_t *plain_out)
{
    struct hpke_keys keys;
    int rc = setup_receive(c, kem_output, secret, info, info_count, &keys);

    if (rc == 0)
        rc = mls_aead_open(c, keys.key, keys.nonce, aad, cipher, plain_out);
    mls_mem_wipe(c->p, &keys, sizeof keys);
    return rc;
}

int
mls_hpke_export_send(const struct mls_crypto *c, struct mls_bytes public_key, struct mls_bytes info,
                     struct mls_bytes exporter_context,
                     uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *out, size_t len)
{
    struct hpke_keys keys;
    int rc = setup_send(c, public_key, &info, 1, kem_output_out, &keys);

    if (rc == 0)
        rc = export_secret(c, &keys, exporter_context, out, len);
    mls_mem_wipe(c->p, &keys, sizeof keys);
    return rc;
}

int
mls_hpke_export_receive(const struct mls_crypto *c, struct mls_bytes kem_output,
                        const uint8_t secret[MLS_KEM_SECRET_BYTES], struct mls_bytes info,
                        struct mls_bytes exporter_context, uint8_t *out, size_t len)
{
    struct hpke_keys keys;
    int rc = setup_receive(c, kem_output, secret, &info, 1, &keys);

    if (rc == 0)
        rc = export_secret(c, &keys, exporter_context, out, len);
    mls_mem_wipe(c->p, &keys, sizeof keys);
    return rc;
}

/* EncryptContext (RFC 9420, section 5.1.3) as parts of an HPKE info. */
struct encrypt_info {
    uint8_t label_head[4];
    uint8_t context_head[4];
    struct mls_bytes parts[5];
};

static int
encrypt_info_init(struct encrypt_info *info, const char *label, struct mls_bytes context)
{
    static const char prefix[] = "MLS 1.0 ";
    const size_t prefix_len = sizeof prefix - 1;
    const size_t label_len = strlen(label);

    if (label_len > MLS_VARINT_MAX - prefix_len || context.len > MLS_VARINT_MAX)
        return MLS_EARG;
    const size_t label_head = mls_varint_put(info->label_head, prefix_len + label_len);
    const size_t context_head = mls_varint_put(info->context_head, context.len);
    info->parts[0] = mls_bytes(info->label_head, label_head);
    info->parts[1] = mls_bytes(prefix, prefix_len);
    info->parts[2] = mls_bytes(label, label_len);
    info->parts[3] = mls_bytes(info->context_head, context_head);
    info->parts[4] = context;
    return 0;
}

int
mls_encrypt_with_label(const struct mls_crypto *c, struct mls_bytes public_key, const char *label,
                       struct mls_bytes context, struct mls_bytes plain,
                       uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *cipher_out)
{
    struct encrypt_info info;
    const int rc = encrypt_info_init(&info, label, context);

    if (rc)
        return rc;
    return mls_hpke_seal(c, public_key, info.parts, 5, mls_bytes_empty(), plain, kem_output_out,
                         cipher_out);
}

int
mls_decrypt_with_label(const struct mls_crypto *c, const uint8_t secret[MLS_KEM_SECRET_BYTES],
                       const char *label, struct mls_bytes context, struct mls_bytes kem_output,
                       struct mls_bytes cipher, uint8_t *plain_out)
{
    struct encrypt_info info;
    const int rc = encrypt_info_init(&info, label, context);

    if (rc)
        return rc;
    return mls_hpke_open(c, kem_output, secret, info.parts, 5, mls_bytes_empty(), cipher,
                         plain_out);
}
