/* SPDX-License-Identifier: MIT */
/*
 * The command line. Options are written --name VALUE or --name=VALUE, anywhere; `--` ends them, and
 * a lone `-` is a word.
 */
#include "cli.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

struct option {
    const char *name;
    const char **value; /* takes a value */
    bool *flag;         /* or is a switch */
    bool global;
};

#define OPTION_COUNT 24

static size_t
list_options(struct cli *cli, const char **timeout, struct option out[OPTION_COUNT])
{
    const struct option list[] = {
        {"profile", &cli->profile, NULL, true},
        {"server", &cli->server, NULL, true},
        {"password-file", &cli->password_file, NULL, true},
        {"passphrase-file", &cli->passphrase_file, NULL, true},
        {"timeout", timeout, NULL, true},
        {"lang", &cli->lang, NULL, true},
        {"json", NULL, &cli->json, true},
        {"quiet", NULL, &cli->quiet, true},
        {"help", NULL, &cli->help, true},
        {"device", &cli->device, NULL, false},
        {"title", &cli->title, NULL, false},
        {"mode", &cli->mode, NULL, false},
        {"type", &cli->type, NULL, false},
        {"limit", &cli->limit, NULL, false},
        {"since", &cli->since, NULL, false},
        {"count", &cli->count, NULL, false},
        {"all", NULL, &cli->all, false},
        {"unread", NULL, &cli->unread, false},
        {"mark", NULL, &cli->mark, false},
        {"accept", NULL, &cli->accept, false},
        {"without", NULL, &cli->without, false},
        {"yes", NULL, &cli->yes, false},
    };
    memcpy(out, list, sizeof(list));
    return sizeof(list) / sizeof(list[0]);
}

/* Where the command stands already, its own page is the shorter one. */
static int
no_option(const struct cli *cli, const char *name, int len)
{
    const char *word = cli_word(cli, 0);
    const struct command *command = word ? command_find(word, PLACE_SHELL) : NULL;
    if (command)
        return print_usage_error(cli, "there is no option --%.*s; see `sotto %s --help`", len, name,
                                 command->name);
    return print_usage_error(cli, "there is no option --%.*s; see `sotto --help`", len, name);
}

/* Takes one option at argv[*at]; moves *at over a value of its own. */
static int
take_option(struct cli *cli, const struct option *options, size_t count, int argc, char **argv,
            int *at)
{
    const char *name = argv[*at] + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) != len || strncmp(options[i].name, name, len))
            continue;
        if (options[i].flag && value)
            return print_usage_error(cli, "--%s takes no value", options[i].name);
        if (options[i].flag) {
            *options[i].flag = true;
            return SOTTO_CLIENT_OK;
        }
        if (!value && *at + 1 >= argc)
            return print_usage_error(cli, "--%s needs a value", options[i].name);
        *options[i].value = value ? value : argv[++*at];
        return SOTTO_CLIENT_OK;
    }
    return no_option(cli, name, (int)(len < 40 ? len : 40));
}

int
options_number(const struct cli *cli, const char *name, const char *text, uint64_t *out)
{
    if (!text)
        return SOTTO_CLIENT_OK;
    size_t len = strlen(text);
    if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
        return print_usage_error(cli, "--%s needs a number, not \"%.40s\"", name, text);
    *out = strtoull(text, NULL, 10);
    return SOTTO_CLIENT_OK;
}

static int
read_timeout(struct cli *cli, const char *text)
{
    uint64_t seconds = 0;
    int status = options_number(cli, "timeout", text, &seconds);
    if (status)
        return status;
    if (text && (seconds == 0 || seconds > 31536000))
        return print_usage_error(cli, "--timeout needs 1 to 31536000 seconds");
    cli->timeout_s = (unsigned)seconds;
    return SOTTO_CLIENT_OK;
}

int
options_read(struct cli *cli, int argc, char **argv)
{
    const char *timeout = NULL;
    struct option options[OPTION_COUNT];
    size_t count = list_options(cli, &timeout, options);
    bool ended = false;
    /* Before anything can go wrong: how errors are to be written. */
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        cli->json = cli->json || !strcmp(argv[i], "--json");
    int status = language_choose(cli, argc, argv);
    if (status)
        return status;
    for (int i = 1; i < argc; i++) {
        status = SOTTO_CLIENT_OK;
        if (!ended && !strcmp(argv[i], "--")) {
            ended = true;
        } else if (!ended && !strcmp(argv[i], "-h")) {
            cli->help = true;
        } else if (!ended && !strncmp(argv[i], "--", 2)) {
            status = take_option(cli, options, count, argc, argv, &i);
        } else if (!ended && argv[i][0] == '-' && argv[i][1]) {
            status = print_usage_error(cli,
                                       "there is no option %.40s; put `--` before a word that "
                                       "begins with a dash",
                                       argv[i]);
        } else if (cli->word_count == WORDS_MAX) {
            status = print_usage_error(cli, "too many words");
        } else {
            cli->words[cli->word_count++] = argv[i];
        }
        if (status)
            return status;
    }
    return read_timeout(cli, timeout);
}

/* True when the list, words separated by spaces, has the name. */
static bool
lists(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = list; p && *p; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (word == len && !strncmp(p, name, len))
            return true;
        p += word;
    }
    return false;
}

int
options_check(const struct cli *cli, const struct command *command)
{
    /* The table wants something to write to; it is only read here. */
    struct cli copy = *cli;
    const char *timeout = NULL;
    struct option options[OPTION_COUNT];
    size_t count = list_options(&copy, &timeout, options);
    for (size_t i = 0; i < count; i++) {
        bool given = options[i].flag ? *options[i].flag : *options[i].value != NULL;
        if (given && !options[i].global && !lists(command->options, options[i].name))
            return print_usage_error(cli, "%s takes no --%s; see `sotto %s --help`", command->name,
                                     options[i].name, command->name);
    }
    if (cli->word_count - 1 < command->words_min)
        return print_usage_error(cli, "usage: sotto %s %s", command->name,
                                 command->usage ? tr(command->usage) : "");
    if (cli->word_count - 1 > command->words_max)
        return print_usage_error(cli, "too many words; usage: sotto %s %s", command->name,
                                 command->usage ? tr(command->usage) : "");
    return SOTTO_CLIENT_OK;
}

const char *
cli_word(const struct cli *cli, size_t number)
{
    return number < cli->word_count ? cli->words[number] : NULL;
}
