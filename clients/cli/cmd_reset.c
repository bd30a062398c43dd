/* SPDX-License-Identifier: MIT */
/*
 * reports: what went wrong in a chat.
 */
#include "clean.h"
#include "cli.h"
#include "json.h"
#include "text.h"
#include "view.h"

/* ---- reports --------------------------------------------------------------------------------- */

struct reports {
    const struct cli *cli;
    size_t count;
};

static void
show_report_json(const struct sotto_client_report *report)
{
    struct json json = {.out = stdout};
    json_begin(&json, NULL, '{');
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
    json_end(&json, '}');
    json_line(&json);
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
