/* SPDX-License-Identifier: MIT */
/*
 * Our own devices: what the profile remembers of them, the list, removing one, and being removed. A removed device
 * believes only the identity key: the server hands it the removal that the other device signed, so nobody else can
 * make it give up its keys.
 */
#include "own_devices.h"

#include "chat.h"
#include "device_chats.h"
#include "keys.h"
#include "sync.h"
#include "text.h"
#include "trust.h"
#include "upkeep.h"

#include "profile.pb-c.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REMEMBERED_MAX 100 /* as many as a key log can name */
#define DAY_BYTES 16
#define PREFIX_CHARS_MIN 4

/* ---- what the profile remembers -------------------------------------------------------------- */

/* NULL when nothing is remembered; free with pb_free. */
static int
load(struct sotto_client *client, Sotto__Profile__V1__OwnDevices **devices_out)
{
    struct buf value = {0};
    int status = meta_get(&client->profile, "own_devices", &value, &client->error);
    *devices_out = NULL;
    if (status == SOTTO_CLIENT_OK && value.len)
        *devices_out =
            pb_unpack(&sotto__profile__v1__own_devices__descriptor, value.data, value.len);
    buf_fini(&value);
    return status;
}

static const char *
find_label(const Sotto__Profile__V1__OwnDevices *devices, const uint8_t device_id[ID_BYTES])
{
    for (size_t i = 0; devices && i < devices->n_devices; i++)
        if (devices->devices[i]->device_id.len == ID_BYTES &&
            id_equal(devices->devices[i]->device_id.data, device_id))
            return devices->devices[i]->label;
    return "";
}

static void
remember_one(Sotto__Profile__V1__OwnDevice *row, ProtobufCBinaryData device_id, char *label,
             bool gone)
{
    sotto__profile__v1__own_device__init(row);
    row->device_id = device_id;
    row->label = label;
    row->gone = gone;
}

/* The devices of now, and those of before that are gone: one of them may have removed another. Rows of a server whose id
 * is none are left out. */
static int
remember(struct sotto_client *client, const Sotto__Keyx__V1__GetIdentityReply *own)
{
    Sotto__Profile__V1__OwnDevice rows[REMEMBERED_MAX];
    Sotto__Profile__V1__OwnDevice *list[REMEMBERED_MAX];
    Sotto__Profile__V1__OwnDevices devices = SOTTO__PROFILE__V1__OWN_DEVICES__INIT;
    Sotto__Profile__V1__OwnDevices *before = NULL;
    struct sotto_client_error ignored;
    struct buf value = {0};
    size_t count = 0;
    int status = load(client, &before);
    if (status)
        return status;
    for (size_t i = 0; i < own->n_devices && count < REMEMBERED_MAX; i++) {
        if (own->devices[i]->device_id.len != ID_BYTES)
            continue;
        char *label = own->devices[i]->label;
        bool good = !check_text("label", label, LABEL_CHARS, &ignored);
        remember_one(&rows[count++], own->devices[i]->device_id, good ? label : "", false);
    }
    size_t now = count;
    for (size_t i = 0; before && i < before->n_devices && count < REMEMBERED_MAX; i++) {
        ProtobufCBinaryData id = before->devices[i]->device_id;
        bool still = id.len != ID_BYTES;
        for (size_t j = 0; !still && j < now; j++)
            still = id_equal(rows[j].device_id.data, id.data);
        if (!still)
            remember_one(&rows[count++], id, before->devices[i]->label, true);
    }
    for (size_t i = 0; i < count; i++)
        list[i] = &rows[i];
    devices.n_devices = count;
    devices.devices = list;
    buf_pack(&value, &devices.base);
    status = meta_set(&client->profile, "own_devices", value.data, value.len, &client->error);
    buf_fini(&value);
    pb_free(before);
    return status;
}

int
own_devices_fetch(struct sotto_client *client, Sotto__Keyx__V1__GetIdentityReply **own_out)
{
    Sotto__Keyx__V1__GetIdentityRequest request = SOTTO__KEYX__V1__GET_IDENTITY_REQUEST__INIT;
    Sotto__Keyx__V1__GetIdentityReply *own = NULL;
    request.user_id = view(client->account.user_id, ID_BYTES);
    int status = rpc(client, KEYX_METHOD("GetIdentity"), &request.base,
                     &sotto__keyx__v1__get_identity_reply__descriptor, &own, NULL);
    /* An answer about somebody else, or about nobody, would pass for a list of our devices. */
    if (status == SOTTO_CLIENT_OK &&
        (own->user_id.len != ID_BYTES || own->identity_key.len != KEY_BYTES ||
         !id_equal(own->user_id.data, client->account.user_id))) {
        pb_free(own);
        return fail_malformed(&client->error);
    }
    if (status)
        return status;
    status = profile_begin(&client->profile, &client->error);
    if (status == SOTTO_CLIENT_OK) {
        status = trust_observe_identity(client, own);
        if (status == SOTTO_CLIENT_OK)
            status = remember(client, own);
        status = profile_end(&client->profile, status, &client->error);
    }
    if (status == SOTTO_CLIENT_OK && own_out)
        *own_out = own;
    else
        pb_free(own);
    return status;
}

