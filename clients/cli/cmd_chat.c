/* SPDX-License-Identifier: MIT */
/*
 * new, chats, members, delete-chat.
 */
#include "clean.h"
#include "cli.h"
#include "json.h"
#include "screen.h"
#include "text.h"
#include "view.h"

#include <string.h>
#include <unistd.h>

#define CURE_COLUMNS 256
#define QUESTION_BYTES 512 /* a title of 64 characters, and the sentence around it */

static void
show_chat_json(const struct sotto_client_chat *chat)
{
    struct json json = json_open(stdout);
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
    if (chat->cure)
        json_string(&json, "cure", chat->cure);
    if (chat->left_how) {
        json_string(&json, "left_how", chat->left_how);
        json_string(&json, "left_by", chat->left_by);
        json_int(&json, "left_ts", chat->left_ts);
        if (*chat->replaced_by)
            json_string(&json, "replaced_by", chat->replaced_by);
    }
    json_close(&json);
}

/* Why the reader is not in the chat any more. */
static void
show_left(const struct sotto_client_chat *chat)
{
    char when[40];
    view_time(chat->left_ts / 1000, when);
    if (!chat->left_by)
        fputs(tr("  (the server says that you are no longer a member)"), stdout);
    else if (!strcmp(chat->left_how, "left"))
        printf(tr("  (you left: %s)"), when);
    else if (!strcmp(chat->left_how, "deleted"))
        printf(tr("  (the server says that %s deleted this chat: %s)"), chat->left_by, when);
    else if (!strcmp(chat->left_how, "replaced"))
        printf(tr("  (%s started this chat anew: %s)"), chat->left_by, when);
    else
        printf(tr("  (%s removed you: %s)"), chat->left_by, when);
}

/* What there is to do about a chat. */
static void
show_state(const struct sotto_client_chat *chat)
{
    if (chat->unread)
        printf(tr_count("  %llu unread", "  %llu unread", chat->unread),
               (unsigned long long)chat->unread);
    if (chat->cure) {
        char cure[CURE_COLUMNS];
        clean_line(chat->cure, cure, sizeof(cure)); /* labels of devices, as the server says them */
        if (!strcmp(chat->state, "waiting"))
            printf(tr("  (this device is not in it yet: %s)"), cure);
        else
            printf("  (%s)", cure);
    } else if (chat->left_how)
        show_left(chat);
    else if (!strcmp(chat->state, "gone"))
        fputs(tr("  (deleted the account: there is nobody to write to any more)"), stdout);
    else if (strcmp(chat->state, "ready"))
        printf("  (%s)", tr(chat->state));
}

/* On the screen: a number for /open, and the last text as far as it fits. */
static void
show_numbered(struct cli *cli, const struct sotto_client_chat *chat, const char *when)
{
    struct view view;
    view_init(&view, stdout);
    printf("%3zu  ", screen_list_add(cli->screen, chat->id));
    view_tint(&view, TINT_BOLD);
    view_cut(&view, *chat->title ? chat->title : tr("(no title)"), view.columns / 2);
    view_tint(&view, TINT_NONE);
    printf("  %s", when);
    show_state(chat);
    if (chat->last_text) {
        fputs("\n     ", stdout);
        view_tint(&view, TINT_DIM);
        view_cut(&view, chat->last_text, 5);
        view_tint(&view, TINT_NONE);
    }
    putchar('\n');
}

int
print_chat(const struct sotto_client_chat *chat, void *arg)
{
    struct cli *cli = arg;
    char when[32];
    if (cli->json) {
        show_chat_json(chat);
        return 0;
    }
    if (cli->quiet)
        return 0;
    view_time(chat->last_ts / 1000, when);
    if (cli->screen) {
        show_numbered(cli, chat, when);
        return 0;
    }
    printf("%.8s  %s  ", chat->id, tr(chat->type));
    print_text(stdout, *chat->title ? chat->title : tr("(no title)"));
    printf("  %s", when);
    show_state(chat);
    if (chat->last_text) {
        printf("\n          ");
        print_text(stdout, chat->last_text);
    }
    putchar('\n');
    return 0;
}

