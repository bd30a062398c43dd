/* SPDX-License-Identifier: MIT */
/*
 * send, read, listen.
 */
#include "cli.h"
#include "json.h"
#include "text.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_MAX 64 /* sent in one go */
#define READ_LIMIT 50

/* ---- send ------------------------------------------------------------------------------------ */

static int
show_sent(const struct sotto_client_message *message, void *arg)
{
    struct cli *cli = arg;
    if (cli->json) {
        struct json json = json_open(stdout);
        json_string(&json, "chat", message->chat);
        json_string(&json, "id", message->id);
        json_uint(&json, "seq", message->seq);
        json_uint(&json, "epoch", message->epoch);
        json_int(&json, "ts", message->ts);
        json_close(&json);
    } else if (!cli->quiet) {
        printf(tr("sent (%llu)\n"), (unsigned long long)message->seq);
        fflush(stdout);
    }
    return 0;
}

/* Lines from stdin, as many as are there without waiting, at least one. */
struct lines {
    char *text[LINES_MAX];
    size_t count;
    bool ended;
};

/* Takes the end off a line. A text is a string, so a zero byte in it would cut it without a word. */
static int
keep_line(const struct cli *cli, struct lines *lines, char *take_line, size_t len)
{
    if (strlen(take_line) != len) {
        free(take_line);
        return print_usage_error(cli, "a line of the input has a zero byte in it and is no text");
    }
    if (len && take_line[len - 1] == '\n')
        take_line[--len] = 0;
    if (len && take_line[len - 1] == '\r')
        take_line[--len] = 0;
    if (len)
        lines->text[lines->count++] = take_line;
    else
        free(take_line);
    return SOTTO_CLIENT_OK;
}

static int
read_lines(const struct cli *cli, struct lines *lines)
{
    int status = SOTTO_CLIENT_OK;
    lines->count = 0;
    while (status == SOTTO_CLIENT_OK && !lines->ended && lines->count < LINES_MAX) {
        char *line = NULL;
        size_t size = 0;
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        /* stdin is not buffered (see send_lines), so poll tells the truth. */
        if (lines->count && poll(&input, 1, 0) <= 0)
            break;
        ssize_t len = getline(&line, &size, stdin);
        lines->ended = len < 0;
        if (lines->ended)
            free(line);
        else
            status = keep_line(cli, lines, line, (size_t)len);
    }
    return status;
}

static int
send_lines(struct cli *cli, const char *chat)
{
    struct lines lines = {.count = 0};
    int status = SOTTO_CLIENT_OK;
    setvbuf(stdin, NULL, _IONBF, 0);
    while (status == SOTTO_CLIENT_OK && !lines.ended) {
        status = read_lines(cli, &lines);
        if (status == SOTTO_CLIENT_OK && lines.count)
            status = print_status(cli, sotto_client_send_many(cli->client, chat,
                                                              (const char *const *)lines.text,
                                                              lines.count, show_sent, cli));
        for (size_t i = 0; i < lines.count; i++)
            free(lines.text[i]);
    }
    return status;
}

int
cmd_send(struct cli *cli)
{
    const char *chat = cli_word(cli, 1);
    const char *text = cli_word(cli, 2);
    if (!strcmp(text, "-"))
        return send_lines(cli, chat);
    return print_status(cli, sotto_client_send(cli->client, chat, text, show_sent, cli));
}

/* ---- read ------------------------------------------------------------------------------------ */

static int
show_message(const struct sotto_client_message *message, void *arg)
{
    print_message(arg, message);
    return 0;
}

int
cmd_read(struct cli *cli)
{
    uint64_t limit = cli->since ? 0 : READ_LIMIT;
    uint64_t since = 0;
    int status = options_number(cli, "limit", cli->limit, 1, &limit);
    if (status == SOTTO_CLIENT_OK)
        status = options_number(cli, "since", cli->since, 0, &since);
    if (status)
        return status;
    return print_status(cli, sotto_client_read(cli->client, cli_word(cli, 1), since, (size_t)limit,
                                               show_message, cli));
}

/* ---- listen ---------------------------------------------------------------------------------- */

struct listening {
    struct cli *cli;
    uint64_t wanted; /* messages; 0: no end */
    uint64_t came;
    bool was_offline;
    bool was_hinted;
};

static int
show_arrival(const struct sotto_client_message *message, void *arg)
{
    struct listening *listening = arg;
    print_message(listening->cli, message);
    if (!strcmp(message->kind, "text"))
        listening->came++;
    return listening->wanted && listening->came >= listening->wanted;
}

/* Without any chat a listener shows nothing for ever: either there is none, or this device waits to
 * be added. */
static void
hint_no_chats(const struct cli *cli)
{
    if (cli->json || cli->quiet || any_chats(cli) || !sotto_client_user(cli->client))
        return;
    fprintf(
        stderr, "%s\n",
        tr("no chats yet: `sotto new NAME` starts one. On a new device of an account that has "
           "chats, leave this running: another device that is online adds this one, or it joins by "
           "itself"));
}

/* To stderr, so that whoever reads the messages is not disturbed. */
static int
show_link(const struct sotto_client_link *link, void *arg)
{
    struct listening *listening = arg;
    if (link->connected && !listening->was_hinted) {
        listening->was_hinted = true;
        hint_no_chats(listening->cli); /* by now invitations that waited have come */
    }
    if (listening->cli->quiet || (link->connected && !listening->was_offline))
        return 0;
    listening->was_offline = !link->connected;
    if (listening->cli->json) {
        struct json json = json_open(stderr);
        json_begin(&json, "link", '{');
        json_bool(&json, "connected", link->connected);
        json_uint(&json, "retry_ms", link->retry_ms);
        json_string(&json, "message", link->why);
        json_end(&json, '}');
        json_close(&json);
    } else {
        print_link(link, stderr);
    }
    return 0;
}

int
cmd_listen(struct cli *cli)
{
    struct listening listening = {.cli = cli};
    int status = options_number(cli, "count", cli->count, 1, &listening.wanted);
    if (status)
        return status;
    status = sotto_client_listen(cli->client, &(struct sotto_client_listening){
                                                  .chat = cli_word(cli, 1),
                                                  .duration_ms = cli->timeout_s * 1000u,
                                                  .each = show_arrival,
                                                  .link = show_link,
                                                  .arg = &listening,
                                              });
    if (status)
        return print_status(cli, status);
    if (listening.came < listening.wanted)
        return print_failure(cli, "deadline_exceeded",
                             "%llu of %llu messages came within %u seconds",
                             (unsigned long long)listening.came,
                             (unsigned long long)listening.wanted, cli->timeout_s);
    return SOTTO_CLIENT_OK;
}
