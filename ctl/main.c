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
    bool help, version;
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
    "  --help, --version\n"
    "\n"
    "check    says whether the database holds together\n"
    "backup   writes a sound copy to FILE, while the server runs or not\n"
    "recover  writes what undamaged pages hold to FILE; the server has to be stopped. Where the definitions of\n"
    "         tables are lost, they are taken from OTHER.db, the database of an empty server of the same version\n";

/* Says what was wrong, with the word that was (NULL: none), and then how it goes. */
static int
usage(const char *wrong, const char *word)
{
    fprintf(stderr, "sottoctl: %s%s%s\n\n%s", wrong, word ? ": " : "", word ? word : "",
            usage_text);
    return EXIT_USAGE;
}

/* getopt has stopped at something: ':' is its word for a missing value. */
static int
option_error(int code, char **argv)
{
    char letter[3] = "";

    if (code == ':')
        return usage("a value is missing behind", argv[optind - 1]);
    if (optopt != 0) /* a single letter, perhaps in the middle of several */
        snprintf(letter, sizeof(letter), "-%c", optopt);
    return usage("there is no such option", *letter ? letter : argv[optind - 1]);
}

/* 0, or the exit code after it was said what is wrong. */
static int
read_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"data", required_argument, NULL, 'd'}, {"file", required_argument, NULL, 'f'},
        {"like", required_argument, NULL, 'l'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},    {NULL, 0, NULL, 0},
    };
    int name;

    while ((name = getopt_long(argc, argv, ":", names, NULL)) != -1) {
        switch (name) {
        case 'd': options->data = optarg; break;
        case 'f': options->file = optarg; break;
        case 'l': options->like = optarg; break;
        case 'h': options->help = true; break;
        case 'v': options->version = true; break;
        default: return option_error(name, argv);
        }
    }
    for (; optind < argc && options->count < 3; optind++)
        options->words[options->count++] = argv[optind];
    if (options->help || options->version)
        return 0;
    if (optind < argc)
        return usage("one word too many", argv[optind]);
    return 0;
}

/* `db check` takes no file, the others one. 0, or the exit code. */
static int
check_db_words(const struct options *options)
{
    const char *command = options->words[1];
    const bool is_check = strcmp(command, "check") == 0;
    const bool is_recover = strcmp(command, "recover") == 0;

    if (!is_check && !is_recover && strcmp(command, "backup") != 0)
        return usage("there is no such command of db", command);
    if (options->like != NULL && !is_recover)
        return usage("--like goes with db recover, not with", command);
    if (is_check && options->count == 3)
        return usage("one word too many", options->words[2]);
    if (!is_check && options->count == 2)
        return usage("the name of the file to write is missing behind", command);
    return 0;
}

static int
check_words(const struct options *options)
{
    if (options->count == 0)
        return usage("a command is missing", NULL);
    if (strcmp(options->words[0], "db") != 0)
        return usage("there is no such command", options->words[0]);
    return options->count == 1 ? usage("what shall be done is missing behind db", NULL)
                               : check_db_words(options);
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

static int
run(const struct options *options)
{
    char path[CTL_PATH_MAX];
    const int length = options->file[0] == '/'
                           ? snprintf(path, sizeof(path), "%s", options->file)
                           : snprintf(path, sizeof(path), "%s/%s", options->data, options->file);

    if (length < 0 || (size_t)length >= sizeof(path))
        return usage("the path of the database is too long", options->file);
    if (strcmp(options->words[1], "check") == 0)
        return db_check(path);
    if (strcmp(options->words[1], "backup") == 0)
        return db_backup(path, options->words[2]);
    return server_runs(options->data) ? 1 : db_recover(path, options->like, options->words[2]);
}

int
main(int argc, char **argv)
{
    struct options options = {.data = "data", .file = "sotto.db"};
    int status;

    umask(077);
    opterr = 0;
    status = read_options(argc, argv, &options);
    if (!status && options.help)
        fputs(usage_text, stdout);
    else if (!status && options.version)
        puts("sottoctl " SOTTO_VERSION);
    else if (!status)
        status = check_words(&options);
    if (!status && !options.help && !options.version)
        status = run(&options);
    if (fflush(stdout) != 0 && status == 0) {
        fprintf(stderr, "sottoctl: not everything could be printed; is the disk full?\n");
        status = 1;
    }
    return status;
}
