/* SPDX-License-Identifier: MIT */
/*
 * Pre-shared keys (RFC 9420, section 8.4); see psk.h.
 */
#include "psk.h"

#include <string.h>

static bool
usage_known(uint8_t usage)
{
    return usage == MLS_PSK_USAGE_APPLICATION || usage == MLS_PSK_USAGE_REINIT ||
           usage == MLS_PSK_USAGE_BRANCH;
}

void
mls_psk_id_read(struct mls_reader *r, struct mls_psk_id *out)
{
    *out = (struct mls_psk_id){.type = mls_read_u8(r)};
    switch (out->type) {
    case MLS_PSK_EXTERNAL: out->psk_id = mls_read_opaque(r); break;
    case MLS_PSK_RESUMPTION:
        out->usage = mls_read_u8(r);
        if (!usage_known(out->usage))
            mls_reader_fail(r, MLS_EDECODE);
        out->group_id = mls_read_opaque(r);
        out->epoch = mls_read_u64(r);
        break;
    default: mls_reader_fail(r, MLS_EDECODE); break;
    }
    out->nonce = mls_read_opaque(r);
}

void
mls_psk_id_write(struct mls_writer *w, const struct mls_psk_id *id)
{
    mls_write_u8(w, id->type);
    switch (id->type) {
    case MLS_PSK_EXTERNAL: mls_write_opaque(w, id->psk_id); break;
    case MLS_PSK_RESUMPTION:
        if (!usage_known(id->usage))
            mls_writer_fail(w, MLS_EARG);
        mls_write_u8(w, id->usage);
        mls_write_opaque(w, id->group_id);
        mls_write_u64(w, id->epoch);
        break;
    default: mls_writer_fail(w, MLS_EARG); break;
    }
    mls_write_opaque(w, id->nonce);
}

bool
mls_psk_id_same(const struct mls_provider *p, const struct mls_psk_id *a,
                const struct mls_psk_id *b)
{
    return a->type == b->type && a->usage == b->usage && a->epoch == b->epoch &&
           mls_mem_equal(p, a->psk_id, b->psk_id) && mls_mem_equal(p, a->group_id, b->group_id) &&
           mls_mem_equal(p, a->nonce, b->nonce);
}

/* psk_input of one key: Extract(0, psk), then expanded with its label, position and count. */
static int
psk_input(const struct mls_crypto *c, const struct mls_psk *psk, uint16_t index, uint16_t count,
          uint8_t out[MLS_HASH_BYTES])
{
    static const uint8_t zero[MLS_HASH_BYTES];
    struct mls_writer label;

    mls_writer_init(&label, c->p, 0);
    mls_psk_id_write(&label, &psk->id);
    mls_write_u16(&label, index);
    mls_write_u16(&label, count);
    int rc = mls_writer_error(&label);
    if (rc == 0)
        rc = mls_extract(c, mls_bytes(zero, sizeof zero), psk->secret, out);
    if (rc == 0)
        rc = mls_expand_with_label(c, out, "derived psk", mls_writer_bytes(&label), out,
                                   MLS_HASH_BYTES);
    mls_writer_fini(&label);
    return rc;
}

int
mls_psk_secret(const struct mls_crypto *c, const struct mls_psk *psks, size_t count,
               uint8_t out[MLS_HASH_BYTES])
{
    uint8_t secret[MLS_HASH_BYTES] = {0};
    uint8_t input[MLS_HASH_BYTES];
    int rc = 0;

    if (count > UINT16_MAX)
        return MLS_EARG;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = psk_input(c, &psks[i], (uint16_t)i, (uint16_t)count, input);
        if (rc == 0)
            rc = mls_extract(c, mls_bytes(input, sizeof input), mls_bytes(secret, sizeof secret),
                             secret);
    }
    if (rc == 0)
        memcpy(out, secret, sizeof secret);
    mls_mem_wipe(c->p, input, sizeof input);
    mls_mem_wipe(c->p, secret, sizeof secret);
    return rc;
}
