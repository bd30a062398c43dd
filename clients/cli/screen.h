/* SPDX-License-Identifier: MIT */
/*
 * The interactive client: `sotto` alone on a terminal. One chat is open at a time; a line without a
 * slash is a message to it, a line with one is a command of the table (commands.c).
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "cli.h"

struct screen;

/* Runs until the person leaves. cli->client is open; take_live is a second client on the same
 * profile, for the thread that listens. Returns an exit status. */
int screen_run(struct cli *cli, struct sotto_client *take_live);

/* What the commands that only make sense here do. */
int screen_open(struct screen *screen, const char *chat); /* a name, an id, or a number of /chats */
int screen_more(struct screen *screen);
void screen_close(struct screen *screen); /* no chat is open afterwards */
void screen_quit(struct screen *screen);

/* For a command that lists chats: remembers it under the next number, which it returns. The first
 * number is 1 after screen_list_begin. */
void screen_list_begin(struct screen *screen);
size_t screen_list_add(struct screen *screen, const char *chat_id);

/* The id of the open chat, or NULL. */
const char *screen_chat(const struct screen *screen);

#endif
