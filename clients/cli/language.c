/* SPDX-License-Identifier: MIT */
/*
 * Which language to speak, and that characters are UTF-8. `--lang` decides, then SOTTO_LANG, then
 * the usual LC_ALL, LC_MESSAGES and LANG, of which only the language counts: a machine without the
 * locale speaks it all the same. What there is no catalogue for becomes English.
 */
#include "cli.h"
#include "text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define CODE_BYTES 3 /* two letters */

/* "ru_RU.UTF-8" is "ru"; false when there is no catalogue for it. */
static bool
take_code(const char *locale, char code_out[CODE_BYTES])
{
    char code[CODE_BYTES] = {0};
    size_t len = strcspn(locale, "_.@-");
    if (len != CODE_BYTES - 1)
        return false;
    memcpy(code, locale, len);
    if (!text_has_language(code))
        return false;
    memcpy(code_out, code, CODE_BYTES);
    return true;
}

/* The first variable that says anything decides, as setlocale does it. */
static void
code_of_environment(char code_out[CODE_BYTES])
{
    static const char *const names[] = {TEXT_LANGUAGE_VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value && *value) {
            take_code(value, code_out);
            return;
        }
    }
}

/* The last --lang of the command line; options are read later, and their errors need it. */
static const char *
wanted(int argc, char **argv)
{
    const char *found = NULL;
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strncmp(argv[i], "--lang=", 7))
            found = argv[i] + 7;
        else if (!strcmp(argv[i], "--lang") && i + 1 < argc)
            found = argv[i + 1];
    }
    return found;
}

int
language_choose(const struct cli *cli, int argc, char **argv)
{
    char code[CODE_BYTES] = "en";
    const char *given = wanted(argc, argv);
    bool known = !given || take_code(given, code);
    if (!given)
        code_of_environment(code);
    setenv(TEXT_LANGUAGE_VARIABLE, code, 1);
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    if (!known)
        return print_usage_error(cli, "there is no language \"%.20s\": en or ru", given);
    return SOTTO_CLIENT_OK;
}
