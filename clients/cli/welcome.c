/* SPDX-License-Identifier: MIT */
/*
 * A dialogue in plain lines: there is no editor yet, and nothing to complete. See welcome.h.
 */
#include "welcome.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES 128

/* Asks and reads a line, without the spaces around it; false at the end of input. */
static bool
ask(const char *question, char answer_out[ANSWER_BYTES])
{
    fputs(question, stdout);
    fflush(stdout);
    if (!fgets(answer_out, ANSWER_BYTES, stdin))
        return false;
    answer_out[strcspn(answer_out, "\r\n")] = 0;
    size_t begin = strspn(answer_out, " \t");
    memmove(answer_out, answer_out + begin, strlen(answer_out + begin) + 1);
    for (size_t len = strlen(answer_out); len && answer_out[len - 1] == ' ';)
        answer_out[--len] = 0;
    return true;
}

/* The name and then, by the command itself, the password. */
static int
enter(struct cli *cli, int (*run)(struct cli *cli), const char *question)
{
    char name[ANSWER_BYTES];
    struct cli once = *cli;
    if (!ask(question, name))
        return SOTTO_CLIENT_EAUTH;
    if (!*name)
        return SOTTO_CLIENT_OK; /* back to the first question */
    once.words[0] = "";
    once.words[1] = name;
    once.word_count = 2;
    run(&once); /* says what is wrong by itself; the loop asks again */
    return SOTTO_CLIENT_OK;
}

int
welcome(struct cli *cli)
{
    char answer[ANSWER_BYTES];
    int status = SOTTO_CLIENT_OK;
    if (sotto_client_user(cli->client))
        return SOTTO_CLIENT_OK;
    puts(tr(
        "Welcome to Sotto. Messages are encrypted on this machine; the server cannot read them."));
    printf(tr("The server is %s (choose another with --server).\n"),
           sotto_client_server(cli->client));
    while (status == SOTTO_CLIENT_OK && !sotto_client_user(cli->client)) {
        if (!ask(tr("\nMake a new account (n), log in (l), or quit (q)? "), answer))
            return SOTTO_CLIENT_EAUTH;
        if (secret_answer_is(answer, TR("n")))
            status =
                enter(cli, cmd_register, tr("your name here (3 to 32 letters, digits, _ and -): "));
        else if (secret_answer_is(answer, TR("l")))
            status = enter(cli, cmd_login, tr("your name: "));
        else if (secret_answer_is(answer, TR("q")))
            return SOTTO_CLIENT_EAUTH;
    }
    return status;
}
