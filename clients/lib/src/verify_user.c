/* SPDX-License-Identifier: MIT */
/*
 * `verify`: what is pinned for a user beside what the server says now, and the decisions of a
 * person about it.
 */
#include "session.h"
#include "trust.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* The person says that the numbers are equal: that is about the pinned key, so a changed one
 * must be accepted first. */
static int
mark_verified(struct sotto_client *client, struct contact *contact)
{
    if (contact->changed)
        return trust_gate_user(client, contact->user_id);
    if (contact->verified)
        return SOTTO_CLIENT_OK;
    contact->verified = true;
    int status = contact_store(client, contact);
    return status ? status
                  : trust_note(client, contact->user_id, contact->identity_key, TR("verified"));
}

/* The changed key becomes the pinned one; the key log starts anew with what the server shows. Only
 * the key that this profile knew before is accepted: the person cannot have compared one that the
 * server shows just now. */
static int
accept_change(struct sotto_client *client, const struct contact *before, struct contact *contact)
{
    if (!contact->changed)
        return SOTTO_CLIENT_OK;
    if (!before->changed || memcmp(before->changed_key, contact->changed_key, KEY_BYTES))
        return trust_gate_user(client, contact->user_id);
    memcpy(contact->identity_key, contact->changed_key, KEY_BYTES);
    contact->changed = false;
    contact->verified = false;
    contact->accepted_unproven = true;
    contact->log_number = 0;
    memset(contact->log_head, 0, sizeof(contact->log_head));
    int status = contact_store(client, contact);
    return status ? status
                  : trust_note(client, contact->user_id, contact->identity_key, TR("accepted"));
}

static int
apply(struct sotto_client *client, const struct contact *before, unsigned flags,
      struct contact *contact_out)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = contact_load(client, before->user_id, contact_out);
    if (status == SOTTO_CLIENT_OK && (flags & SOTTO_CLIENT_VERIFY_ACCEPT))
        status = accept_change(client, before, contact_out);
    if (status == SOTTO_CLIENT_OK && (flags & SOTTO_CLIENT_VERIFY_MARK))
        status = mark_verified(client, contact_out);
    return profile_end(&client->profile, status, &client->error);
}

static void
fill_views(struct sotto_client *client, const struct contact *contact,
           struct sotto_client_trust *shown)
{
    struct verify_party self = {client->account.user_id, ID_BYTES, client->account.identity_key};
    struct verify_party other = {contact->user_id, ID_BYTES, contact->identity_key};
    const struct verify_emoji *rows[VERIFY_EMOJI_COUNT];
    verify_fingerprint(contact->identity_key, shown->sha256);
    if (contact->changed)
        verify_fingerprint(contact->changed_key, shown->new_sha256);
    verify_safety_number(&self, &other, shown->digits);
    verify_emoji(contact->identity_key, rows);
    for (size_t i = 0; i < VERIFY_EMOJI_COUNT; i++) {
        shown->emoji[i] = rows[i]->symbol;
        shown->emoji_names[i] = rows[i]->name;
    }
}

static int
show(struct sotto_client *client, const struct contact *contact, sotto_client_trust_fn each,
     void *arg)
{
    struct key_change *lines = NULL;
    size_t count = 0;
    char name[SOTTO_CLIENT_NAME_BYTES];
    int status = trust_history(client, contact->user_id, &lines, &count);
    if (status == SOTTO_CLIENT_OK)
        status = contact_show_name(client, contact->user_id, name);
    if (status) {
        free(lines);
        return status;
    }
    struct sotto_client_key_change *history = mem_alloc(count, sizeof(*history));
    for (size_t i = 0; i < count; i++) {
        verify_fingerprint(lines[i].identity_key, history[i].sha256);
        history[i].seen = lines[i].seen;
        history[i].what = lines[i].what;
        if (lines[i].about_device)
            id_hex(lines[i].device_id, history[i].device);
    }
    struct sotto_client_trust shown = {
        .user = name,
        .state = contact->changed    ? TR("changed")
                 : contact->verified ? TR("verified")
                                     : TR("unverified"),
        .first_seen = contact->first_seen,
        .deleted = contact->deleted_ms / 1000,
        .history = history,
        .history_count = count,
    };
    id_hex(contact->user_id, shown.user_id);
    fill_views(client, contact, &shown);
    each(&shown, arg);
    free(history);
    free(lines);
    return SOTTO_CLIENT_OK;
}

int
sotto_client_verify(struct sotto_client *client, const char *name, unsigned flags,
                    sotto_client_trust_fn each, void *arg)
{
    struct contact contact;
    struct contact before;
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = contact_find(client, name, &contact);
    if (status)
        return status;
    if (id_equal(contact.user_id, client->account.user_id))
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "that is you; name somebody else");
    uint8_t ids[1][ID_BYTES];
    memcpy(ids[0], contact.user_id, ID_BYTES);
    before = contact;
    status = trust_fetch(client, (const uint8_t(*)[ID_BYTES])ids, 1);
    if (status == SOTTO_CLIENT_OK)
        status = contact_load(client, contact.user_id, &contact);
    if (status == SOTTO_CLIENT_OK && !contact.pinned)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "%s has no keys yet; they must start sotto once", name);
    if (status == SOTTO_CLIENT_OK)
        status = apply(client, &before, flags, &contact);
    if (status == SOTTO_CLIENT_OK || status == SOTTO_CLIENT_EBLOCKED) {
        struct sotto_client_error kept = client->error;
        int shown = show(client, &contact, each, arg);
        client->error = shown ? client->error : kept;
        status = shown ? shown : status;
    }
    return status ? status : trust_gate_user(client, ids[0]);
}
