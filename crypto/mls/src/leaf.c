/* SPDX-License-Identifier: MIT */
/*
 * LeafNode, credentials, capabilities and extensions: reading, writing, signing and the checks a
 * leaf can be given without a group (RFC 9420 sections 5.3, 7.2, 7.3, 13).
 */
#include "leaf.h"

#include <string.h>

#define LABEL_LEAF "LeafNodeTBS"

/* ---- Lists ------------------------------------------------------------------------------- */

static uint16_t
u16_at(struct mls_bytes list, size_t offset)
{
    return (uint16_t)(list.data[offset] << 8 | list.data[offset + 1]);
}

bool
mls_u16_list_has(struct mls_bytes list, uint16_t value)
{
    for (size_t i = 0; i + 1 < list.len; i += 2) {
        if (u16_at(list, i) == value)
            return true;
    }
    return false;
}

/* A leaf's lists are searched for everything that a group requires, so each has a bound. */
static struct mls_bytes
read_u16_list(struct mls_reader *r)
{
    struct mls_bytes list = mls_read_opaque(r);

    if (list.len % sizeof(uint16_t) != 0)
        mls_reader_fail(r, MLS_EDECODE);
    if (list.len > MLS_CAPABILITIES_MAX * sizeof(uint16_t))
        mls_reader_fail(r, MLS_ESIZE);
    return list;
}

/* Quadratic in the length of a list, which has a bound. */
static bool
type_seen(const uint16_t *types, size_t count, uint16_t type)
{
    for (size_t i = 0; i < count; i++) {
        if (types[i] == type)
            return true;
    }
    return false;
}

struct mls_bytes
mls_extensions_read(struct mls_reader *r)
{
    struct mls_reader sub;
    uint16_t types[MLS_EXTENSIONS_MAX];
    size_t count = 0;

    mls_read_vector(r, &sub);
    while (mls_reader_more(&sub)) {
        uint16_t type = mls_read_u16(&sub);

        mls_read_opaque(&sub);
        if (count == MLS_EXTENSIONS_MAX)
            mls_reader_fail(&sub, MLS_ESIZE);
        else if (type_seen(types, count, type))
            mls_reader_fail(&sub, MLS_EDECODE);
        else
            types[count++] = type;
    }
    mls_read_vector_end(r, &sub);
    if (mls_reader_error(r) != 0)
        return mls_bytes_empty();
    return mls_bytes(sub.data, sub.len);
}

bool
mls_extensions_next(struct mls_bytes list, size_t *offset, struct mls_extension *out)
{
    struct mls_reader r;

    if (*offset >= list.len)
        return false;
    mls_reader_init(&r, mls_bytes(list.data + *offset, list.len - *offset));
    out->type = mls_read_u16(&r);
    out->data = mls_read_opaque(&r);
    *offset += r.pos;
    return mls_reader_error(&r) == 0;
}

bool
mls_extensions_find(struct mls_bytes list, uint16_t type, struct mls_bytes *data_out)
{
    struct mls_extension extension;

    for (size_t offset = 0; mls_extensions_next(list, &offset, &extension);) {
        if (extension.type == type) {
            *data_out = extension.data;
            return true;
        }
    }
    return false;
}

void
mls_extension_write(struct mls_writer *w, uint16_t type, struct mls_bytes data)
{
    mls_write_u16(w, type);
    mls_write_opaque(w, data);
}

bool
mls_extension_is_default(uint16_t type)
{
    return type >= MLS_EXTENSION_APPLICATION_ID && type <= MLS_EXTENSION_EXTERNAL_SENDERS;
}

/* ---- Credentials and capabilities --------------------------------------------------------- */

void
mls_credential_read(struct mls_reader *r, struct mls_credential *out)
{
    out->type = mls_read_u16(r);
    out->body = mls_bytes_empty();
    if (mls_reader_error(r) != 0)
        return;
    if (out->type == MLS_CREDENTIAL_BASIC) {
        out->body = mls_read_opaque(r);
    } else if (out->type == MLS_CREDENTIAL_X509) {
        struct mls_reader sub;

        mls_read_vector(r, &sub);
        while (mls_reader_more(&sub))
            mls_read_opaque(&sub);
        mls_read_vector_end(r, &sub);
        out->body = mls_bytes(sub.data, sub.len);
    } else {
        mls_reader_fail(r, MLS_ECREDENTIAL);
    }
}

void
mls_credential_write(struct mls_writer *w, const struct mls_credential *credential)
{
    mls_write_u16(w, credential->type);
    mls_write_opaque(w, credential->body);
}

static void
read_capabilities(struct mls_reader *r, struct mls_capabilities *out)
{
    out->versions = read_u16_list(r);
    out->suites = read_u16_list(r);
    out->extensions = read_u16_list(r);
    out->proposals = read_u16_list(r);
    out->credentials = read_u16_list(r);
}

static void
write_capabilities(struct mls_writer *w, const struct mls_capabilities *capabilities)
{
    mls_write_opaque(w, capabilities->versions);
    mls_write_opaque(w, capabilities->suites);
    mls_write_opaque(w, capabilities->extensions);
    mls_write_opaque(w, capabilities->proposals);
    mls_write_opaque(w, capabilities->credentials);
}

/* ---- LeafNode ---------------------------------------------------------------------------- */

