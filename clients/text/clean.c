/* SPDX-License-Identifier: MIT */
/*
 * Harmless text. See clean.h.
 */
#include "clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Decodes one character of strict UTF-8 (RFC 3629); 0 bytes when there is none. */
static size_t
decode(const unsigned char *p, uint32_t *code_out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = *p < 0x80 ? 1 : *p >= 0xf0 && *p < 0xf5 ? 4 : *p >= 0xe0 ? 3 : 2;
    uint32_t code = len == 1 ? *p : *p & (0x7fu >> len);
    if (*p >= 0x80 && (*p < 0xc2 || *p > 0xf4))
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *code_out = code;
    return len;
}

static bool
is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Embeddings, overrides and isolates (UAX #9), and the separators that some terminals break at. */
static bool
turns_the_line(uint32_t code)
{
    return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0x2028 || code == 0x2029;
}

void
clean_next(const char **text, char shown_out[CLEAN_BYTES_MAX])
{
    uint32_t code = 0;
    size_t len = decode((const unsigned char *)*text, &code);
    if (code == '\n' || code == '\t')
        snprintf(shown_out, CLEAN_BYTES_MAX, "%s", code == '\n' ? "\n" : " ");
    else if (len == 0 || is_control(code))
        snprintf(shown_out, CLEAN_BYTES_MAX, REPLACEMENT);
    else if (turns_the_line(code))
        snprintf(shown_out, CLEAN_BYTES_MAX, "<U+%04X>", (unsigned)code);
    else
        snprintf(shown_out, CLEAN_BYTES_MAX, "%.*s", (int)len, *text);
    *text += len ? len : 1;
}

void
clean_line(const char *text, char *out, size_t size)
{
    size_t used = 0;
    while (*text) {
        char shown[CLEAN_BYTES_MAX];
        clean_next(&text, shown);
        const char *piece = *shown == '\n' ? " " : shown;
        size_t len = strlen(piece);
        if (used + len + 1 > size)
            break;
        memcpy(out + used, piece, len);
        used += len;
    }
    out[used] = 0;
}
