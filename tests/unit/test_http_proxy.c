/* SPDX-License-Identifier: MIT */
/* Whom a request comes from: what is believed of whom, and what a stranger can make the server believe (nothing). */
#include "sotto_test.h"

#include "core/http_proxy.h"
#include "core/net_addr.h"

#define FOR "X-Forwarded-For: "

static const struct {
    const char *direct, *fields, *want;
} rows[] = {
    {"192.0.2.9:1", FOR "198.51.100.1\r\n", "192.0.2.9"}, /* no proxy of ours */
    {"127.0.0.1:1", "", "127.0.0.1"},
    {"127.0.0.1:1", FOR "198.51.100.1\r\n", "198.51.100.1"},
    {"127.0.0.1:1", FOR "198.51.100.1:4711\r\n", "198.51.100.1"},
    {"127.0.0.1:1", FOR "2001:db8::1\r\n", "2001:db8::1"},
    {"127.0.0.1:1", FOR "[2001:db8::1]\r\n", "2001:db8::1"},
    {"127.0.0.1:1", FOR "[2001:DB8::1]:443\r\n", "2001:db8::1"},
    {"[::1]:1", FOR "198.51.100.1\r\n", "198.51.100.1"},
    /* The first ones are what the client says of itself. */
    {"127.0.0.1:1", FOR "203.0.113.66, 198.51.100.1\r\n", "198.51.100.1"},
    {"127.0.0.1:1", FOR "203.0.113.66\r\n" FOR "198.51.100.1\r\n", "198.51.100.1"},
    {"127.0.0.1:1", FOR "127.0.0.1, 198.51.100.1\r\n", "198.51.100.1"},
    /* Two proxies in a row. */
    {"127.0.0.1:1", FOR "203.0.113.66, 198.51.100.1, 10.0.0.7\r\n", "198.51.100.1"},
    {"127.0.0.1:1", FOR "10.0.0.7\r\n", "127.0.0.1"},
    /* What cannot be read is not guessed at. */
    {"127.0.0.1:1", FOR "unknown\r\n", "127.0.0.1"},
    {"127.0.0.1:1", FOR "198.51.100.1, unknown\r\n", "127.0.0.1"},
    {"127.0.0.1:1", FOR "198.51.100.1,\r\n", "198.51.100.1"},
    {"127.0.0.1:1", FOR "198.51.100.256\r\n", "127.0.0.1"},
    {"127.0.0.1:1", FOR "198.51.100.1 203.0.113.66\r\n", "127.0.0.1"},
    {"127.0.0.1:1", "Forwarded: for=198.51.100.1\r\n", "127.0.0.1"},
};

static void
only_a_named_proxy_is_believed_and_only_its_own_words(void **state)
{
    static const struct settings_names proxies = {.at = {"127.0.0.1", "10.0.0.7", "::1"},
                                                  .count = 3};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockaddr_storage direct, client;
        struct http_head head;
        char text[512], got[NET_ADDR_TEXT_MAX];

        assert_ok(net_addr_parse(rows[i].direct, &direct));
        snprintf(text, sizeof(text), "GET /ws HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].fields);
        assert_int_equal(http_head_read(&head, (uint8_t *)text, strlen(text)), strlen(text));
        http_client_address(&head, &proxies, &direct, &client);
        net_addr_print_host((struct sockaddr *)&client, got, sizeof(got));
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: %s gives %s", rows[i].direct, rows[i].fields, got);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(only_a_named_proxy_is_believed_and_only_its_own_words),
};

SOTTO_TEST_MAIN(tests)
