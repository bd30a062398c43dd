/* SPDX-License-Identifier: MIT */
/*
 * Devices that come and go, without a server: what a key log says of contacts and of ourselves, and what makes a
 * device give up its keys.
 */
#include "client_kit.h"
#include "own_devices.h"
#include "sotto_test.h"
#include "store.h"
#include "trust.h"

#define ENTRIES_MAX 6

/* A user's key log as a server shows it, one entry after the other. */
struct story {
    uint8_t user_id[ID_BYTES];
    uint8_t seed[VERIFY_SEED_BYTES];
    uint8_t key[KEY_BYTES];
    uint8_t signature[VERIFY_SIGNATURE_BYTES];
    uint8_t head[VERIFY_HASH_BYTES];
    uint8_t entries[ENTRIES_MAX][VERIFY_LOG_ENTRY_BYTES_MAX];
    uint8_t hashes[ENTRIES_MAX][VERIFY_HASH_BYTES];
    Sotto__Keyx__V1__KeyLogEntry rows[ENTRIES_MAX];
    Sotto__Keyx__V1__KeyLogEntry *list[ENTRIES_MAX];
    Sotto__Keyx__V1__GetIdentityReply reply;
};

static void
append(struct story *story, struct verify_log_entry *entry)
{
    const size_t at = story->reply.n_key_log++;
    entry->number = (uint32_t)at + 1;
    entry->time_ms = 1000;
    memcpy(entry->user_id, story->user_id, ID_BYTES);
    size_t size = verify_log_encode(entry, story->entries[at]);
    verify_log_hash(story->head, story->entries[at], size, story->head);
    memcpy(story->hashes[at], story->head, VERIFY_HASH_BYTES);
    sotto__keyx__v1__key_log_entry__init(&story->rows[at]);
    story->rows[at].number = entry->number;
    story->rows[at].entry = view(story->entries[at], size);
    story->rows[at].hash = view(story->hashes[at], VERIFY_HASH_BYTES);
    story->list[at] = &story->rows[at];
}

static void
begin(struct story *story, const uint8_t user_id[ID_BYTES], uint8_t seed)
{
    struct verify_log_entry entry = {.kind = VERIFY_LOG_IDENTITY};
    *story = (struct story){.head = {0}};
    memcpy(story->user_id, user_id, ID_BYTES);
    memset(story->seed, seed, VERIFY_SEED_BYTES);
    verify_public_key(story->seed, story->key);
    verify_identity_sign(story->seed, story->user_id, story->signature);
    sotto__keyx__v1__get_identity_reply__init(&story->reply);
    story->reply.user_id = view(story->user_id, ID_BYTES);
    story->reply.identity_key = view(story->key, KEY_BYTES);
    story->reply.signature = view(story->signature, VERIFY_SIGNATURE_BYTES);
    story->reply.key_log = story->list;
    memcpy(entry.identity_key, story->key, KEY_BYTES);
    memcpy(entry.signature, story->signature, VERIFY_SIGNATURE_BYTES);
    append(story, &entry);
}

static void
add(struct story *story, uint8_t device)
{
    struct verify_log_entry entry = {.kind = VERIFY_LOG_DEVICE_ADDED};
    uint8_t id[ID_BYTES];
    memset(id, device, ID_BYTES);
    memset(entry.device_key, device, KEY_BYTES);
    verify_cert_make(story->seed, story->user_id, id, entry.device_key, 1, entry.certificate);
    append(story, &entry);
}

static void
sign_removal(const struct story *story, uint8_t device, uint8_t by, struct verify_removal *out)
{
    *out = (struct verify_removal){.removed_at = 1767225600000};
    memcpy(out->user_id, story->user_id, ID_BYTES);
    memset(out->device_id, device, ID_BYTES);
    memset(out->by_device, by, ID_BYTES);
    verify_removal_sign(story->seed, out);
}

static void
remove_one(struct story *story, uint8_t device)
{
    struct verify_log_entry entry = {.kind = VERIFY_LOG_DEVICE_REMOVED};
    sign_removal(story, device, 0xd1, &entry.removal);
    append(story, &entry);
}

static void
delete_account(struct story *story, uint8_t by, const uint8_t seed[VERIFY_SEED_BYTES])
{
    struct verify_log_entry entry = {.kind = VERIFY_LOG_ACCOUNT_DELETED};
    entry.deletion.deleted_at = 1767225600000;
    memcpy(entry.deletion.user_id, story->user_id, ID_BYTES);
    memset(entry.deletion.by_device, by, ID_BYTES);
    verify_deletion_sign(seed, &entry.deletion);
    append(story, &entry);
}

static bool
is_gone(struct sotto_client *client, const struct story *story, uint8_t device)
{
    uint8_t id[ID_BYTES];
    bool gone = false;
    memset(id, device, ID_BYTES);
    assert_ok(trust_device_is_gone(client, story->user_id, id, &gone));
    return gone;
}

