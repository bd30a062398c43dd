/* SPDX-License-Identifier: MIT */
/*
 * sotto: the terminal client. What happens before and after a command: the profile is opened, the
 * command runs, its status becomes the exit code. What could not be printed is a failure, too.
 */
#include "cli.h"
#include "hint.h"
#include "screen.h"
#include "text.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* $XDG_DATA_HOME/sotto/default, where the variable defaults to ~/.local/share. */
static int
default_profile(struct cli *cli)
{
    char *out = cli->default_profile;
    size_t size = sizeof(cli->default_profile);
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
    cli->profile = out;
    return SOTTO_CLIENT_OK;
}

/* Opens the profile, with a passphrase if there is one. count: how many client objects on it. */
static int
open_clients(struct cli *cli, unsigned timeout_ms, size_t count, struct sotto_client **clients_out)
{
    char passphrase[SECRET_BYTES] = "";
    struct sotto_client_error error;
    int status = SOTTO_CLIENT_OK;
    if (cli->passphrase_file)
        status = secret_read_file(cli, cli->passphrase_file, TR("the passphrase in the file"),
                                  passphrase);
    if (status)
        return status;
    struct sotto_client_options options = {
        .profile = cli->profile,
        .server = cli->server,
        .passphrase = *passphrase ? passphrase : NULL,
        .user_agent = "sotto/" SOTTO_VERSION,
        .timeout_ms = timeout_ms,
    };
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = sotto_client_open(&options, &clients_out[i], &error);
    sodium_memzero(passphrase, sizeof(passphrase));
    return status ? print_error(cli, &error) : SOTTO_CLIENT_OK;
}

static int
run(struct cli *cli, const struct command *command)
{
    /* For `listen` the option says how long to listen. */
    unsigned timeout_ms = command->run == cmd_listen ? 0 : cli->timeout_s * 1000u;
    int status = open_clients(cli, timeout_ms, 1, &cli->client);
    if (status == SOTTO_CLIENT_OK) {
        status = command->run(cli);
        hint_after(cli, command, status);
    }
    sotto_client_close(&cli->client);
    return status;
}

/* `sotto` alone: on a terminal the interactive client. */
static int
run_alone(struct cli *cli)
{
    struct sotto_client *clients[2] = {NULL, NULL};
    if (cli->json)
        return print_usage_error(cli, "a command is missing; see `sotto --help`");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        help_all(stderr);
        return SOTTO_CLIENT_EUSAGE;
    }
    int status = open_clients(cli, cli->timeout_s * 1000u, 2, clients);
    cli->client = clients[0];
    if (status == SOTTO_CLIENT_OK)
        status = screen_run(cli, clients[1]);
    else
        sotto_client_close(&clients[1]);
    sotto_client_close(&cli->client);
    return status;
}

static int
dispatch(struct cli *cli)
{
    const char *name = cli_word(cli, 0);
    if (name && !strcmp(name, "help")) {
        cli->help = true;
        name = cli_word(cli, 1);
    }
    const struct command *command = name ? command_find(name, PLACE_SHELL) : NULL;
    if (name && !command)
        return hint_unknown_command(cli, name, PLACE_SHELL);
    if (cli->help) {
        if (command)
            help_command(command, PLACE_SHELL, stdout);
        else
            help_all(stdout);
        return SOTTO_CLIENT_OK;
    }
    int status = options_check(cli, command);
    if (status == SOTTO_CLIENT_OK && !cli->profile)
        status = default_profile(cli);
    if (status)
        return status;
    return command ? run(cli, command) : run_alone(cli);
}

/* A standard stream that is closed would have its number given to a file of the profile or to the connection, and what
 * is printed would go there. */
static void
open_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Nobody shall take a part of the output for the whole. */
static int
finish_output(const struct cli *cli, int status)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (failed && status == SOTTO_CLIENT_OK)
        return print_failure(cli, "output", "not everything could be printed; is the disk full?");
    return status;
}

int
main(int argc, char **argv)
{
    struct cli cli = {.json = options_ask_json(argc, argv)};
    /* A core dump would hold keys, tokens and texts. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    open_streams();
    int status = language_choose(&cli, argc, argv);
    if (status == SOTTO_CLIENT_OK)
        status = options_read(&cli, argc, argv);
    if (status == SOTTO_CLIENT_OK && cli.version)
        help_version(&cli);
    else if (status == SOTTO_CLIENT_OK)
        status = dispatch(&cli);
    return -finish_output(&cli, status);
}
