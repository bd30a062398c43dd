/* SPDX-License-Identifier: MIT */
/* The backup container that a client gets back from a server, and what it does with it: peek, open, seal anew. */
#include "fuzz.h"

#include "backup/backup.h"

#include <assert.h>
#include <string.h>

#define BODY "an identity key, a key log head"
#define SEALED_BYTES_MAX (BACKUP_OVERHEAD(BACKUP_SLOTS_MAX) + 256)

struct setup {
    uint8_t user[BACKUP_ID_BYTES];
    uint8_t password[BACKUP_PW_BYTES], access[BACKUP_AK_BYTES];
    uint8_t dek[BACKUP_DEK_BYTES];
    struct backup_key keys[2];
    uint8_t sealed[2][SEALED_BYTES_MAX]; /* with one slot, with two */
    size_t sealed_size[2];
};

static void *
setup(void)
{
    static struct setup setup;

    fuzz_random_start();
    memset(setup.user, 'u', sizeof(setup.user));
    memset(setup.password, 'p', sizeof(setup.password));
    memset(setup.access, 'a', sizeof(setup.access));
    setup.keys[0] = (struct backup_key){BACKUP_SLOT_PW, setup.password, BACKUP_PW_BYTES};
    setup.keys[1] = (struct backup_key){BACKUP_SLOT_AK, setup.access, BACKUP_AK_BYTES};
    for (size_t slots = 1; slots <= 2; slots++)
        if (backup_seal(setup.user, 7, setup.keys, slots, (const uint8_t *)BODY, sizeof(BODY),
                        setup.sealed[slots - 1], SEALED_BYTES_MAX, &setup.sealed_size[slots - 1],
                        setup.dek) != BACKUP_OK)
            return NULL;
    return &setup;
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    const struct setup *setup = state;
    static uint8_t body[BACKUP_CONTAINER_BYTES_MAX], again[BACKUP_CONTAINER_BYTES_MAX];
    struct backup_info info;
    uint8_t dek[BACKUP_DEK_BYTES];
    uint64_t counter;
    size_t body_size, again_size;
    bool opened = false;

    if (backup_peek(data, size, &info) != BACKUP_OK)
        return false;
    assert(info.slots >= 1 && info.slots <= BACKUP_SLOTS_MAX && info.body_size < size);
    for (size_t i = 0; i < 2; i++) {
        if (backup_open(data, size, setup->user, &setup->keys[i], body, sizeof(body), &body_size,
                        &counter, dek) != BACKUP_OK)
            continue;
        /* Only what was sealed opens. */
        assert(body_size == sizeof(BODY) && memcmp(body, BODY, sizeof(BODY)) == 0 && counter == 7);
        opened = true;
    }
    backup_reseal(data, size, setup->dek, 8, (const uint8_t *)BODY, sizeof(BODY), again,
                  sizeof(again), &again_size);
    return opened;
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct setup *setup = state;

    take("one-slot", setup->sealed[0], setup->sealed_size[0], arg);
    take("two-slots", setup->sealed[1], setup->sealed_size[1], arg);
}

const struct fuzz_target fuzz_target = {
    .name = "backup", .setup = setup, .one = one, .seeds = seeds};
