/* SPDX-License-Identifier: MIT */
/*
 * new, chats, members.
 */
#include "cli.h"
#include "json.h"
#include "text.h"

#include <string.h>

static void
show_chat_json(const struct sotto_client_chat *chat)
{
    struct json json = {.out = stdout};
    json_begin(&json, NULL, '{');
    json_string(&json, "chat", chat->id);
    json_string(&json, "title", chat->title);
    json_string(&json, "type", chat->type);
    json_string(&json, "mode", chat->mode);
    json_begin(&json, "members", '[');
    for (size_t i = 0; i < chat->member_count; i++)
        json_string(&json, NULL, chat->members[i]);
    json_end(&json, ']');
    json_string(&json, "state", chat->state);
    json_string(&json, "role", *chat->role ? chat->role : NULL);
    json_uint(&json, "epoch", chat->epoch);
    json_uint(&json, "last_seq", chat->last_seq);
    json_int(&json, "last_ts", chat->last_ts);
    json_string(&json, "last_text", chat->last_text);
    json_uint(&json, "unread", chat->unread);
    json_end(&json, '}');
    json_line(&json);
}

static int
show_chat(const struct sotto_client_chat *chat, void *arg)
{
    struct cli *cli = arg;
    char when[32];
    if (cli->json) {
        show_chat_json(chat);
        return 0;
    }
    if (cli->quiet)
        return 0;
    print_time(chat->last_ts / 1000, when);
    printf("%.8s  %s  ", chat->id, tr(chat->type));
    print_text(stdout, *chat->title ? chat->title : tr("(no title)"));
    printf("  %s", when);
    if (chat->unread)
        printf(tr_count("  %llu unread", "  %llu unread", chat->unread),
               (unsigned long long)chat->unread);
    if (!strcmp(chat->state, "waiting"))
        fputs(tr("  (waits for another device of yours to come online and add this one)"), stdout);
    else if (!strcmp(chat->state, "broken"))
        fputs(tr("  (this device missed changes; a member must remove it and add it again)"),
              stdout);
    else if (strcmp(chat->state, "ready"))
        printf("  (%s)", tr(chat->state));
    if (chat->last_text) {
        printf("\n          ");
        print_text(stdout, chat->last_text);
    }
    putchar('\n');
    return 0;
}

int
cmd_new(struct cli *cli)
{
    struct sotto_client_new what = {
        .names = cli->words + 1,
        .name_count = cli->word_count - 1,
        .title = cli->title,
        .mode = cli->mode,
    };
    return print_status(cli, sotto_client_new(cli->client, &what, show_chat, cli));
}

int
cmd_chats(struct cli *cli)
{
    return print_status(cli,
                        sotto_client_chats(cli->client, cli->unread, cli->type, show_chat, cli));
}

static int
show_member(const struct sotto_client_member *member, void *arg)
{
    struct cli *cli = arg;
    if (cli->json) {
        struct json json = {.out = stdout};
        json_begin(&json, NULL, '{');
        json_string(&json, "user", member->user);
        json_string(&json, "user_id", member->user_id);
        json_string(&json, "role", member->role);
        json_string(&json, "trust", member->trust);
        json_uint(&json, "devices", member->devices);
        json_end(&json, '}');
        json_line(&json);
    } else if (!cli->quiet) {
        printf("%-32s  %s, %s, ", member->user, tr(member->role), tr(member->trust));
        printf(tr_count("%zu device\n", "%zu devices\n", member->devices), member->devices);
    }
    return 0;
}

int
cmd_members(struct cli *cli)
{
    return print_status(cli, sotto_client_members(cli->client, cli_word(cli, 1), show_member, cli));
}
