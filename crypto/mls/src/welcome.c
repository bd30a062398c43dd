/* SPDX-License-Identifier: MIT */
/*
 * Encoding of GroupContext, GroupInfo, GroupSecrets and Welcome, the signature of a GroupInfo and
 * its encryption inside a Welcome (RFC 9420 sections 8.1, 12.4.3).
 */
#include "welcome.h"

#include "buf.h"
#include "schedule.h"

#define LABEL_GROUP_INFO "GroupInfoTBS"

/* ---- GroupContext ------------------------------------------------------------------------- */

void
mls_group_context_read(struct mls_reader *r, struct mls_group_context *out)
{
    out->version = mls_read_u16(r);
    out->suite = mls_read_u16(r);
    out->group_id = mls_read_opaque(r);
    out->epoch = mls_read_u64(r);
    out->tree_hash = mls_read_opaque(r);
    out->confirmed_transcript_hash = mls_read_opaque(r);
    out->extensions = mls_extensions_read(r);
}

void
mls_group_context_write(struct mls_writer *w, const struct mls_group_context *context)
{
    mls_write_u16(w, context->version);
    mls_write_u16(w, context->suite);
    mls_write_opaque(w, context->group_id);
    mls_write_u64(w, context->epoch);
    mls_write_opaque(w, context->tree_hash);
    mls_write_opaque(w, context->confirmed_transcript_hash);
    mls_write_opaque(w, context->extensions);
}

/* ---- GroupInfo --------------------------------------------------------------------------- */

void
mls_group_info_read(struct mls_reader *r, struct mls_group_info *out)
{
    size_t start = r->pos;

    mls_group_context_read(r, &out->context);
    out->extensions = mls_extensions_read(r);
    out->confirmation_tag = mls_read_opaque(r);
    out->signer = mls_read_u32(r);
    out->unsigned_part = mls_reader_since(r, start);
    out->signature = mls_read_opaque(r);
}

static void
write_unsigned(struct mls_writer *w, const struct mls_group_info *info)
{
    mls_group_context_write(w, &info->context);
    mls_write_opaque(w, info->extensions);
    mls_write_opaque(w, info->confirmation_tag);
    mls_write_u32(w, info->signer);
}

void
mls_group_info_write(struct mls_writer *w, const struct mls_group_info *info)
{
    write_unsigned(w, info);
    mls_write_opaque(w, info->signature);
}

void
mls_group_info_write_signed(struct mls_writer *w, const struct mls_crypto *c,
                            const uint8_t seed[MLS_ED25519_SEED_BYTES],
                            const struct mls_group_info *info)
{
    struct mls_writer tbs;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];

    mls_writer_init(&tbs, c->p, 0);
    write_unsigned(&tbs, info);
    int error = mls_writer_error(&tbs);
    if (error == 0)
        error = mls_sign_with_label(c, seed, LABEL_GROUP_INFO, mls_writer_bytes(&tbs), signature);
    if (error == 0) {
        mls_write_raw(w, mls_writer_bytes(&tbs));
        mls_write_opaque(w, mls_bytes(signature, sizeof(signature)));
    } else {
        mls_writer_fail(w, error);
    }
    mls_writer_fini(&tbs);
}

int
mls_group_info_external_pub(const struct mls_group_info *info, struct mls_bytes *key_out)
{
    struct mls_bytes data;
    struct mls_reader r;

    if (!mls_extensions_find(info->extensions, MLS_EXTENSION_EXTERNAL_PUB, &data))
        return MLS_ENOTFOUND;
    mls_reader_init(&r, data);
    *key_out = mls_read_opaque(&r);
    return mls_reader_finish(&r);
}

int
mls_group_info_verify(const struct mls_crypto *c, const struct mls_group_info *info,
                      struct mls_bytes signature_key)
{
    return mls_verify_with_label(c, signature_key, LABEL_GROUP_INFO, info->unsigned_part,
                                 info->signature);
}

/* ---- GroupSecrets ------------------------------------------------------------------------- */

