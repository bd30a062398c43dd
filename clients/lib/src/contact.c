/* SPDX-License-Identifier: MIT */
/*
 * Contacts: the record of each user we met, the name it goes by, and the history of its keys.
 *
 * Names are the server's word. One that was learned stays with its id, and no second user gets it,
 * so that a server cannot quietly put another user behind a name in use.
 */
#include "trust.h"

#include "profile.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUP_MAX 200

/* ---- the record ------------------------------------------------------------------------------ */

static struct vault_place
contact_place(const uint8_t user_id[ID_BYTES])
{
    return (struct vault_place){"contacts.record", user_id, ID_BYTES};
}

static int
contact_decode(struct sotto_client *client, const struct buf *value, struct contact *contact)
{
    Sotto__Profile__V1__Contact *record =
        pb_unpack(&sotto__profile__v1__contact__descriptor, value->data, value->len);
    if (!record || record->user_id.len != ID_BYTES ||
        memcmp(record->user_id.data, contact->user_id, ID_BYTES)) {
        pb_free(record);
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "profile",
                    "a contact in this profile is damaged; restore the profile");
    }
    contact->exists = true;
    snprintf(contact->name, sizeof(contact->name), "%s", record->name);
    contact->pinned = take_bytes(record->identity_key, contact->identity_key, KEY_BYTES);
    contact->changed = take_bytes(record->changed_key, contact->changed_key, KEY_BYTES);
    contact->verified = record->verified;
    contact->accepted_unproven = record->accepted_unproven;
    contact->first_seen = record->first_seen;
    contact->deleted_ms = record->deleted_ms;
    if (take_bytes(record->log_head, contact->log_head, VERIFY_HASH_BYTES))
        contact->log_number = record->log_number;
    pb_free(record);
    return SOTTO_CLIENT_OK;
}

int
contact_load(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
             struct contact *contact_out)
{
    struct contact contact = {0};
    struct buf value = {0};
    sqlite3_stmt *statement;
    memcpy(contact.user_id, user_id, ID_BYTES);
    int status =
        query(&client->profile, &statement, &client->error,
              "SELECT record FROM contacts WHERE user_id = ?", BINDS(bind_blob(user_id, ID_BYTES)));
    if (status)
        return status;
    status = query_step(&client->profile, statement, &client->error);
    if (status == 1) {
        status = query_unseal(&client->profile, statement, 0, contact_place(contact.user_id),
                              &value, &client->error);
        if (status == SOTTO_CLIENT_OK)
            status = contact_decode(client, &value, &contact);
    }
    sqlite3_finalize(statement);
    buf_fini(&value);
    if (status == SOTTO_CLIENT_OK)
        *contact_out = contact;
    return status;
}

int
contact_store(struct sotto_client *client, const struct contact *contact)
{
    Sotto__Profile__V1__Contact record = SOTTO__PROFILE__V1__CONTACT__INIT;
    record.user_id = view(contact->user_id, ID_BYTES);
    record.name = (char *)(uintptr_t)contact->name;
    if (contact->pinned)
        record.identity_key = view(contact->identity_key, KEY_BYTES);
    if (contact->changed)
        record.changed_key = view(contact->changed_key, KEY_BYTES);
    record.verified = contact->verified;
    record.accepted_unproven = contact->accepted_unproven;
    record.first_seen = contact->first_seen;
    record.deleted_ms = contact->deleted_ms;
    record.log_number = contact->log_number;
    if (contact->log_number)
        record.log_head = view(contact->log_head, VERIFY_HASH_BYTES);
    struct buf value = {0};
    struct buf sealed = {0};
    buf_pack(&value, &record.base);
    vault_seal(&client->profile.vault, contact_place(contact->user_id), value.data, value.len,
               &sealed);
    int status =
        query_run(&client->profile, &client->error,
                  "INSERT INTO contacts(user_id, record) VALUES(?1, ?2)"
                  " ON CONFLICT(user_id) DO UPDATE SET record = ?2",
                  BINDS(bind_blob(contact->user_id, ID_BYTES), bind_blob(sealed.data, sealed.len)));
    buf_fini(&value);
    buf_fini(&sealed);
    return status;
}

/* ---- names ----------------------------------------------------------------------------------- */

