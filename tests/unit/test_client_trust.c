/* SPDX-License-Identifier: MIT */
/*
 * Trust on first use, without a server: what the server would say is made here.
 */
#include "client_kit.h"
#include "sotto_test.h"
#include "trust.h"

#include "mls/error.h"

/* Another user as the server describes them: a key and a key log of one entry. */
struct person {
    uint8_t user_id[ID_BYTES];
    uint8_t seed[VERIFY_SEED_BYTES];
    uint8_t key[KEY_BYTES];
    uint8_t signature[VERIFY_SIGNATURE_BYTES];
    uint8_t entry[VERIFY_LOG_ENTRY_BYTES_MAX];
    size_t entry_size;
    uint8_t hash[VERIFY_HASH_BYTES];
    Sotto__Keyx__V1__KeyLogEntry row;
    Sotto__Keyx__V1__KeyLogEntry *rows[1];
    Sotto__Keyx__V1__GetIdentityReply reply;
};

static void
describe(struct person *person, uint8_t id, uint8_t seed)
{
    static const uint8_t zero[VERIFY_HASH_BYTES];
    struct verify_log_entry entry = {.kind = VERIFY_LOG_IDENTITY, .number = 1, .time_ms = 1000};
    memset(person->user_id, id, ID_BYTES);
    memset(person->seed, seed, VERIFY_SEED_BYTES);
    verify_public_key(person->seed, person->key);
    verify_identity_sign(person->seed, person->user_id, person->signature);
    memcpy(entry.user_id, person->user_id, ID_BYTES);
    memcpy(entry.identity_key, person->key, KEY_BYTES);
    memcpy(entry.signature, person->signature, VERIFY_SIGNATURE_BYTES);
    person->entry_size = verify_log_encode(&entry, person->entry);
    verify_log_hash(zero, person->entry, person->entry_size, person->hash);
    sotto__keyx__v1__key_log_entry__init(&person->row);
    person->row.number = 1;
    person->row.entry = view(person->entry, person->entry_size);
    person->row.hash = view(person->hash, VERIFY_HASH_BYTES);
    person->rows[0] = &person->row;
    sotto__keyx__v1__get_identity_reply__init(&person->reply);
    person->reply.user_id = view(person->user_id, ID_BYTES);
    person->reply.identity_key = view(person->key, KEY_BYTES);
    person->reply.signature = view(person->signature, VERIFY_SIGNATURE_BYTES);
    person->reply.n_key_log = 1;
    person->reply.key_log = person->rows;
}

/* A client, a device key, and what the server says of two users; mallory is who it shows in bob's place. */
struct fixture {
    struct kit *kit;
    struct sotto_client *client;
    struct person bob, mallory;
    uint8_t key[KEY_BYTES];
};

static int
setup(void **state)
{
    static const uint8_t seed[VERIFY_SEED_BYTES] = {1, 2, 3};
    struct fixture *f = mem_alloc(1, sizeof(*f));
    void *kit = NULL;
    if (kit_setup(&kit))
        return -1;
    f->kit = kit;
    f->client = kit_client(f->kit);
    describe(&f->bob, 0xbb, 3);
    describe(&f->mallory, 0xbb, 4);
    verify_public_key(seed, f->key);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    void *kit = f->kit;
    sotto_client_close(&f->client);
    free(f);
    return kit_teardown(&kit);
}

static void
the_first_key_is_pinned_and_known_the_second_time(void **state)
{
    struct fixture *f = *state;
    struct contact contact;
    struct key_change *lines = NULL;
    size_t count = 0;

    assert_ok(trust_observe_identity(f->client, &f->bob.reply));
    assert_ok(trust_observe_identity(f->client, &f->bob.reply));

    assert_ok(contact_load(f->client, f->bob.user_id, &contact));
    assert_true(contact.pinned);
    assert_false(contact.changed);
    assert_memory_equal(contact.identity_key, f->bob.key, KEY_BYTES);
    assert_int_equal(contact.log_number, 1);
    assert_ok(trust_history(f->client, f->bob.user_id, &lines, &count));
    assert_int_equal(count, 1);
    assert_string_equal(lines[0].what, "first contact");
    free(lines);
    assert_ok(trust_gate_user(f->client, f->bob.user_id));
}

