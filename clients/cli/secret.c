/* SPDX-License-Identifier: MIT */
/*
 * Passwords and passphrases: from a file, or typed without echo. Never from an argument, which
 * others can see. And what a person must type to say that it is meant.
 */
#include "cli.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>
#include <wctype.h>

/* A shell whose terminal does not echo is hard to get out of, however the program ended. */
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* Keeps the first line; complains when it does not fit or is empty. */
static int
keep_line(const struct cli *cli, char text[SECRET_BYTES], size_t len, const char *what)
{
    text[len] = 0;
    text[strcspn(text, "\r\n")] = 0;
    if (len == SECRET_BYTES - 1)
        return print_usage_error(cli, "%s is too long", tr(what));
    if (!*text)
        return print_usage_error(cli, "%s is empty", tr(what));
    return SOTTO_CLIENT_OK;
}

int
secret_read_file(const struct cli *cli, const char *file, const char *what, char out[SECRET_BYTES])
{
    size_t len = 0;
    ssize_t count = -1;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        while ((count = read(fd, out + len, SECRET_BYTES - 1 - len)) > 0)
            len += (size_t)count;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (count < 0)
        return print_usage_error(cli, "cannot read %.120s (%s)", file, tr(strerror(error)));
    return keep_line(cli, out, len, what);
}

/* Reads a line, without echo unless it is no secret. A signal that ends the program waits until the terminal echoes
 * again; it then acts before this returns. */
static ssize_t
read_line(int tty, const char *prompt, bool echo, char *out, size_t size)
{
    struct termios kept;
    sigset_t ends;
    sigset_t before;
    sigemptyset(&ends);
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
        sigaddset(&ends, ending[i]);
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    bool is_terminal = tcgetattr(tty, &kept) == 0;
    if (is_terminal && !echo) {
        struct termios silent = kept;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(tty, TCSAFLUSH, &silent);
    }
    struct pollfd fds[2] = {{.fd = tty, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    ssize_t len = write(tty, prompt, strlen(prompt));
    if (len >= 0)
        len = poll(fds, 2, -1) > 0 && !fds[1].revents ? read(tty, out, size) : -1;
    if (is_terminal)
        tcsetattr(tty, TCSAFLUSH, &kept);
    if (!echo && write(tty, "\n", 1) < 0)
        len = -1;
    if (signals >= 0)
        close(signals);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return len;
}

static int
ask(const struct cli *cli, int tty, const char *prompt, char out[SECRET_BYTES])
{
    ssize_t len = read_line(tty, prompt, false, out, SECRET_BYTES - 1);
    return keep_line(cli, out, len > 0 ? (size_t)len : 0, TR("the password"));
}

static bool
same_letter(const char *answer, const char *letter)
{
    wchar_t a;
    wchar_t b;
    int len = mbtowc(&a, answer, MB_CUR_MAX);
    return len > 0 && answer[len] == 0 && mbtowc(&b, letter, MB_CUR_MAX) > 0 &&
           towlower((wint_t)a) == towlower((wint_t)b);
}

int
secret_read(const struct cli *cli, const char *file, const char *prompt,
            secret_check_fn *is_possible, char out[SECRET_BYTES])
{
    if (file)
        return secret_read_file(cli, file, TR("the password in the file"), out);
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return print_usage_error(cli, "there is no terminal to ask for a password; use "
                                      "--password-file");
    int status = ask(cli, tty, prompt, out);
    if (status == SOTTO_CLIENT_OK && is_possible)
        status = is_possible(cli, out);
    if (status == SOTTO_CLIENT_OK && is_possible) {
        char again[SECRET_BYTES];
        status = ask(cli, tty, tr("once more: "), again);
        if (status == SOTTO_CLIENT_OK && strcmp(out, again))
            status = print_usage_error(cli, "the two were not the same");
        sodium_memzero(again, sizeof(again));
    }
    close(tty);
    return status;
}

/* The letters of both languages: people type what the question shows, or what they are used to. */
bool
secret_answer_is(const char *answer, const char *letter)
{
    return same_letter(answer, letter) || same_letter(answer, tr(letter));
}

int
secret_ask_line(const struct cli *cli, const char *prompt, char out[SECRET_BYTES])
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return print_usage_error(cli, "there is no terminal to ask whether it is meant; use --yes");
    ssize_t len = read_line(tty, prompt, true, out, SECRET_BYTES - 1);
    close(tty);
    out[len > 0 ? (size_t)len : 0] = 0;
    out[strcspn(out, "\r\n")] = 0;
    return SOTTO_CLIENT_OK;
}

int
secret_ask_back(const struct cli *cli, const char *question)
{
    char answer[16];
    if (cli->yes)
        return SOTTO_CLIENT_OK;
    if (cli->json || cli->screen || !isatty(STDIN_FILENO))
        return print_usage_error(cli, "nothing was done; add --yes to do it");
    printf("%s ", question);
    fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin))
        answer[0] = 0;
    answer[strcspn(answer, "\r\n")] = 0;
    if (secret_answer_is(answer, TR("y")))
        return SOTTO_CLIENT_OK;
    return print_usage_error(cli, "nothing was done");
}
