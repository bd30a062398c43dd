/* SPDX-License-Identifier: MIT */
/*
 * The table of commands: what the shell and the interactive client can do is here, once. A command
 * reads its words and options from struct cli and does not care who filled them in.
 */
#include "cli.h"
#include "text.h"

#include <string.h>

const struct command commands[] = {
    {
        .name = "register",
        .usage = TR("NAME [--device LABEL]"),
        .summary = TR("Make an account and log in"),
        .help = TR(
            "The password (8 to 72 characters, a letter and a digit) never leaves this machine; nobody\n"
            "can reset it. LABEL names this device in your list of logins.\n"),
        .examples = "sotto register ann\n"
                    "sotto --server tcp://example.org:7500 register ann --device \"my laptop\"\n",
        .options = "device",
        .words_min = 1,
        .words_max = 1,
        .run = cmd_register,
    },
    {
        .name = "login",
        .usage = TR("NAME [--device LABEL]"),
        .summary = TR("Log in, on this device or a new one"),
        .help = TR(
            "A profile that has the account keeps device, chats and history. An empty profile becomes\n"
            "a new device: leave `sotto listen` running on it, or on another device of yours, and\n"
            "it gets into your chats. Reading a chat or writing to it brings it in as well.\n"),
        .examples = "sotto login ann\n",
        .options = "device",
        .words_min = 1,
        .words_max = 1,
        .run = cmd_login,
    },
    {
        .name = "logout",
        .usage = TR("[--all]"),
        .summary = TR("End this login, or all of the account"),
        .help = TR(
            "Keys and messages stay in the profile; `sotto login NAME` goes on where you were.\n"),
        .examples = "sotto logout\n"
                    "sotto logout --all\n",
        .options = "all",
        .run = cmd_logout,
    },
    {
        .name = "delete-account",
        .usage = TR("[--yes]"),
        .summary = TR("Delete your account and this profile, for good"),
        .help = TR(
            "Needs the password, and asks for your name first; --yes does not ask. The server ends all\n"
            "devices and logins, and deletes keys and backups. You leave every group, a chat of two\n"
            "stays with the other one to be read. Nobody gets your name again. What others have got stays\n"
            "with them. When the server has done it, keys, chats and messages on this device are wiped.\n"),
        .examples = "sotto delete-account\n"
                    "sotto --password-file pw delete-account --yes\n",
        .options = "yes",
        .place = PLACE_SHELL,
        .run = cmd_delete_account,
    },
    {
        .name = "whoami",
        .summary = TR("Show who the server says you are"),
        .examples = "sotto --json whoami\n",
        .run = cmd_whoami,
    },
    {
        .name = "logins",
        .summary = TR("List the logins of your account"),
        .help = TR(
            "Each with its id for `sotto revoke`, when it was used last, its device and address.\n"),
        .examples = "sotto logins\n",
        .run = cmd_logins,
    },
    {
        .name = "revoke",
        .usage = TR("ID"),
        .summary = TR("End one login"),
        .help = TR("Its connections are closed within a second.\n"),
        .examples = "sotto revoke 0123456789abcdef0123456789abcdef\n",
        .words_min = 1,
        .words_max = 1,
        .run = cmd_revoke,
    },
    {
        .name = "devices",
        .summary = TR("List the devices of your account"),
        .help =
            TR("Each with its id for `sotto device-remove`, when it was added and last seen.\n"),
        .examples = "sotto devices\n",
        .run = cmd_devices,
    },
    {
        .name = "device-remove",
        .usage = TR("ID"),
        .summary = TR("Take a device out of your account for good"),
        .help = TR(
            "ID is the device's id or a unique beginning of it (4 digits or more). Its logins end within a\n"
            "second, it is removed from your chats, and your contacts are told. A device that is lost\n"
            "keeps what it has; it gets nothing new.\n"),
        .examples = "sotto device-remove 0123456789abcdef0123456789abcdef\n",
        .words_min = 1,
        .words_max = 1,
        .run = cmd_device_remove,
    },
    {
        .name = "new",
        .usage = TR("NAME... [--title T] [--mode archive|relay]"),
        .summary = TR("Start a chat"),
        .help = TR(
            "One NAME without a title is a chat of two: the existing one if there is one. Several names,\n"
            "or a title, make a group. In the mode archive the server keeps what it cannot read; in the\n"
            "mode relay it deletes a message once every device of the chat has it.\n"),
        .examples = "sotto new bob\n"
                    "sotto new bob carol --title lunch\n",
        .options = "title mode",
        .takes = ARG_USER,
        .words_min = 1,
        .words_max = 499,
        .run = cmd_new,
    },
    {
        .name = "chats",
        .usage = TR("[--unread] [--type direct|group]"),
        .summary = TR("List your chats, the latest first"),
        .help = TR(
            "A chat that waits needs another device of yours to come online and add this one.\n"),
        .examples = "sotto chats --unread\n",
        .options = "unread type",
        .run = cmd_chats,
    },
    {
        .name = "members",
        .usage = TR("CHAT"),
        .summary = TR("List the members of a chat"),
        .help = TR(
            "CHAT is an id, a unique beginning of one (4 digits or more), a title, or in a chat of two\n"
            "the other's name.\n"),
        .examples = "sotto members lunch\n",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 1,
        .run = cmd_members,
    },
    {
        .name = "delete-chat",
        .usage = TR("CHAT [--yes]"),
        .summary = TR("Delete a chat for everybody, if it is yours to delete, and here"),
        .help = TR(
            "An owner deletes a group, either of the two a chat of two: the server forgets it, members are\n"
            "told. What others have read stays on their devices until they delete it, too. Of a chat that\n"
            "you left, or that was deleted, only what is on this device goes. On a terminal it asks first;\n"
            "--yes does it without asking.\n"),
        .examples = "sotto delete-chat lunch\n",
        .options = "yes",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 1,
        .run = cmd_delete_chat,
    },
    {
        .name = "add",
        .usage = TR("CHAT NAME..."),
        .summary = TR("Add people to a group"),
        .help = TR("Any member may. Who comes reads from here on, nothing from before.\n"),
        .examples = "sotto add lunch dave erin\n",
        .takes = ARG_CHAT,
        .words_min = 2,
        .words_max = 500,
        .run = cmd_add,
    },
    {
        .name = "remove",
        .usage = TR("CHAT NAME"),
        .summary = TR("Remove somebody from a group"),
        .help = TR(
            "Owner and admins may, an admin not the owner. The keys change with it: who was removed\n"
            "reads nothing that is sent later, and is told who did it.\n"),
        .examples = "sotto remove lunch dave\n",
        .takes = ARG_CHAT,
        .words_min = 2,
        .words_max = 2,
        .run = cmd_remove,
    },
    {
        .name = "leave",
        .usage = TR("CHAT"),
        .summary = TR("Leave a group, with all your devices"),
        .help =
            TR("What you have read stays in the profile. The last owner names another one first:\n"
               "`sotto role CHAT NAME owner`.\n"),
        .examples = "sotto leave lunch\n",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 1,
        .run = cmd_leave,
    },
    {
        .name = "rename",
        .usage = TR("CHAT TITLE"),
        .summary = TR("Give a group another title"),
        .help =
            TR("Owner and admins may. The title travels encrypted; the server does not know it.\n"),
        .examples = "sotto rename lunch \"lunch at one\"\n",
        .takes = ARG_CHAT,
        .words_min = 2,
        .words_max = 2,
        .joins = true,
        .run = cmd_rename,
    },
    {
        .name = "role",
        .usage = TR("CHAT NAME owner|admin|member"),
        .summary = TR("Say who is owner, admin or member"),
        .help = TR("The owner may. There can be several owners, and one always stays.\n"),
        .examples = "sotto role lunch bob admin\n",
        .takes = ARG_CHAT,
        .words_min = 3,
        .words_max = 3,
        .run = cmd_role,
    },
    {
        .name = "reports",
        .usage = TR("CHAT"),
        .summary = TR("List changes of a chat that members could not follow"),
        .help = TR(
            "Who made each, why it was refused, and by how many. A report is a claim; that one is proved\n"
            "means that this device refused it, too, and that it bore that member's signature. Devices\n"
            "that lost track join anew by themselves; when it goes on, remove that member, or start the\n"
            "chat anew without them: `sotto reset CHAT --without NAME`.\n"),
        .examples = "sotto reports lunch\n",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 1,
        .run = cmd_reports,
    },
    {
        .name = "reset",
        .usage = TR("CHAT [--without NAME...] [--yes]"),
        .summary = TR("Start a chat anew that cannot be repaired"),
        .help = TR(
            "Makes a new group of its members, without those who are named, and closes the old one, which\n"
            "stays readable. Each member enters with `sotto confirm`. Owner and admins may, either one of a\n"
            "chat of two, after somebody reported a change that could not be followed (`sotto reports`).\n"
            "Shows first what it would do; --yes does it without asking.\n"),
        .examples = "sotto reset lunch --without mallory\n",
        .options = "without yes",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 500,
        .run = cmd_reset,
    },
    {
        .name = "confirm",
        .usage = TR("CHAT [--yes]"),
        .summary = TR("Enter a chat that a member started anew"),
        .help = TR(
            "Shows who starts it anew and why, who would be in it and who not, and asks. Everybody in it\n"
            "must have been in the old chat, with the identity key that you know, else it is refused.\n"
            "Until you confirm nothing is sent or read there; `sotto leave` tells the others that you go.\n"),
        .examples = "sotto confirm lunch\n",
        .options = "yes",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 1,
        .run = cmd_confirm,
    },
    {
        .name = "send",
        .usage = TR("CHAT TEXT"),
        .summary = TR("Send a message (TEXT - reads stdin, a message a line)"),
        .help = TR(
            "Returns when the server has written it to its disk. Without a connection it is kept in the\n"
            "profile (exit code 4) and goes out, once, with the next command.\n"),
        .examples = "sotto send bob \"hello\"\n"
                    "echo \"hello\" | sotto send lunch -\n",
        .takes = ARG_CHAT,
        .words_min = 2,
        .words_max = 2,
        .place = PLACE_SHELL,
        .run = cmd_send,
    },
    {
        .name = "read",
        .usage = TR("CHAT [--limit N] [--since SEQ]"),
        .summary = TR("Show messages of a chat"),
        .help = TR(
            "The last 50, or N; with --since those after that number. They count as read afterwards.\n"),
        .examples = "sotto read bob --limit 10\n",
        .options = "limit since",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 1,
        .place = PLACE_SHELL,
        .run = cmd_read,
    },
    {
        .name = "listen",
        .usage = TR("[CHAT] [--count N] [--timeout S]"),
        .summary = TR("Show messages as they come"),
        .help = TR(
            "Begins with the unread ones, reconnects by itself. Ends after N messages (exit code 0) or\n"
            "S seconds (exit code 1 if fewer than N came).\n"),
        .examples = "sotto listen\n"
                    "sotto --json listen bob --count 1 --timeout 60\n",
        .options = "count",
        .takes = ARG_CHAT,
        .words_max = 1,
        .place = PLACE_SHELL,
        .run = cmd_listen,
    },
    {
        .name = "verify",
        .usage = TR("NAME [--mark] [--accept]"),
        .summary = TR("Compare somebody's identity key"),
        .help = TR(
            "Shows SHA-256, safety number and emoji of the key you know; compare over another channel,\n"
            "then --mark. When the key changed, nothing is sent to chats with NAME (exit code 5) until\n"
            "you --accept the new one.\n"),
        .examples = "sotto verify bob\n"
                    "sotto verify bob --mark\n",
        .options = "mark accept",
        .takes = ARG_USER,
        .words_min = 1,
        .words_max = 1,
        .run = cmd_verify,
    },
    {
        .name = "verify-chat",
        .usage = TR("CHAT"),
        .summary = TR("Compare what members see of a chat"),
        .help = TR(
            "Shows the epoch, which each change of the members or keys moves on by one, and 60 digits that\n"
            "all members see in it. Compare them over another channel. Other digits in the same epoch mean\n"
            "that the server split the chat: part of you do not get what the others write. Start it anew\n"
            "on a server that you trust. Whose keys are in it, `sotto members` and `sotto verify` say.\n"),
        .examples = "sotto verify-chat lunch\n",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 1,
        .run = cmd_verify_chat,
    },
    {
        .name = "verified-only",
        .usage = TR("[on|off]"),
        .summary = TR("Send only to people whom you have verified"),
        .help = TR(
            "On: nothing is sent to a chat with somebody whom you have not marked with `sotto verify NAME\n"
            "--mark`, and nobody else is added or written to (exit code 5); what waits goes out when\n"
            "everybody is verified. For this profile alone; your other devices have marks of their own.\n"),
        .examples = "sotto verified-only on\n"
                    "sotto --json verified-only\n",
        .words_max = 1,
        .run = cmd_verified_only,
    },
    {
        .name = "queue",
        .summary = TR("Show what waits to be sent"),
        .help =
            TR("Each with its id. What the server refused three times waits for `sotto retry` or\n"
               "`sotto drop`.\n"),
        .examples = "sotto queue\n",
        .run = cmd_queue,
    },
    {
        .name = "retry",
        .usage = TR("[ID]"),
        .summary = TR("Send a refused message once more"),
        .help = TR(
            "ID is a beginning of the id that `sotto queue` shows; without one all of them are meant.\n"),
        .examples = "sotto retry\n",
        .words_max = 1,
        .run = cmd_retry,
    },
    {
        .name = "drop",
        .usage = TR("[ID]"),
        .summary = TR("Forget a refused message"),
        .help = TR(
            "ID is a beginning of the id that `sotto queue` shows; without one all of them are meant.\n"),
        .examples = "sotto drop 3f9a\n",
        .words_max = 1,
        .run = cmd_drop,
    },
    {
        .name = "open",
        .usage = TR("CHAT"),
        .summary = TR("Open a chat and show its last messages"),
        .help = TR(
            "CHAT is a name, a title, an id, or a number of /chats. What you type then goes there.\n"),
        .examples = "/open bob\n/open 2\n",
        .takes = ARG_CHAT,
        .words_min = 1,
        .words_max = 1,
        .place = PLACE_SCREEN,
        .run = cmd_open,
    },
    {
        .name = "more",
        .summary = TR("Show older messages of the open chat"),
        .place = PLACE_SCREEN,
        .run = cmd_more,
    },
    {
        .name = "help",
        .usage = TR("[COMMAND]"),
        .summary = TR("Show what can be done"),
        .takes = ARG_COMMAND,
        .words_max = 1,
        .place = PLACE_SCREEN,
        .run = cmd_help,
    },
    {
        .name = "quit",
        .summary = TR("Leave; Ctrl-D does the same"),
        .place = PLACE_SCREEN,
        .run = cmd_quit,
    },
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *
command_find(const char *name, enum place where)
{
    for (size_t i = 0; i < command_count; i++)
        if (!strcmp(commands[i].name, name) &&
            (commands[i].place == PLACE_BOTH || commands[i].place == where))
            return &commands[i];
    return NULL;
}
