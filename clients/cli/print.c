/* SPDX-License-Identifier: MIT */
/*
 * What the program says: errors, times, messages.
 */
#include "cli.h"
#include "json.h"
#include "text.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

int
print_error(const struct cli *cli, const struct sotto_client_error *error)
{
    if (cli->json) {
        struct json json = {.out = stderr};
        json_begin(&json, NULL, '{');
        json_begin(&json, "error", '{');
        json_string(&json, "code", error->code);
        json_string(&json, "message", error->message);
        json_end(&json, '}');
        json_end(&json, '}');
        json_line(&json);
    } else {
        fprintf(stderr, "sotto: %s\n", error->message);
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
print_status(const struct cli *cli, int status)
{
    if (status)
        print_error(cli, sotto_client_last_error(cli->client));
    return status;
}

void
print_time(int64_t seconds, char out[32])
{
    time_t then = (time_t)seconds;
    time_t now = time(NULL);
    struct tm then_tm;
    struct tm now_tm;
    if (!localtime_r(&then, &then_tm) || !localtime_r(&now, &now_tm)) {
        snprintf(out, 32, "?"); /* a year that no calendar has */
        return;
    }
    bool today = then_tm.tm_yday == now_tm.tm_yday && then_tm.tm_year == now_tm.tm_year;
    if (!strftime(out, 32, today ? "%H:%M" : "%Y-%m-%d %H:%M", &then_tm))
        snprintf(out, 32, "?");
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

/* Escape sequences in a message could rewrite the screen of whoever reads it. C1 controls are
 * two bytes in UTF-8. */
void
print_text(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '\n')
            fputs("\n    ", out);
        else if (*p == '\t')
            fputc(' ', out);
        else if (*p < 0x20 || *p == 0x7f)
            fputc('?', out);
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            fputc('?', out), p++;
        else
            fputc(*p, out);
    }
}

static void
print_message_json(const struct sotto_client_message *message)
{
    struct json json = {.out = stdout};
    json_begin(&json, NULL, '{');
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
    json_bool(&json, "own", message->own);
    json_string(&json, "state", message->state);
    if (message->reason)
        json_string(&json, "reason", message->reason);
    json_end(&json, '}');
    json_line(&json);
}

/* What an event says about the one it comes from. */
static const char *
event_phrase(const char *kind)
{
    static const struct {
        const char *kind;
        const char *phrase;
    } phrases[] = {
        {"joined", TR("added you to this chat")},
        {"title", TR("called this chat")},
        {"members", TR("changed the members")},
        {"removed", TR("removed you from this chat")},
        {"key_changed", TR("has another identity key; nothing is sent before `sotto verify`")},
        {"undecryptable", TR("sent something that cannot be read")},
        {"untrusted", TR("wrote under an identity key that is not the one you know")},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (!strcmp(phrases[i].kind, kind))
            return tr(phrases[i].phrase);
    return kind;
}

void
print_message(const struct cli *cli, const struct sotto_client_message *message)
{
    char when[32];
    if (cli->json) {
        print_message_json(message);
        return;
    }
    if (cli->quiet)
        return;
    print_time(message->ts / 1000, when);
    if (!strcmp(message->kind, "text")) {
        printf("%s  %.6s  %s: ", when, message->chat, message->from);
        print_text(stdout, message->text ? message->text : "");
        if (message->seq == 0)
            printf("  (%s)", tr(message->state));
        fputc('\n', stdout);
    } else if (!strcmp(message->kind, "not_kept")) {
        printf("%s  %.6s  * ", when, message->chat);
        print_text(stdout, message->text ? message->text : "");
        fputc('\n', stdout);
    } else if (!strcmp(message->kind, "gap")) {
        printf(tr("%s  %.6s  ! entries %s are missing: the server held them back\n"), when,
               message->chat, message->text ? message->text : "");
    } else {
        printf("%s  %.6s  * %s %s", when, message->chat, message->from,
               event_phrase(message->kind));
        if (message->text && strcmp(message->kind, "key_changed")) {
            fputs(": ", stdout);
            print_text(stdout, message->text);
        }
        fputc('\n', stdout);
    }
    fflush(stdout);
}
