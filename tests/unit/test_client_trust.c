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

static void
the_first_key_is_pinned_and_known_the_second_time(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person bob;
    struct contact contact;
    struct key_change *lines = NULL;
    size_t count = 0;
    describe(&bob, 0xbb, 3);

    assert_ok(trust_observe_identity(client, &bob.reply));
    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_ok(contact_load(client, bob.user_id, &contact));
    assert_true(contact.pinned);
    assert_false(contact.changed);
    assert_memory_equal(contact.identity_key, bob.key, KEY_BYTES);
    assert_int_equal(contact.log_number, 1);
    assert_ok(trust_history(client, bob.user_id, &lines, &count));
    assert_int_equal(count, 1);
    assert_string_equal(lines[0].what, "first contact");
    free(lines);
    assert_ok(trust_gate_user(client, bob.user_id));
    sotto_client_close(&client);
}

static void
another_key_blocks_although_it_proves_itself(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person bob;
    struct person mallory;
    struct contact contact;
    describe(&bob, 0xbb, 3);
    describe(&mallory, 0xbb, 4);
    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_ok(trust_observe_identity(client, &mallory.reply));

    assert_fails(trust_gate_user(client, bob.user_id), SOTTO_CLIENT_EBLOCKED);
    assert_string_equal(client->error.code, "blocked");
    assert_ok(contact_load(client, bob.user_id, &contact));
    assert_memory_equal(contact.identity_key, bob.key, KEY_BYTES);
    assert_memory_equal(contact.changed_key, mallory.key, KEY_BYTES);
    sotto_client_close(&client);
}

static void
the_block_stays_when_the_old_key_is_shown_again(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person bob;
    struct person mallory;
    describe(&bob, 0xbb, 3);
    describe(&mallory, 0xbb, 4);
    assert_ok(trust_observe_identity(client, &bob.reply));
    assert_ok(trust_observe_identity(client, &mallory.reply));

    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_fails(trust_gate_user(client, bob.user_id), SOTTO_CLIENT_EBLOCKED);
    sotto_client_close(&client);
}

static void
a_first_key_without_proof_is_refused(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person bob;
    struct contact contact;
    describe(&bob, 0xbb, 3);

    bob.signature[5] ^= 1;
    assert_fails(trust_observe_identity(client, &bob.reply), SOTTO_CLIENT_EBLOCKED);
    describe(&bob, 0xbb, 3);
    bob.hash[0] ^= 1;
    assert_fails(trust_observe_identity(client, &bob.reply), SOTTO_CLIENT_EBLOCKED);
    describe(&bob, 0xbb, 3);
    bob.reply.n_key_log = 0;
    assert_fails(trust_observe_identity(client, &bob.reply), SOTTO_CLIENT_EBLOCKED);

    assert_ok(contact_load(client, bob.user_id, &contact));
    assert_false(contact.pinned);
    sotto_client_close(&client);
}

static void
a_key_log_with_another_past_blocks(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person bob;
    struct contact contact;
    describe(&bob, 0xbb, 3);
    assert_ok(trust_observe_identity(client, &bob.reply));

    /* The same key, but a log that was begun at another time. */
    static const uint8_t zero[VERIFY_HASH_BYTES];
    struct verify_log_entry entry;
    assert_ok(verify_log_decode(bob.entry, bob.entry_size, &entry));
    entry.time_ms++;
    bob.entry_size = verify_log_encode(&entry, bob.entry);
    verify_log_hash(zero, bob.entry, bob.entry_size, bob.hash);
    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_ok(contact_load(client, bob.user_id, &contact));
    assert_true(contact.changed);
    sotto_client_close(&client);
}

static void
a_server_that_shows_another_key_for_ourselves_is_refused(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person self;
    describe(&self, 0xaa, 9);

    assert_fails(trust_observe_identity(client, &self.reply), SOTTO_CLIENT_EBLOCKED);
    describe(&self, 0xaa, 1);
    assert_ok(trust_observe_identity(client, &self.reply));
    sotto_client_close(&client);
}

static void
certify(const struct person *person, uint8_t device, const uint8_t device_key[KEY_BYTES],
        uint8_t cert_out[VERIFY_CERT_BYTES])
{
    uint8_t device_id[ID_BYTES];
    memset(device_id, device, ID_BYTES);
    verify_cert_make(person->seed, person->user_id, device_id, device_key, 5, cert_out);
}

