/* SPDX-License-Identifier: MIT */
/*
 * How things look: a column of text that is wrapped between words by the width that characters take
 * on a terminal, with colours where there is one. Text of others is made harmless on the way.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "sotto/client.h"

#include <stdio.h>

/* Colours of a terminal; none when there is no terminal, with NO_COLOR, or on a dumb one. */
enum tint { TINT_NONE, TINT_DIM, TINT_BOLD, TINT_WARN, TINT_OWN, TINT_OTHER };

struct view {
    FILE *out;
    int columns; /* 0: lines are as long as they are */
    bool colours;
    bool chats;       /* every line says which chat it belongs to */
    bool states;      /* own messages that were sent say so */
    int64_t last_day; /* of the last message shown, a number of days; 0: none yet */
};

/* Looks at what `out` is. view_resize looks again, and keeps what was shown. */
void view_init(struct view *view, FILE *out);
void view_resize(struct view *view);

/* Begins or, with TINT_NONE, ends a colour. */
void view_tint(struct view *view, enum tint tint);

/* Text from the column where the line stands now; further lines are indented. Does not end the
 * line; returns the column where it stands then. */
int view_text(struct view *view, const char *text, int column, int indent);

/* One line of text from that column, cut with "..." where the terminal ends. */
void view_cut(struct view *view, const char *text, int column);

/* Message or event, with the day before it when it is another one than that of the message before;
 * ends the line. */
void view_message(struct view *view, const struct sotto_client_message *message);

/* Columns that a text takes on a terminal; escape sequences between two \1 count nothing. */
int view_width(const char *text);

/* "14:05", or with a date when it is another day than today. seconds since 1970. */
void view_time(int64_t seconds, char out[32]);

#endif
