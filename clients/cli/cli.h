/* SPDX-License-Identifier: MIT */
/*
 * What the files of the terminal client share. The program is a table of commands (commands.c); each
 * command reads its own words and options, calls the library, and prints a line of JSON or a line
 * for people a result.
 */
#ifndef CLI_H
#define CLI_H

#include "sotto/client.h"

#include <stdio.h>

#define WORDS_MAX 510
#define PROFILE_BYTES 4096

/* The command line, taken apart. Options may stand before and after the command. */
struct cli {
    const char *profile;
    char default_profile[PROFILE_BYTES]; /* where `profile` points without --profile */
    const char *server;
    const char *password_file;
    const char *passphrase_file;
    const char *lang;
    bool json;
    bool quiet;
    bool help;
    bool version;
    unsigned timeout_s; /* 0: not given */
    /* Options of single commands. */
    const char *device;
    const char *title;
    const char *mode;
    const char *type;
    const char *limit;
    const char *since;
    const char *count;
    bool all;
    bool unread;
    bool mark;
    bool accept;
    bool without;
    bool yes;
    /* The words that are no options: the command, then its arguments. */
    const char *words[WORDS_MAX];
    size_t word_count;
    struct sotto_client *client;            /* open while a command runs */
    struct screen *screen;                  /* of the interactive client; NULL in the shell */
    char made_chat[SOTTO_CLIENT_HEX_BYTES]; /* by the command, to be opened on the screen */
    bool lost_chat;                         /* by the command, to be closed there */
};

/* Where a command can be given. */
enum place {
    PLACE_BOTH,   /* in the shell, and with a slash in the interactive client */
    PLACE_SHELL,  /* in the shell only */
    PLACE_SCREEN, /* in the interactive client only */
};

/* What the first word of a command is; completion offers it, and the interactive client fills in
 * the open chat for ARG_CHAT. Further words of a command that has them are users. */
enum argument {
    ARG_OTHER,
    ARG_CHAT,
    ARG_USER,
    ARG_COMMAND,
};

/* A command: how it is called and what it does. Texts are marked with TR() and looked up when they
 * are shown; NULL: none. */
struct command {
    const char *name;
    const char *usage;    /* what follows the name */
    const char *summary;  /* one line without a full stop */
    const char *help;     /* the rest of `--help NAME`, lines of at most 92 characters */
    const char *examples; /* as typed in a shell, a line each */
    const char *options;  /* besides the global ones, separated by spaces */
    enum argument takes;
    enum place place;
    size_t words_min; /* without the command itself */
    size_t words_max;
    bool joins; /* on the screen further words belong to the last one */
    int (*run)(struct cli *cli);
};
extern const struct command commands[];
extern const size_t command_count;
/* NULL: there is none that can be given there. */
const struct command *command_find(const char *name, enum place where);

/* options.c: whether there is a --json, which decides how everything else is complained about. */
bool options_ask_json(int argc, char **argv);
/* Fills cli; SOTTO_CLIENT_EUSAGE with the error printed. */
int options_read(struct cli *cli, int argc, char **argv);
/* Complains about options and words that the command does not take. command NULL: there is none. */
int options_check(const struct cli *cli, const struct command *command);
/* Reads a number of at least so much; complains and returns SOTTO_CLIENT_EUSAGE. text NULL leaves *out as it is. */
int options_number(const struct cli *cli, const char *name, const char *text, uint64_t least,
                   uint64_t *out);
/* Where commands are given now. */
enum place cli_place(const struct cli *cli);
/* The word after the command with this number, or NULL. */
const char *cli_word(const struct cli *cli, size_t number);

/* language.c: chooses the language of all texts, once, while there is one thread; SOTTO_CLIENT_EUSAGE with the error
 * printed. */
int language_choose(const struct cli *cli, int argc, char **argv);

/* help.c */
void help_all(FILE *out);
void help_screen(FILE *out);
void help_command(const struct command *command, enum place place, FILE *out);
void help_version(const struct cli *cli);
/* How it is called there: "sotto members CHAT", "/members". */
#define USAGE_BYTES 128
void help_usage(const struct command *command, enum place place, char out[USAGE_BYTES]);

