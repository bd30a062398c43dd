/* SPDX-License-Identifier: MIT */
/*
 * See loader.h. Who can write to the module folder can run code as the server, so its rights are checked before a
 * single byte of a module is mapped; a name that is no module name never becomes a path.
 */
#include "core/loader.h"

#include "core/loader_impl.h"
#include "core/settings.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFLIGHT_SECONDS 10

typedef const struct sotto_module *entry_fn(void);

/* ---- Paths ----------------------------------------------------------------------------------------- */

/* Whether what stands behind path is root's or the server's own, and not everybody may change it. */
static int
check_owner(const char *path, const struct stat *stat, struct sotto_err *err)
{
    if (stat->st_uid != 0 && stat->st_uid != geteuid())
        return sotto_err_set(
            err, SOTTO_EPERM,
            "%s belongs to user %u; it has to belong to root or to the server's user", path,
            (unsigned)stat->st_uid);
    if (stat->st_mode & S_IWOTH)
        return sotto_err_set(err, SOTTO_EPERM,
                             "%s can be written by everybody (mode %04o); chmod o-w it", path,
                             (unsigned)stat->st_mode & 07777);
    return 0;
}

/* Whether modules may be loaded from here. */
static int
check_dir(const char *dir, struct sotto_err *err)
{
    char real[PATH_MAX];
    struct stat stat;

    if (dir[0] != '/' || !realpath(dir, real))
        return sotto_err_set(err, SOTTO_ENOTFOUND,
                             "the module folder %s: %s; set module_dir or --module-dir", dir,
                             dir[0] == '/' ? strerror(errno) : "is not an absolute path");
    if (lstat(real, &stat) != 0 || !S_ISDIR(stat.st_mode))
        return sotto_err_set(err, SOTTO_ENOTFOUND, "the module folder %s is not a folder", real);
    return check_owner(real, &stat, err);
}

static int
check_file(const char *path, struct sotto_err *err)
{
    struct stat stat;

    if (lstat(path, &stat) != 0)
        return sotto_err_set(err, SOTTO_ENOTFOUND,
                             "%s: cannot open: %s; build it or set enabled = no", path,
                             strerror(errno));
    if (!S_ISREG(stat.st_mode))
        return sotto_err_set(err, SOTTO_EPERM, "%s: cannot open: it is not a plain file", path);
    return check_owner(path, &stat, err);
}

/* ---- Opening --------------------------------------------------------------------------------------- */

/* The part of dlerror() that does not repeat the path. */
static const char *
dl_reason(const char *path)
{
    const char *reason = dlerror();

    if (!reason)
        return "unknown reason";
    if (strncmp(reason, path, strlen(path)) == 0 && strncmp(reason + strlen(path), ": ", 2) == 0)
        reason += strlen(path) + 2;
    return reason;
}

static int
open_and_check(const char *path, const char *name, struct loaded **loaded_out,
               struct sotto_err *err)
{
    const struct sotto_module *descriptor;
    entry_fn *entry;
    void *handle, *symbol;

    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: cannot open: %s; build it again or set enabled = no", path,
                             dl_reason(path));
    symbol = dlsym(handle, "sotto_module_entry");
    if (!symbol)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: is no module: it does not export sotto_module_entry", path);
    /* POSIX lets dlsym return functions as void *; ISO C has no cast for it. */
    memcpy(&entry, &symbol, sizeof(entry));
    descriptor = entry();
    if (!descriptor)
        return sotto_err_set(err, SOTTO_EPRECONDITION, "%s: its entry returned nothing", path);
    return loader_normalise(descriptor, path, name, loaded_out, err);
}

/* In the child: opens, checks, and writes "+", or "-" and the sentence, into the pipe. A module that ends the
 * process instead has written neither. */
static void
preflight_child(const char *path, const char *name, int out)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM};
    const struct rlimit none = {0};
    struct loaded *loaded = NULL;
    struct sotto_err err = {{0}};
    char text[sizeof(err.text) + 1];
    int error;

    /* Whatever handlers the parent has, here a crash is a crash, and leaves no dump behind. */
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        signal(crashes[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &none);
    alarm(PREFLIGHT_SECONDS);
    error = open_and_check(path, name, &loaded, &err);
    snprintf(text, sizeof(text), "%c%s", error ? '-' : '+', err.text);
    _exit(write(out, text, strlen(text)) < 0 ? 2 : 0);
}

/* Reads until the child has closed its end; what stands behind the first character goes to err. */
static char
read_verdict(int in, struct sotto_err *err)
{
    char text[sizeof(err->text) + 1];
    size_t size = 0;
    ssize_t got;

    while (size < sizeof(text) - 1) {
        got = read(in, text + size, sizeof(text) - 1 - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    text[size] = '\0';
    snprintf(err->text, sizeof(err->text), "%s", size ? text + 1 : "");
    return text[0];
}

/* Tries the module in a child process first. */
static int
preflight(const char *path, const char *name, struct sotto_err *err)
{
    int pipe_ends[2], status = 0;
    char verdict;
    pid_t child;

    if (pipe(pipe_ends) != 0)
        return sotto_err_set(err, SOTTO_EIO, "%s: no pipe: %s", path, strerror(errno));
    child = fork();
    if (child == 0) {
        close(pipe_ends[0]);
        preflight_child(path, name, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    if (child < 0) {
        close(pipe_ends[0]);
        return sotto_err_set(err, SOTTO_EIO, "%s: no process: %s", path, strerror(errno));
    }
    verdict = read_verdict(pipe_ends[0], err);
    close(pipe_ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: %s when it was opened (signal %d, %s); build it again or set "
                             "enabled = no",
                             path, WTERMSIG(status) == SIGALRM ? "did not come back" : "crashed",
                             WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (verdict == '+')
        return 0;
    if (verdict == '-')
        return SOTTO_EPRECONDITION;
    return sotto_err_set(err, SOTTO_EPRECONDITION,
                         "%s: ended the process when it was opened; build it again or set "
                         "enabled = no",
                         path);
}

int
loader_open(const char *dir, const char *name, struct loaded **loaded_out, struct sotto_err *err)
{
    char path[PATH_MAX], real[PATH_MAX];
    int error;

    if (!settings_is_module_name(name))
        return sotto_err_set(err, SOTTO_EINVALID,
                             "\"%.40s\" is no module name: a-z and 0-9, at most %d", name,
                             SETTINGS_MODULE_NAME_MAX);
    error = check_dir(dir, err);
    if (error)
        return error;
    if (snprintf(path, sizeof(path), "%s/%s.so", realpath(dir, real), name) >= (int)sizeof(path))
        return sotto_err_set(err, SOTTO_EINVALID, "the path of module folder %.200s is too long",
                             dir);
    error = check_file(path, err);
    if (!error)
        error = preflight(path, name, err);
    return error ? error : open_and_check(path, name, loaded_out, err);
}
