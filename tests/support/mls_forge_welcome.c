/* SPDX-License-Identifier: MIT */
/* See mls_forge_welcome.h. */
#include "sotto_test.h"

#include "mls_forge_welcome.h"

void
forge_welcome_open(struct forge_welcome *o, const struct kit_person *person,
                   const struct mls_buf *welcome, const uint8_t *signer_seed)
{
    static const uint8_t no_psk[MLS_HASH_BYTES];
    uint8_t plain[256], welcome_secret[MLS_HASH_BYTES];
    struct mls_encrypted_secrets entry;
    struct mls_group_secrets secrets;
    struct mls_reader r;

    *o = (struct forge_welcome){.signer_seed = signer_seed};
    assert_ok(mls_crypto_init(&o->c, mls_provider_default(), person->suite));
    assert_ok(mls_key_package_secrets_read(mls_buf_bytes(&person->bundle), &o->bundle));
    mls_reader_init(&r, o->bundle.package);
    mls_key_package_read(&r, &o->package);
    assert_ok(mls_reader_finish(&r));
    assert_ok(mls_key_package_ref(&o->c, &o->package, o->ref));
    assert_ok(mls_welcome_message_read(mls_buf_bytes(welcome), &o->welcome));
    mls_reader_init(&r, o->welcome.secrets);
    mls_encrypted_secrets_read(&r, &entry);
    assert_ok(mls_decrypt_with_label(&o->c, o->bundle.init_secret, MLS_LABEL_WELCOME,
                                     o->welcome.encrypted_group_info, entry.secrets.kem_output,
                                     entry.secrets.ciphertext, plain));
    assert_ok(mls_buf_set(&o->secrets, o->c.p,
                          mls_bytes(plain, entry.secrets.ciphertext.len - MLS_AEAD_TAG_BYTES)));
    mls_reader_init(&r, mls_buf_bytes(&o->secrets));
    mls_group_secrets_read(&r, &secrets);
    assert_ok(mls_reader_finish(&r));
    assert_ok(mls_schedule_welcome(&o->c, secrets.joiner_secret.data, no_psk, welcome_secret));
    assert_ok(mls_schedule_welcome_key(&o->c, welcome_secret, o->key, o->nonce));
    assert_ok(mls_welcome_open_info(&o->c, &o->welcome, welcome_secret, &o->info));
}

void
forge_welcome_fini(struct forge_welcome *o)
{
    mls_buf_fini(&o->secrets);
    mls_buf_fini(&o->info);
}

void
forge_welcome_info(const struct forge_welcome *o, struct mls_bytes broken, struct mls_writer *out)
{
    uint8_t hash[MLS_HASH_BYTES];
    struct mls_group_info info;
    struct mls_bytes list;
    struct mls_tree tree;
    struct mls_reader r;

    mls_reader_init(&r, broken);
    mls_group_info_read(&r, &info);
    if (mls_reader_finish(&r) != 0) {
        mls_write_raw(out, broken);
        return;
    }
    if (mls_extensions_find(info.extensions, MLS_EXTENSION_RATCHET_TREE, &list)) {
        mls_reader_init(&r, list);
        if (mls_tree_read(&tree, &o->c, &r) == 0) {
            assert_ok(mls_tree_root_hash(&tree, hash));
            info.context.tree_hash = mls_bytes(hash, sizeof(hash));
            mls_tree_fini(&tree);
        }
    }
    mls_group_info_write_signed(out, &o->c, o->signer_seed, &info);
}

void
forge_welcome_seal(const struct forge_welcome *o, struct mls_bytes info, struct mls_bytes secrets,
                   struct mls_writer *out)
{
    uint8_t kem_output[MLS_KEM_OUTPUT_BYTES];
    uint8_t *sealed = malloc(info.len + MLS_AEAD_TAG_BYTES);
    uint8_t *cipher = malloc(secrets.len + MLS_AEAD_TAG_BYTES);

    assert_true(sealed != NULL && cipher != NULL);
    assert_ok(mls_aead_seal(&o->c, o->key, o->nonce, mls_bytes_empty(), info, sealed));
    const struct mls_bytes sealed_info = mls_bytes(sealed, info.len + MLS_AEAD_TAG_BYTES);
    assert_ok(mls_encrypt_with_label(&o->c, o->package.init_key, MLS_LABEL_WELCOME, sealed_info,
                                     secrets, kem_output, cipher));
    const struct mls_encrypted_secrets entry = {
        .new_member = mls_bytes(o->ref, sizeof(o->ref)),
        .secrets = {mls_bytes(kem_output, sizeof(kem_output)),
                    mls_bytes(cipher, secrets.len + MLS_AEAD_TAG_BYTES)},
    };
    mls_message_header_write(out, MLS_WIRE_WELCOME);
    mls_write_u16(out, o->c.suite->id);
    size_t mark = mls_write_vector(out);
    mls_encrypted_secrets_write(out, &entry);
    mls_write_vector_end(out, mark);
    mls_write_opaque(out, sealed_info);
    assert_ok(mls_writer_error(out));
    free(cipher);
    free(sealed);
}