int
contact_show_name(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                  char name_out[SOTTO_CLIENT_NAME_BYTES])
{
    struct contact contact;
    if (id_equal(user_id, client->account.user_id)) {
        snprintf(name_out, SOTTO_CLIENT_NAME_BYTES, "%s", client->account.name);
        return SOTTO_CLIENT_OK;
    }
    int status = contact_load(client, user_id, &contact);
    if (status)
        return status;
    if (contact.name[0])
        memcpy(name_out, contact.name, SOTTO_CLIENT_NAME_BYTES);
    else
        id_hex(user_id, name_out);
    return SOTTO_CLIENT_OK;
}

static int
compare_names(const void *a, const void *b)
{
    return strcasecmp(a, b);
}

void
contact_sort_names(char (*names)[SOTTO_CLIENT_NAME_BYTES], size_t count)
{
    qsort(names, count, sizeof(*names), compare_names);
}

int
contact_show_names(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count,
                   char (**names_out)[SOTTO_CLIENT_NAME_BYTES])
{
    char(*names)[SOTTO_CLIENT_NAME_BYTES] = mem_alloc(count, sizeof(*names));
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = contact_show_name(client, user_ids[i], names[i]);
    if (status) {
        free(names);
        return status;
    }
    contact_sort_names(names, count);
    *names_out = names;
    return SOTTO_CLIENT_OK;
}

const char **
contact_name_list(char (*names)[SOTTO_CLIENT_NAME_BYTES], size_t count)
{
    const char **list = mem_alloc(count, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = names[i];
    return list;
}

/* Looks through the contacts for a name, without case. */
static int
find_known(struct sotto_client *client, const char *name, struct contact *contact_out)
{
    sqlite3_stmt *statement;
    int status = query(&client->profile, &statement, &client->error, "SELECT user_id FROM contacts",
                       NULL, 0);
    if (status)
        return status;
    struct contact contact = {0};
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        uint8_t user_id[ID_BYTES];
        query_id(statement, 0, user_id);
        status = contact_load(client, user_id, &contact);
        if (status || !strcasecmp(contact.name, name))
            break;
        contact = (struct contact){0};
    }
    sqlite3_finalize(statement);
    if (status == SOTTO_CLIENT_OK)
        *contact_out = contact;
    return status;
}

int
contact_has_name(struct sotto_client *client, const char *name, bool *has_out)
{
    struct contact contact = {0};
    int status = SOTTO_CLIENT_OK;
    bool own = !strcasecmp(name, client->account.name);
    if (!own)
        status = find_known(client, name, &contact);
    if (status == SOTTO_CLIENT_OK)
        *has_out = own || contact.exists;
    return status;
}

int
contact_learn_name(struct sotto_client *client, const Sotto__Auth__V1__User *user)
{
    uint8_t user_id[ID_BYTES];
    struct contact contact;
    struct sotto_client_error ignored;
    bool taken = false;
    if (!take_bytes(user->user_id, user_id, ID_BYTES) || check_name(user->name, &ignored))
        return SOTTO_CLIENT_OK;
    int status = contact_load(client, user_id, &contact);
    if (status == SOTTO_CLIENT_OK)
        status = contact_has_name(client, user->name, &taken);
    if (status || contact.name[0] || taken)
        return status;
    snprintf(contact.name, sizeof(contact.name), "%s", user->name);
    return contact_store(client, &contact);
}

/* A server that names users whom nobody asked about would put its own behind names that are looked up later. */
static bool
was_asked_for(const Sotto__Auth__V1__LookupUsersRequest *request, const Sotto__Auth__V1__User *user)
{
    for (size_t i = 0; i < request->n_names; i++)
        if (!strcasecmp(request->names[i], user->name))
            return true;
    for (size_t i = 0; i < request->n_user_ids; i++)
        if (user->user_id.len == ID_BYTES &&
            id_equal(request->user_ids[i].data, user->user_id.data))
            return true;
    return false;
}

static int
lookup(struct sotto_client *client, const Sotto__Auth__V1__LookupUsersRequest *request)
{
    Sotto__Auth__V1__LookupUsersReply *reply = NULL;
    int status = rpc(client, AUTH_METHOD("LookupUsers"), &request->base,
                     &sotto__auth__v1__lookup_users_reply__descriptor, &reply, NULL);
    if (status)
        return status;
    status = profile_begin(&client->profile, &client->error);
    if (status == SOTTO_CLIENT_OK) {
        for (size_t i = 0; status == SOTTO_CLIENT_OK && i < reply->n_users; i++)
            if (was_asked_for(request, reply->users[i]))
                status = contact_learn_name(client, reply->users[i]);
        status = profile_end(&client->profile, status, &client->error);
    }
    pb_free(reply);
    return status;
}