static void
another_key_blocks_although_it_proves_itself(void **state)
{
    struct fixture *f = *state;
    struct contact contact;
    assert_ok(trust_observe_identity(f->client, &f->bob.reply));

    assert_ok(trust_observe_identity(f->client, &f->mallory.reply));

    assert_fails(trust_gate_user(f->client, f->bob.user_id), SOTTO_CLIENT_EBLOCKED);
    assert_string_equal(f->client->error.code, "blocked");
    assert_ok(contact_load(f->client, f->bob.user_id, &contact));
    assert_memory_equal(contact.identity_key, f->bob.key, KEY_BYTES);
    assert_memory_equal(contact.changed_key, f->mallory.key, KEY_BYTES);
}

static void
the_block_stays_when_the_old_key_is_shown_again(void **state)
{
    struct fixture *f = *state;
    assert_ok(trust_observe_identity(f->client, &f->bob.reply));
    assert_ok(trust_observe_identity(f->client, &f->mallory.reply));

    assert_ok(trust_observe_identity(f->client, &f->bob.reply));

    assert_fails(trust_gate_user(f->client, f->bob.user_id), SOTTO_CLIENT_EBLOCKED);
}

static void
a_first_key_without_proof_is_refused(void **state)
{
    struct fixture *f = *state;
    struct contact contact;

    f->bob.signature[5] ^= 1;
    assert_fails(trust_observe_identity(f->client, &f->bob.reply), SOTTO_CLIENT_EBLOCKED);
    describe(&f->bob, 0xbb, 3);
    f->bob.hash[0] ^= 1;
    assert_fails(trust_observe_identity(f->client, &f->bob.reply), SOTTO_CLIENT_EBLOCKED);
    describe(&f->bob, 0xbb, 3);
    f->bob.reply.n_key_log = 0;
    assert_fails(trust_observe_identity(f->client, &f->bob.reply), SOTTO_CLIENT_EBLOCKED);

    assert_ok(contact_load(f->client, f->bob.user_id, &contact));
    assert_false(contact.pinned);
}

static void
a_key_log_with_another_past_blocks(void **state)
{
    struct fixture *f = *state;
    struct contact contact;
    assert_ok(trust_observe_identity(f->client, &f->bob.reply));

    /* The same key, but a log that was begun at another time. */
    static const uint8_t zero[VERIFY_HASH_BYTES];
    struct verify_log_entry entry;
    assert_ok(verify_log_decode(f->bob.entry, f->bob.entry_size, &entry));
    entry.time_ms++;
    f->bob.entry_size = verify_log_encode(&entry, f->bob.entry);
    verify_log_hash(zero, f->bob.entry, f->bob.entry_size, f->bob.hash);
    assert_ok(trust_observe_identity(f->client, &f->bob.reply));

    assert_ok(contact_load(f->client, f->bob.user_id, &contact));
    assert_true(contact.changed);
}

static void
a_server_that_shows_another_key_for_ourselves_is_refused(void **state)
{
    struct fixture *f = *state;
    struct person self;
    describe(&self, 0xaa, 9);

    assert_fails(trust_observe_identity(f->client, &self.reply), SOTTO_CLIENT_EBLOCKED);
    describe(&self, 0xaa, 1);
    assert_ok(trust_observe_identity(f->client, &self.reply));
}

static void
certify(const struct fixture *f, const struct person *person, uint8_t device,
        uint8_t cert_out[VERIFY_CERT_BYTES])
{
    uint8_t device_id[ID_BYTES];
    memset(device_id, device, ID_BYTES);
    verify_cert_make(person->seed, person->user_id, device_id, f->key, 5, cert_out);
}

/* What the client says of a leaf with the device key and this certificate; before: the leaf's last one, or NULL. */
static int
judge(struct fixture *f, const uint8_t *cert, const uint8_t *before)
{
    return trust_check_credential(f->client, cert, VERIFY_CERT_BYTES, f->key, before,
                                  before ? VERIFY_CERT_BYTES : 0);
}

