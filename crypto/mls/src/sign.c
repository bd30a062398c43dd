/* SPDX-License-Identifier: MIT */
/*
 * SignWithLabel and VerifyWithLabel (RFC 9420, section 5.1.2). Ed25519 reads its message twice, so
 * the labelled content is put together in one block first. Verifying goes by mls_ed25519_verify and
 * never to the provider alone.
 */
#include <string.h>

#include "codec.h"
#include "crypto.h"

int
mls_signature_keygen(const struct mls_crypto *c, uint8_t seed_out[MLS_ED25519_SEED_BYTES],
                     uint8_t public_out[MLS_ED25519_PUBLIC_BYTES])
{
    int rc = mls_random(c, seed_out, MLS_ED25519_SEED_BYTES);

    if (rc == 0)
        rc = mls_signature_public(c, seed_out, public_out);
    if (rc)
        mls_mem_wipe(c->p, seed_out, MLS_ED25519_SEED_BYTES);
    return rc;
}

int
mls_signature_public(const struct mls_crypto *c, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                     uint8_t public_out[MLS_ED25519_PUBLIC_BYTES])
{
    return c->p->ed25519_public(c->p->ctx, seed, public_out) == 0 ? 0 : MLS_ECRYPTO;
}

/* SignContent: label and content, each with its length. */
static void
write_sign_content(struct mls_writer *w, const char *label, struct mls_bytes content)
{
    const size_t mark = mls_write_vector(w);

    mls_write_raw(w, mls_bytes("MLS 1.0 ", 8));
    mls_write_raw(w, mls_bytes(label, strlen(label)));
    mls_write_vector_end(w, mark);
    mls_write_opaque(w, content);
}

int
mls_sign_with_label(const struct mls_crypto *c, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                    const char *label, struct mls_bytes content,
                    uint8_t signature_out[MLS_ED25519_SIGNATURE_BYTES])
{
    struct mls_writer w;

    mls_writer_init(&w, c->p, 0);
    write_sign_content(&w, label, content);
    int rc = mls_writer_error(&w);
    if (rc == 0 && c->p->ed25519_sign(c->p->ctx, seed, mls_writer_bytes(&w), signature_out) != 0)
        rc = MLS_ECRYPTO;
    mls_writer_fini(&w);
    return rc;
}

int
mls_verify_with_label(const struct mls_crypto *c, struct mls_bytes public_key, const char *label,
                      struct mls_bytes content, struct mls_bytes signature)
{
    struct mls_writer w;

    if (public_key.len != MLS_ED25519_PUBLIC_BYTES || signature.len != MLS_ED25519_SIGNATURE_BYTES)
        return MLS_ESIGNATURE;
    mls_writer_init(&w, c->p, 0);
    write_sign_content(&w, label, content);
    int rc = mls_writer_error(&w);
    if (rc == 0)
        rc = mls_ed25519_verify(c->p, public_key.data, mls_writer_bytes(&w), signature.data);
    mls_writer_fini(&w);
    return rc;
}