static void
read_leaf_source(struct mls_reader *r, struct mls_leaf *out)
{
    out->source = mls_read_u8(r);
    if (mls_reader_error(r) != 0)
        return;
    switch (out->source) {
    case MLS_LEAF_KEY_PACKAGE:
        out->lifetime.not_before = mls_read_u64(r);
        out->lifetime.not_after = mls_read_u64(r);
        break;
    case MLS_LEAF_UPDATE: break;
    case MLS_LEAF_COMMIT: out->parent_hash = mls_read_opaque(r); break;
    default: mls_reader_fail(r, MLS_EDECODE); break;
    }
}

void
mls_leaf_read(struct mls_reader *r, struct mls_leaf *out)
{
    size_t start = r->pos;

    *out = (struct mls_leaf){0};
    out->encryption_key = mls_read_opaque(r);
    out->signature_key = mls_read_opaque(r);
    mls_credential_read(r, &out->credential);
    read_capabilities(r, &out->capabilities);
    read_leaf_source(r, out);
    out->extensions = mls_extensions_read(r);
    out->unsigned_part = mls_reader_since(r, start);
    out->signature = mls_read_opaque(r);
    out->encoded = mls_reader_since(r, start);
}

static void
write_unsigned(struct mls_writer *w, const struct mls_leaf *leaf)
{
    mls_write_opaque(w, leaf->encryption_key);
    mls_write_opaque(w, leaf->signature_key);
    mls_credential_write(w, &leaf->credential);
    write_capabilities(w, &leaf->capabilities);
    mls_write_u8(w, leaf->source);
    if (leaf->source == MLS_LEAF_KEY_PACKAGE) {
        mls_write_u64(w, leaf->lifetime.not_before);
        mls_write_u64(w, leaf->lifetime.not_after);
    } else if (leaf->source == MLS_LEAF_COMMIT) {
        mls_write_opaque(w, leaf->parent_hash);
    }
    mls_write_opaque(w, leaf->extensions);
}

void
mls_leaf_write(struct mls_writer *w, const struct mls_leaf *leaf)
{
    write_unsigned(w, leaf);
    mls_write_opaque(w, leaf->signature);
}

static void
write_place(struct mls_writer *w, uint8_t source, const struct mls_leaf_place *place)
{
    if (source == MLS_LEAF_KEY_PACKAGE)
        return;
    mls_write_opaque(w, place->group_id);
    mls_write_u32(w, place->index);
}

void
mls_leaf_write_signed(struct mls_writer *w, const struct mls_crypto *c,
                      const uint8_t seed[MLS_ED25519_SEED_BYTES], const struct mls_leaf *leaf,
                      const struct mls_leaf_place *place)
{
    struct mls_writer tbs;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];

    mls_writer_init(&tbs, c->p, 0);
    write_unsigned(&tbs, leaf);
    write_place(&tbs, leaf->source, place);
    int error = mls_writer_error(&tbs);
    if (error == 0)
        error = mls_sign_with_label(c, seed, LABEL_LEAF, mls_writer_bytes(&tbs), signature);
    mls_writer_fini(&tbs);
    if (error != 0) {
        mls_writer_fail(w, error);
        return;
    }
    write_unsigned(w, leaf);
    mls_write_opaque(w, mls_bytes(signature, sizeof(signature)));
}

int
mls_leaf_verify(const struct mls_crypto *c, const struct mls_leaf *leaf,
                const struct mls_leaf_place *place)
{
    struct mls_writer tbs;

    mls_writer_init(&tbs, c->p, 0);
    mls_write_raw(&tbs, leaf->unsigned_part);
    write_place(&tbs, leaf->source, place);
    int error = mls_writer_error(&tbs);
    if (error == 0)
        error = mls_verify_with_label(c, leaf->signature_key, LABEL_LEAF, mls_writer_bytes(&tbs),
                                      leaf->signature);
    mls_writer_fini(&tbs);
    return error;
}

int
mls_leaf_check(const struct mls_crypto *c, const struct mls_leaf *leaf)
{
    const struct mls_capabilities *can = &leaf->capabilities;
    struct mls_extension extension;

    if (!mls_kem_public_key_valid(c, leaf->encryption_key) ||
        leaf->signature_key.len != MLS_ED25519_PUBLIC_BYTES)
        return MLS_ETREE;
    if (leaf->credential.type != MLS_CREDENTIAL_BASIC || leaf->credential.body.len == 0 ||
        leaf->credential.body.len > MLS_IDENTITY_BYTES_MAX ||
        !mls_u16_list_has(can->credentials, leaf->credential.type))
        return MLS_ECREDENTIAL;
    if (!mls_u16_list_has(can->versions, MLS_VERSION_10))
        return MLS_EVERSION;
    if (!mls_u16_list_has(can->suites, c->suite->id))
        return MLS_ESUITE;
    for (size_t offset = 0; mls_extensions_next(leaf->extensions, &offset, &extension);) {
        if (!mls_extension_is_default(extension.type) &&
            !mls_u16_list_has(can->extensions, extension.type))
            return MLS_ETREE;
    }
    return 0;
}

struct mls_credential_view
mls_leaf_view(const struct mls_leaf *leaf)
{
    return (struct mls_credential_view){
        .type = leaf->credential.type,
        .identity = leaf->credential.body,
        .signature_key = leaf->signature_key,
    };
}
