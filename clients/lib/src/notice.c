/* SPDX-License-Identifier: MIT */
/*
 * Notices of devices. See notice.h.
 */
#include "notice.h"

#include "own_devices.h"
#include "text.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_DEVICES_MAX 64 /* of one user, told of in one event; all of them are remembered */

struct seat {
    uint8_t user[ID_BYTES];
    uint8_t device[ID_BYTES];
};

struct seats {
    size_t count;
    struct seat *rows; /* owned */
};

/* ---- who sits where -------------------------------------------------------------------------- */

static void
seats_of_group(const struct mls_group *group, struct seats *out)
{
    uint32_t cursor = 0;
    struct mls_member member;
    struct verify_cert cert;
    *out = (struct seats){.rows = mem_alloc(mls_group_member_count(group), sizeof(struct seat))};
    while (mls_group_next_member(group, &cursor, &member)) {
        if (!group_certificate(&member.credential, &cert))
            continue;
        memcpy(out->rows[out->count].user, cert.user_id, ID_BYTES);
        memcpy(out->rows[out->count++].device, cert.device_id, ID_BYTES);
    }
}

static int
seats_before(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], struct seats *out)
{
    int64_t rows = 0;
    sqlite3_stmt *statement = NULL;
    struct seats seats = {0};
    int status = query_number(&client->profile, &rows, &client->error,
                              "SELECT COUNT(*) FROM chat_devices WHERE chat_id = ?",
                              BINDS(bind_blob(chat_id, ID_BYTES)));
    if (status == SOTTO_CLIENT_OK)
        status = query(&client->profile, &statement, &client->error,
                       "SELECT user_id, device_id FROM chat_devices WHERE chat_id = ? LIMIT ?",
                       BINDS(bind_blob(chat_id, ID_BYTES), bind_int(rows)));
    if (status)
        return status;
    seats.rows = mem_alloc((size_t)rows, sizeof(struct seat));
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        query_id(statement, 0, seats.rows[seats.count].user);
        query_id(statement, 1, seats.rows[seats.count++].device);
    }
    sqlite3_finalize(statement);
    if (status) {
        free(seats.rows);
        return status;
    }
    *out = seats;
    return SOTTO_CLIENT_OK;
}

static bool
has_seat(const struct seats *seats, const struct seat *seat)
{
    for (size_t i = 0; i < seats->count; i++)
        if (!memcmp(&seats->rows[i], seat, sizeof(*seat)))
            return true;
    return false;
}

static bool
has_user(const struct seats *seats, const uint8_t user[ID_BYTES])
{
    for (size_t i = 0; i < seats->count; i++)
        if (id_equal(seats->rows[i].user, user))
            return true;
    return false;
}

static int
add_seat(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], const struct seat *seat)
{
    return query_run(&client->profile, &client->error,
                     "INSERT OR IGNORE INTO chat_devices(chat_id, user_id, device_id)"
                     " VALUES(?, ?, ?)",
                     BINDS(bind_blob(chat_id, ID_BYTES), bind_blob(seat->user, ID_BYTES),
                           bind_blob(seat->device, ID_BYTES)));
}

