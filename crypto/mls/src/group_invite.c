/* SPDX-License-Identifier: MIT */
/*
 * GroupInfo and Welcome of a commit we made (RFC 9420 sections 12.4.3, 12.4.3.1).
 */
#include "group_commit.h"

/* ---- GroupInfo --------------------------------------------------------------------------- */

static int
write_external_pub(const struct mls_epoch *epoch, struct mls_writer *w)
{
    const struct mls_crypto *c = &epoch->tree.c;
    uint8_t secret[MLS_KEM_SECRET_BYTES], public_key[MLS_KEM_PUBLIC_BYTES];
    struct mls_writer data;
    int error = mls_schedule_external(c, epoch->secrets.external_secret, secret, public_key);

    mls_mem_wipe(c->p, secret, sizeof(secret));
    if (error != 0)
        return error;
    mls_writer_init(&data, c->p, 0);
    mls_write_opaque(&data, mls_bytes(public_key, sizeof(public_key)));
    error = mls_writer_error(&data);
    if (error == 0)
        mls_extension_write(w, MLS_EXTENSION_EXTERNAL_PUB, mls_writer_bytes(&data));
    mls_writer_fini(&data);
    return error;
}

static int
write_tree_extension(const struct mls_epoch *epoch, struct mls_writer *w)
{
    struct mls_writer data;

    mls_writer_init(&data, epoch->tree.c.p, 0);
    mls_tree_write(&epoch->tree, &data);
    int error = mls_writer_error(&data);
    if (error == 0)
        mls_extension_write(w, MLS_EXTENSION_RATCHET_TREE, mls_writer_bytes(&data));
    mls_writer_fini(&data);
    return error;
}

/* The signed GroupInfo of an epoch with the given extensions. */
static int
write_info(const struct mls_group *group, const struct mls_epoch *epoch,
           struct mls_bytes extensions, struct mls_writer *w)
{
    const struct mls_group_info info = {
        .context =
            {
                .version = MLS_VERSION_10,
                .suite = group->c.suite->id,
                .group_id = mls_buf_bytes(&group->id),
                .epoch = epoch->number,
                .tree_hash = mls_bytes(epoch->tree_hash, MLS_HASH_BYTES),
                .confirmed_transcript_hash = mls_bytes(epoch->confirmed_hash, epoch->confirmed_len),
                .extensions = mls_buf_bytes(&epoch->extensions),
            },
        .extensions = extensions,
        .confirmation_tag = mls_bytes(epoch->confirmation_tag, MLS_HASH_BYTES),
        .signer = epoch->own_leaf,
    };

    mls_group_info_write_signed(w, &group->c, group->seed, &info);
    return mls_writer_error(w);
}

int
mls_group_write_info(const struct mls_group *group, const struct mls_epoch *epoch, bool with_tree,
                     struct mls_writer *w)
{
    struct mls_writer extensions;

    mls_writer_init(&extensions, group->c.p, 0);
    int error = write_external_pub(epoch, &extensions);
    if (error == 0 && with_tree)
        error = write_tree_extension(epoch, &extensions);
    if (error == 0)
        error = mls_writer_error(&extensions);
    if (error == 0) {
        mls_message_header_write(w, MLS_WIRE_GROUP_INFO);
        error = write_info(group, epoch, mls_writer_bytes(&extensions), w);
    }
    mls_writer_fini(&extensions);
    return error;
}

int
mls_group_export_info(const struct mls_group *group, bool with_tree, struct mls_buf *info_out)
{
    struct mls_writer w;
    int error = mls_group_require_open(group);

    if (error != 0)
        return error;
    mls_writer_init(&w, group->c.p, 0);
    error = mls_group_write_info(group, group->epoch, with_tree, &w);
    if (error == 0)
        error = mls_buf_take(info_out, &w);
    mls_writer_fini(&w);
    return error;
}

/* ---- Welcome ----------------------------------------------------------------------------- */

/* GroupInfo encrypted under the welcome secret of the joiner secret. */
static int
seal_info(const struct mls_invitation *invitation, struct mls_bytes info, struct mls_buf *sealed)
{
    const struct mls_transition *t = invitation->t;
    const struct mls_crypto *c = &t->group->c;
    uint8_t psk_secret[MLS_HASH_BYTES], welcome_secret[MLS_HASH_BYTES];
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX], nonce[MLS_AEAD_NONCE_BYTES];

    sealed->data = mls_mem_alloc(c->p, info.len + MLS_AEAD_TAG_BYTES, 1);
    if (sealed->data == NULL)
        return MLS_ENOMEM;
    sealed->len = info.len + MLS_AEAD_TAG_BYTES;
    sealed->provider = c->p;
    int error = mls_psk_secret(c, t->psks.psks, t->psks.count, psk_secret);
    if (error == 0)
        error = mls_schedule_welcome(c, invitation->joiner, psk_secret, welcome_secret);
    if (error == 0)
        error = mls_schedule_welcome_key(c, welcome_secret, key, nonce);
    if (error == 0)
        error = mls_aead_seal(c, key, nonce, mls_bytes_empty(), info, sealed->data);
    mls_mem_wipe(c->p, key, sizeof(key));
    mls_mem_wipe(c->p, nonce, sizeof(nonce));
    mls_mem_wipe(c->p, welcome_secret, sizeof(welcome_secret));
    mls_mem_wipe(c->p, psk_secret, sizeof(psk_secret));
    return error;
}

