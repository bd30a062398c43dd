/* SPDX-License-Identifier: MIT */
/*
 * What a member sends and derives for the application: padding that hides lengths and must be zeros
 * (RFC 9420 sections 6.3.1, 15.1), and the exporter (section 8.5).
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_kit.h"

enum { ADA, BEN, PEOPLE };

static const struct mls_commit_options NOTHING = {0};

/* Ada's provider spoils the last byte of long plaintexts when she is told to. */
struct fixture {
    struct kit_person people[PEOPLE];
    struct mls_provider table;
    bool spoils;
};

static int
spoiling_seal(void *ctx, enum mls_aead_id aead, const uint8_t *key,
              const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
              struct mls_bytes plain, uint8_t *cipher_out)
{
    const struct mls_provider *real = mls_provider_default();
    const struct fixture *f = ctx;
    uint8_t copy[1024];

    if (!f->spoils || plain.len < 200) /* sender data is short */
        return real->aead_seal(real->ctx, aead, key, nonce, aad, plain, cipher_out);
    assert_true(plain.len <= sizeof(copy));
    memcpy(copy, plain.data, plain.len);
    copy[plain.len - 1] = 1;
    return real->aead_seal(real->ctx, aead, key, nonce, aad, mls_bytes(copy, plain.len),
                           cipher_out);
}

static int
setup(void **state)
{
    static const char *const names[PEOPLE] = {"ada", "ben"};
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->table = *mls_provider_default();
    f->table.ctx = f; /* the default one does not look at it */
    f->table.aead_seal = spoiling_seal;
    for (size_t i = 0; i < PEOPLE; i++)
        kit_person_init(&f->people[i], names[i], 3);
    f->people[ADA].config.provider = &f->table;
    kit_create(&f->people[ADA]);
    kit_add(&f->people[ADA], &f->people[BEN], NULL, 0);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < PEOPLE; i++)
        kit_person_fini(&f->people[i]);
    test_free(f);
    return 0;
}

/* ---- Padding ----------------------------------------------------------------------------- */

static void
texts_of_one_block_cannot_be_told_apart(void **state)
{
    struct fixture *f = *state;
    uint8_t text[512];
    size_t sizes = 0, last = 0;

    memset(text, 'x', sizeof(text));
    for (size_t len = 0; len <= sizeof(text); len++) {
        struct mls_buf message = {0};
        struct mls_received received;

        kit_expect(mls_group_encrypt(f->people[ADA].group, mls_bytes(text, len), mls_text(""), 256,
                                     &message),
                   0, "encrypt");
        assert_true(message.len >= last);
        sizes += message.len != last;
        last = message.len;
        kit_expect(mls_group_process(f->people[BEN].group, mls_buf_bytes(&message), &received), 0,
                   "open");
        assert_int_equal(received.plaintext.len, len);
        mls_received_fini(&received);
        mls_buf_fini(&message);
    }
    assert_in_range(sizes, 2, 3); /* blocks of 256 for 513 lengths, with what frames the text */
}

static void
a_block_that_is_too_large_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mls_buf message = {0}, before = {0};

    kit_state(&f->people[ADA], &before);
    kit_expect(mls_group_encrypt(f->people[ADA].group, mls_text("x"), mls_text(""),
                                 MLS_PADDING_BLOCK_MAX + 1, &message),
               MLS_EARG, "encrypt");
    assert_true(kit_state_is(&f->people[ADA], &before));
    assert_int_equal(message.len, 0);
    mls_buf_fini(&before);
}

static void
padding_that_is_not_zero_is_refused_and_uses_no_key_up(void **state)
{
    struct fixture *f = *state;
    struct mls_buf message = {0}, before = {0};
    struct mls_received received;

    f->spoils = true;
    kit_expect(mls_group_encrypt(f->people[ADA].group, mls_text("x"), mls_text(""), 256, &message),
               0, "encrypt");
    f->spoils = false;
    kit_state(&f->people[BEN], &before);
    kit_expect(mls_group_process(f->people[BEN].group, mls_buf_bytes(&message), &received),
               MLS_EDECODE, "process");
    assert_true(kit_state_is(&f->people[BEN], &before));
    kit_say(&f->people[ADA], &f->people[BEN], "the next one");
    mls_buf_fini(&before);
    mls_buf_fini(&message);
}

/* ---- Exporter ---------------------------------------------------------------------------- */

static void
export_from(const struct kit_person *person, const char *label, const char *context,
            uint8_t out[MLS_HASH_BYTES])
{
    kit_expect(mls_group_export(person->group, label, mls_text(context), out, MLS_HASH_BYTES), 0,
               "export");
}

static void
what_is_exported_depends_on_label_context_and_length(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA], *ben = &f->people[BEN];
    uint8_t want[MLS_HASH_BYTES], got[MLS_HASH_BYTES], longer[2 * MLS_HASH_BYTES];

    export_from(ada, "label", "context", want);
    kit_reload(ben);
    export_from(ben, "label", "context", got);
    assert_memory_equal(got, want, sizeof(want));
    export_from(ben, "label", "other", got);
    assert_memory_not_equal(got, want, sizeof(want));
    export_from(ben, "other", "context", got);
    assert_memory_not_equal(got, want, sizeof(want));
    kit_expect(mls_group_export(ben->group, "label", mls_text("context"), longer, sizeof(longer)),
               0, "export");
    assert_memory_not_equal(longer, want, sizeof(want));
}

static void
a_secret_is_that_of_the_epoch_we_are_in(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA];
    uint8_t before[MLS_HASH_BYTES], got[MLS_HASH_BYTES], ben[MLS_HASH_BYTES];
    struct mls_buf commit = {0};

    export_from(ada, "label", "", before);
    kit_commit(ada, &NOTHING, &commit, NULL);
    export_from(ada, "label", "", got); /* the commit is pending only */
    assert_memory_equal(got, before, sizeof(got));
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    kit_take_commit(&f->people[BEN], &commit);
    export_from(ada, "label", "", got);
    export_from(&f->people[BEN], "label", "", ben);
    assert_memory_not_equal(got, before, sizeof(got));
    assert_memory_equal(got, ben, sizeof(got));
    mls_buf_fini(&commit);
}

static void
as_much_is_exported_as_the_kdf_gives(void **state)
{
    struct fixture *f = *state;
    static uint8_t out[255 * MLS_HASH_BYTES + 1], untouched[sizeof(out)];
    const struct mls_group *group = f->people[BEN].group;

    memset(untouched, 0x77, sizeof(untouched));
    memset(out, 0x77, sizeof(out));
    kit_expect(mls_group_export(group, "label", mls_text(""), out, sizeof(out)), MLS_EARG, "more");
    assert_memory_equal(out, untouched, sizeof(out));
    kit_expect(mls_group_export(group, "label", mls_text(""), out, sizeof(out) - 1), 0, "all");
    assert_memory_not_equal(out + sizeof(out) - 1 - MLS_HASH_BYTES, untouched, MLS_HASH_BYTES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts_of_one_block_cannot_be_told_apart),
        TEST(a_block_that_is_too_large_is_refused),
        TEST(padding_that_is_not_zero_is_refused_and_uses_no_key_up),
        TEST(what_is_exported_depends_on_label_context_and_length),
        TEST(a_secret_is_that_of_the_epoch_we_are_in),
        TEST(as_much_is_exported_as_the_kdf_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
