/* SPDX-License-Identifier: MIT */
/*
 * The codec: the official variable-length headers, and every way in which bytes can be short, long
 * or written in more bytes than needed.
 */
#include "sotto_test.h"

#include "codec.h"
#include "mls_test_provider.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/deserialization.json";

static struct mls_reader
reader_over(const void *data, size_t len)
{
    struct mls_reader r;

    mls_reader_init(&r, mls_bytes(data, len));
    return r;
}

static void
official_vectors_hold(void **state)
{
    (void)state;
    json_t *root = vectors_load(FILE_NAME);
    json_t *v;
    size_t i;

    json_array_foreach(root, i, v)
    {
        struct vec_bytes header = vec_need_hex(v, "vlbytes_header");
        const uint64_t length = vec_need_uint(v, "length");
        struct mls_reader r = reader_over(header.data, header.len);
        uint8_t out[4];

        assert_int_equal(mls_read_varint(&r), length);
        assert_ok(mls_reader_finish(&r));
        vec_assert_equal("header", out, mls_varint_put(out, length), header.data, header.len);
        vec_free(&header);
    }
    vectors_report(FILE_NAME, 0, i, 14);
    json_decref(root);
}

static void
a_length_in_more_bytes_than_needed_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[4];
        size_t len;
    } cases[] = {
        {{0x40, 0x00}, 2},
        {{0x40, 0x3f}, 2},
        {{0x80, 0x00, 0x00, 0x01}, 4},
        {{0x80, 0x00, 0x3f, 0xff}, 4},
        {{0xc0}, 1},
        {{0xff, 0xff, 0xff, 0xff}, 4},
        {{0x40}, 1},
        {{0x80, 0x01, 0x00}, 3},
        {{0}, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mls_reader r = reader_over(cases[i].bytes, cases[i].len);

        assert_int_equal(mls_read_varint(&r), 0);
        assert_fails(mls_reader_error(&r), MLS_EDECODE);
    }
}

static void
integers_are_big_endian_and_round_trip(void **state)
{
    (void)state;
    static const uint8_t want[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                   0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x01};
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_write_u8(&w, 0x01);
    mls_write_u16(&w, 0x0203);
    mls_write_u32(&w, 0x04050607);
    mls_write_u64(&w, UINT64_C(0x08090a0b0c0d0e0f));
    mls_write_optional(&w, true);
    assert_ok(mls_writer_error(&w));
    vec_assert_equal("encoding", mls_writer_bytes(&w).data, mls_writer_bytes(&w).len, want,
                     sizeof want);

    struct mls_reader r = reader_over(want, sizeof want);
    assert_int_equal(mls_read_u8(&r), 0x01);
    assert_int_equal(mls_read_u16(&r), 0x0203);
    assert_int_equal(mls_read_u32(&r), 0x04050607);
    assert_true(mls_read_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_true(mls_read_optional(&r));
    assert_ok(mls_reader_finish(&r));
    mls_writer_fini(&w);
}

static void
an_error_is_sticky_and_reads_give_nothing_after_it(void **state)
{
    (void)state;
    struct mls_reader r = reader_over("\x01\x02\x03", 3);
    struct mls_reader sub;
    uint8_t array[2] = {9, 9};

    assert_int_equal(mls_read_u32(&r), 0);
    assert_fails(mls_reader_error(&r), MLS_EDECODE);
    assert_int_equal(mls_read_u8(&r), 0);
    assert_false(mls_read_optional(&r));
    assert_int_equal(mls_read_opaque(&r).len, 0);
    mls_read_array(&r, array, sizeof array);
    assert_int_equal(array[0] | array[1], 0);
    mls_read_vector(&r, &sub);
    assert_false(mls_reader_more(&sub));
    assert_fails(mls_reader_error(&sub), MLS_EDECODE);
    assert_false(mls_reader_more(&r));
    assert_int_equal(mls_reader_left(&r), 0);
    mls_reader_fail(&r, MLS_ETREE);
    assert_fails(mls_reader_finish(&r), MLS_EDECODE);
}

static void
presence_is_zero_or_one(void **state)
{
    (void)state;
    struct mls_reader r = reader_over("\x02", 1);

    assert_false(mls_read_optional(&r));
    assert_fails(mls_reader_error(&r), MLS_EDECODE);
}

static void
a_vector_longer_than_its_message_is_refused(void **state)
{
    (void)state;
    struct mls_reader r = reader_over("\x04"
                                      "abc",
                                      4);

    assert_int_equal(mls_read_opaque(&r).len, 0);
    assert_fails(mls_reader_error(&r), MLS_EDECODE);

    struct mls_reader huge = reader_over("\xbf\xff\xff\xff"
                                         "a",
                                         5);
    assert_int_equal(mls_read_opaque(&huge).len, 0);
    assert_fails(mls_reader_error(&huge), MLS_EDECODE);
}

static void
bytes_left_in_a_vector_or_a_message_are_refused(void **state)
{
    (void)state;
    struct mls_reader r = reader_over("\x02"
                                      "ab"
                                      "c",
                                      4);
    struct mls_reader sub;

    mls_read_vector(&r, &sub);
    assert_int_equal(mls_read_u8(&sub), 'a');
    assert_fails(mls_reader_finish(&sub), MLS_EDECODE);
    mls_read_vector_end(&r, &sub);
    assert_fails(mls_reader_error(&r), MLS_EDECODE);

    struct mls_reader whole = reader_over("ab", 2);
    mls_read_u8(&whole);
    assert_fails(mls_reader_finish(&whole), MLS_EDECODE);
}

static void
the_bytes_of_a_read_part_can_be_cut_out(void **state)
{
    (void)state;
    struct mls_reader r = reader_over("\x01\x02hi\x05", 5);

    mls_read_u8(&r);
    const size_t start = r.pos;
    assert_memory_equal(mls_read_opaque(&r).data, "hi", 2);
    const struct mls_bytes part = mls_reader_since(&r, start);
    assert_int_equal(part.len, 3);
    assert_memory_equal(part.data, "\x02hi", 3);
    assert_int_equal(mls_reader_since(&r, r.pos).len, 0);
}

/* Writes `body` bytes inside two nested vectors and reads them back. */
static void
check_nested_vector(size_t body)
{
    struct mls_writer w;
    struct mls_reader outer, inner;
    struct mls_reader r;

    mls_writer_init(&w, mls_provider_default(), 0);
    const size_t a = mls_write_vector(&w);
    mls_write_u8(&w, 0xaa);
    const size_t b = mls_write_vector(&w);
    for (size_t i = 0; i < body; i++)
        mls_write_u8(&w, (uint8_t)i);
    mls_write_vector_end(&w, b);
    mls_write_vector_end(&w, a);
    assert_ok(mls_writer_error(&w));

    mls_reader_init(&r, mls_writer_bytes(&w));
    mls_read_vector(&r, &outer);
    assert_int_equal(mls_read_u8(&outer), 0xaa);
    mls_read_vector(&outer, &inner);
    assert_int_equal(mls_reader_left(&inner), body);
    for (size_t i = 0; i < body; i++)
        assert_int_equal(mls_read_u8(&inner), (uint8_t)i);
    mls_read_vector_end(&outer, &inner);
    mls_read_vector_end(&r, &outer);
    assert_ok(mls_reader_finish(&r));
    mls_writer_fini(&w);
}

static void
vectors_of_every_header_size_nest(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 61, 62, 63, 64, 65, 16380, 16383, 16384, 20000};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_nested_vector(sizes[i]);
}

