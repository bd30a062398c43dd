/* SPDX-License-Identifier: MIT */
/*
 * The line at the bottom of the screen: libedit, and a way to print above it while somebody types.
 * Beside the keyboard it waits for a descriptor of the caller and for a tick every second.
 */
#ifndef CLI_EDITOR_H
#define CLI_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

struct editor;

struct editor_callbacks {
    /* The text before the line; parts between two \1 are escape sequences. Valid until the next. */
    const char *(*prompt)(void *arg);
    /* Something can be read from the descriptor, or a second passed. Print between editor_hide and
     * the return. True: the prompt changed, or something was printed. */
    bool (*on_event)(void *arg);
    bool (*on_tick)(void *arg);
    /* Calls editor_offer with everything that could stand in place of the word before the cursor;
     * first: the first word of the line. */
    void (*complete)(struct editor *editor, const char *line, const char *word, bool first,
                     void *arg);
    void *arg;
};

/* NULL when the terminal cannot do it. watch_fd may be -1. */
struct editor *editor_create(const struct editor_callbacks *callbacks);
void editor_destroy(struct editor **editor);

void editor_watch(struct editor *editor, int watch_fd);

/* The next line without its end, valid until the next call; NULL: Ctrl-D, Ctrl-C on an empty
 * line, or a signal that ends the program. `begin` is put into the line at first (may be NULL): a line that could not be stored. */
const char *editor_read(struct editor *editor, const char *begin);

/* Puts the cursor where printing may begin, and takes the line off the screen. */
void editor_hide(struct editor *editor);

/* One candidate of a completion. */
void editor_offer(struct editor *editor, const char *candidate);

/* How many rows above the cursor's the line begins, on a terminal of this width: prompt and the
 * text before the cursor, where a wide character does not hang over the edge. */
int editor_rows(const char *prompt, const char *text, int columns);

#endif
