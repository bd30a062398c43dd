/* SPDX-License-Identifier: MIT */
/* See utf8.h. */
#include "core/utf8.h"

static size_t
sequence_size(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2)
        return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
}

size_t
utf8_sequence(const void *text, size_t size)
{
    const unsigned char *at = text;
    const size_t length = size ? sequence_size(at[0]) : 0;

    if (length < 2)
        return length;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* The four leads whose second byte is restricted: overlong forms, surrogates, beyond U+10FFFF. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

bool
utf8_valid(const void *text, size_t size)
{
    const unsigned char *at = text;

    while (size) {
        const size_t length = utf8_sequence(at, size);

        if (length == 0)
            return false;
        at += length;
        size -= length;
    }
    return true;
}
