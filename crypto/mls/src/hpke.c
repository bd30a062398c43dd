/* SPDX-License-Identifier: MIT */
/*
 * HPKE base mode (RFC 9180, section 5.1) for one message: a key schedule is made, used once for
 * sequence number 0 or for an export, and wiped. So there is no counter. What only depends on the
 * info is kept apart from the keys: one info is sealed to many.
 */
#include "hpke.h"

#include <string.h>

#include "codec.h"
#include "hpke_label.h"

struct hpke_keys {
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX];
    uint8_t nonce[MLS_AEAD_NONCE_BYTES];
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
schedule_context(const struct mls_crypto *c, const struct mls_bytes *info, size_t info_count,
                 struct mls_hpke_context *out)
{
    const struct hpke_suite suite = hpke_suite(c);

    out->bytes[0] = 0x00;
    const int rc =
        hpke_labeled_extract(c, &suite, mls_bytes_empty(), "psk_id_hash", NULL, 0, out->bytes + 1);
    if (rc)
        return rc;
    return hpke_labeled_extract(c, &suite, mls_bytes_empty(), "info_hash", info, info_count,
                                out->bytes + 1 + MLS_HASH_BYTES);
}

/* `secret` of KeySchedule in section 5.1, from the shared secret of the KEM. */
static int
schedule_secret(const struct mls_crypto *c, const uint8_t shared[MLS_KEM_SHARED_BYTES],
                uint8_t secret_out[MLS_HASH_BYTES])
{
    const struct hpke_suite suite = hpke_suite(c);

    return hpke_labeled_extract(c, &suite, mls_bytes(shared, MLS_KEM_SHARED_BYTES), "secret", NULL,
                                0, secret_out);
}

/* Key and nonce of the message with sequence number 0. */
static int
message_keys(const struct mls_crypto *c, const uint8_t shared[MLS_KEM_SHARED_BYTES],
             const struct mls_hpke_context *context, struct hpke_keys *out)
{
    const struct hpke_suite suite = hpke_suite(c);
    const struct mls_bytes ctx = mls_bytes(context->bytes, sizeof context->bytes);
    uint8_t secret[MLS_HASH_BYTES];

    int rc = schedule_secret(c, shared, secret);
    if (rc == 0)
        rc = hpke_labeled_expand(c, &suite, secret, "key", ctx, out->key, c->suite->key_bytes);
    if (rc == 0)
        rc = hpke_labeled_expand(c, &suite, secret, "base_nonce", ctx, out->nonce,
                                 sizeof out->nonce);
    mls_mem_wipe(c->p, secret, sizeof secret);
    return rc;
}

/* Context.Export of section 5.3 in a context that is used for nothing else. */
static int
export_secret(const struct mls_crypto *c, const uint8_t shared[MLS_KEM_SHARED_BYTES],
              struct mls_bytes info, struct mls_bytes exporter_context, uint8_t *out, size_t len)
{
    const struct hpke_suite suite = hpke_suite(c);
    struct mls_hpke_context context;
    uint8_t secret[MLS_HASH_BYTES], exporter[MLS_HASH_BYTES];

    int rc = schedule_context(c, &info, 1, &context);
    if (rc == 0)
        rc = schedule_secret(c, shared, secret);
    if (rc == 0)
        rc = hpke_labeled_expand(c, &suite, secret, "exp",
                                 mls_bytes(context.bytes, sizeof context.bytes), exporter,
                                 sizeof exporter);
    if (rc == 0)
        rc = hpke_labeled_expand(c, &suite, exporter, "sec", exporter_context, out, len);
    mls_mem_wipe(c->p, secret, sizeof secret);
    mls_mem_wipe(c->p, exporter, sizeof exporter);
    return rc;
}

