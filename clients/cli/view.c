/* SPDX-License-Identifier: MIT */
/*
 * Lines on a terminal. See view.h.
 */
#include "view.h"
#include "clean.h"
#include "cli.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_LEAST 20 /* narrower terminals break lines by themselves */
#define WORD_BYTES_MAX 256
#define TIME_COLUMNS 6      /* "14:05 " */
#define STATE_BYTES_MAX 640 /* the longest sentence of an error, and a word before it */

void
view_resize(struct view *view)
{
    struct winsize size = {0};
    int fd = fileno(view->out);
    view->columns = 0;
    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= COLUMNS_LEAST)
        view->columns = size.ws_col;
}

void
view_init(struct view *view, FILE *out)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool terminal = isatty(fileno(out));
    *view = (struct view){.out = out};
    view_resize(view);
    view->colours = terminal && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void
view_tint(struct view *view, enum tint tint)
{
    static const char *const codes[] = {
        [TINT_NONE] = "\033[0m",  [TINT_DIM] = "\033[2m",  [TINT_BOLD] = "\033[1m",
        [TINT_WARN] = "\033[33m", [TINT_OWN] = "\033[32m", [TINT_OTHER] = "\033[36m",
    };
    if (view->colours)
        fputs(codes[tint], view->out);
}

/* ---- width ----------------------------------------------------------------------------------- */

/* Columns of the first character; what the terminal does not know is taken for one. */
static int
char_width(const char *text, size_t *len_out)
{
    wchar_t wide;
    mbstate_t state = {0};
    size_t len = mbrtowc(&wide, text, strlen(text), &state);
    if (len == (size_t)-1 || len == (size_t)-2 || len == 0) {
        *len_out = 1;
        return 1;
    }
    int width = wcwidth(wide);
    *len_out = len;
    return width < 0 ? 1 : width;
}

int
view_width(const char *text)
{
    int width = 0;
    bool hidden = false;
    for (size_t len = 1; *text; text += len) {
        int one = char_width(text, &len);
        if (*text == '\1')
            hidden = !hidden;
        else if (!hidden)
            width += one;
    }
    return width;
}

/* ---- wrapping -------------------------------------------------------------------------------- */

/* A line that grows; the word at its end is held back until it is known to fit. */
struct line {
    struct view *view;
    int column;
    int indent;
    char word[WORD_BYTES_MAX];
    size_t len;
    int width; /* of the word */
};

static void
break_line(struct line *line)
{
    fprintf(line->view->out, "\n%*s", line->indent, "");
    line->column = line->indent;
}

static void
put_word(struct line *line)
{
    if (line->view->columns && line->column + line->width > line->view->columns &&
        line->column > line->indent)
        break_line(line);
    fwrite(line->word, 1, line->len, line->view->out);
    line->column += line->width;
    line->len = 0;
    line->width = 0;
}

static void
put_space(struct line *line)
{
    put_word(line);
    if (line->view->columns && line->column + 1 >= line->view->columns) {
        break_line(line);
        return;
    }
    fputc(' ', line->view->out);
    line->column++;
}

static void
put_char(struct line *line, const char *shown)
{
    size_t len;
    size_t bytes = strlen(shown);
    int width = bytes > 4 ? (int)bytes : char_width(shown, &len); /* <U+202E> is ASCII */
    int room = line->view->columns - line->indent;
    if (line->len + bytes > WORD_BYTES_MAX ||
        (line->view->columns && line->width && line->width + width > room))
        put_word(line); /* longer than a line: broken where it must */
    memcpy(line->word + line->len, shown, bytes);
    line->len += bytes;
    line->width += width;
}

int
view_text(struct view *view, const char *text, int column, int indent)
{
    struct line line = {.view = view, .column = column, .indent = indent};
    if (view->columns && indent > view->columns / 2)
        line.indent = 2;
    while (*text) {
        char shown[CLEAN_BYTES_MAX];
        clean_next(&text, shown);
        if (*shown == '\n') {
            put_word(&line);
            break_line(&line);
        } else if (*shown == ' ') {
            put_space(&line);
        } else {
            put_char(&line, shown);
        }
    }
    put_word(&line);
    return line.column;
}

void
view_cut(struct view *view, const char *text, int column)
{
    int room = view->columns - column - 3;
    for (int used = 0; *text;) {
        char shown[CLEAN_BYTES_MAX];
        clean_next(&text, shown);
        const char *piece = *shown == '\n' ? " " : shown;
        used += view_width(piece);
        if (view->columns && used > room && (used > room + 3 || *text)) {
            fputs("...", view->out);
            return;
        }
        fputs(piece, view->out);
    }
}

