/* SPDX-License-Identifier: MIT */
/* See http_answer.h. */
#include "core/http_answer.h"

#include <assert.h>
#include <string.h>

#include "sotto/session.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *
reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    assert(!"a status without a reason phrase");
    return "";
}

void
http_answer_head(struct buf *out, int status, const char *fields, const char *type,
                 size_t body_size)
{
    buf_printf(out,
               "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
               "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s"
               "Connection: close\r\n\r\n",
               status, reason_of(status), type, body_size, fields);
}

struct frame_buf *
http_answer_text(int status, const char *fields, const char *text)
{
    struct frame_buf *answer = NULL;
    struct buf bytes = {0};

    http_answer_head(&bytes, status, fields, "text/plain; charset=utf-8", strlen(text) + 1);
    buf_printf(&bytes, "%s\n", text);
    if (!bytes.failed)
        answer = frame_raw(bytes.data, bytes.size);
    buf_fini(&bytes);
    return answer;
}

struct frame_buf *
http_answer_crowded(void)
{
    return http_answer_text(429, HTTP_RETRY_SOON, "too many connections of this address");
}

struct frame_buf *
http_answer_goodbye(uint32_t code)
{
    switch (code) {
    case SOTTO_GOODBYE_UNAUTHENTICATED:
    case SOTTO_GOODBYE_IDLE: return http_answer_text(408, "", "the request did not come in time");
    case SOTTO_GOODBYE_SHUTDOWN:
        return http_answer_text(503, HTTP_RETRY_SOON, "the server stops: come back");
    case SOTTO_GOODBYE_LIMIT: return http_answer_text(503, HTTP_RETRY_SOON, "too many connections");
    default: return http_answer_text(503, "", "the server cannot answer now");
    }
}
