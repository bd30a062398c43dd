/* SPDX-License-Identifier: MIT */
/*
 * From a typed line to a command and back to what could be typed. See slash.h.
 */
#include "slash.h"
#include "clean.h"
#include "hint.h"
#include "screen.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* ---- words ----------------------------------------------------------------------------------- */

/* Splits at spaces; quotes hold words together, as in a shell. buffer: as large as the line. */
static size_t
split(const char *line, char *buffer, char **words, size_t words_max)
{
    size_t count = 0;
    while (*(line += strspn(line, " \t")) && count < words_max) {
        char quote = 0;
        words[count++] = buffer;
        for (; *line && (quote || !strchr(" \t", *line)); line++) {
            if (quote ? *line == quote : *line == '"' || *line == '\'')
                quote = quote ? 0 : *line;
            else
                *buffer++ = *line;
        }
        *buffer++ = 0;
    }
    return count;
}

/* `/rename New title`: further words belong to the last one. */
static void
join_rest(struct cli *cli, const struct command *command, char *buffer, size_t size)
{
    size_t last = command->words_max;
    if (command->takes != ARG_CHAT || last != 2 || cli->word_count <= last + 1)
        return;
    size_t used = 0;
    for (size_t i = last; i < cli->word_count && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", i > last ? " " : "",
                                 cli->words[i]);
    cli->words[last] = buffer;
    cli->word_count = last + 1;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Puts the open chat behind the command. */
static int
insert_chat(struct cli *cli, const struct screen *screen)
{
    const char *chat = screen_chat(screen);
    if (!chat)
        return print_usage_error(cli, "open a chat first: /chats lists them, /open NAME");
    if (cli->word_count == WORDS_MAX)
        return print_usage_error(cli, "too many words");
    memmove(cli->words + 2, cli->words + 1, (cli->word_count - 1) * sizeof(cli->words[0]));
    cli->words[1] = chat;
    cli->word_count++;
    return SOTTO_CLIENT_OK;
}

static int
run_command(struct cli *cli, const char *joined_line)
{
    char *joined = NULL;
    const char *name = cli_word(cli, 0);
    const struct command *command = name ? command_find(name, PLACE_SCREEN) : NULL;
    if (!name)
        return SOTTO_CLIENT_OK;
    if (!command)
        return hint_unknown_command(cli, name, PLACE_SCREEN);
    if (cli->help) {
        help_command(command, PLACE_SCREEN, stdout);
        return SOTTO_CLIENT_OK;
    }
    int status = SOTTO_CLIENT_OK;
    if (command->takes == ARG_CHAT && command->place != PLACE_SCREEN)
        status = insert_chat(cli, cli->screen);
    if (status == SOTTO_CLIENT_OK) {
        size_t size = strlen(joined_line) + 1;
        joined = malloc(size);
        if (joined)
            join_rest(cli, command, joined, size);
        status = options_check(cli, command);
    }
    if (status == SOTTO_CLIENT_OK) {
        status = command->run(cli);
        hint_after(cli, command, status);
    }
    free(joined);
    return status;
}

int
slash_run(struct screen *screen, const struct cli *cli, const char *line)
{
    char *argv[WORDS_MAX + 1] = {(char[]){"sotto"}};
    char *buffer = calloc(1, strlen(line) * 2 + 2);
    struct cli once = {
        .profile = cli->profile,
        .server = cli->server,
        .timeout_s = cli->timeout_s,
        .client = cli->client,
        .screen = screen,
    };
    if (!buffer)
        return SOTTO_CLIENT_EFAILED;
    size_t count = split(line, buffer, argv + 1, WORDS_MAX);
    int status = options_read(&once, (int)count + 1, argv);
    if (status == SOTTO_CLIENT_OK)
        status = run_command(&once, line);
    if (status == SOTTO_CLIENT_OK && *once.made_chat)
        status = screen_open(screen, once.made_chat);
    if (once.lost_chat)
        screen_close(screen);
    free(buffer);
    fflush(stdout);
    return status;
}

/* ---- completion ------------------------------------------------------------------------------ */

static int
offer_title(const struct sotto_client_chat *chat, void *arg)
{
    /* A title with spaces would need quotes, and one that must be cleaned is no word to type; the id
     * completes as well. */
    char harmless[SOTTO_CLIENT_TITLE_CHARS * 4 + 1];
    clean_line(chat->title, harmless, sizeof(harmless));
    bool typed = *chat->title && !strchr(chat->title, ' ') && !strcmp(harmless, chat->title);
    editor_offer(arg, typed ? chat->title : chat->id);
    return 0;
}

static int
offer_name(const char *name, void *arg)
{
    editor_offer(arg, name);
    return 0;
}

static void
offer_options(struct editor *editor, const struct command *command)
{
    char option[64];
    for (const char *p = command->options ? command->options : ""; *p; p += strspn(p, " ")) {
        int len = (int)strcspn(p, " ");
        snprintf(option, sizeof(option), "--%.*s", len, p);
        editor_offer(editor, option);
        p += len;
    }
}

void
slash_complete(struct editor *editor, const struct cli *cli, const char *line, const char *word,
               bool first)
{
    char name[32];
    if (*line != '/')
        return;
    if (first) {
        for (size_t i = 0; i < command_count; i++) {
            snprintf(name, sizeof(name), "/%s", commands[i].name);
            if (commands[i].place != PLACE_SHELL)
                editor_offer(editor, name);
        }
        return;
    }
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + 1, " "), line + 1);
    const struct command *command = command_find(name, PLACE_SCREEN);
    if (!command && strcmp(name, "help") != 0)
        return;
    if (command && *word == '-') {
        offer_options(editor, command);
    } else if (!command) {
        for (size_t i = 0; i < command_count; i++)
            if (commands[i].place != PLACE_SHELL)
                editor_offer(editor, commands[i].name);
    } else if (command->takes == ARG_CHAT && command->place == PLACE_SCREEN) {
        sotto_client_known_chats(cli->client, offer_title, editor);
    } else {
        sotto_client_known_users(cli->client, offer_name, editor);
    }
}
