/* SPDX-License-Identifier: MIT */
/*
 * Lines about events: "alice added bob, carol". The one who did it and the text, if there is one, are
 * printed by the caller.
 */
#include "cli.h"
#include "text.h"
#include "view.h"

#include <string.h>

static int
print_users(struct view *view, const struct sotto_client_message *message, int column, int indent)
{
    for (size_t i = 0; i < message->user_count; i++) {
        char name[2 * SOTTO_CLIENT_NAME_BYTES + 2];
        snprintf(name, sizeof(name), " %s%s", message->users[i],
                 i + 1 < message->user_count ? "," : "");
        column = view_text(view, name, column, indent);
    }
    return column;
}

/* "gave bob the role admin"; a role is given to one user at a time. */
static int
print_role(struct view *view, const struct sotto_client_message *message, int column, int indent)
{
    const char *name = message->user_count ? message->users[0] : "";
    char line[256];
    if (message->about_own)
        snprintf(line, sizeof(line), tr("gave you the role %s"), tr(message->role));
    else
        snprintf(line, sizeof(line), tr("gave %s the role %s"), name, tr(message->role));
    return view_text(view, line, column, indent);
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

int
print_event(struct view *view, const struct sotto_client_message *message, int column, int indent)
{
    bool is_leaving = !strcmp(message->kind, "member_left");
    bool is_device = !strncmp(message->kind, "device_", 7);
    bool names_reader = message->about_own && message->user_count == 1;
    if (message->role)
        return print_role(view, message, column, indent);
    column = view_text(view, phrase_of(message), column, indent);
    if (!is_leaving && !is_device && !names_reader)
        column = print_users(view, message, column, indent);
    return column;
}
