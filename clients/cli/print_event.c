/* SPDX-License-Identifier: MIT */
/*
 * Lines about events: "alice added bob, carol". The one who did it and the text, if there is one, are
 * printed by the caller.
 */
#include "clean.h"
#include "cli.h"
#include "text.h"

#include <string.h>

static void
print_users(FILE *out, const struct sotto_client_message *message)
{
    for (size_t i = 0; i < message->user_count; i++) {
        char name[2 * SOTTO_CLIENT_NAME_BYTES];
        clean_line(message->users[i], name, sizeof(name));
        fprintf(out, "%s%s", i ? ", " : " ", name);
    }
}

/* "gave bob the role admin"; a role is given to one user at a time. */
static void
print_role(FILE *out, const struct sotto_client_message *message)
{
    char name[2 * SOTTO_CLIENT_NAME_BYTES] = "";
    if (message->user_count)
        clean_line(message->users[0], name, sizeof(name));
    if (message->about_own)
        fprintf(out, tr("gave you the role %s"), tr(message->role));
    else
        fprintf(out, tr("gave %s the role %s"), name, tr(message->role));
}

static const char *
phrase_of(const struct sotto_client_message *message)
{
    static const struct {
        const char *kind;
        const char *phrase;
        const char *about_own; /* when it happened to the reader; NULL: the same */
    } phrases[] = {
        {"joined", TR("added you to this chat"), NULL},
        {"title", TR("called this chat"), NULL},
        {"renamed", TR("renamed this chat"), NULL},
        {"member_added", TR("added"), TR("added you to this chat")},
        {"member_removed", TR("removed"), TR("removed you from this chat")},
        {"member_left", TR("left this chat"), NULL},
        {"device_added", TR("added a device"), NULL},
        {"device_removed", TR("removed a device"), NULL},
        {"device_gone", TR("removed a device, which the server asks this chat to take out"), NULL},
        {"device_disputed",
         TR("has not removed a device that the server asks this chat to take out"), NULL},
        {"key_changed", TR("has another identity key; nothing is sent before `sotto verify`"),
         NULL},
        {"undecryptable", TR("sent something that cannot be read"), NULL},
        {"deleted", TR("deleted this chat"), NULL},
        {"reset", TR("started this chat anew; `sotto confirm` shows who would be in it"), NULL},
        {"bad_commit",
         TR("made a change of this chat that this device cannot follow (see `sotto reports`)"),
         NULL},
        {"account_deleted", TR("deleted the account"), NULL},
        {"repaired", TR("joined this chat anew: messages from before may be missing"), NULL},
        {"commit_reported", TR("cannot follow a change of this chat by"),
         TR("cannot follow a change of this chat that you made")},
        {"untrusted", TR("wrote under an identity key that is not the one you know"), NULL},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        bool own = message->about_own && message->user_count == 1 && phrases[i].about_own;
        if (!strcmp(phrases[i].kind, message->kind))
            return tr(own ? phrases[i].about_own : phrases[i].phrase);
    }
    return message->kind;
}

void
print_event(FILE *out, const struct sotto_client_message *message)
{
    bool is_leaving = !strcmp(message->kind, "member_left");
    bool is_device = !strncmp(message->kind, "device_", 7);
    bool names_reader = message->about_own && message->user_count == 1;
    if (message->role) {
        print_role(out, message);
        return;
    }
    fputs(phrase_of(message), out);
    if (!is_leaving && !is_device && !names_reader)
        print_users(out, message);
}