/* Refuses a secret that cannot be taken: the status, after it was printed. */
typedef int secret_check_fn(const struct cli *cli, const char *secret);

/* secret.c: a password from --password-file, else from the terminal without echo. is_possible: of a new one, which is
 * looked at and then asked for once more; else NULL. The caller wipes the buffer. */
#define SECRET_BYTES 512
int secret_read(const struct cli *cli, const char *file, const char *prompt,
                secret_check_fn *is_possible, char out[SECRET_BYTES]);
/* The first line of a file; what: how a complaint calls it, in English. The caller wipes the buffer. */
int secret_read_file(const struct cli *cli, const char *file, const char *what,
                     char out[SECRET_BYTES]);
/* Whether an answer is this letter of the question, in English or in the reader's language, large or small. */
bool secret_answer_is(const char *answer, const char *letter);
/* A line that is no secret, from the terminal. */
int secret_ask_line(const struct cli *cli, const char *prompt, char out[SECRET_BYTES]);
/* Whether the user wants it: says so with --yes, or types y; else SOTTO_CLIENT_EUSAGE with the error printed. */
int secret_ask_back(const struct cli *cli, const char *question);

/* print.c: errors go to stderr, one sentence or one JSON object; returns the status. */
int print_error(const struct cli *cli, const struct sotto_client_error *error);
int print_usage_error(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for what the server refused, or what the program cannot do; SOTTO_CLIENT_EFAILED. code: as in JSON. */
int print_failure(const struct cli *cli, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Returns status after printing the client's last error if it is not 0. */
int print_status(const struct cli *cli, int status);
/* Whether there is a connection, for people. */
void print_link(const struct sotto_client_link *link, FILE *out);
/* Text of others, made harmless. */
void print_text(FILE *out, const char *text);
/* The object or line of a message. */
void print_message(const struct cli *cli, const struct sotto_client_message *message);

/* print_event.c: what an event says about the one it comes from, and to whom it happened; as view_text. */
struct view;
int print_event(struct view *view, const struct sotto_client_message *message, int column,
                int indent);
/* cmd_chat.c: the row of a chat; arg is the struct cli. */
int print_chat(const struct sotto_client_chat *chat, void *arg);
/* Whether the profile knows any chat; false as well when it cannot be read. */
bool any_chats(const struct cli *cli);
/* The same as print_chat; on the screen a chat that was made is opened instead. */
int print_made_chat(const struct sotto_client_chat *chat, void *arg);

/* The commands. */
int cmd_register(struct cli *cli);
int cmd_login(struct cli *cli);
int cmd_logout(struct cli *cli);
int cmd_delete_account(struct cli *cli);
int cmd_whoami(struct cli *cli);
int cmd_logins(struct cli *cli);
int cmd_revoke(struct cli *cli);
int cmd_devices(struct cli *cli);
int cmd_device_remove(struct cli *cli);
int cmd_new(struct cli *cli);
int cmd_chats(struct cli *cli);
int cmd_members(struct cli *cli);
int cmd_delete_chat(struct cli *cli);
int cmd_add(struct cli *cli);
int cmd_remove(struct cli *cli);
int cmd_leave(struct cli *cli);
int cmd_rename(struct cli *cli);
int cmd_role(struct cli *cli);
int cmd_reports(struct cli *cli);
int cmd_reset(struct cli *cli);
int cmd_confirm(struct cli *cli);
int cmd_send(struct cli *cli);
int cmd_read(struct cli *cli);
int cmd_listen(struct cli *cli);
int cmd_verify(struct cli *cli);
int cmd_verify_chat(struct cli *cli);
int cmd_verified_only(struct cli *cli);
int cmd_queue(struct cli *cli);
int cmd_retry(struct cli *cli);
int cmd_drop(struct cli *cli);
/* On the screen only. */
int cmd_open(struct cli *cli);
int cmd_more(struct cli *cli);
int cmd_help(struct cli *cli);
int cmd_quit(struct cli *cli);

#endif
