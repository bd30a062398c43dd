/* SPDX-License-Identifier: MIT */
/*
 * verify: the views of a user's identity key that two people compare. verify-chat: the number of a group that its
 * members compare. verified-only: whether others may read along.
 */
#include "cli.h"
#include "json.h"
#include "text.h"
#include "view.h"

#include <string.h>

static void
show_json(const struct sotto_client_trust *trust)
{
    struct json json = json_open(stdout);
    json_string(&json, "user", trust->user);
    json_string(&json, "user_id", trust->user_id);
    json_string(&json, "state", trust->state);
    json_string(&json, "sha256", trust->sha256);
    json_string(&json, "new_sha256", *trust->new_sha256 ? trust->new_sha256 : NULL);
    json_string(&json, "digits", trust->digits);
    json_begin(&json, "emoji", '[');
    for (size_t i = 0; i < 16; i++)
        json_string(&json, NULL, trust->emoji[i]);
    json_end(&json, ']');
    json_begin(&json, "emoji_names", '[');
    for (size_t i = 0; i < 16; i++)
        json_string(&json, NULL, trust->emoji_names[i]);
    json_end(&json, ']');
    json_int(&json, "first_seen", trust->first_seen);
    if (trust->deleted)
        json_int(&json, "deleted", trust->deleted);
    json_begin(&json, "history", '[');
    for (size_t i = 0; i < trust->history_count; i++) {
        json_begin(&json, NULL, '{');
        json_string(&json, "sha256", trust->history[i].sha256);
        json_int(&json, "seen", trust->history[i].seen);
        json_string(&json, "what", trust->history[i].what);
        if (*trust->history[i].device)
            json_string(&json, "device", trust->history[i].device);
        json_end(&json, '}');
    }
    json_end(&json, ']');
    json_close(&json);
}

/* Two rows of six times five. */
static void
show_digits(const char digits[60])
{
    fputs("   ", stdout);
    for (int i = 0; i < 60; i += 5)
        printf("%s %.5s", i == 30 ? "\n   " : "", digits + i);
}

static void
show_lines(const struct sotto_client_trust *trust)
{
    char when[32];
    printf("%s: %s\n\n", trust->user, tr(trust->state));
    if (trust->deleted) {
        view_time(trust->deleted, when);
        printf(tr("  deleted the account: %s; this is the last key\n\n"), when);
    }
    printf(tr("  SHA-256 of the identity key\n    %s\n"), trust->sha256);
    if (*trust->new_sha256)
        printf(tr("  the server now shows\n    %s\n"), trust->new_sha256);
    fputs(tr("\n  safety number, the same for both of you\n"), stdout);
    show_digits(trust->digits);
    fputs(tr("\n\n  emoji of the key\n   "), stdout);
    for (int i = 0; i < 16; i++)
        printf("%s %s", i == 8 ? "\n   " : "", trust->emoji[i]);
    fputs(tr("\n\n  history\n"), stdout);
    for (size_t i = 0; i < trust->history_count; i++) {
        view_time(trust->history[i].seen, when);
        printf("    %-16s  %.16s  %s\n", when, trust->history[i].sha256,
               tr(trust->history[i].what));
    }
}

static int
show_trust(const struct sotto_client_trust *trust, void *arg)
{
    struct cli *cli = arg;
    if (cli->json)
        show_json(trust);
    else if (!cli->quiet)
        show_lines(trust);
    return 0;
}

int
cmd_verify(struct cli *cli)
{
    unsigned flags = (cli->mark ? SOTTO_CLIENT_VERIFY_MARK : 0u) |
                     (cli->accept ? SOTTO_CLIENT_VERIFY_ACCEPT : 0u);
    return print_status(cli,
                        sotto_client_verify(cli->client, cli_word(cli, 1), flags, show_trust, cli));
}

static int
show_group_number(const struct sotto_client_group_number *number, void *arg)
{
    struct cli *cli = arg;
    if (cli->json) {
        struct json json = json_open(stdout);
        json_string(&json, "chat", number->chat);
        json_string(&json, "title", number->title);
        json_uint(&json, "epoch", number->epoch);
        json_string(&json, "digits", number->digits);
        json_close(&json);
    } else if (!cli->quiet) {
        print_text(stdout, *number->title ? number->title : tr("(no title)"));
        printf(tr(": epoch %llu\n\n"), (unsigned long long)number->epoch);
        fputs(tr("  number of the group, the same for every member in this epoch\n"), stdout);
        show_digits(number->digits);
        fputs(
            tr("\n\nCompare while all have the same epoch. Other digits in the same epoch: the server shows "
               "you different groups.\n"),
            stdout);
    }
    return 0;
}

int
cmd_verify_chat(struct cli *cli)
{
    return print_status(
        cli, sotto_client_verify_chat(cli->client, cli_word(cli, 1), show_group_number, cli));
}

static int
show_verified_only(const struct cli *cli, bool only)
{
    if (cli->json) {
        json_fact_bool("verified_only", only);
    } else if (!cli->quiet) {
        fputs(only
                  ? tr("on: nothing is sent to a chat with somebody whom you have not verified\n")
                  : tr("off: an identity key is trusted from its first use on, until it changes\n"),
              stdout);
    }
    return SOTTO_CLIENT_OK;
}

int
cmd_verified_only(struct cli *cli)
{
    const char *word = cli_word(cli, 1);
    bool only = word && !strcmp(word, "on");
    if (word && !only && strcmp(word, "off") != 0)
        return print_usage_error(cli,
                                 "verified-only takes on or off; see `sotto verified-only --help`");
    const int status = word ? sotto_client_set_verified_only(cli->client, only)
                            : sotto_client_verified_only(cli->client, &only);
    return status ? print_status(cli, status) : show_verified_only(cli, only);
}
