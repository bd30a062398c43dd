/* SPDX-License-Identifier: MIT */
/*
 * Every struct of RFC 9420 on the wire: the official vectors decode, and encode again from the
 * decoded fields to the same bytes. Lists are taken apart and put together element by element.
 */
#include "sotto_test.h"

#include "tree.h"
#include "vectors.h"
#include "welcome.h"

static const char FILE_NAME[] = "mls/messages.json";

/* One value of a case on its way through a reader and a writer. */
struct trip {
    const char *key;
    struct vec_bytes in;
    struct mls_reader r;
    struct mls_writer w;
};

static void
trip_start(struct trip *trip, const json_t *test_case, const char *key)
{
    trip->key = key;
    trip->in = vec_need_hex(test_case, key);
    mls_reader_init(&trip->r, mls_bytes(trip->in.data, trip->in.len));
    mls_writer_init(&trip->w, mls_provider_default(), 0);
}

static void
trip_start_message(struct trip *trip, const json_t *test_case, const char *key, uint16_t format)
{
    trip_start(trip, test_case, key);
    assert_int_equal(mls_message_header_read(&trip->r), format);
    mls_message_header_write(&trip->w, format);
}

static void
trip_end(struct trip *trip)
{
    assert_int_equal(mls_reader_finish(&trip->r), 0);
    assert_int_equal(mls_writer_error(&trip->w), 0);
    vec_assert_equal(trip->key, trip->w.data, trip->w.len, trip->in.data, trip->in.len);
    mls_writer_fini(&trip->w);
    vec_free(&trip->in);
}

/* Writes a list of PreSharedKeyID or of EncryptedGroupSecrets anew from its elements. */
static void
rewrite_psks(struct mls_writer *w, struct mls_bytes list)
{
    struct mls_reader r;
    struct mls_psk_id id;

    for (mls_reader_init(&r, list); mls_reader_more(&r);) {
        mls_psk_id_read(&r, &id);
        mls_psk_id_write(w, &id);
    }
}

static void
rewrite_secrets(struct mls_writer *w, struct mls_bytes list)
{
    struct mls_reader r;
    struct mls_encrypted_secrets entry;

    for (mls_reader_init(&r, list); mls_reader_more(&r);) {
        mls_encrypted_secrets_read(&r, &entry);
        mls_encrypted_secrets_write(w, &entry);
    }
}

static void
check_welcome(const json_t *test_case)
{
    struct trip trip;
    struct mls_welcome welcome;
    struct mls_writer list;

    trip_start_message(&trip, test_case, "mls_welcome", MLS_WIRE_WELCOME);
    mls_welcome_read(&trip.r, &welcome);
    mls_writer_init(&list, mls_provider_default(), 0);
    rewrite_secrets(&list, welcome.secrets);
    welcome.secrets = mls_writer_bytes(&list);
    mls_welcome_write(&trip.w, &welcome);
    trip_end(&trip);
    mls_writer_fini(&list);
}

static void
check_group_info(const json_t *test_case)
{
    struct trip trip;
    struct mls_group_info info;

    trip_start_message(&trip, test_case, "mls_group_info", MLS_WIRE_GROUP_INFO);
    mls_group_info_read(&trip.r, &info);
    mls_group_info_write(&trip.w, &info);
    trip_end(&trip);
}

static void
check_key_package(const json_t *test_case)
{
    struct trip trip;
    struct mls_key_package package;

    trip_start_message(&trip, test_case, "mls_key_package", MLS_WIRE_KEY_PACKAGE);
    mls_key_package_read(&trip.r, &package);
    mls_key_package_write(&trip.w, &package);
    trip_end(&trip);
}

static void
check_ratchet_tree(const json_t *test_case)
{
    struct trip trip;
    struct mls_reader sub;
    struct mls_tree_entry entry;

    trip_start(&trip, test_case, "ratchet_tree");
    mls_read_vector(&trip.r, &sub);
    size_t mark = mls_write_vector(&trip.w);
    while (mls_reader_more(&sub)) {
        mls_tree_entry_read(&sub, &entry);
        mls_tree_entry_write(&trip.w, &entry);
    }
    mls_read_vector_end(&trip.r, &sub);
    mls_write_vector_end(&trip.w, mark);
    trip_end(&trip);
}