/* The label, with so much of the id that devices of one label are told apart. */
static void
name_device(const char *label, const uint8_t device_id[ID_BYTES], char name_out[DEVICE_NAME_BYTES])
{
    char hex[SOTTO_CLIENT_HEX_BYTES];
    id_hex(device_id, hex);
    if (*label)
        snprintf(name_out, DEVICE_NAME_BYTES, "%s (%.8s)", label, hex);
    else
        snprintf(name_out, DEVICE_NAME_BYTES, "%.8s", hex);
}

int
own_device_name(struct sotto_client *client, const uint8_t device_id[ID_BYTES],
                char name_out[DEVICE_NAME_BYTES])
{
    Sotto__Profile__V1__OwnDevices *devices = NULL;
    int status = load(client, &devices);
    if (status)
        return status;
    name_device(find_label(devices, device_id), device_id, name_out);
    pb_free(devices);
    return SOTTO_CLIENT_OK;
}

int
own_device_others(struct sotto_client *client, struct buf *text_out)
{
    Sotto__Profile__V1__OwnDevices *devices = NULL;
    int status = load(client, &devices);
    for (size_t i = 0; devices && i < devices->n_devices; i++) {
        const Sotto__Profile__V1__OwnDevice *row = devices->devices[i];
        if (row->gone || row->device_id.len != ID_BYTES ||
            id_equal(row->device_id.data, client->account.device_id))
            continue;
        char name[DEVICE_NAME_BYTES];
        name_device(row->label, row->device_id.data, name);
        buf_append(text_out, ", ", text_out->len ? 2 : 0);
        buf_append(text_out, name, strlen(name));
    }
    buf_append(text_out, "", 1);
    pb_free(devices);
    return status;
}

/* ---- this device was removed ----------------------------------------------------------------- */

/* Whether the identity key signed that this device is none any more, alone or with its account. */
static bool
is_signed(struct sotto_client *client, const struct verify_removal *removal, bool account)
{
    struct verify_deletion deletion = {.deleted_at = removal->removed_at};
    if (!account)
        return !verify_removal_check(removal, client->account.identity_key);
    memcpy(deletion.user_id, removal->user_id, ID_BYTES);
    memcpy(deletion.by_device, removal->by_device, ID_BYTES);
    memcpy(deletion.signature, removal->signature, VERIFY_SIGNATURE_BYTES);
    return !verify_deletion_check(&deletion, client->account.identity_key);
}

static bool
read_removal(struct sotto_client *client, const struct buf *details, struct verify_removal *out,
             bool *account_out)
{
    struct verify_removal removal = {0};
    Sotto__Keyx__V1__DeviceRemoved *fact =
        pb_unpack(&sotto__keyx__v1__device_removed__descriptor, details->data, details->len);
    bool good = fact && take_bytes(fact->user_id, removal.user_id, ID_BYTES) &&
                take_bytes(fact->device_id, removal.device_id, ID_BYTES) &&
                take_bytes(fact->by_device, removal.by_device, ID_BYTES) &&
                take_bytes(fact->signature, removal.signature, VERIFY_SIGNATURE_BYTES);
    if (good) {
        removal.removed_at = (uint64_t)fact->removed_ms;
        good = id_equal(removal.user_id, client->account.user_id) &&
               id_equal(removal.device_id, client->account.device_id) &&
               is_signed(client, &removal, fact->account);
        *account_out = fact->account;
    }
    pb_free(fact);
    *out = removal;
    return good;
}

