/* SPDX-License-Identifier: MIT */
/* See mls_heavy.h. */
#include "sotto_test.h"

#include "mls_heavy.h"

#include "buf.h"
#include "framing.h"

/* Signs the leaf and the KeyPackage around it once more. */
static void
write_package(const struct mls_peer *peer, const struct mls_key_package *package,
              struct mls_writer *w)
{
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_crypto c;
    size_t start;

    assert_ok(mls_crypto_init(&c, peer->config.provider, peer->suite));
    mls_message_header_write(w, MLS_WIRE_KEY_PACKAGE);
    start = mls_writer_bytes(w).len;
    mls_write_u16(w, package->version);
    mls_write_u16(w, package->suite);
    mls_write_opaque(w, package->init_key);
    mls_leaf_write_signed(w, &c, peer->device_seed, &package->leaf, NULL);
    mls_write_opaque(w, package->extensions);
    assert_ok(mls_sign_with_label(
        &c, peer->device_seed, "KeyPackageTBS",
        mls_bytes(mls_writer_bytes(w).data + start, mls_writer_bytes(w).len - start), signature));
    mls_write_opaque(w, mls_bytes(signature, sizeof signature));
    assert_ok(mls_writer_error(w));
}

void
mls_heavy_package(struct mls_peer *peer, size_t leaf_bytes, struct mls_buf *message_out)
{
    struct mls_key_package package;
    struct mls_writer extensions, w;
    static const uint8_t zeros[4096];
    size_t fill;

    assert_ok(mls_key_package_message_read(mls_peer_package(peer, 86400), &package));
    fill =
        leaf_bytes - package.leaf.encoded.len - 2 - 2 - 1; /* type, its length, that of the list */
    mls_writer_init(&extensions, peer->config.provider, 0);
    mls_extension_write(&extensions, MLS_EXTENSION_APPLICATION_ID, mls_bytes(zeros, fill));
    package.leaf.extensions = mls_writer_bytes(&extensions);
    mls_writer_init(&w, peer->config.provider, 0);
    write_package(peer, &package, &w);
    assert_ok(mls_buf_take(message_out, &w));
    assert_ok(mls_key_package_message_read(mls_buf_bytes(message_out), &package));
    assert_int_equal(package.leaf.encoded.len, leaf_bytes);
    mls_writer_fini(&w);
    mls_writer_fini(&extensions);
}
