/* SPDX-License-Identifier: MIT */
/*
 * register, login, logout, delete-account, whoami, logins, revoke, devices, device-remove.
 */
#include "cli.h"
#include "json.h"
#include "text.h"
#include "view.h"

#include <sodium.h>
#include <string.h>

static int
show_account(struct cli *cli, const char *what)
{
    struct sotto_client_account account;
    int status = sotto_client_whoami(cli->client, &account);
    if (status)
        return print_status(cli, status);
    if (cli->json) {
        struct json json = json_open(stdout);
        json_string(&json, "user", account.user);
        json_string(&json, "user_id", account.user_id);
        json_string(&json, "device_id", account.device_id);
        json_string(&json, "login_id", account.login_id);
        json_string(&json, "server", account.server);
        json_int(&json, "expires", account.expires);
        json_bool(&json, "keys_ready", account.keys_ready);
        json_close(&json);
    } else if (!cli->quiet) {
        printf(tr("%s %s at %s (device %.8s)\n"), tr(what), account.user, account.server,
               account.device_id);
    }
    return SOTTO_CLIENT_OK;
}

typedef int (*enter_fn)(struct sotto_client *client, const char *name, const char *password,
                        const char *label);

static int
is_possible(const struct cli *cli, const char *password)
{
    return print_status(cli, sotto_client_may_register(cli->client, cli_word(cli, 1), password));
}

static int
enter(struct cli *cli, enter_fn fn, secret_check_fn *check, const char *what)
{
    char password[SECRET_BYTES] = "";
    int status = secret_read(cli, cli->password_file, tr("password: "), check, password);
    if (status == SOTTO_CLIENT_OK)
        status = print_status(cli, fn(cli->client, cli_word(cli, 1), password, cli->device));
    sodium_memzero(password, sizeof(password));
    return status ? status : show_account(cli, what);
}

int
cmd_register(struct cli *cli)
{
    int status = is_possible(cli, NULL);
    return status
               ? status
               : enter(cli, sotto_client_register, is_possible, TR("registered and logged in as"));
}

int
cmd_login(struct cli *cli)
{
    return enter(cli, sotto_client_login, NULL, TR("logged in as"));
}

int
cmd_whoami(struct cli *cli)
{
    return show_account(cli, TR("you are"));
}

int
cmd_logout(struct cli *cli)
{
    unsigned ended = 0;
    int status = sotto_client_logout(cli->client, cli->all, &ended);
    if (status)
        return print_status(cli, status);
    if (cli->json) {
        json_fact_uint("ended", ended);
    } else if (!cli->quiet) {
        printf(
            tr_count("logged out (%u login ended); your keys and messages stay in the profile\n",
                     "logged out (%u logins ended); your keys and messages stay in the profile\n",
                     ended),
            ended);
    }
    return SOTTO_CLIENT_OK;
}

/* Says what will happen, and asks for the name: a thing that nobody types by accident. */
static int
confirm_deletion(struct cli *cli, const char *user)
{
    char typed[SECRET_BYTES] = "";
    fprintf(stderr, tr("This deletes the account %s for good:\n"), user);
    fputs(
        tr("  its devices and logins end, its keys and backups go from the server;\n"
           "  it leaves every group, and nobody can write to it any more;\n"
           "  its name is never given out again;\n"
           "  this profile is wiped: keys, chats and messages on this device.\n"
           "What others have got stays with them, and what your other devices have read stays there.\n"),
        stderr);
    int status = secret_ask_line(cli, tr("type the name of the account to go on: "), typed);
    if (status == SOTTO_CLIENT_OK && strcmp(typed, user))
        status = print_usage_error(cli, "that is not the name; nothing was deleted");
    return status;
}

int
cmd_delete_account(struct cli *cli)
{
    char password[SECRET_BYTES] = "";
    char user[SOTTO_CLIENT_NAME_BYTES] = "";
    const char *name = sotto_client_user(cli->client);
    int status = SOTTO_CLIENT_OK;
    snprintf(user, sizeof(user), "%s", name ? name : "");
    if (name && !cli->yes)
        status = confirm_deletion(cli, user);
    if (status == SOTTO_CLIENT_OK && name)
        status = secret_read(cli, cli->password_file, tr("password: "), NULL, password);
    if (status == SOTTO_CLIENT_OK)
        status = print_status(cli, sotto_client_delete_account(cli->client, password));
    sodium_memzero(password, sizeof(password));
    if (status)
        return status;
    if (cli->json) {
        json_fact_string("deleted", user);
    } else if (!cli->quiet) {
        printf(tr("the account %s is deleted, and this profile is empty\n"), user);
    }
    return SOTTO_CLIENT_OK;
}

