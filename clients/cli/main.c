/* SPDX-License-Identifier: MIT */
/*
 * sotto: the terminal client. What happens before and after a command: the profile is opened, the
 * command runs, its status becomes the exit code.
 */
#include "cli.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

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
    const struct command *command = command_find(name);
    if (!command)
        return -print_usage_error(&cli, "there is no command \"%.40s\"; see `sotto --help`", name);
    if (cli.help) {
        help_command(command, stdout);
        return 0;
    }
    status = options_check(&cli, command);
    return status ? -status : -run(&cli, command);
}
