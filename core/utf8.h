/* SPDX-License-Identifier: MIT */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing over U+10FFFF. Any thread. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the sequence at text (1 to 4, at most size), 0 if there is no valid one. */
size_t utf8_sequence(const void *text, size_t size);
bool utf8_valid(const void *text, size_t size);

/* Text that comes in pieces. All zero: at the start, or between two characters. */
struct utf8_check {
    uint8_t left;      /* bytes that the character still needs */
    uint8_t low, high; /* bounds of the next one */
};
/* false from the first byte that no text can contain at its place. */
bool utf8_check_more(struct utf8_check *, const void *text, size_t size);
/* Whether the text may end here. */
bool utf8_check_end(const struct utf8_check *);

#endif