static void
assert_history(struct sotto_client *client, const struct story *story, const char *expected)
{
    struct key_change *lines = NULL;
    size_t count = 0;
    char text[256] = "";
    assert_ok(trust_history(client, story->user_id, &lines, &count));
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ", " : "",
                 lines[i].what);
    free(lines);
    assert_string_equal(text, expected);
}

/* ---- contacts ------------------------------------------------------------------------------- */

static void
devices_that_come_and_go_are_told_and_leave_a_verified_contact_verified(void **state)
{
    static const uint8_t bob_id[ID_BYTES] = {0xbb};
    struct sotto_client *client = kit_client(*state);
    struct story bob;
    struct contact contact;
    begin(&bob, bob_id, 3);
    add(&bob, 0xd1);
    assert_ok(trust_observe_identity(client, &bob.reply));
    assert_ok(contact_load(client, bob.user_id, &contact));
    contact.verified = true;
    assert_ok(contact_store(client, &contact));

    add(&bob, 0xd2);
    assert_ok(trust_observe_identity(client, &bob.reply));
    remove_one(&bob, 0xd2);
    for (int i = 0; i < 2; i++)
        assert_ok(trust_observe_identity(client, &bob.reply));

    assert_ok(contact_load(client, bob.user_id, &contact));
    assert_true(contact.verified);
    assert_false(contact.changed);
    assert_history(client, &bob, "first contact, device added, device removed");
    assert_true(is_gone(client, &bob, 0xd2));
    assert_false(is_gone(client, &bob, 0xd1));
    sotto_client_close(&client);
}

static void
a_device_that_went_before_the_first_contact_is_known_to_be_gone(void **state)
{
    static const uint8_t bob_id[ID_BYTES] = {0xbb};
    struct sotto_client *client = kit_client(*state);
    struct story bob;
    begin(&bob, bob_id, 3);
    add(&bob, 0xd1);
    add(&bob, 0xd2);
    remove_one(&bob, 0xd2);

    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_true(is_gone(client, &bob, 0xd2));
    assert_history(client, &bob, "first contact, device removed");
    sotto_client_close(&client);
}

static void
a_removal_that_the_user_did_not_sign_blocks(void **state)
{
    static const uint8_t bob_id[ID_BYTES] = {0xbb};
    struct sotto_client *client = kit_client(*state);
    struct story bob;
    begin(&bob, bob_id, 3);
    add(&bob, 0xd1);
    assert_ok(trust_observe_identity(client, &bob.reply));

    memset(bob.seed, 9, sizeof(bob.seed));
    remove_one(&bob, 0xd1);
    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_fails(trust_gate_user(client, bob.user_id), SOTTO_CLIENT_EBLOCKED);
    assert_false(is_gone(client, &bob, 0xd1));
    sotto_client_close(&client);
}

static void
a_key_log_that_ends_with_the_deletion_leaves_the_last_key(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct story bob;
    struct contact contact;
    uint8_t id[ID_BYTES];
    memset(id, 0xb0, ID_BYTES);
    begin(&bob, id, 2);
    add(&bob, 0xd1);
    assert_ok(trust_observe_identity(client, &bob.reply));
    delete_account(&bob, 0xd1, bob.seed);
    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_ok(contact_load(client, id, &contact));
    assert_int_equal(contact.deleted_ms, 1767225600000);
    assert_true(contact.pinned && !contact.changed);
    assert_memory_equal(contact.identity_key, bob.key, KEY_BYTES);
    assert_true(is_gone(client, &bob, 0xd1)); /* in whatever chat we meet it */
    assert_history(client, &bob, "first contact, account deleted");
    sotto_client_close(&client);
}

static void
a_deletion_that_the_user_did_not_sign_blocks(void **state)
{
    struct sotto_client *client = kit_client(*state);
    static const uint8_t forger[VERIFY_SEED_BYTES] = {66};
    struct story bob;
    struct contact contact;
    uint8_t id[ID_BYTES];
    memset(id, 0xb0, ID_BYTES);
    begin(&bob, id, 2);
    add(&bob, 0xd1);
    assert_ok(trust_observe_identity(client, &bob.reply));
    delete_account(&bob, 0xd1, forger);
    assert_ok(trust_observe_identity(client, &bob.reply));

    assert_ok(contact_load(client, id, &contact));
    assert_int_equal(contact.deleted_ms, 0);
    assert_true(contact.changed);
    sotto_client_close(&client);
}

/* ---- ourselves ------------------------------------------------------------------------------ */

static void
our_own_key_log_must_go_on_where_it_was(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct story own;
    struct story other;
    begin(&own, client->account.user_id, 1);
    add(&own, 0xd1);
    assert_ok(trust_observe_identity(client, &own.reply));
    add(&own, 0xd2);
    assert_ok(trust_observe_identity(client, &own.reply));

    begin(&other, client->account.user_id, 1);
    add(&other, 0xd3);
    assert_fails(trust_observe_identity(client, &other.reply), SOTTO_CLIENT_EBLOCKED);
    assert_history(client, &own, "device added");
    sotto_client_close(&client);
}

