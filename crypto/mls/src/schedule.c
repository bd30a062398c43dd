/* SPDX-License-Identifier: MIT */
/*
 * Key schedule; see schedule.h. The diagram of RFC 9420 section 8 is followed top to bottom: Extract
 * takes its salt from above and its keying material from the side.
 */
#include "schedule.h"

#include <string.h>

static const uint8_t ZERO[MLS_HASH_BYTES];

static struct mls_bytes
secret_or_zero(const uint8_t *secret)
{
    return mls_bytes(secret ? secret : ZERO, MLS_HASH_BYTES);
}

int
mls_schedule_joiner(const struct mls_crypto *c, const uint8_t init_secret[MLS_HASH_BYTES],
                    const uint8_t *commit_secret, struct mls_bytes group_context,
                    uint8_t joiner_out[MLS_HASH_BYTES])
{
    uint8_t extracted[MLS_HASH_BYTES];
    int rc = mls_extract(c, mls_bytes(init_secret, MLS_HASH_BYTES), secret_or_zero(commit_secret),
                         extracted);

    if (rc == 0)
        rc = mls_expand_with_label(c, extracted, "joiner", group_context, joiner_out,
                                   MLS_HASH_BYTES);
    mls_mem_wipe(c->p, extracted, sizeof extracted);
    return rc;
}

/* The value between joiner_secret and epoch_secret, which is also above welcome_secret. */
static int
mix_psk(const struct mls_crypto *c, const uint8_t joiner[MLS_HASH_BYTES], const uint8_t *psk_secret,
        uint8_t out[MLS_HASH_BYTES])
{
    return mls_extract(c, mls_bytes(joiner, MLS_HASH_BYTES), secret_or_zero(psk_secret), out);
}

int
mls_schedule_welcome(const struct mls_crypto *c, const uint8_t joiner[MLS_HASH_BYTES],
                     const uint8_t *psk_secret, uint8_t welcome_out[MLS_HASH_BYTES])
{
    uint8_t member[MLS_HASH_BYTES];
    int rc = mix_psk(c, joiner, psk_secret, member);

    if (rc == 0)
        rc = mls_derive_secret(c, member, "welcome", welcome_out);
    mls_mem_wipe(c->p, member, sizeof member);
    return rc;
}

int
mls_schedule_welcome_key(const struct mls_crypto *c, const uint8_t welcome[MLS_HASH_BYTES],
                         uint8_t key_out[MLS_AEAD_KEY_BYTES_MAX],
                         uint8_t nonce_out[MLS_AEAD_NONCE_BYTES])
{
    memset(key_out, 0, MLS_AEAD_KEY_BYTES_MAX);
    const int rc =
        mls_expand_with_label(c, welcome, "key", mls_bytes_empty(), key_out, c->suite->key_bytes);
    if (rc)
        return rc;
    return mls_expand_with_label(c, welcome, "nonce", mls_bytes_empty(), nonce_out,
                                 MLS_AEAD_NONCE_BYTES);
}

int
mls_schedule_from_epoch_secret(const struct mls_crypto *c,
                               const uint8_t epoch_secret[MLS_HASH_BYTES],
                               struct mls_epoch_secrets *out)
{
    const struct {
        const char *label;
        uint8_t *secret;
    } table[] = {
        {"sender data", out->sender_data_secret},
        {"encryption", out->encryption_secret},
        {"exporter", out->exporter_secret},
        {"external", out->external_secret},
        {"confirm", out->confirmation_key},
        {"membership", out->membership_key},
        {"resumption", out->resumption_psk},
        {"authentication", out->epoch_authenticator},
        {"init", out->init_secret},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const int rc = mls_derive_secret(c, epoch_secret, table[i].label, table[i].secret);
        if (rc) {
            mls_epoch_secrets_wipe(c->p, out);
            return rc;
        }
    }
    return 0;
}

int
mls_schedule_epoch(const struct mls_crypto *c, const uint8_t joiner[MLS_HASH_BYTES],
                   const uint8_t *psk_secret, struct mls_bytes group_context,
                   struct mls_epoch_secrets *out)
{
    uint8_t secret[MLS_HASH_BYTES];
    int rc = mix_psk(c, joiner, psk_secret, secret);