static int
make_sealed_info(const struct mls_invitation *invitation, struct mls_buf *sealed)
{
    const struct mls_transition *t = invitation->t;
    struct mls_writer extensions, info;
    int error = 0;

    mls_writer_init(&extensions, t->group->c.p, 0);
    mls_writer_init(&info, t->group->c.p, 0);
    if (invitation->with_tree)
        error = write_tree_extension(t->next, &extensions);
    if (error == 0)
        error = mls_writer_error(&extensions);
    if (error == 0)
        error = write_info(t->group, t->next, mls_writer_bytes(&extensions), &info);
    if (error == 0)
        error = seal_info(invitation, mls_writer_bytes(&info), sealed);
    mls_writer_fini(&info);
    mls_writer_fini(&extensions);
    return error;
}

/* GroupSecrets for one new member. */
static int
write_secrets(const struct mls_invitation *invitation, uint32_t leaf, struct mls_writer *w)
{
    const struct mls_transition *t = invitation->t;
    struct mls_group_secrets secrets = {
        .joiner_secret = mls_bytes(invitation->joiner, MLS_HASH_BYTES),
    };
    struct mls_writer ids;

    if (invitation->path != NULL) {
        const uint8_t *path_secret = mls_path_secret_for(invitation->path, leaf);

        secrets.has_path_secret = path_secret != NULL;
        if (path_secret != NULL)
            secrets.path_secret = mls_bytes(path_secret, MLS_HASH_BYTES);
    }
    mls_writer_init(&ids, t->group->c.p, 0);
    for (size_t i = 0; i < t->psks.count; i++)
        mls_psk_id_write(&ids, &t->psks.psks[i].id);
    secrets.psks = mls_writer_bytes(&ids);
    int error = mls_writer_error(&ids);
    if (error == 0) {
        mls_group_secrets_write(w, &secrets);
        error = mls_writer_error(w);
    }
    mls_writer_fini(&ids);
    return error;
}

/* EncryptedGroupSecrets for one new member. */
static int
write_entry(const struct mls_invitation *invitation, const struct mls_commit_item *item,
            const struct mls_hpke_context *context, struct mls_writer *w)
{
    const struct mls_crypto *c = &invitation->t->group->c;
    uint8_t ref[MLS_REF_BYTES], kem_output[MLS_KEM_OUTPUT_BYTES];
    struct mls_encrypted_secrets entry;
    struct mls_writer plain;
    struct mls_buf cipher = {.provider = c->p};

    mls_writer_init(&plain, c->p, 0);
    int error = write_secrets(invitation, item->leaf, &plain);
    if (error == 0)
        error = mls_key_package_ref(c, &item->body.u.add, ref);
    if (error == 0) {
        cipher.len = mls_writer_bytes(&plain).len + MLS_AEAD_TAG_BYTES;
        cipher.data = mls_mem_alloc(c->p, cipher.len, 1);
        error = cipher.data == NULL ? MLS_ENOMEM : 0;
    }
    if (error == 0)
        error = mls_encrypt_in_context(c, item->body.u.add.init_key, context,
                                       mls_writer_bytes(&plain), kem_output, cipher.data);
    if (error == 0) {
        entry = (struct mls_encrypted_secrets){
            .new_member = mls_bytes(ref, sizeof(ref)),
            .secrets = {.kem_output = mls_bytes(kem_output, sizeof(kem_output)),
                        .ciphertext = mls_buf_bytes(&cipher)},
        };
        mls_encrypted_secrets_write(w, &entry);
        error = mls_writer_error(w);
    }
    mls_buf_fini(&cipher);
    mls_writer_fini(&plain);
    return error;
}

int
mls_group_write_welcome(const struct mls_invitation *invitation, struct mls_writer *w)
{
    const struct mls_transition *t = invitation->t;
    struct mls_buf sealed = {0};
    struct mls_hpke_context context;
    int error = make_sealed_info(invitation, &sealed);

    if (error == 0)
        error =
            mls_encrypt_context(&t->group->c, MLS_LABEL_WELCOME, mls_buf_bytes(&sealed), &context);
    mls_message_header_write(w, MLS_WIRE_WELCOME);
    mls_write_u16(w, t->group->c.suite->id);
    size_t mark = mls_write_vector(w);
    for (size_t i = 0; error == 0 && i < t->count; i++) {
        if (t->items[i].body.type == MLS_PROPOSAL_ADD)
            error = write_entry(invitation, &t->items[i], &context, w);
    }
    mls_write_vector_end(w, mark);
    mls_write_opaque(w, mls_buf_bytes(&sealed));
    mls_buf_fini(&sealed);
    return error != 0 ? error : mls_writer_error(w);
}