/* The profile of a device that is none any more: the archive stays, what opens or signs goes. */
static int
give_up_keys(struct sotto_client *client, const struct verify_removal *removal, bool with_account)
{
    struct account *account = &client->account;
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = query_run(&client->profile, &client->error,
                       "UPDATE chats SET state = ?, mls = NULL, pending_call = NULL",
                       BINDS(bind_int(CHAT_LEFT)));
    if (status == SOTTO_CLIENT_OK)
        status = query_run(&client->profile, &client->error, "DELETE FROM key_packages", NULL, 0);
    if (status == SOTTO_CLIENT_OK)
        status = query_run(&client->profile, &client->error, "DELETE FROM arrivals", NULL, 0);
    if (status == SOTTO_CLIENT_OK)
        status = session_forget_tokens(client);
    account->has_identity = false;
    account->steps_done = 0;
    account->removed_ms = (int64_t)removal->removed_at;
    account->deleted = with_account;
    memcpy(account->removed_by, removal->by_device, ID_BYTES);
    sodium_memzero(account->identity_seed, sizeof(account->identity_seed));
    sodium_memzero(account->device_seed, sizeof(account->device_seed));
    if (status == SOTTO_CLIENT_OK)
        status = account_store(client);
    return profile_end(&client->profile, status, &client->error);
}

int
own_device_gate(struct sotto_client *client)
{
    const struct account *account = &client->account;
    const time_t seconds = (time_t)(account->removed_ms / 1000);
    char name[DEVICE_NAME_BYTES];
    char day[DAY_BYTES] = "?";
    struct tm when;
    if (account->removed_ms == 0)
        return SOTTO_CLIENT_OK;
    int status = own_device_name(client, account->removed_by, name);
    if (status)
        return status;
    if (localtime_r(&seconds, &when))
        strftime(day, sizeof(day), "%Y-%m-%d", &when);
    if (account->deleted)
        return fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                    "this account was deleted on %s by %.60s; what you have read stays here, and "
                    "`sotto delete-account` wipes it",
                    day, name);
    return fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                "this device was removed on %s by %.60s; `sotto login %s` makes it a new device",
                day, name, account->name);
}

int
own_device_refused(struct sotto_client *client, const struct buf *details)
{
    struct verify_removal removal;
    const int refused = client->error.status;
    bool with_account = false;
    if (!client->account.has_identity || !read_removal(client, details, &removal, &with_account))
        return refused;
    int status = give_up_keys(client, &removal, with_account);
    session_drop(client);
    return status ? status : own_device_gate(client);
}

/* ---- the list -------------------------------------------------------------------------------- */

/* Which of the listed devices the key log proves. */
static void
walk(const Sotto__Keyx__V1__GetIdentityReply *own, const uint8_t user_id[ID_BYTES],
     struct verify_log *log)
{
    verify_log_init(log, user_id);
    for (size_t i = 0; i < own->n_key_log; i++)
        if (own->key_log[i]->hash.len != VERIFY_HASH_BYTES ||
            verify_log_apply(log, own->key_log[i]->entry.data, own->key_log[i]->entry.len,
                             own->key_log[i]->hash.data, NULL))
            return;
}

/* How fresh a device's keys are, and how many wait for invitations. */
static int
fill_keys(struct sotto_client *client, const uint8_t id[ID_BYTES],
          struct sotto_client_device *device)
{
    int status = device->current ? upkeep_oldest(client, &device->renewed)
                                 : upkeep_sibling(client, id, &device->renewed);
    return status ? status : keys_stock(client, id, &device->key_packages);
}

/* When the device's login was used last; 0 when it has none. */
static int64_t
last_seen(const Sotto__Auth__V1__ListLoginsReply *logins, const uint8_t device_id[ID_BYTES])
{
    for (size_t i = 0; i < logins->n_logins; i++)
        if (logins->logins[i]->device_id.len == ID_BYTES &&
            id_equal(logins->logins[i]->device_id.data, device_id))
            return logins->logins[i]->last_used;
    return 0;
}

static int
show_all(struct sotto_client *client, const Sotto__Keyx__V1__GetIdentityReply *own,
         const Sotto__Auth__V1__ListLoginsReply *logins, sotto_client_device_fn each, void *arg)
{
    struct verify_log log;
    int stop = 0;
    uint32_t total = 0;
    uint32_t *in = mem_alloc(own->n_devices, sizeof(*in));
    int status = device_chats_count(client, own, in, &total);
    walk(own, client->account.user_id, &log);
    for (size_t i = 0; i < own->n_devices && !stop && !status; i++) {
        const Sotto__Keyx__V1__Device *device = own->devices[i];
        if (device->device_id.len != ID_BYTES)
            continue;
        const uint8_t *id = device->device_id.data;
        struct sotto_client_device shown = {
            .label = device->label,
            .added = device->added_ms / 1000,
            .last_seen = last_seen(logins, id),
            .current = id_equal(id, client->account.device_id),
            .verified = verify_log_device(&log, id) != NULL,
            .chats = in[i],
            .waiting = total > in[i] ? total - in[i] : 0,
        };
        id_hex(id, shown.id);
        status = fill_keys(client, id, &shown);
        if (status == SOTTO_CLIENT_OK)
            stop = each(&shown, arg);
    }
    free(in);
    return status;
}

