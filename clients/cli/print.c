/* SPDX-License-Identifier: MIT */
/*
 * What the program says: errors, times, messages.
 */
#include "cli.h"
#include "json.h"
#include "text.h"
#include "view.h"

#include <stdarg.h>
#include <string.h>

/* A cure is written as a command of the shell; on the screen it is one with a slash. */
static void
print_error_line(const struct cli *cli, const char *message)
{
    static const char shell[] = "`sotto ";
    char line[sizeof((struct sotto_client_error){0}.message)] = "";
    size_t used = 0;
    fflush(stdout);
    if (!cli->screen) {
        fprintf(stderr, "sotto: %s\n", message);
        return;
    }
    while (*message && used + 2 < sizeof(line)) {
        bool cure = !strncmp(message, shell, strlen(shell));
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%.*s", cure ? 2 : 1,
                                 cure ? "`/" : message);
        message += cure ? strlen(shell) : 1;
    }
    struct view view;
    view_init(&view, stdout);
    view_tint(&view, TINT_WARN);
    view_text(&view, line, 0, 2);
    view_tint(&view, TINT_NONE);
    fputc('\n', stdout);
}

int
print_error(const struct cli *cli, const struct sotto_client_error *error)
{
    if (cli->json) {
        struct json json = json_open(stderr);
        json_begin(&json, "error", '{');
        json_string(&json, "code", error->code);
        json_string(&json, "message", error->message);
        json_end(&json, '}');
        json_close(&json);
    } else {
        print_error_line(cli, error->message);
    }
    return error->status;
}

int
print_usage_error(const struct cli *cli, const char *format, ...)
{
    struct sotto_client_error error = {.status = SOTTO_CLIENT_EUSAGE, .code = "usage"};
    va_list args;
    va_start(args, format);
    vsnprintf(error.message, sizeof(error.message), tr(format), args);
    va_end(args);
    return print_error(cli, &error);
}

int
print_failure(const struct cli *cli, const char *code, const char *format, ...)
{
    struct sotto_client_error error = {.status = SOTTO_CLIENT_EFAILED};
    va_list args;
    snprintf(error.code, sizeof(error.code), "%s", code);
    va_start(args, format);
    vsnprintf(error.message, sizeof(error.message), tr(format), args);
    va_end(args);
    return print_error(cli, &error);
}

int
print_status(const struct cli *cli, int status)
{
    if (status)
        print_error(cli, sotto_client_last_error(cli->client));
    return status;
}

void
print_link(const struct sotto_client_link *link, FILE *out)
{
    unsigned seconds = (link->retry_ms + 999) / 1000;
    if (link->connected)
        fprintf(out, "%s\n", tr("connected again"));
    else
        fprintf(out,
                tr_count("offline, next try in %u second: %s\n",
                         "offline, next try in %u seconds: %s\n", seconds),
                seconds, link->why);
    fflush(out);
}

void
print_text(FILE *out, const char *text)
{
    struct view view = {.out = out};
    view_text(&view, text, 0, 4);
}

static void
print_message_json(const struct sotto_client_message *message)
{
    struct json json = json_open(stdout);
    json_string(&json, "chat", message->chat);
    if (*message->id)
        json_string(&json, "id", message->id);
    if (message->seq)
        json_uint(&json, "seq", message->seq);
    else
        json_string(&json, "seq", NULL);
    json_uint(&json, "epoch", message->epoch);
    json_string(&json, "from", message->from);
    json_string(&json, "from_id", message->from_id);
    json_string(&json, "from_device", message->from_device);
    json_int(&json, "ts", message->ts);
    json_string(&json, "kind", message->kind);
    json_string(&json, "text", message->text);
    if (message->user_count) {
        json_begin(&json, "users", '[');
        for (size_t i = 0; i < message->user_count; i++)
            json_string(&json, NULL, message->users[i]);
        json_end(&json, ']');
    }
    if (message->role)
        json_string(&json, "role", message->role);
    json_bool(&json, "own", message->own);
    json_string(&json, "state", message->state);
    if (message->reason)
        json_string(&json, "reason", message->reason);
    json_close(&json);
}

void
print_message(const struct cli *cli, const struct sotto_client_message *message)
{
    struct view view;
    if (cli->json) {
        print_message_json(message);
    } else if (!cli->quiet) {
        view_init(&view, stdout);
        view.chats = true;
        view_message(&view, message);
    }
}
