/* SPDX-License-Identifier: MIT */
/*
 * Transcript hashes (RFC 9420, section 8.2); declared in schedule.h.
 */
#include "codec.h"
#include "schedule.h"

int
mls_transcript_confirmed(const struct mls_crypto *c, struct mls_bytes interim_before,
                         struct mls_bytes confirmed_input, uint8_t out[MLS_HASH_BYTES])
{
    const struct mls_bytes parts[] = {interim_before, confirmed_input};

    return mls_hash(c, parts, 2, out);
}

int
mls_transcript_interim(const struct mls_crypto *c, struct mls_bytes confirmed,
                       struct mls_bytes confirmation_tag, uint8_t out[MLS_HASH_BYTES])
{
    uint8_t tag_head[4];

    if (confirmation_tag.len > MLS_VARINT_MAX)
        return MLS_EARG;
    const size_t tag_head_len = mls_varint_put(tag_head, confirmation_tag.len);
    const struct mls_bytes parts[] = {
        confirmed,
        mls_bytes(tag_head, tag_head_len),
        confirmation_tag,
    };
    return mls_hash(c, parts, 3, out);
}
