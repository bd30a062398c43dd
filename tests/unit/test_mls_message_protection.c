/* SPDX-License-Identifier: MIT */
/*
 * Framing: the official vectors, both directions. A message of the file opens to the content of the
 * file, and what we protect ourselves opens again.
 */
#include "sotto_test.h"

#include "protect.h"
#include "vectors.h"
#include "welcome.h"

static const char FILE_NAME[] = "mls/message-protection.json";

/* One case: an epoch of two members of which leaf 1 sends. */
struct fixture {
    struct mls_crypto c;
    const json_t *json;
    struct vec_bytes group_id;
    uint64_t epoch;
    struct mls_writer context;
    uint8_t membership_key[MLS_HASH_BYTES];
    uint8_t sender_data_secret[MLS_HASH_BYTES];
    uint8_t encryption_secret[MLS_HASH_BYTES];
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    uint8_t public_key[MLS_ED25519_PUBLIC_BYTES];
};

enum { SENDER = 1 };

static void
setup(struct fixture *f, const json_t *test_case, uint16_t suite)
{
    struct vec_bytes tree_hash = vec_need_hex(test_case, "tree_hash");
    struct vec_bytes transcript = vec_need_hex(test_case, "confirmed_transcript_hash");

    f->json = test_case;
    assert_int_equal(mls_crypto_init(&f->c, mls_provider_default(), suite), 0);
    f->group_id = vec_need_hex(test_case, "group_id");
    f->epoch = vec_need_uint(test_case, "epoch");
    const struct mls_group_context context = {
        .version = MLS_VERSION_10,
        .suite = suite,
        .group_id = mls_bytes(f->group_id.data, f->group_id.len),
        .epoch = f->epoch,
        .tree_hash = mls_bytes(tree_hash.data, tree_hash.len),
        .confirmed_transcript_hash = mls_bytes(transcript.data, transcript.len),
    };
    mls_writer_init(&f->context, f->c.p, 0);
    mls_group_context_write(&f->context, &context);
    vec_need_hex_array(test_case, "membership_key", f->membership_key, MLS_HASH_BYTES);
    vec_need_hex_array(test_case, "sender_data_secret", f->sender_data_secret, MLS_HASH_BYTES);
    vec_need_hex_array(test_case, "encryption_secret", f->encryption_secret, MLS_HASH_BYTES);
    vec_need_hex_array(test_case, "signature_priv", f->seed, sizeof(f->seed));
    vec_need_hex_array(test_case, "signature_pub", f->public_key, sizeof(f->public_key));
    vec_free(&transcript);
    vec_free(&tree_hash);
}

static void
teardown(struct fixture *f)
{
    mls_writer_fini(&f->context);
    vec_free(&f->group_id);
}

/* The keys of the epoch with a fresh secret tree. */
static struct mls_frame_keys
start_keys(struct fixture *f, struct mls_secret_tree *tree)
{
    assert_int_equal(mls_secret_tree_init(tree, &f->c, 2, f->encryption_secret), 0);
    return (struct mls_frame_keys){
        .c = &f->c,
        .context = mls_writer_bytes(&f->context),
        .membership_key = f->membership_key,
        .sender_data_secret = f->sender_data_secret,
        .secret_tree = tree,
    };
}

static void
check_content(struct fixture *f, const struct mls_authenticated *message, const char *key)
{
    struct vec_bytes want = vec_need_hex(f->json, key);

    vec_assert_equal(key, message->content.body.data, message->content.body.len, want.data,
                     want.len);
    assert_int_equal(mls_authenticated_verify(&f->c, message, mls_writer_bytes(&f->context),
                                              mls_bytes(f->public_key, sizeof(f->public_key))),
                     0);
    vec_free(&want);
}

static void
open_public(struct fixture *f, struct mls_bytes bytes, const char *key)
{
    struct mls_secret_tree tree;
    struct mls_frame_keys keys = start_keys(f, &tree);
    struct mls_public_message framed;

    assert_int_equal(mls_public_message_message_read(bytes, &framed), 0);
    assert_int_equal(mls_public_verify_tag(&keys, &framed), 0);
    const struct mls_authenticated message = {MLS_WIRE_PUBLIC_MESSAGE, framed.content, framed.auth};
    check_content(f, &message, key);
    mls_secret_tree_fini(&tree);
}