static void
check_group_secrets(const json_t *test_case)
{
    struct trip trip;
    struct mls_group_secrets secrets;
    struct mls_writer list;

    trip_start(&trip, test_case, "group_secrets");
    mls_group_secrets_read(&trip.r, &secrets);
    mls_writer_init(&list, mls_provider_default(), 0);
    rewrite_psks(&list, secrets.psks);
    secrets.psks = mls_writer_bytes(&list);
    mls_group_secrets_write(&trip.w, &secrets);
    trip_end(&trip);
    mls_writer_fini(&list);
}

static void
check_proposals(const json_t *test_case)
{
    static const struct {
        const char *key;
        uint16_t type;
    } kinds[] = {
        {"add_proposal", MLS_PROPOSAL_ADD},
        {"update_proposal", MLS_PROPOSAL_UPDATE},
        {"remove_proposal", MLS_PROPOSAL_REMOVE},
        {"pre_shared_key_proposal", MLS_PROPOSAL_PSK},
        {"re_init_proposal", MLS_PROPOSAL_REINIT},
        {"external_init_proposal", MLS_PROPOSAL_EXTERNAL_INIT},
        {"group_context_extensions_proposal", MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct trip trip;
        struct mls_proposal_body proposal;

        trip_start(&trip, test_case, kinds[i].key);
        mls_proposal_body_read(&trip.r, kinds[i].type, &proposal);
        mls_proposal_body_write(&trip.w, &proposal);
        trip_end(&trip);
    }
}

static void
rewrite_path(struct mls_writer *w, const struct mls_update_path *path)
{
    struct mls_reader nodes, sealed;
    struct mls_path_node node;
    struct mls_hpke_ciphertext ciphertext;

    mls_leaf_write(w, &path->leaf);
    size_t outer = mls_write_vector(w);
    for (mls_reader_init(&nodes, path->nodes); mls_reader_more(&nodes);) {
        mls_path_node_read(&nodes, &node);
        mls_write_opaque(w, node.encryption_key);
        size_t inner = mls_write_vector(w);
        for (mls_reader_init(&sealed, node.ciphertexts); mls_reader_more(&sealed);) {
            mls_hpke_ciphertext_read(&sealed, &ciphertext);
            mls_hpke_ciphertext_write(w, &ciphertext);
        }
        mls_write_vector_end(w, inner);
    }
    mls_write_vector_end(w, outer);
}

static void
check_commit(const json_t *test_case)
{
    struct trip trip;
    struct mls_commit_body commit;
    struct mls_reader list;
    struct mls_proposal_or_ref entry;

    trip_start(&trip, test_case, "commit");
    mls_commit_body_read(&trip.r, &commit);
    size_t mark = mls_write_vector(&trip.w);
    for (mls_reader_init(&list, commit.proposals); mls_reader_more(&list);) {
        mls_proposal_or_ref_read(&list, &entry);
        mls_proposal_or_ref_write(&trip.w, &entry);
    }
    mls_write_vector_end(&trip.w, mark);
    mls_write_optional(&trip.w, commit.has_path);
    if (commit.has_path)
        rewrite_path(&trip.w, &commit.path);
    trip_end(&trip);
}

static void
check_public_messages(const json_t *test_case)
{
    static const char *const keys[] = {"public_message_application", "public_message_proposal",
                                       "public_message_commit"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct trip trip;
        struct mls_public_message message;

        trip_start_message(&trip, test_case, keys[i], MLS_WIRE_PUBLIC_MESSAGE);
        mls_public_message_read(&trip.r, &message);
        assert_int_equal(message.content.type, i + 1);
        mls_public_message_write(&trip.w, &message);
        trip_end(&trip);
    }
}

static void
check_private_message(const json_t *test_case)
{
    struct trip trip;
    struct mls_private_message message;

    trip_start_message(&trip, test_case, "private_message", MLS_WIRE_PRIVATE_MESSAGE);
    mls_private_message_read(&trip.r, &message);
    mls_private_message_write(&trip.w, &message);
    trip_end(&trip);
}

static void
official_vectors_decode_and_encode_to_the_same_bytes(void **state)
{
    (void)state;
    json_t *root = vectors_load(FILE_NAME);
    json_t *test_case;
    size_t i;

    json_array_foreach(root, i, test_case)
    {
        check_welcome(test_case);
        check_group_info(test_case);
        check_key_package(test_case);
        check_ratchet_tree(test_case);
        check_group_secrets(test_case);
        check_proposals(test_case);
        check_commit(test_case);
        check_public_messages(test_case);
        check_private_message(test_case);
    }
    vectors_report(FILE_NAME, 0, i, 300);
    json_decref(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(official_vectors_decode_and_encode_to_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