int
sotto_client_devices(struct sotto_client *client, sotto_client_device_fn each, void *arg)
{
    Sotto__Auth__V1__ListLoginsRequest request = SOTTO__AUTH__V1__LIST_LOGINS_REQUEST__INIT;
    Sotto__Auth__V1__ListLoginsReply *logins = NULL;
    Sotto__Keyx__V1__GetIdentityReply *own = NULL;
    int status = session_attached(client);
    if (status == SOTTO_CLIENT_OK)
        status = own_devices_fetch(client, &own);
    if (status == SOTTO_CLIENT_OK)
        status = rpc(client, AUTH_METHOD("ListLogins"), &request.base,
                     &sotto__auth__v1__list_logins_reply__descriptor, &logins, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = show_all(client, own, logins, each, arg);
    pb_free(logins);
    pb_free(own);
    return status;
}

/* ---- removing one ---------------------------------------------------------------------------- */

/* Finds a device by its id or a beginning of it that no other has. */
static int
find_device(struct sotto_client *client, const Sotto__Keyx__V1__GetIdentityReply *own,
            const char *text, uint8_t id_out[ID_BYTES])
{
    const size_t len = strlen(text);
    size_t found = 0;
    for (size_t i = 0; len >= PREFIX_CHARS_MIN && i < own->n_devices; i++) {
        char hex[SOTTO_CLIENT_HEX_BYTES];
        uint8_t id[ID_BYTES];
        if (!take_bytes(own->devices[i]->device_id, id, ID_BYTES))
            continue;
        id_hex(id, hex);
        if (strncmp(hex, text, len))
            continue;
        memcpy(id_out, id, ID_BYTES);
        found++;
    }
    if (found == 1)
        return SOTTO_CLIENT_OK;
    return fail(&client->error, SOTTO_CLIENT_EFAILED, "not_found",
                found ? "several devices begin with \"%.40s\"; use more of the id"
                      : "there is no device \"%.40s\"; `sotto devices` lists them",
                text);
}

static int
ask_removal(struct sotto_client *client, struct verify_removal *removal)
{
    Sotto__Keyx__V1__RemoveDeviceRequest request = SOTTO__KEYX__V1__REMOVE_DEVICE_REQUEST__INIT;
    Sotto__Keyx__V1__RemoveDeviceReply *reply = NULL;
    memcpy(removal->user_id, client->account.user_id, ID_BYTES);
    memcpy(removal->by_device, client->account.device_id, ID_BYTES);
    removal->removed_at = (uint64_t)wall_ms();
    verify_removal_sign(client->account.identity_seed, removal);
    request.device_id = view(removal->device_id, ID_BYTES);
    request.removed_ms = (int64_t)removal->removed_at;
    request.signature = view(removal->signature, VERIFY_SIGNATURE_BYTES);
    request.identity_key = view(client->account.identity_key, KEY_BYTES);
    int status = rpc(client, KEYX_METHOD("RemoveDevice"), &request.base,
                     &sotto__keyx__v1__remove_device_reply__descriptor, &reply, NULL);
    pb_free(reply);
    return status;
}

int
sotto_client_device_remove(struct sotto_client *client, const char *device,
                           char id_out[SOTTO_CLIENT_HEX_BYTES])
{
    Sotto__Keyx__V1__GetIdentityReply *own = NULL;
    struct verify_removal removal = {0};
    int status = session_attached(client);
    if (status == SOTTO_CLIENT_OK)
        status = own_devices_fetch(client, &own);
    if (status == SOTTO_CLIENT_OK)
        status = find_device(client, own, device, removal.device_id);
    pb_free(own);
    if (status == SOTTO_CLIENT_OK)
        status = ask_removal(client, &removal);
    if (status)
        return status;
    id_hex(removal.device_id, id_out);
    if (id_equal(removal.device_id, client->account.device_id)) {
        status = give_up_keys(client, &removal, false);
        session_drop(client);
        return status;
    }
    /* It is out. What follows is repeated by whoever of our devices listens, if it breaks here. */
    status = own_devices_fetch(client, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    return status ? status : chat_drop_gone_everywhere(client);
}