/* ---- times ----------------------------------------------------------------------------------- */

void
view_time(int64_t seconds, char out[32])
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

/* A line across the screen when the day is another one than that of the line before. */
static void
show_day(struct view *view, const struct tm *when)
{
    static const char *const months[] = {
        TR("January"),   TR("February"), TR("March"),    TR("April"),
        TR("May"),       TR("June"),     TR("July"),     TR("August"),
        TR("September"), TR("October"),  TR("November"), TR("December"),
    };
    /* The years of a calendar that a server makes up go beyond an int of days. */
    int64_t day = (int64_t)when->tm_year * 366 + when->tm_yday + 1;
    if (day == view->last_day)
        return;
    view->last_day = day;
    view_tint(view, TINT_DIM);
    fprintf(view->out, tr("--- %d %s %lld ---"), when->tm_mday, tr(months[when->tm_mon]),
            when->tm_year + 1900LL);
    view_tint(view, TINT_NONE);
    fputc('\n', view->out);
}

/* ---- messages -------------------------------------------------------------------------------- */

/* When, and in which chat; gives the column behind it. */
static int
show_head(struct view *view, const struct sotto_client_message *message)
{
    char when[40];
    time_t seconds = (time_t)(message->ts / 1000);
    struct tm tm = {0};
    bool known = localtime_r(&seconds, &tm) != NULL;
    if (view->chats) {
        view_time(message->ts / 1000, when);
        view_tint(view, TINT_DIM);
        fprintf(view->out, "%s  %.6s  ", when, message->chat);
        view_tint(view, TINT_NONE);
        return (int)strlen(when) + 10;
    }
    if (known)
        show_day(view, &tm);
    if (!known || !strftime(when, sizeof(when), "%H:%M", &tm))
        snprintf(when, sizeof(when), "  ?  ");
    view_tint(view, TINT_DIM);
    fprintf(view->out, "%s ", when);
    view_tint(view, TINT_NONE);
    return TIME_COLUMNS;
}

static int
indent_of(const struct view *view)
{
    return view->chats ? 4 : TIME_COLUMNS;
}

/* "(sent)", "(failed: ...)" behind a text. */
static void
show_state(struct view *view, const struct sotto_client_message *message, enum tint tint,
           int column)
{
    char line[STATE_BYTES_MAX];
    snprintf(line, sizeof(line), "  (%s%s%s)", tr(message->state), message->reason ? ": " : "",
             message->reason ? message->reason : "");
    view_tint(view, tint);
    view_text(view, line, column, indent_of(view));
    view_tint(view, TINT_NONE);
}

static void
show_text(struct view *view, const struct sotto_client_message *message, int column)
{
    char from[64];
    const char *name = message->own && !view->chats ? tr("you") : message->from;
    clean_line(name, from, sizeof(from));
    if (!view->chats)
        view_tint(view, message->own ? TINT_OWN : TINT_OTHER);
    fputs(from, view->out);
    if (!view->chats)
        view_tint(view, TINT_NONE);
    fputs(": ", view->out);
    column = view_text(view, message->text ? message->text : "", column + view_width(from) + 2,
                       indent_of(view));
    bool sent = !strcmp(message->state, "sent");
    if (!sent || (message->own && view->states))
        show_state(view, message, sent ? TINT_DIM : TINT_WARN, column);
}

static void
show_event(struct view *view, const struct sotto_client_message *message, int column)
{
    const char *text = message->text ? message->text : "";
    int indent = indent_of(view);
    if (!strcmp(message->kind, "gap")) {
        char line[256];
        snprintf(line, sizeof(line), tr("! entries %s are missing: the server held them back"),
                 text);
        view_text(view, line, column, indent);
        return;
    }
    column = view_text(view, "* ", column, indent);
    if (strcmp(message->kind, "not_kept") != 0) { /* which is from nobody */
        column = view_text(view, message->from, column, indent);
        column = view_text(view, " ", column, indent);
        column = print_event(view, message, column, indent);
        if (!message->text || !strcmp(message->kind, "key_changed"))
            return;
        column = view_text(view, ": ", column, indent);
    }
    view_text(view, text, column, indent);
}

void
view_message(struct view *view, const struct sotto_client_message *message)
{
    int column = show_head(view, message);
    if (!strcmp(message->kind, "text"))
        show_text(view, message, column);
    else
        show_event(view, message, column);
    fputc('\n', view->out);
    fflush(view->out);
}