/* In how many chats a device is, and how it keeps its keys fresh. */
static void
json_upkeep(struct json *json, const struct sotto_client_device *device)
{
    if (device->renewed)
        json_int(json, "keys_renewed", device->renewed);
    else
        json_string(json, "keys_renewed", NULL);
    json_uint(json, "key_packages", device->key_packages);
    json_uint(json, "chats", device->chats);
    json_uint(json, "waiting", device->waiting);
}

static void
print_upkeep(const struct sotto_client_device *device)
{
    char renewed[32];
    view_time(device->renewed, renewed);
    printf(tr_count("    in %u chat", "    in %u chats", device->chats), device->chats);
    if (device->waiting)
        printf(tr_count(", %u waits for it", ", %u wait for it", device->waiting), device->waiting);
    if (!device->renewed)
        fputs(device->current ? tr("; keys not renewed yet") : tr("; no renewal of keys seen"),
              stdout);
    else
        printf(device->current ? tr("; oldest keys from %s") : tr("; keys last renewed %s"),
               renewed);
    printf(tr_count("; %u key package waits for invitations\n",
                    "; %u key packages wait for invitations\n", device->key_packages),
           device->key_packages);
}

static int
show_device(const struct sotto_client_device *device, void *arg)
{
    struct cli *cli = arg;
    if (cli->json) {
        struct json json = json_open(stdout);
        json_string(&json, "id", device->id);
        json_string(&json, "label", device->label);
        json_int(&json, "added", device->added);
        if (device->last_seen)
            json_int(&json, "last_seen", device->last_seen);
        else
            json_string(&json, "last_seen", NULL);
        json_bool(&json, "this", device->current);
        json_bool(&json, "verified", device->verified);
        json_upkeep(&json, device);
        json_close(&json);
    } else if (!cli->quiet) {
        char added[32];
        char seen[32] = "";
        view_time(device->added, added);
        if (device->last_seen)
            view_time(device->last_seen, seen);
        printf(tr("%s  added %s  seen %s  "), device->id, added, *seen ? seen : tr("never"));
        print_text(stdout, device->label);
        printf(" (%.8s)", device->id); /* two laptops of one name are told apart */
        fputs(device->verified ? "" : tr("  (not certified by your identity key)"), stdout);
        puts(device->current ? tr("  (this one)") : "");
        print_upkeep(device);
    }
    return 0;
}

int
cmd_devices(struct cli *cli)
{
    return print_status(cli, sotto_client_devices(cli->client, show_device, cli));
}

int
cmd_device_remove(struct cli *cli)
{
    char id[SOTTO_CLIENT_HEX_BYTES] = "";
    int status = sotto_client_device_remove(cli->client, cli_word(cli, 1), id);
    if (status)
        return print_status(cli, status);
    if (cli->json) {
        json_fact_string("removed", id);
    } else if (!cli->quiet) {
        printf(tr("removed %s\n"), id);
    }
    return SOTTO_CLIENT_OK;
}

static int
show_login(const struct sotto_client_login *login, void *arg)
{
    struct cli *cli = arg;
    if (cli->json) {
        struct json json = json_open(stdout);
        json_string(&json, "id", login->id);
        json_string(&json, "device_id", login->device_id);
        json_string(&json, "label", login->label);
        json_string(&json, "user_agent", login->user_agent);
        json_string(&json, "address", login->address);
        json_int(&json, "created", login->created);
        json_int(&json, "last_used", login->last_used);
        json_int(&json, "expires", login->expires);
        json_bool(&json, "current", login->current);
        json_close(&json);
    } else if (!cli->quiet) {
        char used[32];
        view_time(login->last_used, used);
        printf("%s  %s  ", login->id, used);
        print_text(stdout, login->label);
        printf(" (%.8s)  ", login->device_id);
        print_text(stdout, login->address);
        puts(login->current ? tr("  (this one)") : "");
    }
    return 0;
}

int
cmd_logins(struct cli *cli)
{
    return print_status(cli, sotto_client_logins(cli->client, show_login, cli));
}

int
cmd_revoke(struct cli *cli)
{
    const char *id = cli_word(cli, 1);
    int status = sotto_client_revoke(cli->client, id);
    if (status)
        return print_status(cli, status);
    if (cli->json) {
        json_fact_string("revoked", id);
    } else if (!cli->quiet) {
        printf(tr("revoked %s\n"), id);
    }
    return SOTTO_CLIENT_OK;
}
