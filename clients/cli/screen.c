/* SPDX-License-Identifier: MIT */
/*
 * The screen: what is open, what was shown, and the loop of lines. The listening thread (live.c)
 * brings what is new; the archive in the profile has the rest. A message of ours is stored before it
 * is shown, and the line goes back into the editor when it could not be stored.
 */
#include "screen.h"
#include "clean.h"
#include "editor.h"
#include "live.h"
#include "sending.h"
#include "slash.h"
#include "text.h"
#include "view.h"
#include "welcome.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HISTORY_SHOWN 50
#define TITLE_COLUMNS 24 /* in the prompt, of letters of up to four bytes */
#define LISTED_MAX 1000  /* numbers that /chats gives */

struct screen {
    struct cli *cli;
    struct editor *editor;
    struct live *live;
    struct view view;
    /* The open chat; id "" when there is none. */
    char chat[SOTTO_CLIENT_HEX_BYTES];
    char title[TITLE_COLUMNS * 4];
    uint64_t oldest; /* seq of the first message shown, for /more */
    uint64_t newest;
    size_t shown; /* by the listing that is under way */
    /* The others. */
    unsigned long long unread;
    char listed[LISTED_MAX][SOTTO_CLIENT_HEX_BYTES];
    size_t listed_count;
    struct sending sending;
    bool connected;
    bool told_offline;
    int retry_s; /* until the next try, counted down by the tick */
    bool leave;
    char prompt[288];
};

/* ---- the prompt ------------------------------------------------------------------------------ */

static const char *
show_prompt(void *arg)
{
    struct screen *screen = arg;
    char state[96] = "";
    char others[32] = "";
    if (!screen->connected && screen->told_offline)
        snprintf(state, sizeof(state), tr("[offline, next try in %d s] "), screen->retry_s);
    if (screen->unread)
        snprintf(others, sizeof(others), " (+%llu)", screen->unread);
    const char *bold = screen->view.colours ? "\1\033[1m\1" : "";
    const char *plain = screen->view.colours ? "\1\033[0m\1" : "";
    snprintf(screen->prompt, sizeof(screen->prompt), "%s%s%s%s%s> ", state, bold,
             *screen->chat ? screen->title : "sotto", plain, others);
    return screen->prompt;
}

/* Title of the open chat, and the unread messages of the others. */
static int
note_chat(const struct sotto_client_chat *chat, void *arg)
{
    struct screen *screen = arg;
    if (strcmp(chat->id, screen->chat) != 0) {
        screen->unread += chat->unread;
        return 0;
    }
    clean_line(*chat->title ? chat->title : tr("(no title)"), screen->title, sizeof(screen->title));
    return 0;
}

static void
refresh(struct screen *screen)
{
    screen->unread = 0;
    sotto_client_known_chats(screen->cli->client, note_chat, screen);
}

/* ---- showing --------------------------------------------------------------------------------- */

static void
note(struct screen *screen, enum tint tint, const char *text)
{
    view_tint(&screen->view, tint);
    view_text(&screen->view, text, 0, 2);
    view_tint(&screen->view, TINT_NONE);
    fputc('\n', screen->view.out);
}

/* A message of ours has gone out, or will not by itself. */
static void
show_progress(struct screen *screen, const struct sotto_client_message *message, struct own *own)
{
    if (own)
        *own = (struct own){0};
    view_message(&screen->view, message);
    if (!strcmp(message->state, "failed"))
        note(screen, TINT_WARN, tr("not sent: /retry sends it once more, /drop forgets it"));
}

/* A chat that is not open. */
struct elsewhere {
    char title[128];
    unsigned long long unread;
};

static int
note_elsewhere(const struct sotto_client_chat *chat, void *arg)
{
    struct elsewhere *other = arg;
    clean_line(*chat->title ? chat->title : chat->id, other->title, sizeof(other->title));
    other->unread = chat->unread;
    return 0;
}

/* One line about a message in a chat that is not open. */
static void
show_elsewhere(struct screen *screen, const struct sotto_client_message *message)
{
    struct elsewhere other = {.title = ""};
    char line[300];
    if (message->own || !strcmp(message->kind, "title"))
        return;
    editor_hide(screen->editor);
    refresh(screen);
    if (sotto_client_find(screen->cli->client, message->chat, note_elsewhere, &other))
        return;
    if (strcmp(message->kind, "text") != 0)
        snprintf(line, sizeof(line), tr("%s: something changed; /open %s"), message->from,
                 other.title);
    else
        snprintf(line, sizeof(line),
                 tr_count("%s: %llu unread message; /open %s", "%s: %llu unread messages; /open %s",
                          other.unread),
                 other.title, other.unread, other.title);
    note(screen, TINT_DIM, line);
}

