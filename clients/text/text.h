/* SPDX-License-Identifier: MIT */
/*
 * What the clients say to people, in the language of whoever reads it. A text is written in English
 * where it is used and looked up by that English; clients/text/ru.po has the Russian. What has no
 * translation stays English, so a new text can be added before its translation.
 *
 *     printf(tr("there is no chat \"%s\"\n"), name);
 *     printf(tr_count("%zu login ended\n", "%zu logins ended\n", count), count);
 *     static const char *const words[] = {TR("pending"), TR("sent")};   then tr(words[i])
 *
 * The catalogues are compiled into the program: nothing has to be installed, and no locale has to
 * exist on the machine. The language stands in the environment variable SOTTO_LANG ("ru"; anything
 * else, or none, is English), which the program sets once before it starts a thread. There is no
 * other state, and a program that uses the client library and does not ask for it gets English.
 */
#ifndef SOTTO_TEXT_H
#define SOTTO_TEXT_H

#define TEXT_LANGUAGE_VARIABLE "SOTTO_LANG"

/* The text in the reader's language; lives as long as the program. */
const char *tr(const char *english) __attribute__((format_arg(1)));

/* The same for a text that counts something; English has two forms, others have more. */
const char *tr_count(const char *one, const char *many, unsigned long long count)
    __attribute__((format_arg(1), format_arg(2)));

/* Marks a text that stands in a table and is looked up later; it is the text itself. */
#define TR(english) english

/* True for a code that there is a catalogue for, or "en". */
int text_has_language(const char *code);

#endif
