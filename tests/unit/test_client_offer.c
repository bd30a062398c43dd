/* SPDX-License-Identifier: MIT */
/*
 * Resets that wait: what an id says, who may be in the new chat, and what is kept of it. Whole stories are in
 * tests/scenario/47_group_reset.py and 48_evil_server_resets.py.
 */
#include "client_kit.h"
#include "offer.h"
#include "sotto_test.h"
#include "trust.h"

struct world {
    struct sotto_client *client;
    struct chat chat;
    struct offer offer;
    struct verify_cert bob, ann; /* as they sit in the new chat */
};

static struct verify_cert
seat_of(const uint8_t user[ID_BYTES], const uint8_t key[KEY_BYTES], uint8_t device)
{
    struct verify_cert cert = {0};
    memcpy(cert.user_id, user, ID_BYTES);
    memcpy(cert.identity_key, key, KEY_BYTES);
    memset(cert.device_id, device, ID_BYTES);
    return cert;
}

/* A chat of ann, who is us, and bob, whose identity key is pinned; a reset of it by bob. */
static void
make_world(void **state, struct world *world)
{
    struct contact bob = {.exists = true, .pinned = true};
    *world = (struct world){.client = kit_client(*state)};
    memset(bob.user_id, 'b', ID_BYTES);
    memset(bob.identity_key, 'B', KEY_BYTES);
    assert_ok(contact_store(world->client, &bob));
    world->chat = (struct chat){.type = CHAT_GROUP, .mode = 1, .state = CHAT_READY};
    memset(world->chat.id, 0xc1, ID_BYTES);
    assert_ok(chat_store(world->client, &world->chat));
    uint8_t users[2][ID_BYTES];
    memcpy(users[0], bob.user_id, ID_BYTES);
    memcpy(users[1], world->client->account.user_id, ID_BYTES);
    assert_ok(
        chat_set_members(world->client, world->chat.id, (const uint8_t(*)[ID_BYTES])users, 2));
    world->bob = seat_of(bob.user_id, bob.identity_key, 1);
    world->ann = seat_of(world->client->account.user_id, world->client->account.identity_key, 2);
    assert_ok(offer_load(world->client, world->chat.id, &world->offer));
    assert_false(world->offer.exists);
    offer_make_id(world->chat.id, world->offer.successor);
}

static void
end_world(struct world *world)
{
    offer_fini(&world->offer);
    sotto_client_close(&world->client);
}

static enum offer_refusal
judge(struct world *world, struct verify_cert first, struct verify_cert second, size_t count,
      const uint8_t signer[ID_BYTES])
{
    const struct verify_cert members[] = {first, second};
    assert_ok(offer_judge(world->client, &world->offer, members, count, signer));
    return world->offer.refusal;
}

static void
an_id_says_what_the_chat_replaces(void **state)
{
    static const uint8_t made[ID_BYTES] = {1,    2,    3,    4,    5,    6,    7,    8,
                                           0x94, 0x70, 0xf4, 0xf5, 0x78, 0x7b, 0xf4, 0x5a};
    uint8_t old[ID_BYTES], id[ID_BYTES], other[ID_BYTES];
    (void)state;
    memset(old, 0xc1, ID_BYTES);
    assert_true(offer_id_fits(made, old));
    offer_make_id(old, id);
    offer_make_id(old, other);
    assert_true(offer_id_fits(id, old) && offer_id_fits(other, old));
    assert_memory_not_equal(id, other, ID_BYTES);
    for (size_t i = 0; i < ID_BYTES; i++) {
        id[i] ^= 1;
        assert_false(offer_id_fits(id, old));
        id[i] ^= 1;
    }
    assert_false(offer_id_fits(id, other));
}

static void
a_successor_is_recognised_while_this_device_is_in_its_chat(void **state)
{
    struct world world;
    struct chat old;
    make_world(state, &world);
    assert_ok(offer_find_old(world.client, world.offer.successor, &old));
    assert_true(old.exists && id_equal(old.id, world.chat.id));
    world.chat.state = CHAT_LEFT;
    assert_ok(chat_store(world.client, &world.chat));
    assert_ok(offer_find_old(world.client, world.offer.successor, &old));
    assert_false(old.exists);
    end_world(&world);
}

static void
members_are_those_of_the_old_chat_as_they_are_known(void **state)
{
    struct world world;
    uint8_t eve[ID_BYTES], key[KEY_BYTES];
    make_world(state, &world);
    memset(eve, 'e', ID_BYTES);
    memset(key, 'E', KEY_BYTES);
    const uint8_t *bob = world.bob.user_id;
    const struct verify_cert false_bob = seat_of(bob, key, 1);
    const struct verify_cert stranger = seat_of(eve, key, 3);

    assert_int_equal(judge(&world, world.bob, world.ann, 2, bob), OFFER_GOOD);
    assert_int_equal(world.offer.user_count, 2);
    assert_int_equal(judge(&world, world.bob, world.ann, 1, bob), OFFER_WITHOUT_US);
    assert_int_equal(judge(&world, world.ann, stranger, 2, bob), OFFER_NEW_USER);
    assert_memory_equal(world.offer.about, eve, ID_BYTES);
    assert_int_equal(judge(&world, stranger, world.ann, 2, eve), OFFER_BY_STRANGER);
    assert_int_equal(judge(&world, false_bob, world.ann, 2, bob), OFFER_OTHER_KEY);
    assert_memory_equal(world.offer.about, bob, ID_BYTES);
    assert_ok(query_run(&world.client->profile, &world.client->error,
                        "INSERT INTO removed_devices(user_id, device_id) VALUES(?, ?)",
                        BINDS(bind_blob(bob, ID_BYTES), bind_blob(world.bob.device_id, ID_BYTES))));
    assert_int_equal(judge(&world, world.bob, world.ann, 2, bob), OFFER_GONE_DEVICE);
    end_world(&world);
}

static void
an_offer_is_kept_as_it_was_and_ends_with_its_chat(void **state)
{
    struct world world;
    struct offer kept;
    make_world(state, &world);
    judge(&world, world.bob, world.ann, 2, world.bob.user_id);
    buf_set(&world.offer.welcome, "welcome", 7);
    world.offer.ts_ms = 42;
    world.offer.confirmed = true;
    assert_ok(offer_store(world.client, &world.offer));

    assert_ok(offer_load(world.client, world.chat.id, &kept));
    assert_true(kept.exists && kept.confirmed && kept.ts_ms == 42);
    assert_int_equal(kept.refusal, OFFER_GOOD);
    assert_memory_equal(kept.successor, world.offer.successor, ID_BYTES);
    assert_memory_equal(kept.by, world.bob.user_id, ID_BYTES);
    assert_int_equal(kept.user_count, 2);
    assert_int_equal(kept.welcome.len, 7);
    offer_fini(&kept);
    assert_ok(chat_delete(world.client, world.chat.id));
    assert_ok(offer_load(world.client, world.chat.id, &kept));
    assert_false(kept.exists);
    offer_fini(&kept);
    end_world(&world);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_id_says_what_the_chat_replaces),
    WITH_KIT(a_successor_is_recognised_while_this_device_is_in_its_chat),
    WITH_KIT(members_are_those_of_the_old_chat_as_they_are_known),
    WITH_KIT(an_offer_is_kept_as_it_was_and_ends_with_its_chat),
};

SOTTO_TEST_MAIN(tests)
