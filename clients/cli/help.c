/* SPDX-License-Identifier: MIT */
/*
 * `--help`: of everything, and of one command. `--version`.
 */
#include "cli.h"
#include "json.h"
#include "text.h"
#include "view.h"

#include <string.h>

#define NAME_COLUMNS 14 /* the longest name of a command has as many */

static const char global_options[] = TR(
    "Options of every command:\n"
    "  --profile DIR          where keys and messages live (default $XDG_DATA_HOME/sotto/default)\n"
    "  --server URL           tcp://host:port or ws://host:port (default tcp://127.0.0.1:7500;\n"
    "                         remembered)\n"
    "  --password-file FILE   the account's password; without it you are asked\n"
    "  --passphrase-file FILE a passphrase that seals the profile's key, from its first use on\n"
    "  --timeout SECONDS      for connecting and each answer (default 15)\n"
    "  --lang ru|en           language (default: that of LC_ALL, LC_MESSAGES or LANG)\n"
    "  --json                 one JSON object a line\n"
    "  --quiet                print no results for people\n"
    "  --version              print the version, and nothing else\n");

static const char exit_codes[] =
    TR("Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 not logged in, 4 network,\n"
       "5 blocked: an identity key changed, or is not verified (see `sotto verify --help`).\n");

void
help_all(FILE *out)
{
    fprintf(out,
            tr("sotto %s: an end-to-end encrypted messenger\n\n"
               "usage: sotto [OPTIONS] COMMAND [ARGUMENTS]\n\nCommands:\n"),
            SOTTO_VERSION);
    for (size_t i = 0; i < command_count; i++)
        if (commands[i].place != PLACE_SCREEN)
            fprintf(out, "  %-*s %s\n", NAME_COLUMNS, commands[i].name, tr(commands[i].summary));
    fputs(tr("\n`sotto COMMAND --help` tells more about one.\n\n"), out);
    fprintf(out, "%s\n%s", tr(global_options), tr(exit_codes));
    fputs(
        tr("\nTo begin: `sotto` alone opens the interactive client. Or step by step:\n"
           "`sotto register NAME`, `sotto new OTHER`, `sotto send OTHER hello`, and `sotto listen` in\n"
           "a second terminal.\n"),
        out);
}

/* Each line indented. */
static void
print_examples(const char *lines, FILE *out)
{
    fprintf(out, "%s\n", tr("For example:"));
    for (const char *line = lines; *line; line += strcspn(line, "\n") + 1)
        fprintf(out, "  %.*s\n", (int)strcspn(line, "\n"), line);
    fputc('\n', out);
}

/* On the screen a CHAT is the open one, and is not typed. */
static const char *
screen_usage(const struct command *command)
{
    const char *usage = command->usage ? tr(command->usage) : "";
    if (command->takes != ARG_CHAT || command->place == PLACE_SCREEN)
        return usage;
    usage += strcspn(usage, " ");
    return usage + strspn(usage, " ");
}

void
help_usage(const struct command *command, enum place place, char out[USAGE_BYTES])
{
    const char *words = command->usage ? tr(command->usage) : "";
    const char *usage = place == PLACE_SCREEN ? screen_usage(command) : words;
    snprintf(out, USAGE_BYTES, "%s%s%s%s", place == PLACE_SCREEN ? "/" : "sotto ", command->name,
             *usage ? " " : "", usage);
}

static void
list_commands(enum place place, struct view *view)
{
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].place != place)
            continue;
        fprintf(view->out, "  /%-*s ", NAME_COLUMNS, commands[i].name);
        view_text(view, tr(commands[i].summary), NAME_COLUMNS + 4, NAME_COLUMNS + 4);
        fputc('\n', view->out);
    }
}

void
help_screen(FILE *out)
{
    struct view view;
    view_init(&view, out);
    view_text(&view, tr("What you type goes to the open chat. Commands begin with a slash:"), 0, 0);
    fputc('\n', out);
    list_commands(PLACE_SCREEN, &view);
    list_commands(PLACE_BOTH, &view);
    view_text(&view,
              tr("/help COMMAND tells more about one. Commands about a chat mean the open one. Tab "
                 "completes, arrow keys bring back lines, Ctrl-C clears the line, // begins a "
                 "message with a slash."),
              0, 0);
    fputc('\n', out);
}

void
help_command(const struct command *command, enum place place, FILE *out)
{
    char usage[USAGE_BYTES];
    help_usage(command, place, usage);
    fprintf(out, place == PLACE_SCREEN ? "%s\n\n" : tr("usage: %s\n\n"), usage);
    fprintf(out, "%s.\n\n", tr(command->summary));
    if (command->help)
        fprintf(out, "%s\n", tr(command->help));
    if (command->examples && (place != PLACE_SCREEN || command->place == PLACE_SCREEN))
        print_examples(command->examples, out);
    if (place != PLACE_SCREEN)
        fputs(tr(global_options), out);
}

void
help_version(const struct cli *cli)
{
    if (cli->json)
        json_fact_string("version", SOTTO_VERSION);
    else
        puts("sotto " SOTTO_VERSION);
}
