/* SPDX-License-Identifier: MIT */
/* Token buckets: the figure within its tolerance, bursts, payers, and a table that stays bounded. */
#include "sotto_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>

#include "core/ratelimit.h"

static const struct settings_rate rates[SETTINGS_RATES] = {
    [SOTTO_RATE_GENERAL] = {.per_second = 100, .burst = 100},
    [SOTTO_RATE_LOGIN] = {.per_second = 5, .burst = 5},
    [SOTTO_RATE_REGISTER] = {.per_second = 2, .burst = 2},
    [SOTTO_RATE_SEND] = {.per_second = 100, .burst = 400},
};

static int
setup(void **state)
{
    struct ratelimit *limit;

    assert_true(sodium_init() >= 0);
    assert_ok(ratelimit_create(rates, 1000, &limit));
    *state = limit;
    return 0;
}

static int
teardown(void **state)
{
    struct ratelimit *limit = *state;

    ratelimit_destroy(&limit);
    assert_null(limit);
    return 0;
}

static struct ratelimit_key
address(const char *text)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct ratelimit_key key;

    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1) {
        ratelimit_key_address((struct sockaddr *)&in4, &key);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        ratelimit_key_address((struct sockaddr *)&in6, &key);
    }
    return key;
}

/* How many of `each` tries a millisecond pass in ms milliseconds. */
static unsigned
passes(struct ratelimit *limit, enum sotto_rate rate, const struct ratelimit_key *key,
       uint64_t from, uint64_t ms, unsigned each)
{
    unsigned passed = 0;
    uint32_t retry;

    for (uint64_t now = from; now < from + ms; now++)
        for (unsigned i = 0; i < each; i++)
            passed += ratelimit_take(limit, rate, key, now, &retry);
    return passed;
}

static void
a_flood_gets_the_figure_and_no_more(void **state)
{
    struct ratelimit_key key = address("192.0.2.1");

    /* ten seconds and the full bucket, at ten and at a hundred times the rate */
    assert_in_range(passes(*state, SOTTO_RATE_GENERAL, &key, 0, 10000, 1), 1099, 1101);
    assert_in_range(passes(*state, SOTTO_RATE_LOGIN, &key, 0, 10000, 1), 54, 56);
    assert_in_range(passes(*state, SOTTO_RATE_REGISTER, &key, 0, 10000, 10), 21, 23);
}

static void
a_burst_passes_as_far_as_the_bucket_goes(void **state)
{
    struct ratelimit_key key = address("192.0.2.1");
    uint32_t retry = 0;

    assert_int_equal(passes(*state, SOTTO_RATE_SEND, &key, 0, 1, 1000), 400);
    assert_false(ratelimit_take(*state, SOTTO_RATE_SEND, &key, 0, &retry));
    assert_int_equal(retry, 10);
    assert_true(ratelimit_take(*state, SOTTO_RATE_SEND, &key, retry, &retry));
}

static void
classes_and_payers_do_not_share_buckets(void **state)
{
    struct ratelimit_key a = address("192.0.2.1");
    struct ratelimit_key b = address("192.0.2.2");
    struct ratelimit_key user;
    uint8_t id[SOTTO_ID_BYTES] = {192, 0, 2, 1};

    ratelimit_key_user(id, &user);
    passes(*state, SOTTO_RATE_LOGIN, &a, 0, 1, 100);

    assert_int_equal(passes(*state, SOTTO_RATE_GENERAL, &a, 0, 1, 1), 1);
    assert_int_equal(passes(*state, SOTTO_RATE_LOGIN, &b, 0, 1, 1), 1);
    assert_int_equal(passes(*state, SOTTO_RATE_LOGIN, &user, 0, 1, 1), 1);
}

static void
an_ipv6_line_is_one_payer(void **state)
{
    struct ratelimit_key a = address("2001:db8:1:2::1");
    struct ratelimit_key b = address("2001:db8:1:2:ffff::2");
    struct ratelimit_key c = address("2001:db8:1:3::1");
    struct ratelimit_key mapped = address("::ffff:192.0.2.1");
    struct ratelimit_key plain = address("192.0.2.1");

    (void)state;
    assert_memory_equal(&a, &b, sizeof(a));
    assert_memory_not_equal(&a, &c, sizeof(a));
    assert_memory_equal(&mapped, &plain, sizeof(plain));
}

static void
the_table_is_bounded_and_forgets_the_longest_silent(void **state)
{
    struct ratelimit *limit = *state;
    struct ratelimit_key first = address("192.0.2.1");
    uint32_t retry;

    passes(limit, SOTTO_RATE_LOGIN, &first, 0, 1, 10);
    for (uint32_t i = 0; i < 50000; i++) {
        struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000000 + i)};
        struct ratelimit_key key;

        ratelimit_key_address((struct sockaddr *)&in4, &key);
        assert_true(ratelimit_take(limit, SOTTO_RATE_LOGIN, &key, 0, &retry));
        if (i < 500) /* asked for now and then: it stays */
            assert_false(ratelimit_take(limit, SOTTO_RATE_LOGIN, &first, 0, &retry));
    }

    assert_int_equal(ratelimit_count(limit), 1000);
    assert_true(ratelimit_take(limit, SOTTO_RATE_LOGIN, &first, 0, &retry)); /* forgotten by now */
}

/* The largest table that the conf allows, and as many payers again. */
static void
a_table_of_a_million_stays_a_million(void **state)
{
    const uint32_t entries = 1000000;
    struct ratelimit *limit;
    uint32_t retry;

    (void)state;
    assert_ok(ratelimit_create(rates, entries, &limit));
    for (uint32_t i = 0; i < 2 * entries; i++) {
        struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000000 + i)};
        struct ratelimit_key key;

        ratelimit_key_address((struct sockaddr *)&in4, &key);
        for (int j = 0; j < 2; j++) /* two of REGISTER, and no third */
            assert_true(ratelimit_take(limit, SOTTO_RATE_REGISTER, &key, 0, &retry));
        if (i % 1000 == 0)
            assert_false(ratelimit_take(limit, SOTTO_RATE_REGISTER, &key, 0, &retry));
    }

    assert_int_equal(ratelimit_count(limit), entries);
    for (uint32_t i = entries; i < 2 * entries;
         i += 1000) { /* each is remembered for what it did */
        struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000000 + i)};
        struct ratelimit_key key;

        ratelimit_key_address((struct sockaddr *)&in4, &key);
        assert_false(ratelimit_take(limit, SOTTO_RATE_REGISTER, &key, 0, &retry));
    }
    ratelimit_destroy(&limit);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(a_flood_gets_the_figure_and_no_more),
    CASE(a_burst_passes_as_far_as_the_bucket_goes),
    CASE(classes_and_payers_do_not_share_buckets),
    CASE(an_ipv6_line_is_one_payer),
    CASE(the_table_is_bounded_and_forgets_the_longest_silent),
    CASE(a_table_of_a_million_stays_a_million),
};

SOTTO_TEST_MAIN(tests)
