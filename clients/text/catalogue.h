/* SPDX-License-Identifier: MIT */
/*
 * What `scripts/texts compile` writes for each language: its texts, sorted by their English.
 */
#ifndef TEXT_CATALOGUE_H
#define TEXT_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_FORMS_MAX 3 /* of one text by number: Russian has so many */

struct text_entry {
    const char *english;
    const char *forms[TEXT_FORMS_MAX]; /* a text that does not count has the first only */
};

extern const struct text_entry text_ru[];
extern const size_t text_ru_count;

#endif
