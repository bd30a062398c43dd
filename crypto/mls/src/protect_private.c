/* SPDX-License-Identifier: MIT */
/*
 * PrivateMessage (RFC 9420 section 6.3): content under a key of the sender's ratchet, and who the
 * sender is under a key that depends on the ciphertext.
 */
#include "protect.h"

#include <string.h>

#include "schedule.h"

/* leaf, generation, reuse guard */
enum { SENDER_DATA_BYTES = 12 };

static enum mls_ratchet_type
ratchet_for(uint8_t content_type)
{
    return content_type == MLS_CONTENT_APPLICATION ? MLS_RATCHET_APPLICATION
                                                   : MLS_RATCHET_HANDSHAKE;
}

static void
guard_nonce(struct mls_message_key *key, const uint8_t reuse_guard[4])
{
    for (size_t i = 0; i < 4; i++)
        key->nonce[i] ^= reuse_guard[i];
}

/* PrivateContentAAD, or SenderDataAAD when `authenticated_data` is NULL. */
static void
write_aad(struct mls_writer *w, struct mls_bytes group_id, uint64_t epoch, uint8_t content_type,
          const struct mls_bytes *authenticated_data)
{
    mls_write_opaque(w, group_id);
    mls_write_u64(w, epoch);
    mls_write_u8(w, content_type);
    if (authenticated_data != NULL)
        mls_write_opaque(w, *authenticated_data);
}

/* ---- Sealing ----------------------------------------------------------------------------- */

/* PrivateMessageContent with its padding. */
static int
write_padded(struct mls_writer *w, const struct mls_authenticated *message, size_t block)
{
    mls_content_body_write(w, &message->content);
    mls_content_auth_write(w, message->content.type, &message->auth);
    if (block > 1) {
        size_t len = mls_writer_bytes(w).len;
        size_t missing = (block - len % block) % block;

        for (size_t i = 0; i < missing && mls_writer_error(w) == 0; i++)
            mls_write_u8(w, 0);
    }
    return mls_writer_error(w);
}

static int
seal_sender_data(const struct mls_frame_keys *keys, const struct mls_content *content,
                 const struct mls_sender_data *sender, struct mls_bytes ciphertext,
                 uint8_t out[SENDER_DATA_BYTES + MLS_AEAD_TAG_BYTES])
{
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX], nonce[MLS_AEAD_NONCE_BYTES];
    struct mls_writer aad, plain;

    mls_writer_init(&aad, keys->c->p, 0);
    mls_writer_init(&plain, keys->c->p, 0);
    write_aad(&aad, content->group_id, content->epoch, content->type, NULL);
    mls_write_u32(&plain, sender->leaf);
    mls_write_u32(&plain, sender->generation);
    mls_write_raw(&plain, mls_bytes(sender->reuse_guard, sizeof(sender->reuse_guard)));
    int error = mls_writer_error(&aad);
    if (error == 0)
        error = mls_writer_error(&plain);
    if (error == 0)
        error =
            mls_schedule_sender_data_key(keys->c, keys->sender_data_secret, ciphertext, key, nonce);
    if (error == 0)
        error = mls_aead_seal(keys->c, key, nonce, mls_writer_bytes(&aad), mls_writer_bytes(&plain),
                              out);
    mls_mem_wipe(keys->c->p, key, sizeof(key));
    mls_writer_fini(&plain);
    mls_writer_fini(&aad);
    return error;
}

/* Draws the reuse guard and seals the padded content under a message key. */
static int
seal_content(const struct mls_frame_keys *keys, const struct mls_content *content,
             struct mls_bytes plain, struct mls_message_key *key, struct mls_sender_data *sender,
             uint8_t *cipher_out)
{
    struct mls_writer aad;
    int error = mls_random(keys->c, sender->reuse_guard, sizeof(sender->reuse_guard));

    if (error != 0)
        return error;
    guard_nonce(key, sender->reuse_guard);
    mls_writer_init(&aad, keys->c->p, 0);
    write_aad(&aad, content->group_id, content->epoch, content->type, &content->authenticated_data);
    error = mls_writer_error(&aad);
    if (error == 0)
        error =
            mls_aead_seal(keys->c, key->key, key->nonce, mls_writer_bytes(&aad), plain, cipher_out);
    mls_writer_fini(&aad);
    return error;
}

