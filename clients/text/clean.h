/* SPDX-License-Identifier: MIT */
/*
 * Text that others wrote, made harmless for a terminal. Control characters would move the cursor and
 * give orders; the characters that override the direction of writing would make a line read as
 * something else than it says. Each of them is shown instead: controls as U+FFFD, the direction ones
 * by their number, <U+202E>. Bytes that are no UTF-8 become U+FFFD as well.
 */
#ifndef SOTTO_CLEAN_H
#define SOTTO_CLEAN_H

#include <stddef.h>

#define CLEAN_BYTES_MAX 12 /* that one character of the input can become, with a final zero */

/* What the character at *text is shown as; moves *text behind it. Not at the final zero. A newline
 * stays what it is. */
void clean_next(const char **text, char shown_out[CLEAN_BYTES_MAX]);

/* The same for a whole text, cut to the buffer between two characters; newlines become spaces. */
void clean_line(const char *text, char *out, size_t size);

#endif
