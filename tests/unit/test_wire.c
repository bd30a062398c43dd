/* SPDX-License-Identifier: MIT */
/* What is checked before protobuf-c decodes, and which schemas are refused. */
#include "sotto_test.h"

#include "core/wire.h"
#include "golden.pb-c.h"
#include "tests/support/rig.pb-c.h"

static int
check(const void *data, size_t size)
{
    const char *why = NULL;
    int rc = wire_check(&sotto__rig__v1__text__descriptor, data, size, &why);

    if (rc)
        assert_non_null(why);
    return rc;
}

#define CHECK(literal) check(literal, sizeof(literal) - 1)

static void
texts_are_utf8_without_nul(void **state)
{
    (void)state;
    assert_ok(CHECK(""));
    assert_ok(CHECK("\x0a\x00"));
    assert_ok(CHECK("\x0a\x05"
                    "a\xc3\xa9\xc3\xb1"));
    assert_fails(CHECK("\x0a\x01\x00"), SOTTO_EINVALID);
    assert_fails(CHECK("\x0a\x03"
                       "a\x00z"),
                 SOTTO_EINVALID);
    assert_fails(CHECK("\x0a\x01\xff"), SOTTO_EINVALID);
    assert_fails(CHECK("\x0a\x02\xc0\x80"), SOTTO_EINVALID);
    assert_fails(CHECK("\x0a\x03\xed\xa0\x80"), SOTTO_EINVALID);
    assert_ok(CHECK("\x12\x02\x00\xff")); /* bytes may be anything */
}

static void
texts_inside_messages_are_checked_too(void **state)
{
    (void)state;
    assert_ok(CHECK("\x1a\x03\x0a\x01n"));
    assert_fails(CHECK("\x1a\x03\x0a\x01\x80"), SOTTO_EINVALID);
    assert_fails(CHECK("\x1a\x03\x12\x01\x80"), SOTTO_EINVALID); /* member of a oneof */
}

static void
lengths_and_numbers_stay_inside_the_message(void **state)
{
    (void)state;
    assert_fails(CHECK("\x0a"), SOTTO_EINVALID);
    assert_fails(CHECK("\x0a\x05xx"), SOTTO_EINVALID);
    assert_fails(CHECK("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), SOTTO_EINVALID);
    assert_fails(CHECK("\x00\x01"), SOTTO_EINVALID); /* field 0 */
    assert_fails(CHECK("\x0b\x0c"), SOTTO_EINVALID); /* groups */
    assert_fails(CHECK("\x1a\x03\x0a\x05n"), SOTTO_EINVALID);
    assert_fails(CHECK("\x79\x01"), SOTTO_EINVALID); /* 8 bytes announced, 1 there */
}

static void
fields_have_the_type_of_the_schema(void **state)
{
    (void)state;
    assert_fails(CHECK("\x08\x01"), SOTTO_EINVALID);         /* a text as a number */
    assert_fails(CHECK("\x0d\x01zzz"), SOTTO_EINVALID);      /* a text as four bytes */
    assert_ok(CHECK("\x20\x01"));                            /* a number of a list */
    assert_ok(CHECK("\x22\x02\x01\x02"));                    /* two of them, packed */
    assert_fails(CHECK("\x25\x01zzz"), SOTTO_EINVALID);      /* a number as four bytes */
    assert_fails(CHECK("\x1a\x02\x1a\x00"), SOTTO_EINVALID); /* a single number as bytes */
}

static void
numbers_of_a_fixed_size_have_that_size(void **state)
{
    static const ProtobufCMessageDescriptor *scalars = &sotto__golden__v1__scalars__descriptor;
    static const uint8_t fixed32[] = "\x3d\1\2\3\4", fixed64[] = "\x41\1\2\3\4\5\6\7\x8";
    static const uint8_t real32[] = "\x5d\1\2\3\4", real64[] = "\x61\1\2\3\4\5\6\7\x8";
    const char *why = NULL;

    (void)state;
    assert_ok(wire_check(scalars, fixed32, 5, &why));
    assert_ok(wire_check(scalars, fixed64, 9, &why));
    assert_ok(wire_check(scalars, real32, 5, &why));
    assert_ok(wire_check(scalars, real64, 9, &why));
    for (size_t cut = 1; cut < 5; cut++)
        assert_fails(wire_check(scalars, fixed32, cut, &why), SOTTO_EINVALID);
    for (size_t cut = 1; cut < 9; cut++)
        assert_fails(wire_check(scalars, fixed64, cut, &why), SOTTO_EINVALID);
    /* a fixed32 as a number, a fixed64 as four bytes, a float as eight */
    assert_fails(wire_check(scalars, (const uint8_t *)"\x38\1", 2, &why), SOTTO_EINVALID);
    assert_fails(wire_check(scalars, (const uint8_t *)"\x45\1\2\3\4", 5, &why), SOTTO_EINVALID);
    assert_fails(wire_check(scalars, (const uint8_t *)"\x59\1\2\3\4\5\6\7\x8", 9, &why),
                 SOTTO_EINVALID);
}

static void
unknown_fields_are_few(void **state)
{
    uint8_t bytes[2 * (WIRE_UNKNOWN_MAX + 1)];

    (void)state;
    for (size_t i = 0; i <= WIRE_UNKNOWN_MAX; i++)
        memcpy(bytes + 2 * i, (uint8_t[]){0x78, 1}, 2);

    assert_ok(check(bytes, 2 * WIRE_UNKNOWN_MAX));
    assert_fails(check(bytes, 2 * (WIRE_UNKNOWN_MAX + 1)), SOTTO_EINVALID);
}

static void
a_message_that_contains_itself_is_refused(void **state)
{
    const char *name = NULL;

    (void)state;
    assert_ok(wire_check_schema(&sotto__rig__v1__text__descriptor, &name));
    assert_fails(wire_check_schema(&sotto__rig__v1__cycle__descriptor, &name), SOTTO_ELOOP);
    assert_string_equal(name, "sotto.rig.v1.Cycle");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(texts_are_utf8_without_nul),
    cmocka_unit_test(texts_inside_messages_are_checked_too),
    cmocka_unit_test(lengths_and_numbers_stay_inside_the_message),
    cmocka_unit_test(fields_have_the_type_of_the_schema),
    cmocka_unit_test(numbers_of_a_fixed_size_have_that_size),
    cmocka_unit_test(unknown_fields_are_few),
    cmocka_unit_test(a_message_that_contains_itself_is_refused),
};

SOTTO_TEST_MAIN(tests)