static void
a_credential_must_be_certified_for_its_key_and_stay_its_device(void **state)
{
    struct fixture *f = *state;
    uint8_t cert[VERIFY_CERT_BYTES];
    uint8_t other[VERIFY_CERT_BYTES];
    certify(f, &f->bob, 0xd1, cert);
    certify(f, &f->bob, 0xd2, other);

    assert_int_equal(judge(f, cert, NULL), MLS_OK);
    assert_int_equal(judge(f, cert, cert), MLS_OK);
    assert_int_equal(judge(f, other, cert), MLS_ECREDENTIAL);
    assert_int_equal(trust_check_credential(f->client, cert, sizeof(cert) - 1, f->key, NULL, 0),
                     MLS_ECREDENTIAL);
    assert_int_equal(trust_check_credential(f->client, cert, sizeof(cert), f->bob.key, NULL, 0),
                     MLS_ECREDENTIAL);
}

static void
a_leaf_does_not_become_another_users(void **state)
{
    struct fixture *f = *state;
    struct person carol;
    uint8_t before[VERIFY_CERT_BYTES];
    uint8_t after[VERIFY_CERT_BYTES];
    describe(&carol, 0xcc, 4);
    certify(f, &f->bob, 0xd1, before);
    certify(f, &carol, 0xd1, after); /* who may choose the id of a device */

    assert_int_equal(judge(f, after, before), MLS_ECREDENTIAL);
    assert_int_equal(judge(f, after, NULL), MLS_OK);
}

static void
nobody_else_certifies_a_device_of_ours(void **state)
{
    struct fixture *f = *state;
    struct person forger;
    uint8_t cert[VERIFY_CERT_BYTES];
    describe(&forger, 0xaa, 9);
    certify(f, &forger, 0xd1, cert);

    assert_int_equal(judge(f, cert, NULL), MLS_ECREDENTIAL);
}

static void
a_member_with_another_key_is_followed_but_blocks(void **state)
{
    struct fixture *f = *state;
    uint8_t cert[VERIFY_CERT_BYTES];
    certify(f, &f->mallory, 0xd1, cert);
    assert_ok(trust_observe_identity(f->client, &f->bob.reply));

    assert_int_equal(judge(f, cert, NULL), MLS_OK);

    assert_fails(trust_gate_user(f->client, f->bob.user_id), SOTTO_CLIENT_EBLOCKED);
}

/* The server names a user. */
static void
learn(struct sotto_client *client, uint8_t id, const char *name)
{
    Sotto__Auth__V1__User user = SOTTO__AUTH__V1__USER__INIT;
    uint8_t user_id[ID_BYTES];
    memset(user_id, id, ID_BYTES);
    user.user_id = view(user_id, ID_BYTES);
    user.name = (char *)(uintptr_t)name;
    assert_ok(contact_learn_name(client, &user));
}

static void
a_name_in_use_is_not_given_to_a_second_user(void **state)
{
    struct fixture *f = *state;
    struct contact contact;
    char name[SOTTO_CLIENT_NAME_BYTES];
    uint8_t mallory[ID_BYTES];
    memset(mallory, 0x11, ID_BYTES); /* sorts before bob */
    learn(f->client, 0xbb, "bob");

    learn(f->client, 0x11, "Bob");
    learn(f->client, 0x11, "ann"); /* our own */

    assert_ok(contact_show_name(f->client, mallory, name));
    assert_string_equal(name, "11111111111111111111111111111111");
    assert_ok(contact_find(f->client, "BOB", &contact));
    assert_int_equal(contact.user_id[0], 0xbb);
    learn(f->client, 0xbb, "carol"); /* and a name stays */
    assert_ok(contact_find(f->client, "bob", &contact));
    assert_int_equal(contact.user_id[0], 0xbb);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
    TEST(the_first_key_is_pinned_and_known_the_second_time),
    TEST(another_key_blocks_although_it_proves_itself),
    TEST(the_block_stays_when_the_old_key_is_shown_again),
    TEST(a_first_key_without_proof_is_refused),
    TEST(a_key_log_with_another_past_blocks),
    TEST(a_server_that_shows_another_key_for_ourselves_is_refused),
    TEST(a_credential_must_be_certified_for_its_key_and_stay_its_device),
    TEST(a_leaf_does_not_become_another_users),
    TEST(nobody_else_certifies_a_device_of_ours),
    TEST(a_member_with_another_key_is_followed_but_blocks),
    TEST(a_name_in_use_is_not_given_to_a_second_user),
};

SOTTO_TEST_MAIN(tests)
