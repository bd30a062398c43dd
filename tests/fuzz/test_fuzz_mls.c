/* SPDX-License-Identifier: MIT */
/*
 * What the provider of the MLS targets believes: the tag that a reader computed of its own input, nothing older. The
 * fuzzer learns each tag from the comparison and writes it into the next input, where one reader alone knew it.
 */
#include "sotto_test.h"

#include "fuzz_mls.h"

/* In carol's update: version and wire format, group, epoch, sender, no further data, content and proposal type. */
#define KEY_AT (2 + 2 + 1 + 16 + 8 + 5 + 1 + 1 + 2 + 1)
#define KEY_BYTES 32

/* As the state of fuzz_mls_public.c begins. */
struct rig {
    struct fuzz_mls *world;
};

/* Carol's update with another key; to be freed with test_free. */
static uint8_t *
update_with_key(const struct fuzz_mls *world, const uint8_t key[KEY_BYTES])
{
    uint8_t *message = test_malloc(world->update.len);

    memcpy(message, world->update.data, world->update.len);
    assert_int_equal(message[KEY_AT - 1], KEY_BYTES);
    memcpy(message + KEY_AT, key, KEY_BYTES);
    return message;
}

static void
tag_of(struct fuzz_mls *world, const uint8_t *message, uint8_t tag_out[MLS_HASH_BYTES])
{
    struct mls_received received = {0};

    assert_int_not_equal(mls_group_process(world->bob.group,
                                           (struct mls_bytes){message, world->update.len},
                                           &received),
                         MLS_OK);
    assert_true(world->last_tag.valid);
    memcpy(tag_out, world->last_tag.value, MLS_HASH_BYTES);
}

static void
a_key_that_is_the_tag_of_the_input_before_is_a_new_key_to_both_readers(void **state)
{
    static const uint8_t no_key[KEY_BYTES];
    const struct rig *rig = *state;
    struct fuzz_mls *world = rig->world;
    uint8_t tag[MLS_HASH_BYTES];
    uint8_t *first = update_with_key(world, no_key);

    tag_of(world, first, tag);
    uint8_t *second = update_with_key(world, tag);
    assert_false(fuzz_target.one(*state, first, world->update.len));
    assert_true(fuzz_target.one(*state, second, world->update.len));
    test_free(second);
    test_free(first);
}

static void
what_was_forgotten_is_not_believed(void **state)
{
    static const uint8_t other[MLS_HASH_BYTES] = {1};
    struct fuzz_mls *world = ((const struct rig *)*state)->world;
    const struct mls_provider *p = &world->provider;
    uint8_t tag[MLS_HASH_BYTES];

    assert_ok(p->hmac_sha256(p->ctx, (struct mls_bytes){other, sizeof(other)}, NULL, 0, tag));
    assert_int_equal(p->compare(p->ctx, tag, other, sizeof(other)), 0);
    fuzz_mls_forget(world);
    assert_int_not_equal(p->compare(p->ctx, tag, other, sizeof(other)), 0);
    assert_ok(p->hmac_sha256(p->ctx, (struct mls_bytes){other, sizeof(other)}, NULL, 0, tag));
    assert_int_not_equal(p->compare(p->ctx, other, tag, sizeof(other)), 0);
}

int
main(void)
{
    /* Static, so that what lives as long as the process is no leak. */
    static void *target;

    target = fuzz_target.setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(
            a_key_that_is_the_tag_of_the_input_before_is_a_new_key_to_both_readers, target),
        cmocka_unit_test_prestate(what_was_forgotten_is_not_believed, target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
