/* SPDX-License-Identifier: MIT */
/*
 * Transcript hashes and the confirmation tag, over the official vectors of both suites. The
 * AuthenticatedContent of a commit ends with its confirmation tag (32 bytes and a length), so
 * the input of the confirmed hash is everything before; no message decoder is needed here.
 */
#include "sotto_test.h"

#include "codec.h"
#include "schedule.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/transcript-hashes.json";

static void
check_case(const json_t *test_case, uint16_t suite)
{
    struct mls_crypto c;
    struct vec_bytes content = vec_need_hex(test_case, "authenticated_content");
    struct vec_bytes interim_before = vec_need_hex(test_case, "interim_transcript_hash_before");
    struct vec_bytes want_confirmed = vec_need_hex(test_case, "confirmed_transcript_hash_after");
    struct vec_bytes want_interim = vec_need_hex(test_case, "interim_transcript_hash_after");
    uint8_t key[MLS_HASH_BYTES], confirmed[MLS_HASH_BYTES], interim[MLS_HASH_BYTES];
    uint8_t own_tag[MLS_HASH_BYTES];
    struct mls_reader r;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), suite));
    vec_need_hex_array(test_case, "confirmation_key", key, sizeof key);
    assert_true(content.len > 1 + MLS_HASH_BYTES);
    mls_reader_init(&r, mls_bytes(content.data, content.len));
    const struct mls_bytes input = mls_read_fixed(&r, content.len - 1 - MLS_HASH_BYTES);
    const struct mls_bytes tag = mls_read_opaque(&r);
    assert_ok(mls_reader_finish(&r));

    assert_ok(mls_transcript_confirmed(&c, mls_bytes(interim_before.data, interim_before.len),
                                       input, confirmed));
    vec_assert_equal("confirmed", confirmed, sizeof confirmed, want_confirmed.data,
                     want_confirmed.len);
    assert_ok(mls_mac_verify(&c, key, mls_bytes(confirmed, sizeof confirmed), tag));
    assert_ok(
        mls_schedule_confirmation_tag(&c, key, mls_bytes(confirmed, sizeof confirmed), own_tag));
    vec_assert_equal("tag", own_tag, sizeof own_tag, tag.data, tag.len);
    assert_ok(mls_transcript_interim(&c, mls_bytes(confirmed, sizeof confirmed), tag, interim));
    vec_assert_equal("interim", interim, sizeof interim, want_interim.data, want_interim.len);

    vec_free(&content);
    vec_free(&interim_before);
    vec_free(&want_confirmed);
    vec_free(&want_interim);
}

static const struct CMUnitTest tests[] = {
    VECTORS_OF_BOTH_SUITES(FILE_NAME, 1, check_case),
};

SOTTO_TEST_MAIN(tests)