static int
drop_seat(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], const struct seat *seat)
{
    return query_run(&client->profile, &client->error,
                     "DELETE FROM chat_devices WHERE chat_id = ? AND user_id = ? AND device_id = ?",
                     BINDS(bind_blob(chat_id, ID_BYTES), bind_blob(seat->user, ID_BYTES),
                           bind_blob(seat->device, ID_BYTES)));
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Stores an event for the devices of a user that are in `list` and not in `others`, which is about that user alone: what
 * the certificates are worth is said of all of them at once. */
static int
note_user(struct sotto_client *client, const struct message *model, enum message_kind kind,
          const uint8_t user[ID_BYTES], const struct seats *list, const struct seats *others)
{
    struct message message = *model;
    struct contact contact;
    uint8_t users[EVENT_DEVICES_MAX][ID_BYTES];
    uint8_t devices[EVENT_DEVICES_MAX][ID_BYTES];
    size_t count = 0;
    for (size_t i = 0; i < list->count && count < EVENT_DEVICES_MAX; i++) {
        const struct seat *seat = &list->rows[i];
        if (!id_equal(seat->user, user) || has_seat(others, seat))
            continue;
        memcpy(users[count], seat->user, ID_BYTES);
        memcpy(devices[count++], seat->device, ID_BYTES);
    }
    int status = contact_load(client, user, &contact);
    if (status)
        return status;
    client->own_devices_stale |= id_equal(user, client->account.user_id);
    message.kind = kind;
    memcpy(message.from_user, users[0], ID_BYTES);
    memcpy(message.from_device, devices[0], ID_BYTES);
    message.users = (const uint8_t(*)[ID_BYTES])users;
    message.user_count = count;
    message.devices = (const uint8_t(*)[ID_BYTES])devices;
    message.verified = contact.verified && !contact.changed;
    return message_store(client, &message, NULL, NULL);
}

/* Stores an event for each user who stays and has devices in `list` that are not in `others`. */
static int
note_difference(struct sotto_client *client, const struct message *model, enum message_kind kind,
                const struct seats *list, const struct seats *others)
{
    int status = SOTTO_CLIENT_OK;
    struct seats told = {.rows = mem_alloc(list->count, sizeof(struct seat))};
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < list->count; i++) {
        const struct seat *seat = &list->rows[i];
        if (has_seat(others, seat) || !has_user(others, seat->user) || has_user(&told, seat->user))
            continue;
        told.rows[told.count++] = *seat;
        status = note_user(client, model, kind, seat->user, list, others);
    }
    free(told.rows);
    return status;
}

int
notice_devices(struct sotto_client *client, const struct message *model,
               const struct mls_group *group)
{
    struct seats before = {0};
    struct seats after = {0};
    int status = seats_before(client, model->chat_id, &before);
    if (status)
        return status;
    seats_of_group(group, &after);
    status = note_difference(client, model, KIND_DEVICE_ADDED, &after, &before);
    if (status == SOTTO_CLIENT_OK)
        status = note_difference(client, model, KIND_DEVICE_REMOVED, &before, &after);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < before.count; i++)
        if (!has_seat(&after, &before.rows[i]))
            status = drop_seat(client, model->chat_id, &before.rows[i]);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < after.count; i++)
        if (!has_seat(&before, &after.rows[i]))
            status = add_seat(client, model->chat_id, &after.rows[i]);
    free(before.rows);
    free(after.rows);
    return status;
}

int
notice_start(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
             const struct mls_group *group)
{
    struct seats seats;
    int status =
        query_run(&client->profile, &client->error, "DELETE FROM chat_devices WHERE chat_id = ?",
                  BINDS(bind_blob(chat_id, ID_BYTES)));
    seats_of_group(group, &seats);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < seats.count; i++)
        status = add_seat(client, chat_id, &seats.rows[i]);
    free(seats.rows);
    return status;
}

/* ---- words ----------------------------------------------------------------------------------- */

static int
append_device(struct sotto_client *client, const uint8_t user[ID_BYTES],
              const uint8_t device[ID_BYTES], struct buf *text)
{
    char name[DEVICE_NAME_BYTES];
    char hex[SOTTO_CLIENT_HEX_BYTES];
    int status = SOTTO_CLIENT_OK;
    id_hex(device, hex);
    hex[DEVICE_HEX_SHOWN] = 0;
    if (id_equal(user, client->account.user_id))
        status = own_device_name(client, device, name);
    else
        memcpy(name, hex, DEVICE_HEX_SHOWN + 1);
    buf_append(text, ", ", text->len ? 2 : 0);
    buf_append(text, name, strlen(name));
    return status;
}

int
notice_text(struct sotto_client *client, const struct message *message, struct buf *text_out)
{
    bool own = id_equal(message->from_user, client->account.user_id);
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < message->user_count; i++)
        status = append_device(client, message->users[i], message->devices[i], text_out);
    const char *worth = message->verified ? tr(", certified by the identity key that you verified")
                                          : tr(", not verified");
    if (!own && message->kind == KIND_DEVICE_ADDED)
        buf_append(text_out, worth, strlen(worth));
    buf_append(text_out, "", 1);
    return status;
}
