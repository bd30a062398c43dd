/* SPDX-License-Identifier: MIT */
/*
 * Commands with a slash: the table of commands.c as the interactive client sees it.
 */
#ifndef CLI_SLASH_H
#define CLI_SLASH_H

#include "cli.h"
#include "editor.h"

/* Runs a line without its slash. A command that takes a CHAT means the open one, and its words start
 * behind it. */
int slash_run(struct screen *screen, const struct cli *cli, const char *line);

/* Offers what could stand in place of the word. */
void slash_complete(struct editor *editor, const struct cli *cli, const char *line,
                    const char *word, bool first);

#endif
