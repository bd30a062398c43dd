/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing of proposals and commits (RFC 9420 section 12).
 */
#include "proposal.h"

/* ---- Proposals --------------------------------------------------------------------------- */

void
mls_proposal_body_read(struct mls_reader *r, uint16_t type, struct mls_proposal_body *out)
{
    *out = (struct mls_proposal_body){.type = type};
    switch (type) {
    case MLS_PROPOSAL_ADD: mls_key_package_read(r, &out->u.add); break;
    case MLS_PROPOSAL_UPDATE: mls_leaf_read(r, &out->u.update); break;
    case MLS_PROPOSAL_REMOVE: out->u.removed = mls_read_u32(r); break;
    case MLS_PROPOSAL_PSK: mls_psk_id_read(r, &out->u.psk); break;
    case MLS_PROPOSAL_REINIT:
        out->u.reinit.group_id = mls_read_opaque(r);
        out->u.reinit.version = mls_read_u16(r);
        out->u.reinit.suite = mls_read_u16(r);
        out->u.reinit.extensions = mls_extensions_read(r);
        break;
    case MLS_PROPOSAL_EXTERNAL_INIT: out->u.kem_output = mls_read_opaque(r); break;
    case MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS: out->u.extensions = mls_extensions_read(r); break;
    default: mls_reader_fail(r, MLS_EPROPOSAL); break;
    }
}

void
mls_proposal_body_write(struct mls_writer *w, const struct mls_proposal_body *proposal)
{
    switch (proposal->type) {
    case MLS_PROPOSAL_ADD: mls_key_package_write(w, &proposal->u.add); break;
    case MLS_PROPOSAL_UPDATE: mls_leaf_write(w, &proposal->u.update); break;
    case MLS_PROPOSAL_REMOVE: mls_write_u32(w, proposal->u.removed); break;
    case MLS_PROPOSAL_PSK: mls_psk_id_write(w, &proposal->u.psk); break;
    case MLS_PROPOSAL_REINIT:
        mls_write_opaque(w, proposal->u.reinit.group_id);
        mls_write_u16(w, proposal->u.reinit.version);
        mls_write_u16(w, proposal->u.reinit.suite);
        mls_write_opaque(w, proposal->u.reinit.extensions);
        break;
    case MLS_PROPOSAL_EXTERNAL_INIT: mls_write_opaque(w, proposal->u.kem_output); break;
    case MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS: mls_write_opaque(w, proposal->u.extensions); break;
    default: mls_writer_fail(w, MLS_EPROPOSAL); break;
    }
}

struct mls_reinit_view
mls_reinit_view(const struct mls_reinit *reinit)
{
    return (struct mls_reinit_view){
        .group_id = reinit->group_id,
        .version = reinit->version,
        .suite = reinit->suite,
        .extensions = reinit->extensions,
    };
}

void
mls_proposal_read(struct mls_reader *r, struct mls_proposal_body *out)
{
    size_t start = r->pos;
    uint16_t type = mls_read_u16(r);

    mls_proposal_body_read(r, type, out);
    out->encoded = mls_reader_since(r, start);
}

void
mls_proposal_write(struct mls_writer *w, const struct mls_proposal_body *proposal)
{
    mls_write_u16(w, proposal->type);
    mls_proposal_body_write(w, proposal);
}

void
mls_proposal_or_ref_read(struct mls_reader *r, struct mls_proposal_or_ref *out)
{
    out->type = mls_read_u8(r);
    out->ref = mls_bytes_empty();
    if (out->type == MLS_BY_VALUE)
        mls_proposal_read(r, &out->proposal);
    else if (out->type == MLS_BY_REFERENCE)
        out->ref = mls_read_opaque(r);
    else
        mls_reader_fail(r, MLS_EDECODE);
}

void
mls_proposal_or_ref_write(struct mls_writer *w, const struct mls_proposal_or_ref *entry)
{
    mls_write_u8(w, entry->type);
    if (entry->type == MLS_BY_VALUE)
        mls_proposal_write(w, &entry->proposal);
    else
        mls_write_opaque(w, entry->ref);
}

/* ---- UpdatePath -------------------------------------------------------------------------- */

void
mls_hpke_ciphertext_read(struct mls_reader *r, struct mls_hpke_ciphertext *out)
{
    out->kem_output = mls_read_opaque(r);
    out->ciphertext = mls_read_opaque(r);
}

void
mls_hpke_ciphertext_write(struct mls_writer *w, const struct mls_hpke_ciphertext *ciphertext)
{
    mls_write_opaque(w, ciphertext->kem_output);
    mls_write_opaque(w, ciphertext->ciphertext);
}

void
mls_path_node_read(struct mls_reader *r, struct mls_path_node *out)
{
    struct mls_reader sub;
    struct mls_hpke_ciphertext ciphertext;

    out->encryption_key = mls_read_opaque(r);
    mls_read_vector(r, &sub);
    while (mls_reader_more(&sub))
        mls_hpke_ciphertext_read(&sub, &ciphertext);
    mls_read_vector_end(r, &sub);
    out->ciphertexts = mls_bytes(sub.data, sub.len);
}

void
mls_update_path_read(struct mls_reader *r, struct mls_update_path *out)
{
    struct mls_reader sub;
    struct mls_path_node node;

    mls_leaf_read(r, &out->leaf);
    out->node_count = 0;
    mls_read_vector(r, &sub);
    while (mls_reader_more(&sub)) {
        mls_path_node_read(&sub, &node);
        out->node_count++;
    }
    mls_read_vector_end(r, &sub);
    out->nodes = mls_bytes(sub.data, sub.len);
}

/* ---- Commit ------------------------------------------------------------------------------ */

void
mls_commit_body_read(struct mls_reader *r, struct mls_commit_body *out)
{
    struct mls_reader sub;
    struct mls_proposal_or_ref entry;

    *out = (struct mls_commit_body){0};
    mls_read_vector(r, &sub);
    while (mls_reader_more(&sub)) {
        mls_proposal_or_ref_read(&sub, &entry);
        if (++out->proposal_count > MLS_PROPOSALS_MAX)
            mls_reader_fail(&sub, MLS_ESIZE);
    }
    mls_read_vector_end(r, &sub);
    out->proposals = mls_bytes(sub.data, sub.len);
    out->has_path = mls_read_optional(r);
    if (out->has_path)
        mls_update_path_read(r, &out->path);
}
