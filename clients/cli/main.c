/* SPDX-License-Identifier: MIT */
/*
 * sotto: the terminal client. The table of commands, and what happens before and after one: the
 * profile is opened, the command runs, its status becomes the exit code.
 */
#include "cli.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

const struct command commands[] = {
    {"register", "NAME [--device LABEL]", "Make an account and log in",
     "The password (8 to 72 characters, a letter and a digit) never leaves this machine; nobody\n"
     "can reset it. LABEL names this device in your list of logins.\n",
     "device", 1, 1, cmd_register},
    {"login", "NAME [--device LABEL]", "Log in, on this device or a new one",
     "A profile that has the account keeps device, chats and history. An empty profile becomes\n"
     "a new device; another device of yours that is online adds it to your chats.\n",
     "device", 1, 1, cmd_login},
    {"logout", "[--all]", "End this login, or all of the account",
     "Keys and messages stay in the profile; `sotto login NAME` goes on where you were.\n", "all",
     0, 0, cmd_logout},
    {"whoami", "", "Show who the server says you are", "", "", 0, 0, cmd_whoami},
    {"logins", "", "List the logins of your account",
     "Each with its id for `sotto revoke`, when it was used last, its device and address.\n", "", 0,
     0, cmd_logins},
    {"revoke", "ID", "End one login", "Its connections are closed within a second.\n", "", 1, 1,
     cmd_revoke},
    {"new", "NAME... [--title T] [--mode archive]", "Start a chat",
     "One NAME without a title is a chat of two: the existing one if there is one. Several names,\n"
     "or a title, make a group.\n",
     "title mode", 1, 199, cmd_new},
    {"chats", "[--unread] [--type direct|group]", "List your chats, the latest first",
     "A chat that waits needs another device of yours to come online and add this one.\n",
     "unread type", 0, 0, cmd_chats},
    {"members", "CHAT", "List the members of a chat",
     "CHAT is an id, a unique beginning of one (4 digits or more), a title, or in a chat of two\n"
     "the other's name.\n",
     "", 1, 1, cmd_members},
    {"send", "CHAT TEXT", "Send a message (TEXT - reads stdin, a message a line)",
     "Returns when the server has written it to its disk. Without a connection it is kept in the\n"
     "profile (exit code 4) and goes out, once, with the next command.\n",
     "", 2, 2, cmd_send},
    {"read", "CHAT [--limit N] [--since SEQ]", "Show messages of a chat",
     "The last 50, or N; with --since those after that number. They count as read afterwards.\n",
     "limit since", 1, 1, cmd_read},
    {"listen", "[CHAT] [--count N] [--timeout S]", "Show messages as they come",
     "Begins with the unread ones, reconnects by itself. Ends after N messages (exit code 0) or\n"
     "S seconds (exit code 1 if fewer than N came).\n",
     "count", 0, 1, cmd_listen},
    {"verify", "NAME [--mark] [--accept]", "Compare somebody's identity key",
     "Shows SHA-256, safety number and emoji of the key you know; compare over another channel,\n"
     "then --mark. When the key changed, nothing is sent to chats with NAME (exit code 5) until\n"
     "you --accept the new one.\n",
     "mark accept", 1, 1, cmd_verify},
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

/* $XDG_DATA_HOME/sotto/default, where the variable defaults to ~/.local/share. */
static int
default_profile(const struct cli *cli, char *out, size_t size)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int len;
    if (data && *data == '/')
        len = snprintf(out, size, "%s/sotto/default", data);
    else if (home && *home == '/')
        len = snprintf(out, size, "%s/.local/share/sotto/default", home);
    else
        return print_usage_error(cli, "there is no HOME; name a folder with --profile");
    if (len < 0 || (size_t)len >= size)
        return print_usage_error(cli, "the path of the default profile is too long; use --profile");
    return SOTTO_CLIENT_OK;
}

static int
run(struct cli *cli, const struct command *command)
{
    char profile[4096];
    char passphrase[SECRET_BYTES] = "";
    struct sotto_client_error error;
    int status = SOTTO_CLIENT_OK;
    if (!cli->profile)
        status = default_profile(cli, profile, sizeof(profile));
    if (status == SOTTO_CLIENT_OK && cli->passphrase_file)
        status = secret_read(cli, cli->passphrase_file, "", false, passphrase);
    if (status)
        return status;
    struct sotto_client_options options = {
        .profile = cli->profile ? cli->profile : profile,
        .server = cli->server,
        .passphrase = *passphrase ? passphrase : NULL,
        .user_agent = "sotto/" SOTTO_VERSION,
        /* For `listen` the option says how long to listen. */
        .timeout_ms = command->run == cmd_listen ? 0 : cli->timeout_s * 1000u,
    };
    status = sotto_client_open(&options, &cli->client, &error);
    sodium_memzero(passphrase, sizeof(passphrase));
    if (status)
        return print_error(cli, &error);
    status = command->run(cli);
    sotto_client_close(&cli->client);
    return status;
}

int
main(int argc, char **argv)
{
    struct cli cli = {0};
    /* A core dump would hold keys, tokens and texts. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    int status = options_read(&cli, argc, argv);
    if (status)
        return -status;
    const char *name = cli_word(&cli, 0);
    if (name && !strcmp(name, "help")) {
        cli.help = true;
        name = cli_word(&cli, 1);
    }
    if (!name) {
        help_all(cli.help ? stdout : stderr);
        return cli.help ? 0 : -SOTTO_CLIENT_EUSAGE;
    }
    const struct command *command = find_command(name);
    if (!command)
        return -print_usage_error(&cli, "there is no command \"%.40s\"; see `sotto --help`", name);
    if (cli.help) {
        help_command(command, stdout);
        return 0;
    }
    status = options_check(&cli, command);
    return status ? -status : -run(&cli, command);
}