static void
a_credential_must_be_certified_for_its_key_and_stay_its_device(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person bob;
    uint8_t cert[VERIFY_CERT_BYTES];
    uint8_t other[VERIFY_CERT_BYTES];
    uint8_t seed[VERIFY_SEED_BYTES] = {1, 2, 3};
    uint8_t key[KEY_BYTES];
    describe(&bob, 0xbb, 3);
    verify_public_key(seed, key);
    certify(&bob, 0xd1, key, cert);
    certify(&bob, 0xd2, key, other);

    assert_int_equal(trust_check_credential(client, cert, sizeof(cert), key, NULL, 0), MLS_OK);
    assert_int_equal(trust_check_credential(client, cert, sizeof(cert), key, cert, sizeof(cert)),
                     MLS_OK);
    assert_int_equal(trust_check_credential(client, other, sizeof(other), key, cert, sizeof(cert)),
                     MLS_ECREDENTIAL);
    assert_int_equal(trust_check_credential(client, cert, sizeof(cert) - 1, key, NULL, 0),
                     MLS_ECREDENTIAL);
    assert_int_equal(trust_check_credential(client, cert, sizeof(cert), bob.key, NULL, 0),
                     MLS_ECREDENTIAL);
    sotto_client_close(&client);
}

static void
a_leaf_does_not_become_another_users(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person bob;
    struct person carol;
    uint8_t before[VERIFY_CERT_BYTES];
    uint8_t after[VERIFY_CERT_BYTES];
    uint8_t seed[VERIFY_SEED_BYTES] = {1, 2, 3};
    uint8_t key[KEY_BYTES];
    describe(&bob, 0xbb, 3);
    describe(&carol, 0xcc, 4);
    verify_public_key(seed, key);
    certify(&bob, 0xd1, key, before);
    certify(&carol, 0xd1, key, after); /* who may choose the id of a device */

    assert_int_equal(
        trust_check_credential(client, after, sizeof(after), key, before, sizeof(before)),
        MLS_ECREDENTIAL);
    assert_int_equal(trust_check_credential(client, after, sizeof(after), key, NULL, 0), MLS_OK);
    sotto_client_close(&client);
}

static void
nobody_else_certifies_a_device_of_ours(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person forger;
    uint8_t cert[VERIFY_CERT_BYTES];
    uint8_t seed[VERIFY_SEED_BYTES] = {1, 2, 3};
    uint8_t key[KEY_BYTES];
    describe(&forger, 0xaa, 9);
    verify_public_key(seed, key);
    certify(&forger, 0xd1, key, cert);

    assert_int_equal(trust_check_credential(client, cert, sizeof(cert), key, NULL, 0),
                     MLS_ECREDENTIAL);
    sotto_client_close(&client);
}

static void
a_member_with_another_key_is_followed_but_blocks(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct person bob;
    struct person mallory;
    uint8_t cert[VERIFY_CERT_BYTES];
    uint8_t seed[VERIFY_SEED_BYTES] = {1, 2, 3};
    uint8_t key[KEY_BYTES];
    describe(&bob, 0xbb, 3);
    describe(&mallory, 0xbb, 4);
    verify_public_key(seed, key);
    certify(&mallory, 0xd1, key, cert);
    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_int_equal(trust_check_credential(client, cert, sizeof(cert), key, NULL, 0), MLS_OK);

    assert_fails(trust_gate_user(client, bob.user_id), SOTTO_CLIENT_EBLOCKED);
    sotto_client_close(&client);
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
    struct sotto_client *client = kit_client(*state);
    struct contact contact;
    char name[SOTTO_CLIENT_NAME_BYTES];
    uint8_t mallory[ID_BYTES];
    memset(mallory, 0x11, ID_BYTES); /* sorts before bob */
    learn(client, 0xbb, "bob");

    learn(client, 0x11, "Bob");
    learn(client, 0x11, "ann"); /* our own */

    assert_ok(contact_show_name(client, mallory, name));
    assert_string_equal(name, "11111111111111111111111111111111");
    assert_ok(contact_find(client, "BOB", &contact));
    assert_int_equal(contact.user_id[0], 0xbb);
    learn(client, 0xbb, "carol"); /* and a name stays */
    assert_ok(contact_find(client, "bob", &contact));
    assert_int_equal(contact.user_id[0], 0xbb);
    sotto_client_close(&client);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)

static const struct CMUnitTest tests[] = {
    WITH_KIT(the_first_key_is_pinned_and_known_the_second_time),
    WITH_KIT(another_key_blocks_although_it_proves_itself),
    WITH_KIT(the_block_stays_when_the_old_key_is_shown_again),
    WITH_KIT(a_first_key_without_proof_is_refused),
    WITH_KIT(a_key_log_with_another_past_blocks),
    WITH_KIT(a_server_that_shows_another_key_for_ourselves_is_refused),
    WITH_KIT(a_credential_must_be_certified_for_its_key_and_stay_its_device),
    WITH_KIT(a_leaf_does_not_become_another_users),
    WITH_KIT(nobody_else_certifies_a_device_of_ours),
    WITH_KIT(a_member_with_another_key_is_followed_but_blocks),
    WITH_KIT(a_name_in_use_is_not_given_to_a_second_user),
};

SOTTO_TEST_MAIN(tests)