int
contact_find(struct sotto_client *client, const char *name, struct contact *contact_out)
{
    struct contact contact = {0};
    int status = check_name(name, &client->error);
    if (status == SOTTO_CLIENT_OK && !strcasecmp(name, client->account.name))
        return contact_load(client, client->account.user_id, contact_out);
    if (status == SOTTO_CLIENT_OK)
        status = find_known(client, name, &contact);
    if (status == SOTTO_CLIENT_OK && !contact.exists) {
        Sotto__Auth__V1__LookupUsersRequest request = SOTTO__AUTH__V1__LOOKUP_USERS_REQUEST__INIT;
        char *names[] = {(char *)(uintptr_t)name};
        request.n_names = 1;
        request.names = names;
        status = lookup(client, &request);
        if (status == SOTTO_CLIENT_OK)
            status = find_known(client, name, &contact);
    }
    if (status)
        return status;
    if (!contact.exists)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "not_found",
                    "there is no user %s on this server", name);
    *contact_out = contact;
    return SOTTO_CLIENT_OK;
}

int
contact_look_up(struct sotto_client *client, const char *const *names, size_t count)
{
    int status = SOTTO_CLIENT_OK;
    for (size_t at = 0; status == SOTTO_CLIENT_OK && count > 1 && at < count;) {
        Sotto__Auth__V1__LookupUsersRequest request = SOTTO__AUTH__V1__LOOKUP_USERS_REQUEST__INIT;
        struct sotto_client_error why;
        char *page[LOOKUP_MAX];
        request.names = page;
        for (; at < count && request.n_names < LOOKUP_MAX; at++)
            if (!check_name(names[at], &why))
                page[request.n_names++] = (char *)(uintptr_t)names[at];
        if (request.n_names)
            status = lookup(client, &request);
    }
    return status;
}

/* Collects members without a name, who did or wrote something lately (they may have left since), and of whom an offer
 * tells. A page of LOOKUP_MAX. */
static int
nameless(struct sotto_client *client, ProtobufCBinaryData *views, uint8_t (*ids)[ID_BYTES],
         size_t *count_out)
{
    sqlite3_stmt *statement;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT user_id FROM chat_members WHERE user_id <> ?1 UNION"
                       " SELECT from_user FROM (SELECT from_user FROM messages"
                       " ORDER BY local_id DESC LIMIT 1000)"
                       " WHERE from_user NOT IN (?1, zeroblob(16)) UNION"
                       " SELECT by_user FROM offers WHERE by_user NOT IN (?1, zeroblob(16)) UNION"
                       " SELECT about FROM offers WHERE about NOT IN (?1, zeroblob(16))",
                       BINDS(bind_blob(client->account.user_id, ID_BYTES)));
    if (status)
        return status;
    size_t count = 0;
    while (count < LOOKUP_MAX &&
           (status = query_step(&client->profile, statement, &client->error)) == 1) {
        struct contact contact;
        query_id(statement, 0, ids[count]);
        status = contact_load(client, ids[count], &contact);
        if (status)
            break;
        if (contact.name[0])
            continue;
        views[count] = view(ids[count], ID_BYTES);
        count++;
    }
    sqlite3_finalize(statement);
    *count_out = count;
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

static const char NAMES_DUE[] = "names_due";

int
contact_names_due(struct sotto_client *client)
{
    return meta_set(&client->profile, NAMES_DUE, "", 1, &client->error);
}

/* Whether names are due; negative: an error. */
static int
are_names_due(struct sotto_client *client)
{
    struct buf value = {0};
    int status = meta_get(&client->profile, NAMES_DUE, &value, &client->error);
    int due = value.len > 0;
    buf_fini(&value);
    return status ? status : due;
}

/* Asks for a page of names; *more_out: there may be more to ask for. */
static int
ask_names(struct sotto_client *client, bool *more_out)
{
    uint8_t ids[LOOKUP_MAX][ID_BYTES];
    ProtobufCBinaryData views[LOOKUP_MAX];
    Sotto__Auth__V1__LookupUsersRequest request = SOTTO__AUTH__V1__LOOKUP_USERS_REQUEST__INIT;
    int status = nameless(client, views, ids, &request.n_user_ids);
    if (status || request.n_user_ids == 0)
        return status;
    request.user_ids = views;
    *more_out = request.n_user_ids == LOOKUP_MAX;
    return lookup(client, &request);
}

