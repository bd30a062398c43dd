/* SPDX-License-Identifier: MIT */
/*
 * Welcomes a malicious inviter could send (RFC 9420 section 12.4.3.1): signed with her key and sealed to the newcomer,
 * but with contents that the standard forbids. He must refuse each for its own reason; one put together again as it was
 * lets him in. Trees that are wrong in themselves are in test_mls_group_tree_forged.c.
 */
#include "sotto_test.h"

#include "mls_forge_welcome.h"

/* Ada invites Emil with a path, which shares the root with him. Ben's half has keys, Cleo's has none. */
enum { ADA, BEN, CLEO, MEMBERS };

struct room {
    struct kit_person people[MEMBERS], emil;
    struct mls_buf welcome, old_tree;
    struct forge_welcome forge;
    struct mls_group_secrets secrets;
    struct mls_group_info info;
    struct mls_writer extensions;
    size_t more_secrets, more_info; /* bytes too many at the end */
};

static void
room_init(struct room *room)
{
    const struct mls_commit_options renew = {.force_path = true};
    struct mls_buf package = {0}, commit = {0};
    struct mls_reader r;

    *room = (struct room){0};
    kit_group(room->people, MEMBERS, 3);
    kit_commit_to_all(&room->people[BEN], &renew, room->people, MEMBERS);
    kit_person_init(&room->emil, "emil", 3);
    kit_key_package(&room->emil, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {
        .proposals = &add, .proposal_count = 1, .force_path = true};
    kit_commit(&room->people[ADA], &options, &commit, &room->welcome);
    assert_ok(mls_group_ratchet_tree(room->people[ADA].group, &room->old_tree));
    forge_welcome_open(&room->forge, &room->emil, &room->welcome, room->people[ADA].seed);
    mls_reader_init(&r, mls_buf_bytes(&room->forge.secrets));
    mls_group_secrets_read(&r, &room->secrets);
    assert_ok(mls_reader_finish(&r));
    assert_true(room->secrets.has_path_secret);
    mls_reader_init(&r, mls_buf_bytes(&room->forge.info));
    mls_group_info_read(&r, &room->info);
    assert_ok(mls_reader_finish(&r));
    mls_writer_init(&room->extensions, mls_provider_default(), 0);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
}

static void
room_fini(struct room *room)
{
    mls_writer_fini(&room->extensions);
    forge_welcome_fini(&room->forge);
    mls_buf_fini(&room->old_tree);
    mls_buf_fini(&room->welcome);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
    kit_person_fini(&room->emil);
}

/* ---- What is wrong ----------------------------------------------------------------------------- */

static const uint8_t SOME_SECRET[MLS_HASH_BYTES] = {7};

/* The tree of the epoch before, in which Emil is not. */
static void
show_old_tree(struct room *room)
{
    mls_extension_write(&room->extensions, MLS_EXTENSION_RATCHET_TREE,
                        mls_buf_bytes(&room->old_tree));
    assert_ok(mls_writer_error(&room->extensions));
    room->info.extensions = mls_writer_bytes(&room->extensions);
}

static void
sign_as(struct room *room, const struct kit_person *person, uint32_t leaf)
{
    room->info.signer = leaf;
    room->forge.signer_seed = person->seed;
}

/* Names a PSK; nothing was made with it, so one that is found leads to another epoch. */
static void
name_psk(struct room *room, const char *id, size_t nonce_len)
{
    mls_write_u8(&room->extensions, MLS_PSK_EXTERNAL);
    mls_write_opaque(&room->extensions, mls_text(id));
    mls_write_opaque(&room->extensions, mls_bytes(SOME_SECRET, nonce_len));
    assert_ok(mls_writer_error(&room->extensions));
    room->secrets.psks = mls_writer_bytes(&room->extensions);
    room->emil.psk_id = room->emil.psk = "psk";
}

/* ---- Sending it -------------------------------------------------------------------------------- */

static void
append_zeros(struct mls_writer *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mls_write_u8(w, 0);
}

static void
write_parts(const struct room *room, struct mls_writer *info, struct mls_writer *secrets)
{
    struct mls_writer draft;

    mls_writer_init(&draft, mls_provider_default(), 0);
    mls_group_info_write(&draft, &room->info);
    assert_ok(mls_writer_error(&draft));
    forge_welcome_info(&room->forge, mls_writer_bytes(&draft), info);
    append_zeros(info, room->more_info);
    mls_group_secrets_write(secrets, &room->secrets);
    append_zeros(secrets, room->more_secrets);
    mls_writer_fini(&draft);
}

static void
expect(struct room *room, int error)
{
    struct mls_writer info, secrets, welcome;

    mls_writer_init(&info, mls_provider_default(), 0);
    mls_writer_init(&secrets, mls_provider_default(), 0);
    mls_writer_init(&welcome, mls_provider_default(), 0);
    write_parts(room, &info, &secrets);
    forge_welcome_seal(&room->forge, mls_writer_bytes(&info), mls_writer_bytes(&secrets), &welcome);
    const struct mls_join_params params = {
        .welcome = mls_writer_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&room->emil.bundle),
    };
    const struct mls_client self = kit_client(&room->emil);
    kit_expect(mls_group_join(&room->emil.config, &self, &params, &room->emil.group), error,
               "join");
    assert_true((error == 0) == (room->emil.group != NULL));
    mls_writer_fini(&welcome);
    mls_writer_fini(&secrets);
    mls_writer_fini(&info);
}

