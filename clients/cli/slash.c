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

/* Where the quotation ends that would begin at `at`: its mark stands before a space or the end. NULL: at is a letter
 * like others, the apostrophe of "Ann's" for instance. */
static const char *
end_of_quotation(const char *word, const char *at)
{
    if ((*at != '"' && *at != '\'') || (at > word && at[-1] != '='))
        return NULL;
    for (const char *end = strchr(at + 1, *at); end; end = strchr(end + 1, *at))
        if (!end[1] || strchr(" \t", end[1]))
            return end;
    return NULL;
}

/* Splits at spaces; quotes around a word, or around the value of an option, hold it together. buffer: as large as the
 * line with its end. */
static size_t
split(const char *line, char *buffer, char **words, size_t words_max)
{
    size_t count = 0;
    while (*(line += strspn(line, " \t")) && count < words_max) {
        const char *word = line;
        words[count++] = buffer;
        while (*line && !strchr(" \t", *line)) {
            const char *end = end_of_quotation(word, line);
            size_t len = end ? (size_t)(end - line) - 1 : 1;
            memcpy(buffer, end ? line + 1 : line, len);
            buffer += len;
            line = end ? end + 1 : line + 1;
        }
        *buffer++ = 0;
    }
    return count;
}

/* `/rename New title`: further words belong to the last one. buffer: as large as the line with its end. */
static void
join_rest(struct cli *cli, const struct command *command, char *buffer, size_t size)
{
    size_t last = command->words_max;
    if (!command->joins || cli->word_count <= last + 1)
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

/* joined: for join_rest. */
static int
run_command(struct cli *cli, char *joined, size_t size)
{
    const char *name = cli_word(cli, 0);
    const struct command *command = name ? command_find(name, PLACE_SCREEN) : NULL;
    int status = SOTTO_CLIENT_OK;
    if (!name)
        return SOTTO_CLIENT_OK;
    if (!command)
        return hint_unknown_command(cli, name, PLACE_SCREEN);
    if (cli->help) {
        help_command(command, PLACE_SCREEN, stdout);
        return SOTTO_CLIENT_OK;
    }
    if (command->takes == ARG_CHAT && command->place != PLACE_SCREEN)
        status = insert_chat(cli, cli->screen);
    if (status)
        return status;
    join_rest(cli, command, joined, size);
    status = options_check(cli, command);
    if (status)
        return status;
    status = command->run(cli);
    hint_after(cli, command, status);
    return status;
}

int
slash_run(struct screen *screen, const struct cli *cli, const char *line)
{
    /* One word more than there can be, which options_read complains about. */
    char *argv[WORDS_MAX + 2] = {(char[]){"sotto"}};
    size_t size = strlen(line) + 1;
    char *buffer = calloc(2, size);
    struct cli once = {
        .password_file = cli->password_file,
        .timeout_s = cli->timeout_s,
        .client = cli->client,
        .screen = screen,
    };
    if (!buffer)
        abort(); /* no memory ends the client, as everywhere in it */
    size_t count = split(line, buffer, argv + 1, WORDS_MAX + 1);
    int status = options_read(&once, (int)count + 1, argv);
    if (status == SOTTO_CLIENT_OK)
        status = run_command(&once, buffer + size, size);
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

static void
offer_commands(struct editor *editor, const char *slash)
{
    for (size_t i = 0; i < command_count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s%s", slash, commands[i].name);
        if (commands[i].place != PLACE_SHELL)
            editor_offer(editor, name);
    }
}

static void
offer_words(struct editor *editor, const struct cli *cli, const struct command *command)
{
    switch (command->takes) {
    case ARG_OTHER: break;
    case ARG_COMMAND: offer_commands(editor, ""); break;
    case ARG_USER: sotto_client_known_users(cli->client, offer_name, editor); break;
    case ARG_CHAT:
        if (command->place == PLACE_SCREEN)
            sotto_client_known_chats(cli->client, offer_title, editor);
        else /* the chat is the open one, and what else is typed are users */
            sotto_client_known_users(cli->client, offer_name, editor);
        break;
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
        offer_commands(editor, "/");
        return;
    }
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + 1, " "), line + 1);
    const struct command *command = command_find(name, PLACE_SCREEN);
    if (command && *word == '-')
        offer_options(editor, command);
    else if (command)
        offer_words(editor, cli, command);
}
