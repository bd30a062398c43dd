/* SPDX-License-Identifier: MIT */
/*
 * Encoding what a caller proposes. See proposal_make.h.
 */
#include "proposal_make.h"

#include "framing.h"

bool
mls_proposal_may_come_from(uint8_t sender_type, uint16_t proposal_type)
{
    switch (sender_type) {
    case MLS_SENDER_MEMBER: return proposal_type != MLS_PROPOSAL_EXTERNAL_INIT;
    case MLS_SENDER_NEW_MEMBER_PROPOSAL: return proposal_type == MLS_PROPOSAL_ADD;
    case MLS_SENDER_EXTERNAL:
        return proposal_type == MLS_PROPOSAL_ADD || proposal_type == MLS_PROPOSAL_REMOVE ||
               proposal_type == MLS_PROPOSAL_PSK || proposal_type == MLS_PROPOSAL_REINIT ||
               proposal_type == MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS;
    default: return false;
    }
}

static int
write_add(struct mls_writer *w, const struct mls_proposal *proposal)
{
    struct mls_key_package package;
    int error = mls_key_package_message_read(proposal->key_package, &package);

    if (error == 0)
        mls_write_raw(w, package.encoded);
    return error;
}

static struct mls_psk_id
psk_of(const struct mls_proposal_maker *maker, const struct mls_proposal *proposal)
{
    if (!proposal->psk_resumption)
        return (struct mls_psk_id){.type = MLS_PSK_EXTERNAL, .psk_id = proposal->psk_id};
    return (struct mls_psk_id){
        .type = MLS_PSK_RESUMPTION,
        .usage = maker->psk_usage,
        .group_id = proposal->group_id.len > 0 ? proposal->group_id : maker->group_id,
        .epoch = proposal->psk_epoch,
    };
}

static int
write_psk(const struct mls_proposal_maker *maker, struct mls_writer *w,
          const struct mls_proposal *proposal)
{
    uint8_t nonce[MLS_HASH_BYTES];
    struct mls_psk_id id = psk_of(maker, proposal);
    int error = mls_random(maker->c, nonce, sizeof(nonce));

    if (error != 0)
        return error;
    id.nonce = mls_bytes(nonce, sizeof(nonce));
    mls_psk_id_write(w, &id);
    return 0;
}

static void
write_extensions(struct mls_writer *w, const struct mls_proposal *proposal)
{
    size_t mark = mls_write_vector(w);

    for (size_t i = 0; i < proposal->extension_count; i++)
        mls_extension_write(w, proposal->extensions[i].type, proposal->extensions[i].data);
    mls_write_vector_end(w, mark);
}

/* What we could not create ourselves is not asked for. */
static int
write_reinit(const struct mls_proposal_maker *maker, struct mls_writer *w,
             const struct mls_proposal *proposal)
{
    struct mls_crypto unused;

    if (proposal->group_id.len == 0 || proposal->group_id.len > MLS_GROUP_ID_BYTES_MAX)
        return MLS_EARG;
    mls_write_opaque(w, proposal->group_id);
    mls_write_u16(w, MLS_VERSION_10);
    mls_write_u16(w, proposal->suite);
    write_extensions(w, proposal);
    return mls_crypto_init(&unused, maker->c->p, proposal->suite);
}

int
mls_proposal_make(const struct mls_proposal_maker *maker, const struct mls_proposal *proposal,
                  struct mls_writer *w)
{
    mls_write_u16(w, (uint16_t)proposal->type);
    switch (proposal->type) {
    case MLS_PROPOSAL_ADD: return write_add(w, proposal);
    case MLS_PROPOSAL_REMOVE: mls_write_u32(w, proposal->leaf); return 0;
    case MLS_PROPOSAL_PSK: return write_psk(maker, w, proposal);
    case MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS: write_extensions(w, proposal); return 0;
    case MLS_PROPOSAL_REINIT: return write_reinit(maker, w, proposal);
    default: return MLS_EARG;
    }
}