/* One test: what is wrong, and the error it must meet. */
#define SEALED(name, error, ...)   \
    static void name(void **state) \
    {                              \
        struct room room;          \
                                   \
        (void)state;               \
        room_init(&room);          \
        __VA_ARGS__;               \
        expect(&room, error);      \
        room_fini(&room);          \
    }

/* ---- The tests --------------------------------------------------------------------------------- */

SEALED(a_welcome_put_together_again_lets_in, 0, (void)0)

SEALED(a_joiner_secret_has_its_length, MLS_EDECODE, room.secrets.joiner_secret.len--)
SEALED(a_joiner_secret_is_the_one_that_opens_the_rest, MLS_EAEAD,
       room.secrets.joiner_secret = mls_bytes(SOME_SECRET, sizeof SOME_SECRET))
SEALED(a_path_secret_has_its_length, MLS_EDECODE, room.secrets.path_secret.len--)
SEALED(a_path_secret_is_the_one_of_the_tree, MLS_EPATH,
       room.secrets.path_secret = mls_bytes(SOME_SECRET, sizeof SOME_SECRET))
SEALED(a_path_secret_that_is_needed_is_there, MLS_EPATH, room.secrets.has_path_secret = false)
SEALED(group_secrets_end_where_they_end, MLS_EDECODE, room.more_secrets = 1)
SEALED(a_psk_is_known, MLS_EPSK, name_psk(&room, "another", MLS_HASH_BYTES))
SEALED(a_psk_has_a_nonce_of_its_length, MLS_EPSK, name_psk(&room, "psk", 31))
SEALED(a_psk_is_part_of_the_epoch, MLS_EAEAD, name_psk(&room, "psk", MLS_HASH_BYTES))

SEALED(a_group_info_ends_where_it_ends, MLS_EDECODE, room.more_info = 1)
SEALED(a_group_info_is_of_our_version, MLS_EVERSION, room.info.context.version = 2)
SEALED(a_group_info_is_of_the_suite, MLS_ESUITE, room.info.context.suite = 1)
SEALED(a_group_info_is_signed_by_its_signer, MLS_ESIGNATURE, room.info.signer = BEN)
SEALED(nobody_invites_himself, MLS_ETREE, sign_as(&room, &room.emil, 3))
SEALED(who_is_not_in_the_tree_does_not_join, MLS_ENOTFOUND, show_old_tree(&room))
SEALED(a_tree_comes_with_a_welcome_or_beside_it, MLS_ETREE,
       room.info.extensions = mls_bytes_empty())
SEALED(a_confirmation_tag_is_that_of_the_epoch, MLS_EMAC,
       room.info.confirmation_tag = mls_bytes(SOME_SECRET, sizeof SOME_SECRET))
SEALED(a_confirmation_tag_is_there, MLS_EMAC, room.info.confirmation_tag = mls_bytes_empty())
SEALED(an_epoch_is_the_one_that_was_confirmed, MLS_EMAC, room.info.context.epoch++)
SEALED(a_transcript_is_the_one_that_was_confirmed, MLS_EMAC,
       room.info.context.confirmed_transcript_hash = mls_bytes(SOME_SECRET, sizeof SOME_SECRET))
SEALED(a_group_is_the_one_that_was_confirmed, MLS_ESIGNATURE,
       room.info.context.group_id = mls_text("another"))

#define TESTS(X)                                      \
    X(a_welcome_put_together_again_lets_in)           \
    X(a_joiner_secret_has_its_length)                 \
    X(a_joiner_secret_is_the_one_that_opens_the_rest) \
    X(a_path_secret_has_its_length)                   \
    X(a_path_secret_is_the_one_of_the_tree)           \
    X(a_path_secret_that_is_needed_is_there)          \
    X(group_secrets_end_where_they_end)               \
    X(a_psk_is_known)                                 \
    X(a_psk_has_a_nonce_of_its_length)                \
    X(a_psk_is_part_of_the_epoch)                     \
    X(a_group_info_ends_where_it_ends)                \
    X(a_group_info_is_of_our_version)                 \
    X(a_group_info_is_of_the_suite)                   \
    X(a_group_info_is_signed_by_its_signer)           \
    X(nobody_invites_himself)                         \
    X(who_is_not_in_the_tree_does_not_join)           \
    X(a_tree_comes_with_a_welcome_or_beside_it)       \
    X(a_confirmation_tag_is_that_of_the_epoch)        \
    X(a_confirmation_tag_is_there)                    \
    X(an_epoch_is_the_one_that_was_confirmed)         \
    X(a_transcript_is_the_one_that_was_confirmed)     \
    X(a_group_is_the_one_that_was_confirmed)

#define ROW(test) cmocka_unit_test(test),

static const struct CMUnitTest tests[] = {TESTS(ROW)};

SOTTO_TEST_MAIN(tests)