    if (rc == 0)
        rc = mls_expand_with_label(c, secret, "epoch", group_context, secret, sizeof secret);
    if (rc == 0)
        rc = mls_schedule_from_epoch_secret(c, secret, out);
    mls_mem_wipe(c->p, secret, sizeof secret);
    return rc;
}

void
mls_epoch_secrets_wipe(const struct mls_provider *p, struct mls_epoch_secrets *secrets)
{
    mls_mem_wipe(p, secrets, sizeof *secrets);
}

int
mls_schedule_external(const struct mls_crypto *c, const uint8_t external_secret[MLS_HASH_BYTES],
                      uint8_t secret_out[MLS_KEM_SECRET_BYTES],
                      uint8_t public_out[MLS_KEM_PUBLIC_BYTES])
{
    return mls_kem_derive_keypair(c, mls_bytes(external_secret, MLS_HASH_BYTES), secret_out,
                                  public_out);
}

static struct mls_bytes
external_init_label(void)
{
    static const char label[] = "MLS 1.0 external init secret";

    return mls_bytes(label, sizeof label - 1);
}

int
mls_schedule_external_init_send(const struct mls_crypto *c, struct mls_bytes external_pub,
                                uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES],
                                uint8_t init_out[MLS_HASH_BYTES])
{
    return mls_hpke_export_send(c, external_pub, mls_bytes_empty(), external_init_label(),
                                kem_output_out, init_out, MLS_HASH_BYTES);
}

int
mls_schedule_external_init_receive(const struct mls_crypto *c,
                                   const uint8_t external_secret[MLS_HASH_BYTES],
                                   struct mls_bytes kem_output, uint8_t init_out[MLS_HASH_BYTES])
{
    uint8_t secret[MLS_KEM_SECRET_BYTES];
    uint8_t public_key[MLS_KEM_PUBLIC_BYTES];
    int rc = mls_schedule_external(c, external_secret, secret, public_key);

    if (rc == 0)
        rc = mls_hpke_export_receive(c, kem_output, secret, mls_bytes_empty(),
                                     external_init_label(), init_out, MLS_HASH_BYTES);
    mls_mem_wipe(c->p, secret, sizeof secret);
    return rc;
}

int
mls_schedule_export(const struct mls_crypto *c, const uint8_t exporter_secret[MLS_HASH_BYTES],
                    const char *label, struct mls_bytes context, uint8_t *out, size_t len)
{
    uint8_t secret[MLS_HASH_BYTES];
    uint8_t hash[MLS_HASH_BYTES];
    int rc = mls_hash(c, &context, 1, hash);

    if (rc == 0)
        rc = mls_derive_secret(c, exporter_secret, label, secret);
    if (rc == 0)
        rc = mls_expand_with_label(c, secret, "exported", mls_bytes(hash, sizeof hash), out, len);
    mls_mem_wipe(c->p, secret, sizeof secret);
    return rc;
}

int
mls_schedule_confirmation_tag(const struct mls_crypto *c,
                              const uint8_t confirmation_key[MLS_HASH_BYTES],
                              struct mls_bytes confirmed_hash, uint8_t tag_out[MLS_HASH_BYTES])
{
    return mls_mac(c, confirmation_key, confirmed_hash, tag_out);
}

int
mls_schedule_sender_data_key(const struct mls_crypto *c,
                             const uint8_t sender_data_secret[MLS_HASH_BYTES],
                             struct mls_bytes ciphertext, uint8_t key_out[MLS_AEAD_KEY_BYTES_MAX],
                             uint8_t nonce_out[MLS_AEAD_NONCE_BYTES])
{
    const size_t len = ciphertext.len < MLS_HASH_BYTES ? ciphertext.len : MLS_HASH_BYTES;
    const struct mls_bytes sample = mls_bytes(ciphertext.data, len);

    memset(key_out, 0, MLS_AEAD_KEY_BYTES_MAX);
    const int rc =
        mls_expand_with_label(c, sender_data_secret, "key", sample, key_out, c->suite->key_bytes);
    if (rc)
        return rc;
    return mls_expand_with_label(c, sender_data_secret, "nonce", sample, nonce_out,
                                 MLS_AEAD_NONCE_BYTES);
}
