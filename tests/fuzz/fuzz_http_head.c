/* SPDX-License-Identifier: MIT */
/* HTTP heads: every view lies within the head, and reading byte by byte ends as reading at once does. */
#include "fuzz.h"

#include "core/http_head.h"
#include "core/ws_deflate.h"

#include <assert.h>

static void
check_view(struct sotto_view view, const uint8_t *data, size_t head)
{
    assert(view.size == 0 || (view.data >= data && view.data + view.size <= data + head));
}

static void
check_head(const struct http_head *head, const uint8_t *data, size_t size)
{
    struct ws_extension extension;

    ws_extension_read(&extension, head);
    check_view(head->method, data, size);
    check_view(head->target, data, size);
    check_view(head->path, data, size);
    check_view(head->query, data, size);
    check_view(head->host, data, size);
    assert(head->method.size > 0 && head->target.size > 0);
    assert(!(head->chunked && head->has_length));
    assert(head->field_count <= HTTP_FIELDS_MAX && http_head_count(head, "host") == 1);
    for (size_t i = 0; i < head->field_count; i++) {
        check_view(head->fields[i].name, data, size);
        check_view(head->fields[i].value, data, size);
        http_list_has(head->fields[i].value, "upgrade");
    }
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct http_head head, again;
    const int rc = http_head_read(&head, data, size);

    (void)state;
    if (rc <= 0)
        return false;
    assert((size_t)rc <= size && rc <= HTTP_HEAD_BYTES_MAX);
    check_head(&head, data, (size_t)rc);
    /* What stands behind the head has no say, and one byte less is not a head yet. */
    assert(http_head_read(&again, data, (size_t)rc) == rc);
    assert(http_head_read(&again, data, (size_t)rc - 1) == HTTP_HEAD_MORE);
    return true;
}

const struct fuzz_target fuzz_target = {.name = "http_head", .one = one};