/* Everything but using the key up; `cipher` has room for `plain` and a tag. */
static int
seal_with_key(const struct mls_frame_keys *keys, const struct mls_content *content,
              struct mls_bytes plain, struct mls_message_key *key, uint8_t *cipher,
              struct mls_writer *w)
{
    struct mls_sender_data sender = {.leaf = content->sender.index, .generation = key->generation};
    uint8_t sealed[SENDER_DATA_BYTES + MLS_AEAD_TAG_BYTES];
    struct mls_bytes ciphertext = mls_bytes(cipher, plain.len + MLS_AEAD_TAG_BYTES);
    int error = seal_content(keys, content, plain, key, &sender, cipher);

    if (error == 0)
        error = seal_sender_data(keys, content, &sender, ciphertext, sealed);
    if (error != 0)
        return error;

    struct mls_private_message framed = {
        .group_id = content->group_id,
        .epoch = content->epoch,
        .content_type = content->type,
        .authenticated_data = content->authenticated_data,
        .encrypted_sender_data = mls_bytes(sealed, sizeof(sealed)),
        .ciphertext = ciphertext,
    };
    mls_message_header_write(w, MLS_WIRE_PRIVATE_MESSAGE);
    mls_private_message_write(w, &framed);
    return mls_writer_error(w);
}

int
mls_private_seal(const struct mls_frame_keys *keys, const struct mls_authenticated *message,
                 size_t padding_block, struct mls_writer *w)
{
    const struct mls_provider *p = keys->c->p;
    const struct mls_content *content = &message->content;
    enum mls_ratchet_type ratchet = ratchet_for(content->type);
    struct mls_message_key key;
    struct mls_writer plain;
    uint8_t *cipher = NULL;
    size_t cipher_len = 0;
    uint32_t generation;

    mls_writer_init(&plain, p, 0);
    int error = write_padded(&plain, message, padding_block);
    if (error == 0) {
        cipher_len = mls_writer_bytes(&plain).len + MLS_AEAD_TAG_BYTES;
        cipher = mls_mem_alloc(p, cipher_len, 1);
        error = cipher == NULL ? MLS_ENOMEM : 0;
    }
    if (error == 0)
        error = mls_secret_tree_next_generation(keys->secret_tree, content->sender.index, ratchet,
                                                &generation);
    if (error == 0)
        error = mls_secret_tree_peek(keys->secret_tree, content->sender.index, ratchet, generation,
                                     &key);
    if (error == 0)
        error = seal_with_key(keys, content, mls_writer_bytes(&plain), &key, cipher, w);
    /* The key is used up last, so that a failure before leaves the ratchet where it was; the
     * ciphertext is not handed out unless this succeeds. */
    if (error == 0)
        error =
            mls_secret_tree_consume(keys->secret_tree, content->sender.index, ratchet, generation);
    mls_mem_wipe(p, &key, sizeof(key));
    mls_mem_free(p, cipher, cipher_len);
    mls_writer_fini(&plain);
    return error;
}

/* ---- Opening ----------------------------------------------------------------------------- */

