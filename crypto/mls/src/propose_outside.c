/* SPDX-License-Identifier: MIT */
/*
 * Proposals from outside a group (RFC 9420 section 12.1.8): by a service that the group lists in its
 * external_senders, or by somebody who asks to be added. Neither knows a secret of the group.
 */
#include "proposal_make.h"
#include "protect.h"

#include <assert.h>

/* Somebody who asks to be added signs with the key that the key package shows. */
static int
check_newcomer(const struct mls_crypto *c, const struct mls_outside_params *params)
{
    uint8_t key[MLS_ED25519_PUBLIC_BYTES];
    struct mls_key_package package;
    int error = mls_key_package_message_read(params->proposal.key_package, &package);

    if (error == 0)
        error = mls_key_package_check(c, &package);
    if (error == 0)
        error = mls_signature_public(c, params->signature_seed, key);
    if (error == 0 && !mls_mem_equal(c->p, mls_bytes(key, sizeof(key)), package.leaf.signature_key))
        error = MLS_EARG;
    return error;
}

static int
check(const struct mls_crypto *c, const struct mls_outside_params *params)
{
    if (params->group_id.len == 0 || params->group_id.len > MLS_GROUP_ID_BYTES_MAX ||
        params->sender_type == MLS_SENDER_MEMBER ||
        !mls_proposal_may_come_from((uint8_t)params->sender_type, (uint16_t)params->proposal.type))
        return MLS_EARG;
    return params->sender_type == MLS_SENDER_NEW_MEMBER_PROPOSAL ? check_newcomer(c, params) : 0;
}

/* Signs without the group's context, which who is outside need not know (section 6.1). */
static int
frame(const struct mls_crypto *c, const struct mls_outside_params *params, struct mls_bytes body,
      struct mls_writer *w)
{
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES] = {0};
    struct mls_authenticated message = {
        .wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .content =
            {
                .group_id = params->group_id,
                .epoch = params->epoch,
                .sender = {.type = (uint8_t)params->sender_type, .index = params->external_sender},
                .authenticated_data = params->authenticated_data,
                .type = MLS_CONTENT_PROPOSAL,
                .body = body,
            },
        .auth.signature = mls_bytes(signature, sizeof(signature)),
    };
    int error = mls_content_sign(c, MLS_WIRE_PUBLIC_MESSAGE, &message.content, mls_bytes_empty(),
                                 params->signature_seed, signature);

    return error != 0 ? error : mls_public_write_outside(&message, w);
}

int
mls_propose_from_outside(const struct mls_provider *provider,
                         const struct mls_outside_params *params, struct mls_buf *message_out)
{
    assert(provider != NULL && params != NULL && params->signature_seed != NULL);
    assert(message_out != NULL);

    struct mls_crypto c;
    struct mls_writer body, message;
    int error = mls_crypto_init(&c, provider, params->suite);
    if (error == 0)
        error = check(&c, params);
    if (error != 0)
        return error;

    const struct mls_proposal_maker maker = {&c, params->group_id, MLS_PSK_USAGE_APPLICATION};
    mls_writer_init(&body, provider, 0);
    mls_writer_init(&message, provider, 0);
    error = mls_proposal_make(&maker, &params->proposal, &body);
    if (error == 0)
        error = mls_writer_error(&body);
    if (error == 0)
        error = frame(&c, params, mls_writer_bytes(&body), &message);
    if (error == 0)
        error = mls_buf_take(message_out, &message);
    mls_writer_fini(&message);
    mls_writer_fini(&body);
    return error;
}
