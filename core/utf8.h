/* SPDX-License-Identifier: MIT */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing over U+10FFFF. Any thread. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the sequence at text (1 to 4, at most size), 0 if there is no valid one. */
size_t utf8_sequence(const void *text, size_t size);
bool utf8_valid(const void *text, size_t size);

#endif
