/* SPDX-License-Identifier: MIT */
/*
 * KeyPackages (RFC 9420 section 10): what a client publishes so that it can be added while it is
 * away, and the private bundle it keeps until the Welcome comes.
 */
#include "buf.h"
#include "framing.h"
#include "own_leaf.h"

#include <assert.h>

#define LABEL_KEY_PACKAGE "KeyPackageTBS"

/* First bytes of a private bundle: a format of our own, so it says which one. */
enum { BUNDLE_VERSION = 0x6b01 };

void
mls_key_package_read(struct mls_reader *r, struct mls_key_package *out)
{
    size_t start = r->pos;

    *out = (struct mls_key_package){0};
    out->version = mls_read_u16(r);
    out->suite = mls_read_u16(r);
    out->init_key = mls_read_opaque(r);
    mls_leaf_read(r, &out->leaf);
    out->extensions = mls_extensions_read(r);
    out->unsigned_part = mls_reader_since(r, start);
    out->signature = mls_read_opaque(r);
    out->encoded = mls_reader_since(r, start);
}

/* `leaf` is the encoded LeafNode. */
static void
write_unsigned(struct mls_writer *w, const struct mls_key_package *package, struct mls_bytes leaf)
{
    mls_write_u16(w, package->version);
    mls_write_u16(w, package->suite);
    mls_write_opaque(w, package->init_key);
    mls_write_raw(w, leaf);
    mls_write_opaque(w, package->extensions);
}

void
mls_key_package_write(struct mls_writer *w, const struct mls_key_package *package)
{
    mls_write_u16(w, package->version);
    mls_write_u16(w, package->suite);
    mls_write_opaque(w, package->init_key);
    mls_leaf_write(w, &package->leaf);
    mls_write_opaque(w, package->extensions);
    mls_write_opaque(w, package->signature);
}

int
mls_key_package_check(const struct mls_crypto *c, const struct mls_key_package *package)
{
    if (package->version != MLS_VERSION_10)
        return MLS_EVERSION;
    if (package->suite != c->suite->id)
        return MLS_ESUITE;
    if (package->leaf.source != MLS_LEAF_KEY_PACKAGE ||
        !mls_kem_public_key_valid(c, package->init_key))
        return MLS_ETREE;

    int error = mls_leaf_check(c, &package->leaf);
    if (error != 0)
        return error;
    if (mls_mem_equal(c->p, package->init_key, package->leaf.encryption_key))
        return MLS_ETREE;
    error = mls_leaf_verify(c, &package->leaf, NULL);
    if (error != 0)
        return error;
    return mls_verify_with_label(c, package->leaf.signature_key, LABEL_KEY_PACKAGE,
                                 package->unsigned_part, package->signature);
}

int
mls_key_package_ref(const struct mls_crypto *c, const struct mls_key_package *package,
                    uint8_t ref_out[MLS_REF_BYTES])
{
    return mls_ref_hash(c, MLS_LABEL_KEY_PACKAGE_REF, package->encoded, ref_out);
}

/* ---- The private bundle ------------------------------------------------------------------- */

void
mls_key_package_secrets_write(struct mls_writer *w, const struct mls_key_package_secrets *s)
{
    mls_write_u16(w, BUNDLE_VERSION);
    mls_write_raw(w, mls_bytes(s->init_secret, sizeof(s->init_secret)));
    mls_write_raw(w, mls_bytes(s->leaf_secret, sizeof(s->leaf_secret)));
    mls_write_opaque(w, s->package);
}

int
mls_key_package_secrets_read(struct mls_bytes bundle, struct mls_key_package_secrets *out)
{
    struct mls_reader r;

    mls_reader_init(&r, bundle);
    if (mls_read_u16(&r) != BUNDLE_VERSION)
        mls_reader_fail(&r, MLS_EDECODE);
    mls_read_array(&r, out->init_secret, sizeof(out->init_secret));
    mls_read_array(&r, out->leaf_secret, sizeof(out->leaf_secret));
    out->package = mls_read_opaque(&r);
    return mls_reader_finish(&r);
}

/* ---- Public functions --------------------------------------------------------------------- */

struct key_pairs {
    uint8_t init_public[MLS_KEM_PUBLIC_BYTES];
    uint8_t leaf_public[MLS_KEM_PUBLIC_BYTES];
    struct mls_key_package_secrets secrets;
};

