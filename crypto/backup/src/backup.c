/* SPDX-License-Identifier: MIT */
/*
 * The container: head, slot table, sealed body. See backup.h for the layout.
 *
 * Reading goes in three steps that never mix: peek checks every length against the size of the whole, the slot
 * gives the data key, and the body's tag then vouches for all that was read before it.
 */
#include "backup/backup.h"

#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "slot.h"

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

/* Offsets in the head. */
#define VERSION_AT BACKUP_MAGIC_BYTES
#define USER_AT (VERSION_AT + 1)
#define COUNTER_AT (USER_AT + BACKUP_ID_BYTES)
#define COUNT_AT (COUNTER_AT + 8)
#define TABLE_AT BACKUP_HEAD_BYTES

/* user_id || version || counter || slot count || slot table */
#define AAD_BYTES_MAX (BACKUP_ID_BYTES + 1 + 8 + 1 + BACKUP_SLOTS_MAX * BACKUP_SLOT_BYTES)

static void
put_be(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint64_t
get_be(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

const char *
backup_error_text(int error)
{
    switch (error) {
    case BACKUP_OK: return "ok";
    case BACKUP_EDECODE: return "not a backup container of this version";
    case BACKUP_EARG: return "size, count or slot type out of range";
    case BACKUP_EUSER: return "the backup belongs to another user";
    case BACKUP_ESLOT: return "the backup has no slot of this kind";
    case BACKUP_EKEY: return "the secret does not open the backup";
    default: return "unknown error";
    }
}

int
backup_peek(const uint8_t *container, size_t size, struct backup_info *info_out)
{
    struct backup_info info = {0};

    if (size < BACKUP_OVERHEAD(1) || size > BACKUP_CONTAINER_BYTES_MAX ||
        memcmp(container, BACKUP_MAGIC, BACKUP_MAGIC_BYTES) != 0 ||
        container[VERSION_AT] != BACKUP_VERSION)
        return BACKUP_EDECODE;
    info.slots = container[COUNT_AT];
    if (info.slots < 1 || info.slots > BACKUP_SLOTS_MAX || size < BACKUP_OVERHEAD(info.slots))
        return BACKUP_EDECODE;

    info.body_size = size - BACKUP_OVERHEAD(info.slots);
    if (get_be(container + TABLE_AT + info.slots * BACKUP_SLOT_BYTES + NONCE_BYTES, 4) !=
        info.body_size)
        return BACKUP_EDECODE;
    memcpy(info.user_id, container + USER_AT, BACKUP_ID_BYTES);
    info.counter = get_be(container + COUNTER_AT, 8);
    for (unsigned i = 0; i < info.slots; i++)
        info.slot_types[i] = container[TABLE_AT + i * BACKUP_SLOT_BYTES];
    *info_out = info;
    return BACKUP_OK;
}

static size_t
body_aad(const uint8_t *container, uint8_t aad[AAD_BYTES_MAX])
{
    const size_t table = 1 + (size_t)container[COUNT_AT] * BACKUP_SLOT_BYTES;

    memcpy(aad, container + USER_AT, BACKUP_ID_BYTES);
    aad[BACKUP_ID_BYTES] = container[VERSION_AT];
    memcpy(aad + BACKUP_ID_BYTES + 1, container + COUNTER_AT, 8);
    memcpy(aad + BACKUP_ID_BYTES + 9, container + COUNT_AT, table);
    return BACKUP_ID_BYTES + 9 + table;
}

/* Head and slot table are in place: seals the body behind them and returns the length of the whole. */
static size_t
seal_body(uint8_t *out, const uint8_t dek[BACKUP_DEK_BYTES], const uint8_t *body, size_t body_size)
{
    uint8_t aad[AAD_BYTES_MAX], *nonce = out + TABLE_AT + out[COUNT_AT] * BACKUP_SLOT_BYTES;
    const size_t aad_size = body_aad(out, aad);

    randombytes_buf(nonce, NONCE_BYTES);
    put_be(nonce + NONCE_BYTES, body_size, 4);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE_BYTES + 4, NULL, body, body_size, aad,
                                               aad_size, NULL, nonce, dek);
    return BACKUP_OVERHEAD(out[COUNT_AT]) + body_size;
}

static int
open_body(const uint8_t *container, const struct backup_info *info,
          const uint8_t dek[BACKUP_DEK_BYTES], uint8_t *body_out)
{
    const uint8_t *nonce = container + TABLE_AT + info->slots * BACKUP_SLOT_BYTES;
    uint8_t aad[AAD_BYTES_MAX];
    const size_t aad_size = body_aad(container, aad);

    if (crypto_aead_xchacha20poly1305_ietf_decrypt(body_out, NULL, NULL, nonce + NONCE_BYTES + 4,
                                                   info->body_size + TAG_BYTES, aad, aad_size,
                                                   nonce, dek) != 0)
        return BACKUP_EKEY;
    return BACKUP_OK;
}

static bool
keys_are_fit(const struct backup_key *keys, size_t count)
{
    if (count < 1 || count > BACKUP_SLOTS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!slot_key_fits(&keys[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (keys[j].type == keys[i].type)
                return false;
    }
    return true;
}

int
backup_seal(const uint8_t user_id[BACKUP_ID_BYTES], uint64_t counter, const struct backup_key *keys,
            size_t key_count, const uint8_t *body, size_t body_size, uint8_t *out, size_t out_cap,
            size_t *size_out, uint8_t dek_out[BACKUP_DEK_BYTES])
{
    uint8_t dek[BACKUP_DEK_BYTES];

    if (!keys_are_fit(keys, key_count) || body_size > BACKUP_BODY_BYTES_MAX ||
        out_cap < BACKUP_OVERHEAD(key_count) + body_size)
        return BACKUP_EARG;

    memcpy(out, BACKUP_MAGIC, BACKUP_MAGIC_BYTES);
    out[VERSION_AT] = BACKUP_VERSION;
    memcpy(out + USER_AT, user_id, BACKUP_ID_BYTES);
    put_be(out + COUNTER_AT, counter, 8);
    out[COUNT_AT] = (uint8_t)key_count;

    randombytes_buf(dek, sizeof(dek));
    for (size_t i = 0; i < key_count; i++)
        slot_wrap(user_id, &keys[i], dek, out + TABLE_AT + i * BACKUP_SLOT_BYTES);
    *size_out = seal_body(out, dek, body, body_size);
    if (dek_out != NULL)
        memcpy(dek_out, dek, sizeof(dek));
    sodium_memzero(dek, sizeof(dek));
    return BACKUP_OK;
}

int
backup_reseal(const uint8_t *container, size_t size, const uint8_t dek[BACKUP_DEK_BYTES],
              uint64_t counter, const uint8_t *body, size_t body_size, uint8_t *out, size_t out_cap,
              size_t *size_out)
{
    struct backup_info info;
    int rc = backup_peek(container, size, &info);

    if (rc != BACKUP_OK)
        return rc;
    if (body_size > BACKUP_BODY_BYTES_MAX || counter <= info.counter ||
        out_cap < BACKUP_OVERHEAD(info.slots) + body_size)
        return BACKUP_EARG;
    /* Without an output the call only checks the tag. */
    if (open_body(container, &info, dek, NULL) != BACKUP_OK)
        return BACKUP_EKEY;

    memcpy(out, container, TABLE_AT + (size_t)info.slots * BACKUP_SLOT_BYTES);
    put_be(out + COUNTER_AT, counter, 8);
    *size_out = seal_body(out, dek, body, body_size);
    return BACKUP_OK;
}

static const uint8_t *
find_slot(const uint8_t *container, const struct backup_info *info, enum backup_slot_type type)
{
    for (unsigned i = 0; i < info->slots; i++)
        if (info->slot_types[i] == type)
            return container + TABLE_AT + i * BACKUP_SLOT_BYTES;
    return NULL;
}

int
backup_open(const uint8_t *container, size_t size, const uint8_t user_id[BACKUP_ID_BYTES],
            const struct backup_key *key, uint8_t *body_out, size_t body_cap, size_t *body_size_out,
            uint64_t *counter_out, uint8_t dek_out[BACKUP_DEK_BYTES])
{
    struct backup_info info;
    uint8_t dek[BACKUP_DEK_BYTES];
    const uint8_t *slot;
    int rc = backup_peek(container, size, &info);

    if (rc != BACKUP_OK)
        return rc;
    if (!slot_key_fits(key) || body_cap < info.body_size)
        return BACKUP_EARG;
    if (memcmp(info.user_id, user_id, BACKUP_ID_BYTES) != 0)
        return BACKUP_EUSER;
    slot = find_slot(container, &info, key->type);
    if (slot == NULL)
        return BACKUP_ESLOT;

    rc = slot_unwrap(user_id, key, slot, dek);
    if (rc == BACKUP_OK)
        rc = open_body(container, &info, dek, body_out);
    if (rc == BACKUP_OK) {
        *body_size_out = info.body_size;
        if (counter_out != NULL)
            *counter_out = info.counter;
        if (dek_out != NULL)
            memcpy(dek_out, dek, sizeof(dek));
    }
    sodium_memzero(dek, sizeof(dek));
    return rc;
}
