/* SPDX-License-Identifier: MIT */
/*
 * Pre-shared keys: the official vectors of both suites, and the encoding of the identifiers that the
 * vectors do not cover.
 */
#include "sotto_test.h"

#include "psk.h"
#include "mls_test_provider.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/psk_secret.json";

enum { PSKS_MAX = 16 };

/* The bytes that a list of psks borrows from. */
struct psk_source {
    struct vec_bytes id, nonce, secret;
};

static struct mls_bytes
slice(struct vec_bytes bytes)
{
    return mls_bytes(bytes.data, bytes.len);
}

static void
check_case(const json_t *test_case, uint16_t suite)
{
    struct mls_crypto c;
    struct psk_source sources[PSKS_MAX];
    struct mls_psk psks[PSKS_MAX];
    uint8_t want[MLS_HASH_BYTES], got[MLS_HASH_BYTES];
    const json_t *list = vec_need(test_case, "psks");
    const size_t count = json_array_size(list);

    assert_ok(mls_crypto_init(&c, mls_provider_default(), suite));
    assert_in_range(count, 0, PSKS_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        sources[i].id = vec_need_hex(entry, "psk_id");
        sources[i].nonce = vec_need_hex(entry, "psk_nonce");
        sources[i].secret = vec_need_hex(entry, "psk");
        psks[i] = (struct mls_psk){
            .id = {.type = MLS_PSK_EXTERNAL,
                   .psk_id = slice(sources[i].id),
                   .nonce = slice(sources[i].nonce)},
            .secret = slice(sources[i].secret),
        };
    }
    vec_need_hex_array(test_case, "psk_secret", want, sizeof want);
    assert_ok(mls_psk_secret(&c, psks, count, got));
    vec_assert_equal("psk_secret", got, sizeof got, want, sizeof want);
    for (size_t i = 0; i < count; i++) {
        vec_free(&sources[i].id);
        vec_free(&sources[i].nonce);
        vec_free(&sources[i].secret);
    }
}

static void
a_resumption_identifier_round_trips(void **state)
{
    (void)state;
    static const uint8_t want[] = {2, 3, 2, 'g', 'i', 0, 0, 0, 0, 0, 0, 0, 7, 1, 'n'};
    const struct mls_psk_id id = {
        .type = MLS_PSK_RESUMPTION,
        .usage = MLS_PSK_USAGE_BRANCH,
        .group_id = mls_bytes("gi", 2),
        .epoch = 7,
        .nonce = mls_bytes("n", 1),
    };
    struct mls_psk_id back;
    struct mls_writer w;
    struct mls_reader r;

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_psk_id_write(&w, &id);
    assert_ok(mls_writer_error(&w));
    vec_assert_equal("id", mls_writer_bytes(&w).data, mls_writer_bytes(&w).len, want, sizeof want);

    mls_reader_init(&r, mls_bytes(want, sizeof want));
    mls_psk_id_read(&r, &back);
    assert_ok(mls_reader_finish(&r));
    assert_int_equal(back.type, MLS_PSK_RESUMPTION);
    assert_int_equal(back.usage, MLS_PSK_USAGE_BRANCH);
    assert_int_equal(back.epoch, 7);
    assert_memory_equal(back.group_id.data, "gi", 2);
    assert_int_equal(back.nonce.len, 1);
    mls_writer_fini(&w);
}

static void
unknown_types_and_usages_are_refused(void **state)
{
    (void)state;
    static const uint8_t types[] = {0, 3, 255};
    struct mls_psk_id id;
    struct mls_reader r;
    struct mls_writer w;

    for (size_t i = 0; i < sizeof types; i++) {
        const uint8_t bytes[] = {types[i], 0, 0};
        mls_reader_init(&r, mls_bytes(bytes, sizeof bytes));
        mls_psk_id_read(&r, &id);
        assert_fails(mls_reader_error(&r), MLS_EDECODE);

        const uint8_t resumption[] = {2, i == 1 ? 4 : types[i], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        mls_reader_init(&r, mls_bytes(resumption, sizeof resumption));
        mls_psk_id_read(&r, &id);
        assert_fails(mls_reader_error(&r), MLS_EDECODE);
    }
    mls_writer_init(&w, mls_provider_default(), 0);
    mls_psk_id_write(&w, &(struct mls_psk_id){.type = 9});
    assert_fails(mls_writer_error(&w), MLS_EARG);
    mls_writer_fini(&w);
}

static void
running_out_of_memory_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    const struct mls_psk psk = {.id = {.type = MLS_PSK_EXTERNAL, .psk_id = mls_bytes("a", 1)},
                                .secret = mls_bytes("secret", 6)};
    struct mls_test_provider tp;
    struct mls_crypto c;
    uint8_t out[MLS_HASH_BYTES] = {0}, untouched[MLS_HASH_BYTES] = {0};

    mls_test_provider_init(&tp);
    assert_ok(mls_crypto_init(&c, &tp.table, 3));
    tp.fail_at = 1;
    assert_fails(mls_psk_secret(&c, &psk, 1, out), MLS_ENOMEM);
    assert_memory_equal(out, untouched, sizeof out);
    assert_ok(mls_psk_secret(&c, &psk, 1, out));
    mls_test_provider_check(&tp);
}

static const struct CMUnitTest tests[] = {
    VECTORS_OF_BOTH_SUITES(FILE_NAME, 11, check_case),
    cmocka_unit_test(a_resumption_identifier_round_trips),
    cmocka_unit_test(unknown_types_and_usages_are_refused),
    cmocka_unit_test(running_out_of_memory_is_reported_and_leaks_nothing),
};

SOTTO_TEST_MAIN(tests)