static int
make_key_pairs(const struct mls_crypto *c, struct key_pairs *out)
{
    int error = mls_kem_keygen(c, out->secrets.init_secret, out->init_public);

    return error != 0 ? error : mls_kem_keygen(c, out->secrets.leaf_secret, out->leaf_public);
}

/* Writes the KeyPackage, signed twice: the leaf in it and the whole. */
static void
write_signed(struct mls_writer *w, const struct mls_crypto *c, const struct mls_client *client,
             const struct mls_leaf *own, const struct key_pairs *keys)
{
    struct mls_key_package package = {
        .version = MLS_VERSION_10,
        .suite = c->suite->id,
        .init_key = mls_bytes(keys->init_public, sizeof(keys->init_public)),
        .leaf = *own,
    };
    struct mls_writer leaf;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];

    package.leaf.encryption_key = mls_bytes(keys->leaf_public, sizeof(keys->leaf_public));
    mls_writer_init(&leaf, c->p, 0);
    mls_leaf_write_signed(&leaf, c, client->signature_seed, &package.leaf, NULL);
    int error = mls_writer_error(&leaf);
    if (error == 0) {
        write_unsigned(w, &package, mls_writer_bytes(&leaf));
        error = mls_writer_error(w);
    }
    mls_writer_fini(&leaf);
    if (error == 0)
        error = mls_sign_with_label(c, client->signature_seed, LABEL_KEY_PACKAGE,
                                    mls_writer_bytes(w), signature);
    if (error == 0)
        mls_write_opaque(w, mls_bytes(signature, sizeof(signature)));
    else
        mls_writer_fail(w, error);
}

/* The message around a KeyPackage, and its private bundle. */
static int
give(const struct mls_provider *p, const struct key_pairs *keys, struct mls_buf *message_out,
     struct mls_buf *private_out)
{
    struct mls_writer message, bundle;

    mls_writer_init(&message, p, 0);
    mls_writer_init(&bundle, p, 0);
    mls_key_package_secrets_write(&bundle, &keys->secrets);
    mls_message_header_write(&message, MLS_WIRE_KEY_PACKAGE);
    mls_write_raw(&message, keys->secrets.package);
    int error = mls_writer_error(&bundle);
    if (error == 0)
        error = mls_buf_take(message_out, &message);
    if (error == 0)
        error = mls_buf_take(private_out, &bundle);
    mls_writer_fini(&bundle);
    mls_writer_fini(&message);
    return error;
}

int
mls_key_package_create(const struct mls_config *config, const struct mls_client *client,
                       uint16_t suite, struct mls_buf *message_out, struct mls_buf *private_out)
{
    assert(config != NULL && config->provider != NULL);
    assert(client != NULL && client->signature_seed != NULL);
    assert(message_out != NULL && private_out != NULL);

    struct mls_crypto c;
    int error = mls_crypto_init(&c, config->provider, suite);
    if (error != 0)
        return error;

    struct key_pairs keys = {0};
    struct mls_own_leaf own;
    struct mls_writer package;

    mls_writer_init(&package, c.p, 0);
    error = mls_own_leaf_init(&own, &c, config, client);
    if (error == 0)
        error = make_key_pairs(&c, &keys);
    if (error == 0) {
        write_signed(&package, &c, client, &own.leaf, &keys);
        error = mls_writer_error(&package);
    }
    if (error == 0) {
        keys.secrets.package = mls_writer_bytes(&package);
        error = give(c.p, &keys, message_out, private_out);
    }
    mls_mem_wipe(c.p, &keys, sizeof(keys));
    mls_writer_fini(&package);
    mls_own_leaf_fini(&own);
    return error;
}

int
mls_key_package_info(const struct mls_provider *provider, struct mls_bytes message,
                     struct mls_key_package_info *info_out)
{
    assert(provider != NULL && info_out != NULL);

    struct mls_key_package package;
    struct mls_crypto c;
    int error = mls_key_package_message_read(message, &package);

    if (error == 0)
        error = mls_crypto_init(&c, provider, package.suite);
    if (error == 0)
        error = mls_key_package_check(&c, &package);
    if (error != 0)
        return error;

    struct mls_key_package_info info = {
        .suite = package.suite,
        .credential = mls_leaf_view(&package.leaf),
        .lifetime = package.leaf.lifetime,
        .init_key = package.init_key,
        .leaf_bytes = package.leaf.encoded.len,
    };
    error = mls_key_package_ref(&c, &package, info.ref);
    if (error == 0)
        *info_out = info;
    return error;
}