static void
open_private(struct fixture *f, struct mls_bytes bytes, const char *key)
{
    struct mls_secret_tree tree;
    struct mls_frame_keys keys = start_keys(f, &tree);
    struct mls_private_message framed;
    struct mls_sender_data sender;
    struct mls_authenticated message;
    struct mls_buf plain = {0}, again = {0};
    struct mls_reader r;

    mls_reader_init(&r, bytes);
    assert_int_equal(mls_message_header_read(&r), MLS_WIRE_PRIVATE_MESSAGE);
    mls_private_message_read(&r, &framed);
    assert_int_equal(mls_reader_finish(&r), 0);
    assert_int_equal(mls_private_open_sender(&keys, &framed, &sender), 0);
    assert_int_equal(sender.leaf, SENDER);
    assert_int_equal(mls_private_open_content(&keys, &framed, &sender, &plain, &message), 0);
    check_content(f, &message, key);
    assert_int_equal(mls_private_consume(&keys, framed.content_type, &sender), 0);
    assert_int_equal(mls_private_open_content(&keys, &framed, &sender, &again, &message),
                     MLS_EREPLAY);
    mls_buf_fini(&plain);
    mls_secret_tree_fini(&tree);
}

/* Signs the content of the file anew. */
static void
make_message(struct fixture *f, uint8_t type, uint16_t wire_format, const struct vec_bytes *body,
             uint8_t signature[MLS_ED25519_SIGNATURE_BYTES], struct mls_authenticated *out)
{
    static const uint8_t tag[MLS_HASH_BYTES] = {1};

    *out = (struct mls_authenticated){
        .wire_format = wire_format,
        .content =
            {
                .group_id = mls_bytes(f->group_id.data, f->group_id.len),
                .epoch = f->epoch,
                .sender = {.type = MLS_SENDER_MEMBER, .index = SENDER},
                .authenticated_data = mls_bytes("aad", 3),
                .type = type,
                .body = mls_bytes(body->data, body->len),
            },
    };
    assert_int_equal(mls_content_sign(&f->c, wire_format, &out->content,
                                      mls_writer_bytes(&f->context), f->seed, signature),
                     0);
    out->auth.signature = mls_bytes(signature, MLS_ED25519_SIGNATURE_BYTES);
    if (type == MLS_CONTENT_COMMIT)
        out->auth.confirmation_tag = mls_bytes(tag, sizeof(tag));
}

static void
seal_and_open(struct fixture *f, const char *key, uint8_t type, size_t padding)
{
    struct vec_bytes body = vec_need_hex(f->json, key);
    struct mls_secret_tree tree;
    struct mls_frame_keys keys = start_keys(f, &tree);
    struct mls_authenticated message;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_writer w;

    make_message(f, type, MLS_WIRE_PUBLIC_MESSAGE, &body, signature, &message);
    mls_writer_init(&w, f->c.p, 0);
    if (type == MLS_CONTENT_APPLICATION) {
        assert_int_equal(mls_public_seal(&keys, &message, &w), MLS_EARG);
    } else {
        assert_int_equal(mls_public_seal(&keys, &message, &w), 0);
        open_public(f, mls_writer_bytes(&w), key);
    }
    mls_writer_fini(&w);

    make_message(f, type, MLS_WIRE_PRIVATE_MESSAGE, &body, signature, &message);
    mls_writer_init(&w, f->c.p, 0);
    assert_int_equal(mls_private_seal(&keys, &message, padding, &w), 0);
    open_private(f, mls_writer_bytes(&w), key);
    mls_writer_fini(&w);
    mls_secret_tree_fini(&tree);
    vec_free(&body);
}

static void
check_file_message(struct fixture *f, const char *key, const char *message_key, bool is_private)
{
    struct vec_bytes bytes = vec_need_hex(f->json, message_key);

    if (is_private)
        open_private(f, mls_bytes(bytes.data, bytes.len), key);
    else
        open_public(f, mls_bytes(bytes.data, bytes.len), key);
    vec_free(&bytes);
}

static void
check_case(const json_t *test_case, uint16_t suite)
{
    struct fixture f;

    setup(&f, test_case, suite);
    check_file_message(&f, "proposal", "proposal_pub", false);
    check_file_message(&f, "proposal", "proposal_priv", true);
    check_file_message(&f, "commit", "commit_pub", false);
    check_file_message(&f, "commit", "commit_priv", true);
    check_file_message(&f, "application", "application_priv", true);
    for (size_t padding = 0; padding <= 512; padding = padding * 2 + 1) {
        seal_and_open(&f, "proposal", MLS_CONTENT_PROPOSAL, padding);
        seal_and_open(&f, "commit", MLS_CONTENT_COMMIT, padding);
        seal_and_open(&f, "application", MLS_CONTENT_APPLICATION, padding);
    }
    teardown(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        VECTORS_OF_BOTH_SUITES(FILE_NAME, 1, check_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