static void
a_writer_stops_at_its_bound(void **state)
{
    (void)state;
    struct mls_writer w;
    uint8_t *data = NULL;
    size_t len = 0;

    mls_writer_init(&w, mls_provider_default(), 4);
    mls_write_u32(&w, 1);
    assert_ok(mls_writer_error(&w));
    mls_write_u8(&w, 1);
    assert_fails(mls_writer_error(&w), MLS_ESIZE);
    assert_int_equal(mls_writer_bytes(&w).len, 0);
    assert_fails(mls_writer_take(&w, &data, &len), MLS_ESIZE);
    assert_null(data);
    mls_writer_fini(&w);

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_write_varint(&w, (size_t)MLS_VARINT_MAX + 1);
    assert_fails(mls_writer_error(&w), MLS_ESIZE);
    mls_writer_fini(&w);
}

static void
a_taken_buffer_belongs_to_the_caller(void **state)
{
    (void)state;
    const struct mls_provider *p = mls_provider_default();
    struct mls_writer w;
    uint8_t *data = NULL;
    size_t len = 99;

    mls_writer_init(&w, p, 0);
    assert_ok(mls_writer_take(&w, &data, &len));
    assert_null(data);
    assert_int_equal(len, 0);

    mls_write_opaque(&w, mls_bytes("abc", 3));
    assert_ok(mls_writer_take(&w, &data, &len));
    assert_int_equal(len, 4);
    assert_memory_equal(data,
                        "\x03"
                        "abc",
                        4);
    mls_mem_free(p, data, len);
    mls_writer_fini(&w);
    mls_writer_fini(&w);
}

static void
a_writer_without_memory_says_so_and_leaks_nothing(void **state)
{
    (void)state;
    size_t n = 0;
    int rc;

    do {
        struct mls_test_provider tp;
        struct mls_writer w;

        mls_test_provider_init(&tp);
        tp.fail_at = ++n;
        mls_writer_init(&w, &tp.table, 0);
        const size_t mark = mls_write_vector(&w);
        for (uint32_t i = 0; i < 1000; i++)
            mls_write_u32(&w, i);
        mls_write_vector_end(&w, mark);
        rc = mls_writer_error(&w);
        assert_true(rc == 0 || rc == MLS_ENOMEM);
        assert_int_equal(mls_writer_bytes(&w).len, rc == 0 ? 4002 : 0);
        mls_writer_fini(&w);
        mls_test_provider_check(&tp);
    } while (rc);
    assert_in_range(n, 5, 12);
}

static void
every_error_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(mls_error_text(MLS_OK), "ok");
    assert_string_equal(mls_error_name(MLS_EAEAD), "MLS_EAEAD");
    assert_string_equal(mls_error_text(MLS_EDECODE), "malformed or non-canonical encoding");
    assert_string_equal(mls_error_text(-9999), "unknown error");
    assert_string_equal(mls_error_name(1), "MLS_EUNKNOWN");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(official_vectors_hold),
    cmocka_unit_test(a_length_in_more_bytes_than_needed_is_refused),
    cmocka_unit_test(integers_are_big_endian_and_round_trip),
    cmocka_unit_test(an_error_is_sticky_and_reads_give_nothing_after_it),
    cmocka_unit_test(presence_is_zero_or_one),
    cmocka_unit_test(a_vector_longer_than_its_message_is_refused),
    cmocka_unit_test(bytes_left_in_a_vector_or_a_message_are_refused),
    cmocka_unit_test(the_bytes_of_a_read_part_can_be_cut_out),
    cmocka_unit_test(vectors_of_every_header_size_nest),
    cmocka_unit_test(a_writer_stops_at_its_bound),
    cmocka_unit_test(a_taken_buffer_belongs_to_the_caller),
    cmocka_unit_test(a_writer_without_memory_says_so_and_leaks_nothing),
    cmocka_unit_test(every_error_has_a_name_and_a_sentence),
};

SOTTO_TEST_MAIN(tests)
