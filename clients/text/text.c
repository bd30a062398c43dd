/* SPDX-License-Identifier: MIT */
/*
 * Looking texts up. `scripts/texts` makes catalogues out of the .po files while building; this file
 * knows how each language counts. See text.h.
 */
#include "text.h"
#include "catalogue.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct language {
    const char *code;
    const struct text_entry *entries; /* in the order of strcmp */
    const size_t *count;
    size_t (*form)(unsigned long long count); /* which of the translations counts right */
};

/* 1 сообщение, 2 сообщения, 5 сообщений, 11 сообщений, 21 сообщение. */
static size_t
russian_form(unsigned long long count)
{
    unsigned long long last = count % 10;
    bool teens = count % 100 >= 11 && count % 100 <= 14;
    if (last == 1 && !teens)
        return 0;
    return last >= 2 && last <= 4 && !teens ? 1 : 2;
}

static const struct language languages[] = {
    {"ru", text_ru, &text_ru_count, russian_form},
};
#define LANGUAGE_COUNT (sizeof(languages) / sizeof(languages[0]))

static const struct language *
find_language(const char *code)
{
    for (size_t i = 0; code && i < LANGUAGE_COUNT; i++)
        if (!strcmp(languages[i].code, code))
            return &languages[i];
    return NULL;
}

int
text_has_language(const char *code)
{
    return !strcmp(code, "en") || find_language(code) != NULL;
}

static int
compare(const void *key, const void *entry)
{
    return strcmp(key, ((const struct text_entry *)entry)->english);
}

/* NULL when there is no translation. */
static const struct text_entry *
look_up(const struct language *language, const char *english)
{
    if (!language)
        return NULL;
    return bsearch(english, language->entries, *language->count, sizeof(struct text_entry),
                   compare);
}

const char *
tr(const char *english)
{
    const struct language *language = find_language(getenv(TEXT_LANGUAGE_VARIABLE));
    const struct text_entry *entry = look_up(language, english);
    return entry ? entry->forms[0] : english;
}

const char *
tr_count(const char *one, const char *many, unsigned long long count)
{
    const struct language *language = find_language(getenv(TEXT_LANGUAGE_VARIABLE));
    const struct text_entry *entry = look_up(language, one);
    const char *form = entry ? entry->forms[language->form(count)] : NULL;
    if (form)
        return form;
    return count == 1 ? one : many;
}
