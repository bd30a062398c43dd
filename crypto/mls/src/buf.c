/* SPDX-License-Identifier: MIT */
/*
 * Outputs handed to callers (mls/bytes.h): a block of the provider's memory that remembers its
 * provider, so that the caller can wipe and free it without knowing one.
 */
#include "buf.h"

#include <string.h>

void
mls_buf_init(struct mls_buf *buf)
{
    *buf = (struct mls_buf){0};
}

void
mls_buf_fini(struct mls_buf *buf)
{
    if (buf->provider != NULL)
        mls_mem_free(buf->provider, buf->data, buf->len);
    mls_buf_init(buf);
}

int
mls_buf_set(struct mls_buf *buf, const struct mls_provider *provider, struct mls_bytes bytes)
{
    struct mls_buf made = {0};

    if (bytes.len > 0) {
        made.data = mls_mem_dup(provider, bytes);
        if (made.data == NULL)
            return MLS_ENOMEM;
        made.len = bytes.len;
        made.provider = provider;
    }
    mls_buf_fini(buf);
    *buf = made;
    return 0;
}

int
mls_buf_take(struct mls_buf *buf, struct mls_writer *w)
{
    struct mls_buf made = {.provider = w->p};
    int error = mls_writer_take(w, &made.data, &made.len);

    if (error != 0)
        return error;
    mls_buf_fini(buf);
    *buf = made;
    return 0;
}

void
mls_buf_move(struct mls_buf *buf, struct mls_buf *from)
{
    mls_buf_fini(buf);
    *buf = *from;
    mls_buf_init(from);
}

struct mls_bytes
mls_text(const char *string)
{
    return mls_bytes(string, strlen(string));
}