int
contact_fill_names(struct sotto_client *client)
{
    bool more = false;
    int status = are_names_due(client);
    if (status <= 0)
        return status;
    status = ask_names(client, &more);
    if (status == SOTTO_CLIENT_OK && !more)
        status = meta_set(&client->profile, NAMES_DUE, "", 0, &client->error);
    return status;
}

/* ---- history --------------------------------------------------------------------------------- */

static struct vault_place
change_place(const uint8_t user_id[ID_BYTES])
{
    return (struct vault_place){"key_changes.record", user_id, ID_BYTES};
}

static int
note(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
     const uint8_t identity_key[KEY_BYTES], const char *what, const uint8_t *device_id)
{
    Sotto__Profile__V1__KeyChange record = SOTTO__PROFILE__V1__KEY_CHANGE__INIT;
    struct buf value = {0};
    struct buf sealed = {0};
    record.identity_key = view(identity_key, KEY_BYTES);
    record.seen = wall_seconds();
    record.what = (char *)(uintptr_t)what;
    if (device_id)
        record.device_id = view(device_id, ID_BYTES);
    buf_pack(&value, &record.base);
    vault_seal(&client->profile.vault, change_place(user_id), value.data, value.len, &sealed);
    int status = query_run(&client->profile, &client->error,
                           "INSERT INTO key_changes(user_id, record) VALUES(?, ?)",
                           BINDS(bind_blob(user_id, ID_BYTES), bind_blob(sealed.data, sealed.len)));
    buf_fini(&value);
    buf_fini(&sealed);
    return status;
}

int
trust_note(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
           const uint8_t identity_key[KEY_BYTES], const char *what)
{
    return note(client, user_id, identity_key, what, NULL);
}

int
trust_note_device(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                  const uint8_t identity_key[KEY_BYTES], const char *what,
                  const uint8_t device_id[ID_BYTES])
{
    return note(client, user_id, identity_key, what, device_id);
}

static bool
change_decode(const struct buf *value, struct key_change *line)
{
    Sotto__Profile__V1__KeyChange *record =
        pb_unpack(&sotto__profile__v1__key_change__descriptor, value->data, value->len);
    bool good = record && take_bytes(record->identity_key, line->identity_key, KEY_BYTES);
    if (good) {
        line->seen = record->seen;
        snprintf(line->what, sizeof(line->what), "%s", record->what);
        line->about_device = take_bytes(record->device_id, line->device_id, ID_BYTES);
    }
    pb_free(record);
    return good;
}

int
trust_history(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
              struct key_change **lines_out, size_t *count_out)
{
    sqlite3_stmt *statement;
    struct buf value = {0};
    struct key_change *lines = NULL;
    size_t count = 0;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT record FROM key_changes WHERE user_id = ? ORDER BY id",
                       BINDS(bind_blob(user_id, ID_BYTES)));
    if (status)
        return status;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        struct key_change *more = mem_alloc(count + 1, sizeof(*more));
        if (count)
            memcpy(more, lines, count * sizeof(*more));
        free(lines);
        lines = more;
        status = query_unseal(&client->profile, statement, 0, change_place(user_id), &value,
                              &client->error);
        if (status)
            break;
        if (change_decode(&value, &lines[count]))
            count++;
    }
    sqlite3_finalize(statement);
    buf_fini(&value);
    if (status) {
        free(lines);
        return status;
    }
    *lines_out = lines;
    *count_out = count;
    return SOTTO_CLIENT_OK;
}

int
trust_was_accepted(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                   const uint8_t identity_key[KEY_BYTES], bool *accepted_out)
{
    struct key_change *lines = NULL;
    size_t count = 0;
    int status = trust_history(client, user_id, &lines, &count);
    if (status)
        return status;
    *accepted_out = false;
    for (size_t i = 0; i < count; i++)
        if (!memcmp(lines[i].identity_key, identity_key, KEY_BYTES) && !lines[i].about_device &&
            strcmp(lines[i].what, "changed"))
            *accepted_out = true;
    free(lines);
    return SOTTO_CLIENT_OK;
}
