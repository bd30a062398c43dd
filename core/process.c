/* SPDX-License-Identifier: MIT */
/* See process.h. */
#include "core/process.h"

#include "core/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE_BYTES (256 * 1024) /* memory of this size has pages of its own */

void
process_setup(void)
{
    struct rlimit files;

    umask(077);
    /* Large requests and answers go back to the system. Left alone, malloc takes the first one that is freed for a sign
     * that there will be more, and keeps what a burst of them needed for ever. */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    /* libuv leaves it on, and a peer that went away must not end the server. */
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

void
process_protect(const struct settings *settings)
{
    const struct rlimit none = {0};

    if (!settings->core_dumps)
        setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifdef SOTTO_RELEASE
    /* Tests of other builds look into the memory of the server. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static int
make_folder(const char *data, struct sotto_err *err)
{
    struct stat stat;

    if (mkdir(data, 0700) != 0 && errno != EEXIST)
        return sotto_err_set(err, SOTTO_EIO,
                             "the data folder %s cannot be made: %s; make its parent, or set data",
                             data, strerror(errno));
    if (lstat(data, &stat) != 0 || (!S_ISDIR(stat.st_mode) && !S_ISLNK(stat.st_mode)))
        return sotto_err_set(err, SOTTO_EIO, "the data folder %s is not a folder", data);
    if (S_ISDIR(stat.st_mode) && (stat.st_mode & (S_IWGRP | S_IWOTH)))
        return sotto_err_set(err, SOTTO_EIO,
                             "others may write into the data folder %s (mode %04o); chmod 700 it",
                             data, (unsigned)stat.st_mode & 07777);
    return 0;
}

int
process_lock_data(const char *data, struct sotto_err *err)
{
    char path[PATH_MAX], text[32];
    int fd, error = make_folder(data, err);

    if (error)
        return error;
    snprintf(path, sizeof(path), "%s/sottod.lock", data);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sotto_err_set(err, SOTTO_EIO,
                             "%s cannot be opened: %s; the server's user needs to "
                             "write into the data folder",
                             path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const ssize_t size = read(fd, text, sizeof(text) - 1);

        text[size > 0 ? size : 0] = '\0';
        close(fd);
        return sotto_err_set(
            err, SOTTO_EIO,
            "another server (pid %.20s) runs on the data folder %s; stop it, or give "
            "this one a folder of its own with --data",
            text[0] ? text : "unknown", data);
    }
    snprintf(text, sizeof(text), "%ld", (long)getpid());
    if (ftruncate(fd, 0) != 0 || write(fd, text, strlen(text)) < 0) {
        close(fd);
        return sotto_err_set(err, SOTTO_EIO, "%s cannot be written: %s", path, strerror(errno));
    }
    return fd;
}

static void
on_alarm(int number)
{
    static const char text[] = "sottod: the orderly end took too long and was cut off\n";

    (void)number;
    /* Nothing but this is safe here, and nothing else is needed: what is durable is durable. */
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(EXIT_FAILURE);
}

void
process_end_within(unsigned seconds)
{
    const struct sigaction action = {.sa_handler = on_alarm};

    sigaction(SIGALRM, &action, NULL);
    alarm(seconds);
}
