/* SPDX-License-Identifier: MIT */
/*
 * The line at the bottom. libedit reads a character through on_key(), which is where this program
 * waits, so everything that happens meanwhile happens in there.
 *
 * To print above the line its rows are erased by hand, the text is printed, and libedit is made to
 * draw the line anew by a key of its own. It first moves up to where it believes the line begins; as
 * many empty rows as it will move up are printed for it.
 */
#include "editor.h"
#include "view.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_LINES 200
#define TICK_MS 1000
#define KEY_REDRAW 0x12 /* Ctrl-R */
#define KEY_COMPLETE L'\t'
#define OFFERS_MAX 200 /* candidates of one completion that are kept */
#define OFFER_BYTES_MAX 300
/* 4000 characters of four bytes, and room to see that it is too long. */
#define LINE_BYTES_MAX 16384

struct editor {
    struct editor_callbacks callbacks;
    EditLine *el;
    History *history;
    int watch_fd;
    int signal_fd;
    sigset_t signals;
    sigset_t before;
    bool hidden;
    bool interrupted;
    int columns;
    char line[LINE_BYTES_MAX];
    /* A completion that is under way. */
    char word[OFFER_BYTES_MAX];
    char *offers[OFFERS_MAX];
    size_t offer_count;
};

static struct editor *
editor_of(EditLine *el)
{
    struct editor *editor = NULL;
    el_get(el, EL_CLIENTDATA, &editor);
    return editor;
}

static char *
on_prompt(EditLine *el)
{
    struct editor *editor = editor_of(el);
    return (char *)(uintptr_t)editor->callbacks.prompt(editor->callbacks.arg);
}

/* ---- printing above the line ----------------------------------------------------------------- */

/* Columns of one character, where the terminal puts one that does not fit on the next row. */
static int
advance(int at, int width, int columns)
{
    if (columns && width == 2 && at % columns == columns - 1)
        at++;
    return at + width;
}

int
editor_rows(const char *prompt, const char *text, int columns)
{
    mbstate_t state = {0};
    wchar_t wide;
    int at = view_width(prompt);
    size_t len;
    if (columns <= 0)
        return 0;
    for (; *text; text += len) {
        len = mbrtowc(&wide, text, strlen(text), &state);
        if (len == (size_t)-1 || len == (size_t)-2)
            return at / columns;
        int width = wcwidth(wide);
        at = advance(at, width < 0 ? 2 : width, columns); /* a control is shown as ^X */
    }
    return at / columns;
}

static void
learn_columns(struct editor *editor)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
        editor->columns = size.ws_col;
}

/* Rows between the cursor and the beginning of the line, by libedit's own book. */
static int
cursor_rows(struct editor *editor)
{
    const LineInfo *info = el_line(editor->el);
    char before[LINE_BYTES_MAX];
    snprintf(before, sizeof(before), "%.*s", (int)(info->cursor - info->buffer), info->buffer);
    return editor_rows(editor->callbacks.prompt(editor->callbacks.arg), before, editor->columns);
}

void
editor_hide(struct editor *editor)
{
    if (editor->hidden)
        return;
    int rows = cursor_rows(editor);
    fputs("\r", stdout);
    if (rows)
        printf("\033[%dA", rows);
    fputs("\033[J", stdout);
    editor->hidden = true;
}

