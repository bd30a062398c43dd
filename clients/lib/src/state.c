/* SPDX-License-Identifier: MIT */
/*
 * Ids, clocks, the checks of what a person typed, and the account record of a profile.
 */
#include "state.h"
#include "text.h"

#include "profile.pb-c.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_CHARS_MIN 3
#define NAME_CHARS_MAX 32
#define PASSWORD_CHARS_MIN 8
#define PASSWORD_CHARS_MAX 72
#define RACE_LEAST_MS 50
#define RACE_MOST_MS 500

void
id_hex(const uint8_t id[ID_BYTES], char hex_out[SOTTO_CLIENT_HEX_BYTES])
{
    sodium_bin2hex(hex_out, SOTTO_CLIENT_HEX_BYTES, id, ID_BYTES);
}

bool
id_from_hex(const char *hex, uint8_t id_out[ID_BYTES])
{
    uint8_t id[ID_BYTES];
    size_t len = 0;
    if (strlen(hex) != 2 * ID_BYTES ||
        sodium_hex2bin(id, sizeof(id), hex, 2 * ID_BYTES, NULL, &len, NULL) || len != ID_BYTES)
        return false;
    memcpy(id_out, id, ID_BYTES);
    return true;
}

bool
id_equal(const uint8_t a[ID_BYTES], const uint8_t b[ID_BYTES])
{
    return memcmp(a, b, ID_BYTES) == 0;
}

bool
take_bytes(ProtobufCBinaryData from, void *out, size_t size)
{
    if (from.len != size)
        return false;
    memcpy(out, from.data, size);
    return true;
}

ProtobufCBinaryData
view(const void *data, size_t len)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)data, .len = len};
}

int64_t
wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
wall_seconds(void)
{
    return wall_ms() / 1000;
}

void
pause_jitter(unsigned least_ms, unsigned most_ms)
{
    unsigned ms = least_ms + randombytes_uniform(most_ms - least_ms + 1);
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}

void
pause_after_race(void)
{
    pause_jitter(RACE_LEAST_MS, RACE_MOST_MS);
}

bool
is_refused(const struct sotto_client *client, int status)
{
    return status == SOTTO_CLIENT_EFAILED && strcmp(client->error.code, "profile") != 0;
}

/* ---- what a person typed --------------------------------------------------------------------- */

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int
check_name(const char *name, struct sotto_client_error *error)
{
    size_t len = strlen(name);
    bool good = len >= NAME_CHARS_MIN && len <= NAME_CHARS_MAX;
    for (size_t i = 0; good && i < len; i++) {
        bool edge = i == 0 || i == len - 1;
        good = is_letter(name[i]) || is_digit(name[i]) || (!edge && strchr("_-", name[i]));
    }
    if (good)
        return SOTTO_CLIENT_OK;
    return fail(error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                "\"%.40s\" is no user name: use 3 to 32 letters, digits, _ and -, with a letter or "
                "digit first and last",
                name);
}

/* Counts the characters of UTF-8 text; -1 when it is not UTF-8. */
static long
utf8_chars(const char *text)
{
    long count = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; count++) {
        unsigned more = *p < 0x80                 ? 0
                        : *p >= 0xc2 && *p < 0xe0 ? 1
                        : *p >= 0xe0 && *p < 0xf0 ? 2
                        : *p >= 0xf0 && *p < 0xf5 ? 3
                                                  : 9;
        if (more == 9)
            return -1;
        uint32_t code = more == 0 ? *p : *p & (0x3fu >> more);
        for (p++; more; more--, p++) {
            if ((*p & 0xc0) != 0x80)
                return -1;
            code = code << 6 | (*p & 0x3f);
        }
        if (code >= 0xd800 && code < 0xe000)
            return -1;
    }
    return count;
}

int
check_text(const char *what, const char *text, size_t chars_max, struct sotto_client_error *error)
{
    long chars = utf8_chars(text);
    if (chars < 0)
        return fail(error, SOTTO_CLIENT_EUSAGE, "invalid_argument", "the %s is not UTF-8 text",
                    tr(what));
    if (chars == 0 || (size_t)chars > chars_max)
        return fail(error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "the %s has %ld characters; 1 to %zu are possible", tr(what), chars, chars_max);
    return SOTTO_CLIENT_OK;
}