static struct buf
pack_removal(const struct verify_removal *removal, bool with_account)
{
    Sotto__Keyx__V1__DeviceRemoved fact = SOTTO__KEYX__V1__DEVICE_REMOVED__INIT;
    struct buf out = {0};
    fact.user_id = view(removal->user_id, ID_BYTES);
    fact.device_id = view(removal->device_id, ID_BYTES);
    fact.by_device = view(removal->by_device, ID_BYTES);
    fact.removed_ms = (int64_t)removal->removed_at;
    fact.signature = view(removal->signature, VERIFY_SIGNATURE_BYTES);
    fact.account = with_account;
    buf_pack(&out, &fact.base);
    return out;
}

/* The server refuses us with these details. */
static int
refuse_as(struct sotto_client *client, const struct verify_removal *removal, bool with_account)
{
    struct buf details = pack_removal(removal, with_account);
    fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated", "no");
    int status = own_device_refused(client, &details);
    buf_fini(&details);
    return status;
}

static int
refuse(struct sotto_client *client, const struct verify_removal *removal)
{
    return refuse_as(client, removal, false);
}

static void
a_device_gives_up_its_keys_for_a_signed_removal_of_itself_only(void **state)
{
    static const uint8_t zero[VERIFY_SEED_BYTES];
    struct sotto_client *client = kit_client(*state);
    struct story own;
    struct verify_removal removal;
    begin(&own, client->account.user_id, 1);

    sign_removal(&own, 0xad, 0xd1, &removal);
    removal.signature[0] ^= 1;
    assert_fails(refuse(client, &removal), SOTTO_CLIENT_EAUTH);
    sign_removal(&own, 0xae, 0xd1, &removal);
    assert_fails(refuse(client, &removal), SOTTO_CLIENT_EAUTH);
    assert_true(client->account.has_identity);
    assert_ok(own_device_gate(client));

    sign_removal(&own, 0xad, 0xd1, &removal);
    assert_fails(refuse(client, &removal), SOTTO_CLIENT_EAUTH);

    assert_non_null(
        strstr(client->error.message, "this device was removed on 2026-01-01 by d1d1d1d1"));
    assert_ok(account_load(client));
    assert_false(client->account.has_identity);
    assert_memory_equal(client->account.identity_seed, zero, VERIFY_SEED_BYTES);
    assert_memory_equal(client->account.device_seed, zero, VERIFY_SEED_BYTES);
    assert_fails(own_device_gate(client), SOTTO_CLIENT_EAUTH);
    sotto_client_close(&client);
}

/* A deletion in the form in which the server shows it to a device that comes back. */
static void
sign_deletion(const struct story *story, uint8_t by, struct verify_removal *out)
{
    struct verify_deletion deletion = {.deleted_at = 1767225600000};
    sign_removal(story, 0xad, by, out);
    memcpy(deletion.user_id, story->user_id, ID_BYTES);
    memset(deletion.by_device, by, ID_BYTES);
    verify_deletion_sign(story->seed, &deletion);
    memcpy(out->signature, deletion.signature, VERIFY_SIGNATURE_BYTES);
}

static void
a_device_gives_up_its_keys_for_a_signed_deletion_of_its_account_only(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct story own;
    struct verify_removal removal;
    begin(&own, client->account.user_id, 1);

    sign_removal(&own, 0xad, 0xd1, &removal); /* one signature does not pass for the other */
    assert_fails(refuse_as(client, &removal, true), SOTTO_CLIENT_EAUTH);
    sign_deletion(&own, 0xd1, &removal);
    assert_fails(refuse_as(client, &removal, false), SOTTO_CLIENT_EAUTH);
    assert_true(client->account.has_identity);

    assert_fails(refuse_as(client, &removal, true), SOTTO_CLIENT_EAUTH);
    assert_non_null(
        strstr(client->error.message, "this account was deleted on 2026-01-01 by d1d1d1d1"));
    assert_ok(account_load(client));
    assert_false(client->account.has_identity);
    assert_true(client->account.deleted);
    sotto_client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
static const struct CMUnitTest tests[] = {
    CASE(devices_that_come_and_go_are_told_and_leave_a_verified_contact_verified),
    CASE(a_device_that_went_before_the_first_contact_is_known_to_be_gone),
    CASE(a_removal_that_the_user_did_not_sign_blocks),
    CASE(our_own_key_log_must_go_on_where_it_was),
    CASE(a_device_gives_up_its_keys_for_a_signed_removal_of_itself_only),
    CASE(a_device_gives_up_its_keys_for_a_signed_deletion_of_its_account_only),
    CASE(a_key_log_that_ends_with_the_deletion_leaves_the_last_key),
    CASE(a_deletion_that_the_user_did_not_sign_blocks),
};

SOTTO_TEST_MAIN(tests)