int
mls_private_open_sender(const struct mls_frame_keys *keys,
                        const struct mls_private_message *message,
                        struct mls_sender_data *sender_out)
{
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX], nonce[MLS_AEAD_NONCE_BYTES], plain[SENDER_DATA_BYTES];
    struct mls_writer aad;
    struct mls_reader r;

    if (message->encrypted_sender_data.len != SENDER_DATA_BYTES + MLS_AEAD_TAG_BYTES)
        return MLS_EDECODE;
    mls_writer_init(&aad, keys->c->p, 0);
    write_aad(&aad, message->group_id, message->epoch, message->content_type, NULL);
    int error = mls_writer_error(&aad);
    if (error == 0)
        error = mls_schedule_sender_data_key(keys->c, keys->sender_data_secret, message->ciphertext,
                                             key, nonce);
    if (error == 0)
        error = mls_aead_open(keys->c, key, nonce, mls_writer_bytes(&aad),
                              message->encrypted_sender_data, plain);
    mls_mem_wipe(keys->c->p, key, sizeof(key));
    mls_writer_fini(&aad);
    if (error != 0)
        return error;
    mls_reader_init(&r, mls_bytes(plain, sizeof(plain)));
    sender_out->leaf = mls_read_u32(&r);
    sender_out->generation = mls_read_u32(&r);
    mls_read_array(&r, sender_out->reuse_guard, sizeof(sender_out->reuse_guard));
    return mls_reader_finish(&r);
}

static int
open_ciphertext(const struct mls_frame_keys *keys, const struct mls_private_message *message,
                const struct mls_message_key *key, uint8_t *plain_out)
{
    struct mls_writer aad;

    mls_writer_init(&aad, keys->c->p, 0);
    write_aad(&aad, message->group_id, message->epoch, message->content_type,
              &message->authenticated_data);
    int error = mls_writer_error(&aad);
    if (error == 0)
        error = mls_aead_open(keys->c, key->key, key->nonce, mls_writer_bytes(&aad),
                              message->ciphertext, plain_out);
    mls_writer_fini(&aad);
    return error;
}

/* PrivateMessageContent: what is left after content and auth is padding and must be zero. */
static int
parse_plain(struct mls_bytes plain, struct mls_authenticated *out)
{
    struct mls_reader r;
    uint8_t seen = 0;

    mls_reader_init(&r, plain);
    out->content.body = mls_content_body_read(&r, out->content.type);
    mls_content_auth_read(&r, out->content.type, &out->auth);
    struct mls_bytes padding = mls_read_fixed(&r, mls_reader_left(&r));
    for (size_t i = 0; i < padding.len; i++)
        seen |= padding.data[i];
    if (seen != 0)
        mls_reader_fail(&r, MLS_EDECODE);
    return mls_reader_finish(&r);
}

int
mls_private_open_content(const struct mls_frame_keys *keys,
                         const struct mls_private_message *message,
                         const struct mls_sender_data *sender, struct mls_buf *plain_out,
                         struct mls_authenticated *content_out)
{
    const struct mls_provider *p = keys->c->p;
    struct mls_message_key key;
    struct mls_buf plain = {.provider = p};
    struct mls_authenticated content = {
        .wire_format = MLS_WIRE_PRIVATE_MESSAGE,
        .content =
            {
                .group_id = message->group_id,
                .epoch = message->epoch,
                .sender = {.type = MLS_SENDER_MEMBER, .index = sender->leaf},
                .authenticated_data = message->authenticated_data,
                .type = message->content_type,
            },
    };

    if (message->ciphertext.len <= MLS_AEAD_TAG_BYTES)
        return MLS_EAEAD;
    int error = mls_secret_tree_peek(keys->secret_tree, sender->leaf,
                                     ratchet_for(message->content_type), sender->generation, &key);
    if (error != 0)
        return error;
    guard_nonce(&key, sender->reuse_guard);
    plain.len = message->ciphertext.len - MLS_AEAD_TAG_BYTES;
    plain.data = mls_mem_alloc(p, plain.len, 1);
    error = plain.data == NULL ? MLS_ENOMEM : open_ciphertext(keys, message, &key, plain.data);
    mls_mem_wipe(p, &key, sizeof(key));
    if (error == 0)
        error = parse_plain(mls_buf_bytes(&plain), &content);
    if (error != 0) {
        mls_buf_fini(&plain);
        return error;
    }
    mls_buf_move(plain_out, &plain);
    *content_out = content;
    return 0;
}

int
mls_private_consume(const struct mls_frame_keys *keys, uint8_t content_type,
                    const struct mls_sender_data *sender)
{
    return mls_secret_tree_consume(keys->secret_tree, sender->leaf, ratchet_for(content_type),
                                   sender->generation);
}