int
check_password(const char *password, struct sotto_client_error *error)
{
    bool letter = false;
    bool digit = false;
    long chars = utf8_chars(password);
    for (const char *p = password; *p; p++) {
        /* A letter of any script counts, so every byte above ASCII does. */
        letter = letter || is_letter(*p) || (unsigned char)*p >= 0x80;
        digit = digit || is_digit(*p);
    }
    if (chars >= PASSWORD_CHARS_MIN && chars <= PASSWORD_CHARS_MAX && letter && digit)
        return SOTTO_CLIENT_OK;
    return fail(error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                "the password must have 8 to 72 characters, with a letter and a digit among them");
}

/* ---- the account record ---------------------------------------------------------------------- */

void
account_fini(struct account *account)
{
    buf_fini(&account->backup);
    sodium_memzero(account, sizeof(*account));
}

static bool
account_decode(const Sotto__Profile__V1__Account *from, struct account *out)
{
    if (!take_bytes(from->user_id, out->user_id, ID_BYTES) ||
        !take_bytes(from->device_id, out->device_id, ID_BYTES) ||
        !take_bytes(from->device_seed, out->device_seed, VERIFY_SEED_BYTES))
        return false;
    verify_public_key(out->device_seed, out->device_key);
    if (take_bytes(from->identity_seed, out->identity_seed, VERIFY_SEED_BYTES)) {
        if (!take_bytes(from->certificate, out->certificate, VERIFY_CERT_BYTES))
            return false;
        verify_public_key(out->identity_seed, out->identity_key);
        out->has_identity = true;
    }
    snprintf(out->name, sizeof(out->name), "%s", from->name);
    snprintf(out->label, sizeof(out->label), "%s", from->label);
    out->steps_done = from->steps_done;
    out->backup_counter = from->backup_counter;
    if (take_bytes(from->removed_by, out->removed_by, ID_BYTES))
        out->removed_ms = from->removed_ms;
    out->deleted = from->deleted;
    buf_set(&out->backup, from->backup.data, from->backup.len);
    out->exists = true;
    return true;
}

int
account_load(struct sotto_client *client)
{
    struct buf value = {0};
    int status = meta_get(&client->profile, "account", &value, &client->error);
    if (status)
        return status;
    account_fini(&client->account);
    if (value.len == 0)
        return SOTTO_CLIENT_OK;
    Sotto__Profile__V1__Account *record =
        pb_unpack(&sotto__profile__v1__account__descriptor, value.data, value.len);
    buf_fini(&value);
    if (!record || !account_decode(record, &client->account))
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "profile",
                      "the account in this profile is damaged; use another --profile");
    pb_free(record);
    return status;
}

int
account_store(struct sotto_client *client)
{
    struct account *account = &client->account;
    Sotto__Profile__V1__Account record = SOTTO__PROFILE__V1__ACCOUNT__INIT;
    record.user_id = view(account->user_id, ID_BYTES);
    record.device_id = view(account->device_id, ID_BYTES);
    record.name = account->name;
    record.label = account->label;
    record.device_seed = view(account->device_seed, VERIFY_SEED_BYTES);
    if (account->has_identity) {
        record.identity_seed = view(account->identity_seed, VERIFY_SEED_BYTES);
        record.certificate = view(account->certificate, VERIFY_CERT_BYTES);
    }
    record.steps_done = account->steps_done;
    record.backup = view(account->backup.data, account->backup.len);
    record.backup_counter = account->backup_counter;
    if (account->removed_ms) {
        record.removed_ms = account->removed_ms;
        record.removed_by = view(account->removed_by, ID_BYTES);
        record.deleted = account->deleted;
    }
    struct buf value = {0};
    buf_pack(&value, &record.base);
    int status = meta_set(&client->profile, "account", value.data, value.len, &client->error);
    buf_fini(&value);
    account->exists = account->exists || status == SOTTO_CLIENT_OK;
    return status;
}
