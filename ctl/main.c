/* SPDX-License-Identifier: MIT */
/*
 * sottoctl: the operator's tool. It works on the files of a data folder:
 *
 *     sottoctl [--data DIR] db check
 *     sottoctl [--data DIR] db backup FILE
 *     sottoctl [--data DIR] db recover [--like OTHER.db] FILE
 *
 * Exit codes: 0 done, 1 failed or damaged, 2 wrong usage.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum { EXIT_USAGE = 2 };

struct options {
    const char *data; /* folder */
    const char *file; /* of the database, relative to it */
    const char *like;
    const char *words[3];
    int count;
};

static const char usage_text[] =
    "usage: sottoctl [--data DIR] [--file NAME] db check\n"
    "       sottoctl [--data DIR] [--file NAME] db backup FILE\n"
    "       sottoctl [--data DIR] [--file NAME] db recover [--like OTHER.db] FILE\n"
    "\n"
    "  --data DIR   the server's data folder (preset: data)\n"
    "  --file NAME  store.file of its conf (preset: sotto.db)\n"
    "\n"
    "check    says whether the database holds together\n"
    "backup   writes a sound copy to FILE, while the server runs or not\n"
    "recover  writes what undamaged pages hold to FILE; the server has to be stopped. Where the definitions of\n"
    "         tables are lost, they are taken from OTHER.db, the database of an empty server of the same version\n";

static int
usage(void)
{
    fputs(usage_text, stderr);
    return EXIT_USAGE;
}

static bool
read_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"data", required_argument, NULL, 'd'},
        {"file", required_argument, NULL, 'f'},
        {"like", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 'd': options->data = optarg; break;
        case 'f': options->file = optarg; break;
        case 'l': options->like = optarg; break;
        default: return false;
        }
    }
    for (; optind < argc && options->count < 3; optind++)
        options->words[options->count++] = argv[optind];
    return optind == argc && options->count >= 2 && strcmp(options->words[0], "db") == 0;
}

/* Recovering reads the files without SQLite's locks. */
static bool
server_runs(const char *data)
{
    char path[CTL_PATH_MAX];
    bool runs;
    int fd;

    snprintf(path, sizeof(path), "%s/sottod.lock", data);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    runs = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    if (runs)
        fprintf(stderr, "sottoctl: a server runs on %s; stop it first\n", data);
    return runs;
}

int
main(int argc, char **argv)
{
    struct options options = {.data = "data", .file = "sotto.db"};
    char path[CTL_PATH_MAX];
    const char *command;
    int length;

    umask(077);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage_text, stdout);
        return 0;
    }
    if (!read_options(argc, argv, &options))
        return usage();
    length = options.file[0] == '/'
                 ? snprintf(path, sizeof(path), "%s", options.file)
                 : snprintf(path, sizeof(path), "%s/%s", options.data, options.file);
    if (length < 0 || (size_t)length >= sizeof(path))
        return usage();
    command = options.words[1];
    if (strcmp(command, "check") == 0 && options.count == 2)
        return db_check(path);
    if (strcmp(command, "backup") == 0 && options.count == 3)
        return db_backup(path, options.words[2]);
    if (strcmp(command, "recover") == 0 && options.count == 3)
        return server_runs(options.data) ? 1 : db_recover(path, options.like, options.words[2]);
    return usage();
}