void
mls_group_secrets_read(struct mls_reader *r, struct mls_group_secrets *out)
{
    struct mls_reader sub;
    struct mls_psk_id id;

    *out = (struct mls_group_secrets){0};
    out->joiner_secret = mls_read_opaque(r);
    out->has_path_secret = mls_read_optional(r);
    if (out->has_path_secret)
        out->path_secret = mls_read_opaque(r);
    mls_read_vector(r, &sub);
    while (mls_reader_more(&sub)) {
        mls_psk_id_read(&sub, &id);
        if (++out->psk_count > MLS_PSKS_MAX)
            mls_reader_fail(&sub, MLS_ESIZE);
    }
    mls_read_vector_end(r, &sub);
    out->psks = mls_bytes(sub.data, sub.len);
}

void
mls_group_secrets_write(struct mls_writer *w, const struct mls_group_secrets *secrets)
{
    mls_write_opaque(w, secrets->joiner_secret);
    mls_write_optional(w, secrets->has_path_secret);
    if (secrets->has_path_secret)
        mls_write_opaque(w, secrets->path_secret);
    mls_write_opaque(w, secrets->psks);
}

/* ---- Welcome ----------------------------------------------------------------------------- */

void
mls_encrypted_secrets_read(struct mls_reader *r, struct mls_encrypted_secrets *out)
{
    out->new_member = mls_read_opaque(r);
    mls_hpke_ciphertext_read(r, &out->secrets);
}

void
mls_encrypted_secrets_write(struct mls_writer *w, const struct mls_encrypted_secrets *entry)
{
    mls_write_opaque(w, entry->new_member);
    mls_hpke_ciphertext_write(w, &entry->secrets);
}

void
mls_welcome_read(struct mls_reader *r, struct mls_welcome *out)
{
    struct mls_reader sub;
    struct mls_encrypted_secrets entry;

    *out = (struct mls_welcome){.suite = mls_read_u16(r)};
    mls_read_vector(r, &sub);
    while (mls_reader_more(&sub)) {
        mls_encrypted_secrets_read(&sub, &entry);
        if (++out->secret_count > MLS_PROPOSALS_MAX)
            mls_reader_fail(&sub, MLS_ESIZE);
    }
    mls_read_vector_end(r, &sub);
    out->secrets = mls_bytes(sub.data, sub.len);
    out->encrypted_group_info = mls_read_opaque(r);
}

void
mls_welcome_write(struct mls_writer *w, const struct mls_welcome *welcome)
{
    mls_write_u16(w, welcome->suite);
    mls_write_opaque(w, welcome->secrets);
    mls_write_opaque(w, welcome->encrypted_group_info);
}

int
mls_welcome_message_read(struct mls_bytes message, struct mls_welcome *out)
{
    struct mls_reader r;

    mls_reader_init(&r, message);
    if (mls_message_header_read(&r) != MLS_WIRE_WELCOME)
        mls_reader_fail(&r, MLS_EDECODE);
    mls_welcome_read(&r, out);
    return mls_reader_finish(&r);
}

int
mls_group_info_message_read(struct mls_bytes message, struct mls_group_info *out)
{
    struct mls_reader r;

    mls_reader_init(&r, message);
    if (mls_message_header_read(&r) != MLS_WIRE_GROUP_INFO)
        mls_reader_fail(&r, MLS_EDECODE);
    mls_group_info_read(&r, out);
    return mls_reader_finish(&r);
}

int
mls_welcome_open_info(const struct mls_crypto *c, const struct mls_welcome *welcome,
                      const uint8_t welcome_secret[MLS_HASH_BYTES], struct mls_buf *info_out)
{
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX];
    uint8_t nonce[MLS_AEAD_NONCE_BYTES];
    struct mls_bytes cipher = welcome->encrypted_group_info;

    if (cipher.len <= MLS_AEAD_TAG_BYTES)
        return MLS_EAEAD;
    struct mls_buf info = {.len = cipher.len - MLS_AEAD_TAG_BYTES, .provider = c->p};
    info.data = mls_mem_alloc(c->p, info.len, 1);
    if (info.data == NULL)
        return MLS_ENOMEM;
    int error = mls_schedule_welcome_key(c, welcome_secret, key, nonce);
    if (error == 0)
        error = mls_aead_open(c, key, nonce, mls_bytes_empty(), cipher, info.data);
    mls_mem_wipe(c->p, key, sizeof(key));
    mls_mem_wipe(c->p, nonce, sizeof(nonce));
    if (error == 0)
        mls_buf_move(info_out, &info);
    else
        mls_buf_fini(&info);
    return error;
}