int
print_made_chat(const struct sotto_client_chat *chat, void *arg)
{
    struct cli *cli = arg;
    if (!cli->screen)
        return print_chat(chat, arg);
    memcpy(cli->made_chat, chat->id, sizeof(cli->made_chat));
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
    return print_status(cli, sotto_client_new(cli->client, &what, print_made_chat, cli));
}

static int
note_any(const struct sotto_client_chat *chat, void *arg)
{
    (void)chat;
    *(bool *)arg = true;
    return 1;
}

bool
any_chats(const struct cli *cli)
{
    bool any = false;
    return sotto_client_known_chats(cli->client, note_any, &any) == SOTTO_CLIENT_OK && any;
}

static int
list_on_screen(struct cli *cli)
{
    screen_list_begin(cli->screen);
    int status = sotto_client_known_chats(cli->client, print_chat, cli);
    if (status)
        return print_status(cli, status);
    struct view view;
    view_init(&view, stdout);
    view_text(
        &view,
        any_chats(cli)
            ? tr("/open with a number or a name opens one; /new NAME starts another.")
            : tr("No chats yet: /new NAME starts one with somebody. Those of your other devices appear "
                 "by themselves."),
        0, 0);
    putchar('\n');
    return SOTTO_CLIENT_OK;
}

int
cmd_chats(struct cli *cli)
{
    /* The listening thread keeps the profile up to date, so the screen need not wait for an answer. */
    if (cli->screen && !cli->unread && !cli->type)
        return list_on_screen(cli);
    int status = sotto_client_chats(cli->client, cli->unread, cli->type, print_chat, cli);
    if (status == SOTTO_CLIENT_OK && !cli->json && !cli->quiet && !any_chats(cli))
        puts(tr("no chats yet: `sotto new NAME` starts one"));
    return print_status(cli, status);
}

static int
show_member(const struct sotto_client_member *member, void *arg)
{
    struct cli *cli = arg;
    if (cli->json) {
        struct json json = json_open(stdout);
        json_string(&json, "user", member->user);
        json_string(&json, "user_id", member->user_id);
        json_string(&json, "role", member->role);
        json_string(&json, "trust", member->trust);
        json_uint(&json, "devices", member->devices);
        json_close(&json);
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

/* ---- delete-chat ----------------------------------------------------------------------------- */

struct deletion {
    const struct cli *cli;
    char chat[SOTTO_CLIENT_HEX_BYTES]; /* what is asked about, whatever gets its title meanwhile */
    int status;
};

static int
ask_deletion(const struct sotto_client_chat *chat, void *arg)
{
    struct deletion *deletion = arg;
    char question[QUESTION_BYTES], name[SOTTO_CLIENT_TITLE_CHARS * 4 + 1];
    memcpy(deletion->chat, chat->id, sizeof(deletion->chat));
    clean_line(*chat->title ? chat->title : chat->id, name, sizeof(name));
    if (!strcmp(chat->state, "left"))
        snprintf(question, sizeof(question),
                 tr("Delete what this device has of the chat %s (y/n)?"), name);
    else if (!strcmp(chat->state, "waiting"))
        snprintf(
            question, sizeof(question),
            tr("This device is not in the chat %s. Delete it for everybody if it is yours (y/n)?"),
            name);
    else
        snprintf(question, sizeof(question),
                 tr("Delete the chat %s here, and for everybody if it is yours (y/n)?"), name);
    deletion->status = secret_ask_back(deletion->cli, question);
    return 0;
}

/* Scripts are not asked: for them the command is what was meant. */
int
cmd_delete_chat(struct cli *cli)
{
    struct deletion deletion = {.cli = cli};
    const bool asks = !cli->yes && (cli->screen || (!cli->json && isatty(STDIN_FILENO)));
    const char *chat = cli_word(cli, 1);
    int status = SOTTO_CLIENT_OK;
    if (asks) {
        status =
            print_status(cli, sotto_client_deletable(cli->client, chat, ask_deletion, &deletion));
        status = status ? status : deletion.status;
        chat = deletion.chat;
    }
    if (status)
        return status;
    status = sotto_client_delete_chat(cli->client, chat, print_chat, cli);
    cli->lost_chat = status == SOTTO_CLIENT_OK;
    return print_status(cli, status);
}