static void
show_news_message(struct screen *screen, const struct sotto_client_message *message)
{
    struct own *own = message->own ? sending_find(&screen->sending, message->id) : NULL;
    bool open = !strcmp(message->chat, screen->chat);
    bool text = !strcmp(message->kind, "text");
    /* The archive may have shown it already. */
    if (open && text && message->seq && message->seq <= screen->newest && !own)
        return;
    if (!open && !own && strcmp(message->state, "failed") != 0) {
        show_elsewhere(screen, message);
        return;
    }
    editor_hide(screen->editor);
    if (open && message->seq > screen->newest)
        screen->newest = message->seq;
    if (message->own && text)
        show_progress(screen, message, own);
    else
        view_message(&screen->view, message);
    if (open && message->seq)
        sotto_client_mark_read(screen->cli->client, screen->chat, message->seq);
    if (!text)
        refresh(screen);
}

static void
show_link(struct screen *screen, const struct live_news *news)
{
    bool first = !news->connected && !screen->told_offline;
    bool again = news->connected && screen->told_offline;
    screen->connected = news->connected;
    screen->retry_s = (int)((news->retry_ms + 999) / 1000);
    screen->told_offline = !news->connected;
    if (!first && !again)
        return;
    editor_hide(screen->editor);
    if (again) {
        note(screen, TINT_DIM, tr("connected"));
        return;
    }
    note(screen, TINT_WARN, news->error.message);
    note(screen, TINT_DIM,
         tr("offline: what you write is kept and goes out when the server is back"));
}

static int
show_if_due(const struct sotto_client_message *message, void *arg)
{
    struct screen *screen = arg;
    struct own *own = sending_find(&screen->sending, message->id);
    if (sending_is_due(own, screen->connected)) {
        editor_hide(screen->editor);
        own->shown = true;
        view_message(&screen->view, message);
    }
    return 0;
}

static bool
on_tick(void *arg)
{
    struct screen *screen = arg;
    bool offline = !screen->connected && screen->told_offline;
    sending_tick(&screen->sending);
    if (offline && screen->retry_s > 0)
        screen->retry_s--;
    bool due = sending_any_due(&screen->sending, screen->connected);
    if (due)
        sotto_client_waiting(screen->cli->client, NULL, false, show_if_due, screen);
    return offline || due;
}

static bool
on_event(void *arg)
{
    struct screen *screen = arg;
    struct live_news news;
    bool any = false;
    while (live_take(screen->live, &news)) {
        any = true;
        if (news.kind == NEWS_MESSAGE) {
            show_news_message(screen, &news.message);
        } else if (news.kind == NEWS_LINK) {
            show_link(screen, &news);
        } else {
            editor_hide(screen->editor);
            screen->connected = false;
            print_error(screen->cli, &news.error);
        }
        live_news_fini(&news);
    }
    return any;
}

/* ---- one chat -------------------------------------------------------------------------------- */

static int
show_archived(const struct sotto_client_message *message, void *arg)
{
    struct screen *screen = arg;
    if (screen->shown++ == 0 && message->seq)
        screen->oldest = message->seq;
    if (message->seq > screen->newest)
        screen->newest = message->seq;
    view_message(&screen->view, message);
    return 0;
}

static int
show_waiting(const struct sotto_client_message *message, void *arg)
{
    struct screen *screen = arg;
    view_message(&screen->view, message);
    sending_add(&screen->sending, message->id, true);
    return 0;
}

/* "3", as /chats numbers them. */
static const char *
numbered(const struct screen *screen, const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*text >= '1' && *text <= '9' && *end == 0 && strlen(text) < 4 &&
        number <= screen->listed_count)
        return screen->listed[number - 1];
    return text;
}

static int
take_id(const struct sotto_client_chat *chat, void *arg)
{
    memcpy(arg, chat->id, SOTTO_CLIENT_HEX_BYTES);
    return 1;
}

int
screen_open(struct screen *screen, const char *chat)
{
    struct sotto_client *client = screen->cli->client;
    char id[SOTTO_CLIENT_HEX_BYTES] = "";
    int status = sotto_client_find(client, numbered(screen, chat), take_id, id);
    if (status)
        return print_status(screen->cli, status);
    memcpy(screen->chat, id, sizeof(id));
    screen->oldest = screen->newest = 0;
    screen->shown = 0;
    screen->view.last_day = 0;
    screen->view.states = false;
    status = sotto_client_archive(client, id, 0, HISTORY_SHOWN, show_archived, screen);
    screen->view.states = true;
    if (status == SOTTO_CLIENT_OK && screen->shown == HISTORY_SHOWN)
        note(screen, TINT_DIM, tr("(older messages: /more)"));
    if (status == SOTTO_CLIENT_OK && screen->shown == 0)
        note(screen, TINT_DIM, tr("(no messages yet: write the first)"));
    if (status == SOTTO_CLIENT_OK)
        status = sotto_client_waiting(client, id, false, show_waiting, screen);
    if (status == SOTTO_CLIENT_OK)
        status = sotto_client_mark_read(client, id, screen->newest);
    refresh(screen);
    return print_status(screen->cli, status);
}

void
screen_close(struct screen *screen)
{
    *screen->chat = 0;
}