/* Room for libedit to move up in, after which it draws the line where it ought to be. */
static void
make_room(struct editor *editor, int rows)
{
    for (int i = 0; i < rows; i++)
        fputc('\n', stdout);
    fflush(stdout);
    editor->hidden = false;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void
clear_line(struct editor *editor)
{
    const LineInfo *info = el_line(editor->el);
    el_cursor(editor->el, (int)(info->lastchar - info->cursor));
    info = el_line(editor->el);
    el_deletestr(editor->el, (int)(info->cursor - info->buffer));
}

/* Ctrl-Z: the shell gets a terminal as it knows it, and we come back to ours. */
static void
suspend(struct editor *editor)
{
    el_set(editor->el, EL_PREP_TERM, 0);
    raise(SIGSTOP);
    el_set(editor->el, EL_PREP_TERM, 1);
}

/* What a signal does; true: the line must be drawn anew. */
static bool
take_signal(struct editor *editor)
{
    struct signalfd_siginfo info;
    if (read(editor->signal_fd, &info, sizeof(info)) != sizeof(info))
        return false;
    int rows = cursor_rows(editor);
    const LineInfo *line = el_line(editor->el);
    switch (info.ssi_signo) {
    case SIGWINCH:
        editor_hide(editor);
        el_resize(editor->el);
        learn_columns(editor);
        make_room(editor, cursor_rows(editor));
        return true;
    case SIGTSTP:
        editor_hide(editor);
        fflush(stdout);
        suspend(editor);
        make_room(editor, rows);
        return true;
    case SIGTERM:
    case SIGHUP: /* the terminal is put in order on the way out */
        editor->interrupted = true;
        return false;
    default: /* SIGINT */
        if (line->lastchar == line->buffer) {
            editor->interrupted = true;
            return false;
        }
        editor_hide(editor);
        make_room(editor, rows);
        clear_line(editor);
        return true;
    }
}

/* Calls one of the callbacks; true when the line must be drawn anew. */
static bool
call(struct editor *editor, bool (*callback)(void *arg))
{
    int rows = cursor_rows(editor);
    bool changed = callback(editor->callbacks.arg);
    if (editor->hidden)
        make_room(editor, rows);
    return changed;
}

/* One character of the keyboard, out of as many bytes as it has. */
static int
read_key(wchar_t *key_out)
{
    mbstate_t state = {0};
    for (;;) {
        char byte;
        ssize_t count = read(STDIN_FILENO, &byte, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return 0;
        size_t len = mbrtowc(key_out, &byte, 1, &state);
        if (len == (size_t)-2)
            continue;
        if (len == (size_t)-1)
            *key_out = L'?'; /* bytes that are no character */
        return 1;
    }
}

/* ---- completion ------------------------------------------------------------------------------ */

void
editor_offer(struct editor *editor, const char *candidate)
{
    size_t len = strlen(editor->word);
    if (strncmp(candidate, editor->word, len) != 0 || editor->offer_count == OFFERS_MAX ||
        strlen(candidate) >= OFFER_BYTES_MAX)
        return;
    for (size_t i = 0; i < editor->offer_count; i++)
        if (!strcmp(editor->offers[i], candidate))
            return;
    editor->offers[editor->offer_count] = strdup(candidate);
    editor->offer_count += editor->offers[editor->offer_count] != NULL;
}

/* The beginning that all candidates have in common. */
static size_t
common_length(const struct editor *editor)
{
    size_t len = strlen(editor->offers[0]);
    for (size_t i = 1; i < editor->offer_count; i++)
        for (size_t k = 0; k < len; k++)
            if (editor->offers[0][k] != editor->offers[i][k])
                len = k;
    /* Not in the middle of a character. */
    while (len && (editor->offers[0][len] & 0xc0) == 0x80)
        len--;
    return len;
}

static void
insert_common(struct editor *editor)
{
    char more[OFFER_BYTES_MAX + 2];
    size_t typed = strlen(editor->word);
    size_t len = common_length(editor);
    bool only = editor->offer_count == 1;
    if (len > typed || only) {
        snprintf(more, sizeof(more), "%.*s%s", (int)(len - typed), editor->offers[0] + typed,
                 only ? " " : "");
        el_insertstr(editor->el, more); /* nothing happens when the line is full */
        return;
    }
    int rows = cursor_rows(editor);
    editor_hide(editor);
    for (size_t i = 0; i < editor->offer_count; i++)
        printf("%s%s", i ? "  " : "", editor->offers[i]);
    fputc('\n', stdout);
    make_room(editor, rows);
}

/* What Tab does. The line is drawn anew behind it. */
static void
complete(struct editor *editor)
{
    const LineInfo *info = el_line(editor->el);
    char line[LINE_BYTES_MAX];
    snprintf(line, sizeof(line), "%.*s", (int)(info->cursor - info->buffer), info->buffer);
    char *space = strrchr(line, ' ');
    const char *word = space ? space + 1 : line;
    if (strlen(word) >= sizeof(editor->word))
        return;
    memcpy(editor->word, word, strlen(word) + 1);
    editor->callbacks.complete(editor, line, word, !space, editor->callbacks.arg);
    if (editor->offer_count)
        insert_common(editor);
    for (; editor->offer_count; editor->offer_count--)
        free(editor->offers[editor->offer_count - 1]);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static int
on_key(EditLine *el, wchar_t *key_out)
{
    struct editor *editor = editor_of(el);
    fflush(stdout);
    for (;;) {
        struct pollfd fds[3] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = editor->signal_fd, .events = POLLIN},
                                {.fd = editor->watch_fd, .events = POLLIN}};
        bool redraw = false;
        int ready = poll(fds, 3, TICK_MS);
        if (ready < 0 && errno != EINTR)
            return 0;
        if (ready > 0 && fds[1].revents)
            redraw = take_signal(editor);
        if (editor->interrupted)
            return 0;
        if (ready > 0 && fds[2].revents)
            redraw = call(editor, editor->callbacks.on_event) || redraw;
        if (ready == 0)
            redraw = call(editor, editor->callbacks.on_tick);
        if (redraw) {
            *key_out = KEY_REDRAW;
            return 1;
        }
        if (ready > 0 && fds[0].revents && !read_key(key_out))
            return 0;
        if (ready > 0 && fds[0].revents && *key_out == KEY_COMPLETE) {
            complete(editor);
            *key_out = KEY_REDRAW;
        }
        if (ready > 0 && fds[0].revents)
            return 1;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
set_up(struct editor *editor)
{
    HistEvent event;
    el_set(editor->el, EL_CLIENTDATA, editor);
    el_set(editor->el, EL_SIGNAL, 0);
    el_set(editor->el, EL_EDITOR, "emacs");
    el_set(editor->el, EL_PROMPT_ESC, on_prompt, '\1');
    el_set(editor->el, EL_GETCFN, on_key);
    el_set(editor->el, EL_BIND, "^R", "ed-redisplay", NULL);
    el_set(editor->el, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
    el_set(editor->el, EL_BIND, "\033[H", "ed-move-to-beg", NULL);
    el_set(editor->el, EL_BIND, "\033[F", "ed-move-to-end", NULL);
    history(editor->history, &event, H_SETSIZE, HISTORY_LINES);
    history(editor->history, &event, H_SETUNIQUE, 1);
    el_set(editor->el, EL_HIST, history, editor->history);
}

struct editor *
editor_create(const struct editor_callbacks *callbacks)
{
    struct editor *editor = calloc(1, sizeof(*editor));
    if (!editor)
        return NULL;
    editor->callbacks = *callbacks;
    editor->watch_fd = -1;
    sigemptyset(&editor->signals);
    sigaddset(&editor->signals, SIGINT);
    sigaddset(&editor->signals, SIGTERM);
    sigaddset(&editor->signals, SIGHUP);
    sigaddset(&editor->signals, SIGTSTP);
    sigaddset(&editor->signals, SIGWINCH);
    editor->signal_fd = signalfd(-1, &editor->signals, SFD_CLOEXEC | SFD_NONBLOCK);
    editor->el = el_init("sotto", stdin, stdout, stderr);
    editor->history = history_init();
    if (editor->signal_fd < 0 || !editor->el || !editor->history) {
        editor_destroy(&editor);
        return NULL;
    }
    learn_columns(editor);
    set_up(editor);
    return editor;
}

void
editor_destroy(struct editor **editor)
{
    struct editor *gone = *editor;
    if (!gone)
        return;
    if (gone->el)
        el_end(gone->el);
    if (gone->history)
        history_end(gone->history);
    if (gone->signal_fd >= 0)
        close(gone->signal_fd);
    free(gone);
    *editor = NULL;
}

void
editor_watch(struct editor *editor, int watch_fd)
{
    editor->watch_fd = watch_fd;
}

/* Signals are read while the line is edited; while a command runs they do what they always do. */
const char *
editor_read(struct editor *editor, const char *begin)
{
    HistEvent event;
    int count = 0;
    editor->interrupted = false;
    learn_columns(editor);
    if (begin)
        el_push(editor->el, begin);
    pthread_sigmask(SIG_BLOCK, &editor->signals, &editor->before);
    /* libedit shows its prompt first and takes the terminal then, which echoes a quick key twice. */
    el_set(editor->el, EL_PREP_TERM, 1);
    const char *line = el_gets(editor->el, &count);
    pthread_sigmask(SIG_SETMASK, &editor->before, NULL);
    if (!line || count <= 0 || editor->interrupted) {
        fputc('\n', stdout);
        return NULL;
    }
    snprintf(editor->line, sizeof(editor->line), "%.*s", (int)strcspn(line, "\n"), line);
    if (*editor->line && *editor->line != ' ')
        history(editor->history, &event, H_ENTER, editor->line);
    return editor->line;
}
