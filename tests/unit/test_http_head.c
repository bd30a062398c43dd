/* SPDX-License-Identifier: MIT */
/* The reader of HTTP heads against what real clients send and against what smuggling is made of. */
#include "sotto_test.h"

#include "core/http_head.h"

#define OK 1 /* stands for "the whole text is the head" */

static int
read_text(struct http_head *head, const char *text)
{
    return http_head_read(head, (const uint8_t *)text, strlen(text));
}

static const struct {
    const char *text;
    int result;
} heads[] = {
    /* What clients send. */
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK},
    {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", OK},
    {"GET /a/b?c=d&e HTTP/1.1\r\nhost:a:7580\r\naccept:*/*\r\n\r\n", OK},
    {"POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", OK},
    {"POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999\r\n\r\n", OK},
    {"POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", OK},
    {"POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:  Chunked \t\r\n\r\n", OK},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", OK},
    {"OPTIONS /s HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: https://x\r\n\r\n", OK},
    {"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
     OK},
    {"DELETE /x HTTP/1.1\r\nHost: a\r\nX-Empty:\r\n\r\n", OK},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: tab\there \xc3\xbc\r\n\r\n", OK},
    {"M-SEARCH / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n", OK},
    /* Not yet whole. */
    {"", HTTP_HEAD_MORE},
    {"G", HTTP_HEAD_MORE},
    {"GET / HTTP/1.1\r", HTTP_HEAD_MORE},
    {"GET / HTTP/1.1\r\nHost: a\r\n", HTTP_HEAD_MORE},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r", HTTP_HEAD_MORE},
    /* Line ends. */
    {"GET / HTTP/1.1\nHost: a\n\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\rHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", HTTP_HEAD_BAD},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    /* Request lines. */
    {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET /\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/11\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", HTTP_HEAD_VERSION},
    {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", HTTP_HEAD_VERSION},
    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", HTTP_HEAD_VERSION},
    {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_HEAD_BAD},
    /* Field lines. */
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\n\tfolded: x\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xbc: z\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", HTTP_HEAD_BAD},
    /* Host. */
    {"GET / HTTP/1.1\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", HTTP_HEAD_BAD},
    /* Bodies. */
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 \t5\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     HTTP_HEAD_BAD},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
     HTTP_HEAD_NOT_SUPPORTED},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", HTTP_HEAD_NOT_SUPPORTED},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", HTTP_HEAD_NOT_SUPPORTED},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", HTTP_HEAD_NOT_SUPPORTED},
    {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", HTTP_HEAD_BAD},
    {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_HEAD_BAD},
    {"POST /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
     "Content-Length: 4\r\n\r\n",
     HTTP_HEAD_BAD},
};

static void
every_head_has_its_one_outcome(void **state)
{
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        const int want = heads[i].result == OK ? (int)strlen(heads[i].text) : heads[i].result;
        const int got = read_text(&head, heads[i].text);

        if (got != want)
            fail_msg("head %zu gives %d instead of %d: %s", i, got, want, heads[i].text);
    }
    printf("# %zu heads\n", sizeof(heads) / sizeof(heads[0]));
}

static void
a_good_head_is_never_refused_at_any_length(void **state)
{
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        for (size_t size = 0; heads[i].result == OK && size < strlen(heads[i].text); size++)
            assert_int_equal(http_head_read(&head, (const uint8_t *)heads[i].text, size),
                             HTTP_HEAD_MORE);
}

static void
the_parts_of_a_head_are_found(void **state)
{
    static const char text[] =
        "POST /a/b?x=1&y HTTP/1.1\r\nHost: h:1\r\nConnection: keep-alive ,Upgrade\r\n"
        "upgrade: websocket\r\nX-Twice: 1\r\nx-twice: 2\r\nAccept:  a, b \r\n\r\nbody";
    struct http_head head;

    (void)state;
    assert_int_equal(read_text(&head, text), sizeof(text) - 1 - 4);
    assert_true(http_view_is(head.method, "POST"));
    assert_true(http_view_is(head.path, "/a/b"));
    assert_true(http_view_is(head.query, "x=1&y"));
    assert_true(http_view_is(head.host, "h:1"));
    assert_true(head.keep_alive && head.upgrade && !head.chunked && !head.has_length);
    assert_int_equal(http_head_count(&head, "X-TWICE"), 2);
    assert_null(http_head_field(&head, "x-twice"));
    assert_true(http_view_is(http_head_field(&head, "accept")->value, "a, b"));
    assert_true(http_list_has(http_head_field(&head, "accept")->value, "B"));
    assert_false(http_list_has(http_head_field(&head, "accept")->value, "c"));
}

static void
a_head_over_eight_kibibytes_or_sixty_four_fields_is_refused(void **state)
{
    char *text = calloc(1, 20000);
    struct http_head head;
    size_t size;

    (void)state;
    size = (size_t)snprintf(text, 20000, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(text + size, 'x', 15000);
    assert_int_equal(http_head_read(&head, (uint8_t *)text, HTTP_HEAD_BYTES_MAX - 1),
                     HTTP_HEAD_MORE);
    assert_int_equal(http_head_read(&head, (uint8_t *)text, HTTP_HEAD_BYTES_MAX),
                     HTTP_HEAD_TOO_LONG);
    assert_int_equal(http_head_read(&head, (uint8_t *)text, 15000), HTTP_HEAD_TOO_LONG);
    size = (size_t)snprintf(text, 20000, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 64; i++)
        size += (size_t)snprintf(text + size, 20000 - size, "X: y\r\n");
    snprintf(text + size, 20000 - size, "\r\n");
    assert_int_equal(read_text(&head, text), HTTP_HEAD_TOO_LONG);
    assert_int_equal(http_head_read(&head, (const uint8_t *)"GET / HTTP/1.1\r\nA\0: b\r\n\r\n", 24),
                     HTTP_HEAD_BAD);
    free(text);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_head_has_its_one_outcome),
    cmocka_unit_test(a_good_head_is_never_refused_at_any_length),
    cmocka_unit_test(the_parts_of_a_head_are_found),
    cmocka_unit_test(a_head_over_eight_kibibytes_or_sixty_four_fields_is_refused),
};

SOTTO_TEST_MAIN(tests)
