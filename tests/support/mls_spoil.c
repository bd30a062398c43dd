/* SPDX-License-Identifier: MIT */
/*
 * See mls_spoil.h. A confirmation tag is signed by nobody, so it is replaced afterwards; what is sealed in a path is
 * signed, so the provider seals something else in the first place.
 */
#include "sotto_test.h"

#include "mls_spoil.h"

#include "group.h"

#define PATH_SECRET_BYTES 32 /* nothing else that a commit seals is as short */

/* ---- the path ---------------------------------------------------------------------------------- */

static int
seal_something_else(void *ctx, enum mls_aead_id aead, const uint8_t *key,
                    const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
                    struct mls_bytes plain, uint8_t *cipher_out)
{
    static const uint8_t other[PATH_SECRET_BYTES];
    const struct spoiler *spoiler = ctx;
    const struct mls_provider *honest = mls_provider_default();

    if (spoiler->spoils && plain.len == PATH_SECRET_BYTES)
        plain.data = other;
    return honest->aead_seal(honest->ctx, aead, key, nonce, aad, plain, cipher_out);
}

void
mls_spoil_init(struct spoiler *spoiler, struct mls_peer *peer)
{
    *spoiler = (struct spoiler){.provider = *mls_provider_default()};
    assert_null(spoiler->provider.ctx); /* else the others would have to be handed theirs as well */
    spoiler->provider.ctx = spoiler;
    spoiler->provider.aead_seal = seal_something_else;
    peer->config.provider = &spoiler->provider;
}

/* ---- the tags ---------------------------------------------------------------------------------- */

/* The same commit with the tag of the pending epoch as it is by now. */
static void
seal_again(struct mls_group *group, struct mls_buf *commit)
{
    struct mls_public_message framed;
    struct mls_buf context = {0};
    struct mls_writer w;

    assert_ok(mls_public_message_message_read(mls_buf_bytes(commit), &framed));
    assert_ok(mls_epoch_context(group->epoch, mls_buf_bytes(&group->id), &context));
    const struct mls_frame_keys keys = mls_epoch_frame_keys(group->epoch, &context);
    struct mls_authenticated message = {
        .wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .content = framed.content,
        .auth = framed.auth,
    };

    message.auth.confirmation_tag = mls_bytes(group->pending->confirmation_tag, MLS_HASH_BYTES);
    mls_writer_init(&w, group->c.p, 0);
    assert_ok(mls_public_seal(&keys, &message, &w));
    assert_ok(mls_buf_take(commit, &w));
    mls_writer_fini(&w);
    mls_buf_fini(&context);
}

static void
change_tag(struct mls_group *group, struct mls_buf *commit)
{
    uint8_t tag[MLS_HASH_BYTES];

    memcpy(tag, group->pending->confirmation_tag, sizeof(tag));
    tag[0] ^= 1;
    assert_ok(mls_epoch_take_tag(group->pending, mls_bytes(tag, sizeof(tag))));
    seal_again(group, commit);
}

void
mls_spoil_commit(struct spoiler *spoiler, struct mls_peer *peer, enum spoil how,
                 struct peer_bundle *bundle_out)
{
    spoiler->spoils = how == SPOIL_PATH;
    mls_peer_commit(peer, NULL, 0, NULL, 0, bundle_out);
    spoiler->spoils = false;
    if (how == SPOIL_TAG)
        change_tag(peer->group, &bundle_out->commit);
    if (how == SPOIL_MEMBERSHIP)
        bundle_out->commit.data[bundle_out->commit.len - 1] ^= 1;
    mls_peer_merge(peer);
    assert_ok(mls_group_export_info(peer->group, false, &bundle_out->group_info));
}