int
screen_more(struct screen *screen)
{
    if (!*screen->chat)
        return print_usage_error(screen->cli, "open a chat first: /chats lists them, /open NAME");
    if (screen->oldest <= 1) {
        note(screen, TINT_DIM, tr("(this is the beginning)"));
        return SOTTO_CLIENT_OK;
    }
    uint64_t before = screen->oldest;
    screen->shown = 0;
    screen->view.last_day = 0;
    screen->view.states = false;
    int status = sotto_client_archive(screen->cli->client, screen->chat, before, HISTORY_SHOWN,
                                      show_archived, screen);
    screen->view.states = true;
    screen->view.last_day = 0;
    note(screen, TINT_DIM,
         screen->shown ? tr("(up to here: older messages)") : tr("(this is the beginning)"));
    return print_status(screen->cli, status);
}

void
screen_quit(struct screen *screen)
{
    screen->leave = true;
}

void
screen_list_begin(struct screen *screen)
{
    screen->listed_count = 0;
}

size_t
screen_list_add(struct screen *screen, const char *chat_id)
{
    if (screen->listed_count < LISTED_MAX)
        snprintf(screen->listed[screen->listed_count++], SOTTO_CLIENT_HEX_BYTES, "%s", chat_id);
    return screen->listed_count;
}

const char *
screen_chat(const struct screen *screen)
{
    return *screen->chat ? screen->chat : NULL;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int
note_own(const struct sotto_client_message *message, void *arg)
{
    struct screen *screen = arg;
    sending_add(&screen->sending, message->id, !screen->connected);
    if (!screen->connected)
        view_message(&screen->view, message);
    return 0;
}

/* False: the text is not stored, and belongs back into the editor. */
static bool
send_text(struct screen *screen, const char *text)
{
    if (!*screen->chat) {
        print_usage_error(screen->cli, "open a chat first: /chats lists them, /open NAME");
        return false;
    }
    int status = sotto_client_queue(screen->cli->client, screen->chat, text, note_own, screen);
    print_status(screen->cli, status);
    return status == SOTTO_CLIENT_OK;
}

/* The line that the person just typed is shown again as a message, so it goes. */
static void
take_back_line(struct screen *screen, const char *line)
{
    int rows = editor_rows(show_prompt(screen), line, screen->view.columns);
    if (screen->view.columns)
        printf("\033[%dA\r\033[J", rows + 1);
}

/* Handles a line; false: it belongs back into the editor. */
static bool
take_line(struct screen *screen, const char *line)
{
    bool kept = true;
    if (*line == '/' && line[1] != '/') {
        slash_run(screen, screen->cli, line + 1);
        sotto_client_disconnect(screen->cli->client);
        refresh(screen);
    } else if (strspn(line, " \t") < strlen(line)) {
        if (*screen->chat)
            take_back_line(screen, line);
        kept = send_text(screen, *line == '/' ? line + 1 : line);
    }
    live_wake(screen->live);
    return kept;
}

static void
complete(struct editor *editor, const char *line, const char *word, bool first, void *arg)
{
    struct screen *screen = arg;
    slash_complete(editor, screen->cli, line, word, first);
}

static void
greet(struct screen *screen)
{
    char line[200];
    snprintf(line, sizeof(line),
             tr("You are %s. /help lists the commands, Tab completes, /quit leaves."),
             sotto_client_user(screen->cli->client));
    note(screen, TINT_BOLD, line);
    slash_run(screen, screen->cli, "chats");
}

static void
loop(struct screen *screen)
{
    char *draft = NULL;
    while (!screen->leave) {
        view_resize(&screen->view); /* the window may have another size */
        const char *line = editor_read(screen->editor, draft);
        free(draft);
        draft = NULL;
        if (!line)
            break;
        if (!take_line(screen, line))
            draft = strdup(line);
    }
    free(draft);
}

int
screen_run(struct cli *cli, struct sotto_client *take_live)
{
    int status = welcome(cli);
    if (status) {
        sotto_client_close(&take_live);
        return status;
    }
    struct screen *screen = calloc(1, sizeof(*screen));
    if (!screen)
        abort(); /* no memory ends the client, as everywhere in it */
    screen->cli = cli;
    cli->screen = screen;
    view_init(&screen->view, stdout);
    screen->view.states = true;
    screen->editor = editor_create(&(struct editor_callbacks){.prompt = show_prompt,
                                                              .on_event = on_event,
                                                              .on_tick = on_tick,
                                                              .complete = complete,
                                                              .arg = screen});
    if (screen->editor)
        screen->live = live_create(take_live);
    else
        sotto_client_close(&take_live);
    if (screen->live) {
        editor_watch(screen->editor, live_fd(screen->live));
        greet(screen);
        loop(screen);
    } else {
        status = print_usage_error(cli, "the interactive client does not start on this terminal");
    }
    editor_destroy(&screen->editor);
    if (!live_destroy(&screen->live)) {
        /* The thread is in the middle of a call; the profile is sound at any point. */
        fflush(NULL);
        _exit(0);
    }
    cli->screen = NULL;
    free(screen);
    return status;
}
