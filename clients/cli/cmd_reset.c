/* SPDX-License-Identifier: MIT */
/*
 * reports, reset, confirm: what went wrong in a chat, and its new start. The last two show first what they would do.
 */
#include "clean.h"
#include "cli.h"
#include "json.h"
#include "text.h"
#include "view.h"

#include <string.h>

/* ---- reports --------------------------------------------------------------------------------- */

struct reports {
    const struct cli *cli;
    size_t count;
};

static void
show_report_json(const struct sotto_client_report *report)
{
    struct json json = json_open(stdout);
    json_string(&json, "chat", report->chat);
    json_uint(&json, "seq", report->seq);
    json_uint(&json, "epoch", report->epoch);
    json_string(&json, "from", report->from);
    json_string(&json, "from_id", report->from_id);
    json_string(&json, "from_device", report->from_device);
    json_string(&json, "reason", report->reason);
    json_uint(&json, "users", report->users);
    json_string(&json, "reporter", report->reporter);
    json_int(&json, "ts", report->ts);
    json_bool(&json, "proved", report->proved);
    json_close(&json);
}

static int
show_report(const struct sotto_client_report *report, void *arg)
{
    struct reports *reports = arg;
    char when[40];
    reports->count++;
    if (reports->cli->json) {
        show_report_json(report);
        return 0;
    }
    if (reports->cli->quiet)
        return 0;
    view_time(report->ts / 1000, when);
    printf("%s  %s", when, report->from);
    printf(tr_count(", refused by %zu member", ", refused by %zu members", report->users),
           report->users);
    printf(": %s (%s)\n", report->sentence,
           report->proved ? tr("proved: this device refused it, too, and the signature is right")
                          : tr("says the server"));
    return 0;
}

int
cmd_reports(struct cli *cli)
{
    struct reports reports = {.cli = cli};
    int status = sotto_client_reports(cli->client, cli_word(cli, 1), show_report, &reports);
    if (status == SOTTO_CLIENT_OK && reports.count == 0 && !cli->json && !cli->quiet)
        puts(tr("nothing was reported"));
    return print_status(cli, status);
}

/* ---- what would be done ----------------------------------------------------------------------- */

static void
show_names_json(struct json *json, const char *key, const char *const *names, size_t count)
{
    json_begin(json, key, '[');
    for (size_t i = 0; i < count; i++)
        json_string(json, NULL, names[i]);
    json_end(json, ']');
}

static void
show_reset_json(const struct sotto_client_reset *reset)
{
    struct json json = json_open(stdout);
    json_string(&json, "chat", reset->chat);
    json_string(&json, "successor", *reset->successor ? reset->successor : NULL);
    json_string(&json, "title", reset->title);
    json_string(&json, "by", reset->by);
    json_int(&json, "ts", reset->ts);
    show_names_json(&json, "members", reset->members, reset->member_count);
    show_names_json(&json, "missing", reset->missing, reset->missing_count);
    json_string(&json, "refused", reset->refused);
    json_close(&json);
}

static void
show_names(const char *what, const char *const *names, size_t count)
{
    if (count == 0)
        return;
    printf("  %s ", what);
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? ", " : "", names[i]);
    putchar('\n');
}

struct resets {
    const struct cli *cli;
    bool refused;
};

static int
show_reset(const struct sotto_client_reset *reset, void *arg)
{
    struct resets *resets = arg;
    char title[SOTTO_CLIENT_TITLE_CHARS * 4 + 1];
    resets->refused = reset->refused != NULL;
    if (resets->cli->json && !resets->cli->yes)
        show_reset_json(reset);
    if (resets->cli->json || resets->cli->quiet)
        return 0;
    clean_line(reset->title, title, sizeof(title));
    printf(tr("%s starts the chat \"%s\" anew.\n"), reset->by, title);
    show_names(tr("In it would be:"), reset->members, reset->member_count);
    show_names(tr("Not any more:"), reset->missing, reset->missing_count);
    if (!reset->refused && reset->member_count == 0)
        printf("  %s\n", tr("Who would be in it is not known yet."));
    return 0;
}

/* Why: what members reported. Nothing is lost where the server does not tell. */
static void
show_reasons(const struct cli *cli)
{
    struct reports reports = {.cli = cli};
    if (!cli->json && !cli->quiet)
        sotto_client_reports(cli->client, cli_word(cli, 1), show_report, &reports);
}

/* ---- reset ----------------------------------------------------------------------------------- */

int
cmd_reset(struct cli *cli)
{
    struct resets resets = {.cli = cli};
    const struct sotto_client_resetting what = {
        .chat = cli_word(cli, 1),
        .without = cli->words + 2,
        .without_count = cli->word_count - 2,
    };
    if (what.without_count && !cli->without)
        return print_usage_error(cli, "names are of those who are left out: --without NAME...");
    if (cli->without && !what.without_count)
        return print_usage_error(cli, "--without needs a name");
    int status =
        print_status(cli, sotto_client_reset_plan(cli->client, &what, show_reset, &resets));
    if (status)
        return status;
    show_reasons(cli);
    status = secret_ask_back(cli, tr("Close this chat and start a new one (y/n)?"));
    if (status)
        return status;
    return print_status(cli, sotto_client_reset(cli->client, &what, print_made_chat, cli));
}

/* ---- confirm --------------------------------------------------------------------------------- */

int
cmd_confirm(struct cli *cli)
{
    struct resets resets = {.cli = cli};
    const char *chat = cli_word(cli, 1);
    int status = print_status(cli, sotto_client_offer(cli->client, chat, show_reset, &resets));
    if (status)
        return status;
    show_reasons(cli);
    if (!resets.refused)
        status = secret_ask_back(cli, tr("Enter the new chat (y/n)?"));
    if (status)
        return status;
    return print_status(cli, sotto_client_confirm(cli->client, chat, print_made_chat, cli));
}
