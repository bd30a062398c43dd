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

/* Bounds of the byte behind a lead: narrower behind the four leads that could begin an overlong form, a surrogate, or
 * something beyond U+10FFFF. */
static void
expect(struct utf8_check *check, unsigned char lead, size_t length)
{
    *check = (struct utf8_check){.left = (uint8_t)(length - 1), .low = 0x80, .high = 0xbf};
    switch (lead) {
    case 0xe0: check->low = 0xa0; break;
    case 0xed: check->high = 0x9f; break;
    case 0xf0: check->low = 0x90; break;
    case 0xf4: check->high = 0x8f; break;
    default: break;
    }
}

bool
utf8_check_more(struct utf8_check *check, const void *text, size_t size)
{
    const unsigned char *at = text;

    for (size_t i = 0; i < size; i++) {
        if (check->left) {
            if (at[i] < check->low || at[i] > check->high)
                return false;
            *check =
                (struct utf8_check){.left = (uint8_t)(check->left - 1), .low = 0x80, .high = 0xbf};
        } else if (at[i] >= 0x80) {
            const size_t length = sequence_size(at[i]);

            if (length == 0)
                return false;
            expect(check, at[i], length);
        }
    }
    return true;
}

bool
utf8_check_end(const struct utf8_check *check)
{
    return check->left == 0;
}
