/* SPDX-License-Identifier: MIT */
/*
 * What a member shows of itself: LeafNode (RFC 9420 section 7.2) and the KeyPackage around a new
 * one (section 10), with the two lists they share, extensions and capabilities.
 *
 * A struct that was read borrows from the bytes it was read from: nothing here allocates. Lists
 * stay encoded (the contents of their vector) and were checked to be well formed when read, so
 * walking them later cannot fail. `encoded` and `unsigned_part` are set by reading only.
 */
#ifndef MLS_LEAF_H
#define MLS_LEAF_H

#include "codec.h"
#include "crypto.h"
#include "hpke.h"
#include "mls/mls.h"

enum { MLS_VERSION_10 = 1 };

enum mls_leaf_source {
    MLS_LEAF_KEY_PACKAGE = 1,
    MLS_LEAF_UPDATE = 2,
    MLS_LEAF_COMMIT = 3,
};

/* ---- Extensions -------------------------------------------------------------------------- */

/* Reads Extension<V>; a type that appears twice is MLS_EDECODE (section 13). Returns the contents.
 * */
struct mls_bytes mls_extensions_read(struct mls_reader *r);

/* Walks the contents of a list that was read: false at the end. */
bool mls_extensions_next(struct mls_bytes list, size_t *offset, struct mls_extension *out);

/* Finds an extension by type. */
bool mls_extensions_find(struct mls_bytes list, uint16_t type, struct mls_bytes *data_out);

/* Writes one extension (not the vector around it). */
void mls_extension_write(struct mls_writer *w, uint16_t type, struct mls_bytes data);

/* True for the extension types of RFC 9420, which every client understands. */
bool mls_extension_is_default(uint16_t type);

/* ---- Credentials and capabilities --------------------------------------------------------- */

struct mls_credential {
    uint16_t type;
    struct mls_bytes body; /* basic: the identity; X.509: the contents of the certificate vector */
};

/* Reads a Credential; a type that RFC 9420 does not have is MLS_ECREDENTIAL. */
void mls_credential_read(struct mls_reader *r, struct mls_credential *out);
void mls_credential_write(struct mls_writer *w, const struct mls_credential *credential);

/* Each a list of uint16, encoded. */
struct mls_capabilities {
    struct mls_bytes versions;
    struct mls_bytes suites;
    struct mls_bytes extensions;
    struct mls_bytes proposals;
    struct mls_bytes credentials;
};

/* True when an encoded list of uint16 holds the value. */
bool mls_u16_list_has(struct mls_bytes list, uint16_t value);

/* ---- LeafNode ---------------------------------------------------------------------------- */

struct mls_leaf {
    struct mls_bytes encryption_key;
    struct mls_bytes signature_key;
    struct mls_credential credential;
    struct mls_capabilities capabilities;
    uint8_t source;               /* enum mls_leaf_source */
    struct mls_lifetime lifetime; /* source key_package */
    struct mls_bytes parent_hash; /* source commit */
    struct mls_bytes extensions;
    struct mls_bytes signature;
    struct mls_bytes encoded;
    struct mls_bytes unsigned_part;
};

void mls_leaf_read(struct mls_reader *r, struct mls_leaf *out);
void mls_leaf_write(struct mls_writer *w, const struct mls_leaf *leaf);

/* Where a leaf of source update or commit stands: part of what it signs. */
struct mls_leaf_place {
    struct mls_bytes group_id;
    uint32_t index;
};

/* Signs and writes a leaf; its `signature` is ignored. `place` may be NULL for source key_package.
 * */
void mls_leaf_write_signed(struct mls_writer *w, const struct mls_crypto *c,
                           const uint8_t seed[MLS_ED25519_SEED_BYTES], const struct mls_leaf *leaf,
                           const struct mls_leaf_place *place);

/* Verifies the signature of a leaf that was read. MLS_ESIGNATURE. */
int mls_leaf_verify(const struct mls_crypto *c, const struct mls_leaf *leaf,
                    const struct mls_leaf_place *place);

/*
 * Checks what section 7.3 asks of a leaf by itself: keys that can be used, a basic credential
 * within bounds, capabilities that list our version, the suite, the credential and its own
 * extensions. Signature, lifetime, group and application come elsewhere.
 */
int mls_leaf_check(const struct mls_crypto *c, const struct mls_leaf *leaf);

struct mls_credential_view mls_leaf_view(const struct mls_leaf *leaf);

/* ---- KeyPackage -------------------------------------------------------------------------- */

struct mls_key_package {
    uint16_t version;
    uint16_t suite;
    struct mls_bytes init_key;
    struct mls_leaf leaf;
    struct mls_bytes extensions;
    struct mls_bytes signature;
    struct mls_bytes encoded;
    struct mls_bytes unsigned_part;
};

void mls_key_package_read(struct mls_reader *r, struct mls_key_package *out);
void mls_key_package_write(struct mls_writer *w, const struct mls_key_package *package);

/* Everything of section 10.1 but credential and lifetime. */
int mls_key_package_check(const struct mls_crypto *c, const struct mls_key_package *package);

/* KeyPackageRef (section 5.2) of one that was read. */
int mls_key_package_ref(const struct mls_crypto *c, const struct mls_key_package *package,
                        uint8_t ref_out[MLS_REF_BYTES]);

/* What mls_key_package_create() hands out as the private bundle. */
struct mls_key_package_secrets {
    uint8_t init_secret[MLS_KEM_SECRET_BYTES];
    uint8_t leaf_secret[MLS_KEM_SECRET_BYTES];
    struct mls_bytes package; /* the KeyPackage, borrowed from the bundle */
};

/* Writes and reads a bundle. Reading gives MLS_EDECODE for a damaged or unknown one. */
void mls_key_package_secrets_write(struct mls_writer *w, const struct mls_key_package_secrets *s);
int mls_key_package_secrets_read(struct mls_bytes bundle, struct mls_key_package_secrets *out);

#endif