static int
seal_in_context(const struct mls_crypto *c, struct mls_bytes public_key,
                const struct mls_hpke_context *context, struct mls_bytes aad,
                struct mls_bytes plain, uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES],
                uint8_t *cipher_out)
{
    uint8_t shared[MLS_KEM_SHARED_BYTES];
    struct hpke_keys keys;

    int rc = c->suite->kem->encap(c, public_key, shared, kem_output_out);
    if (rc == 0)
        rc = message_keys(c, shared, context, &keys);
    if (rc == 0)
        rc = mls_aead_seal(c, keys.key, keys.nonce, aad, plain, cipher_out);
    mls_mem_wipe(c->p, &keys, sizeof keys);
    mls_mem_wipe(c->p, shared, sizeof shared);
    return rc;
}

int
mls_hpke_seal(const struct mls_crypto *c, struct mls_bytes public_key, const struct mls_bytes *info,
              size_t info_count, struct mls_bytes aad, struct mls_bytes plain,
              uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *cipher_out)
{
    struct mls_hpke_context context;
    const int rc = schedule_context(c, info, info_count, &context);

    if (rc)
        return rc;
    return seal_in_context(c, public_key, &context, aad, plain, kem_output_out, cipher_out);
}

int
mls_hpke_open(const struct mls_crypto *c, struct mls_bytes kem_output,
              const uint8_t secret[MLS_KEM_SECRET_BYTES], const struct mls_bytes *info,
              size_t info_count, struct mls_bytes aad, struct mls_bytes cipher, uint8_t *plain_out)
{
    uint8_t shared[MLS_KEM_SHARED_BYTES];
    struct mls_hpke_context context;
    struct hpke_keys keys;

    int rc = c->suite->kem->decap(c, kem_output, secret, shared);
    if (rc == 0)
        rc = schedule_context(c, info, info_count, &context);
    if (rc == 0)
        rc = message_keys(c, shared, &context, &keys);
    if (rc == 0)
        rc = mls_aead_open(c, keys.key, keys.nonce, aad, cipher, plain_out);
    mls_mem_wipe(c->p, &keys, sizeof keys);
    mls_mem_wipe(c->p, shared, sizeof shared);
    return rc;
}

int
mls_hpke_export_send(const struct mls_crypto *c, struct mls_bytes public_key, struct mls_bytes info,
                     struct mls_bytes exporter_context,
                     uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *out, size_t len)
{
    uint8_t shared[MLS_KEM_SHARED_BYTES];
    int rc = c->suite->kem->encap(c, public_key, shared, kem_output_out);

    if (rc == 0)
        rc = export_secret(c, shared, info, exporter_context, out, len);
    mls_mem_wipe(c->p, shared, sizeof shared);
    return rc;
}

int
mls_hpke_export_receive(const struct mls_crypto *c, struct mls_bytes kem_output,
                        const uint8_t secret[MLS_KEM_SECRET_BYTES], struct mls_bytes info,
                        struct mls_bytes exporter_context, uint8_t *out, size_t len)
{
    uint8_t shared[MLS_KEM_SHARED_BYTES];
    int rc = c->suite->kem->decap(c, kem_output, secret, shared);

    if (rc == 0)
        rc = export_secret(c, shared, info, exporter_context, out, len);
    mls_mem_wipe(c->p, shared, sizeof shared);
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
mls_encrypt_context(const struct mls_crypto *c, const char *label, struct mls_bytes context,
                    struct mls_hpke_context *out)
{
    struct encrypt_info info;
    const int rc = encrypt_info_init(&info, label, context);

    return rc ? rc : schedule_context(c, info.parts, 5, out);
}

int
mls_encrypt_in_context(const struct mls_crypto *c, struct mls_bytes public_key,
                       const struct mls_hpke_context *context, struct mls_bytes plain,
                       uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *cipher_out)
{
    return seal_in_context(c, public_key, context, mls_bytes_empty(), plain, kem_output_out,
                           cipher_out);
}

int
mls_encrypt_with_label(const struct mls_crypto *c, struct mls_bytes public_key, const char *label,
                       struct mls_bytes context, struct mls_bytes plain,
                       uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *cipher_out)
{
    struct mls_hpke_context made;
    const int rc = mls_encrypt_context(c, label, context, &made);

    if (rc)
        return rc;
    return mls_encrypt_in_context(c, public_key, &made, plain, kem_output_out, cipher_out);
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
