/* SPDX-License-Identifier: MIT */
/*
 * The command line. Options are written --name VALUE or --name=VALUE, anywhere; `--` ends them, and
 * a lone `-` is a word.
 */
#include "cli.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_COUNT 24
#define TIMEOUT_S_MAX (UINT_MAX / 1000) /* the client library counts milliseconds */

/* Where an option can be given. */
enum reach {
    REACH_START, /* with every command of the shell; the interactive client has it from its start */
    REACH_ANY,   /* with every command */
    REACH_OWN,   /* with the commands that list it */
};

struct option {
    const char *name;
    const char **value; /* takes a value */
    bool *flag;         /* or is a switch */
    enum reach reach;
};

static size_t
list_options(struct cli *cli, const char **timeout, struct option out[OPTION_COUNT])
{
    const struct option list[] = {
        {"profile", &cli->profile, NULL, REACH_START},
        {"server", &cli->server, NULL, REACH_START},
        {"password-file", &cli->password_file, NULL, REACH_ANY},
        {"passphrase-file", &cli->passphrase_file, NULL, REACH_START},
        {"timeout", timeout, NULL, REACH_START},
        {"lang", &cli->lang, NULL, REACH_START},
        {"json", NULL, &cli->json, REACH_START},
        {"quiet", NULL, &cli->quiet, REACH_START},
        {"version", NULL, &cli->version, REACH_START},
        {"help", NULL, &cli->help, REACH_ANY},
        {"device", &cli->device, NULL, REACH_OWN},
        {"title", &cli->title, NULL, REACH_OWN},
        {"mode", &cli->mode, NULL, REACH_OWN},
        {"type", &cli->type, NULL, REACH_OWN},
        {"limit", &cli->limit, NULL, REACH_OWN},
        {"since", &cli->since, NULL, REACH_OWN},
        {"count", &cli->count, NULL, REACH_OWN},
        {"all", NULL, &cli->all, REACH_OWN},
        {"unread", NULL, &cli->unread, REACH_OWN},
        {"mark", NULL, &cli->mark, REACH_OWN},
        {"accept", NULL, &cli->accept, REACH_OWN},
        {"without", NULL, &cli->without, REACH_OWN},
        {"yes", NULL, &cli->yes, REACH_OWN},
    };
    memcpy(out, list, sizeof(list));
    return sizeof(list) / sizeof(list[0]);
}

/* Where the command stands already, its own page is the shorter one. */
static int
no_option(const struct cli *cli, const char *name, int len)
{
    const char *word = cli_word(cli, 0);
    const struct command *command = word ? command_find(word, cli_place(cli)) : NULL;
    if (command)
        return print_usage_error(cli, "there is no option --%.*s; see `sotto %s --help`", len, name,
                                 command->name);
    if (cli->screen)
        return print_usage_error(cli, "there is no option --%.*s; see `sotto help`", len, name);
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
        if (cli->screen && options[i].reach == REACH_START)
            return print_usage_error(cli, "--%s is given when sotto starts", options[i].name);
        if (options[i].flag && value)
            return print_usage_error(cli, "--%s takes no value", options[i].name);
        if (options[i].flag) {
            *options[i].flag = true;
            return SOTTO_CLIENT_OK;
        }
        if (!value && *at + 1 < argc)
            value = argv[++*at];
        if (!value || !*value)
            return print_usage_error(cli, "--%s needs a value", options[i].name);
        *options[i].value = value;
        return SOTTO_CLIENT_OK;
    }
    return no_option(cli, name, (int)(len < 40 ? len : 40));
}

int
options_number(const struct cli *cli, const char *name, const char *text, uint64_t least,
               uint64_t *out)
{
    if (!text)
        return SOTTO_CLIENT_OK;
    size_t len = strlen(text);
    if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
        return print_usage_error(cli, "--%s needs a number, not \"%.40s\"", name, text);
    uint64_t number = strtoull(text, NULL, 10);
    if (number < least)
        return print_usage_error(cli, "--%s needs %llu or more", name, (unsigned long long)least);
    *out = number;
    return SOTTO_CLIENT_OK;
}

static int
read_timeout(struct cli *cli, const char *text)
{
    uint64_t seconds = 0;
    int status = options_number(cli, "timeout", text, 1, &seconds);
    if (status)
        return status;
    if (seconds > TIMEOUT_S_MAX)
        return print_usage_error(cli, "--timeout takes at most %u seconds", TIMEOUT_S_MAX);
    cli->timeout_s = (unsigned)seconds;
    return SOTTO_CLIENT_OK;
}

bool
options_ask_json(int argc, char **argv)
{
    bool json = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        json = json || !strcmp(argv[i], "--json");
    return json;
}

int
options_read(struct cli *cli, int argc, char **argv)
{
    const char *timeout = NULL;
    struct option options[OPTION_COUNT];
    size_t count = list_options(cli, &timeout, options);
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        int status = SOTTO_CLIENT_OK;
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

/* Complains about the first option that was given and does not belong there. command NULL: none was given. */
static int
check_options(const struct cli *cli, const struct command *command)
{
    /* The table wants something to write to; it is only read here. */
    struct cli copy = *cli;
    const char *timeout = NULL;
    struct option options[OPTION_COUNT];
    size_t count = list_options(&copy, &timeout, options);
    for (size_t i = 0; i < count; i++) {
        bool given = options[i].flag ? *options[i].flag : *options[i].value != NULL;
        if (!given || options[i].reach != REACH_OWN)
            continue;
        if (!command)
            return print_usage_error(cli, "--%s goes with a command; see `sotto --help`",
                                     options[i].name);
        if (!lists(command->options, options[i].name))
            return print_usage_error(cli, "%s takes no --%s; see `sotto %s --help`", command->name,
                                     options[i].name, command->name);
    }
    return SOTTO_CLIENT_OK;
}

int
options_check(const struct cli *cli, const struct command *command)
{
    char usage[USAGE_BYTES];
    int status = check_options(cli, command);
    if (status || !command)
        return status;
    help_usage(command, cli_place(cli), usage);
    if (cli->word_count - 1 < command->words_min)
        return print_usage_error(cli, "usage: %s", usage);
    if (cli->word_count - 1 > command->words_max)
        return print_usage_error(cli, "too many words; usage: %s", usage);
    return SOTTO_CLIENT_OK;
}

enum place
cli_place(const struct cli *cli)
{
    return cli->screen ? PLACE_SCREEN : PLACE_SHELL;
}

const char *
cli_word(const struct cli *cli, size_t number)
{
    return number < cli->word_count ? cli->words[number] : NULL;
}
