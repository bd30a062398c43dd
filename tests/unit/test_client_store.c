/* SPDX-License-Identifier: MIT */
/*
 * Chats and messages in a profile: finding a chat by what a person calls it, and the archive.
 */
#include "client_kit.h"
#include "sotto_test.h"
#include "store.h"
#include "trust.h"

#include "content.pb-c.h"

static void
make_contact(struct sotto_client *client, uint8_t id, const char *name)
{
    struct contact contact = {.exists = true};
    memset(contact.user_id, id, ID_BYTES);
    snprintf(contact.name, sizeof(contact.name), "%s", name);
    assert_ok(contact_store(client, &contact));
}

/* A chat whose id begins with two given bytes, with ourselves and the users of the given ids. */
static struct chat
make_chat(struct sotto_client *client, uint8_t first, uint8_t second, int type, const char *title,
          const char *users)
{
    struct chat chat = {.type = type, .mode = 1, .state = CHAT_READY, .exists = true};
    uint8_t ids[8][ID_BYTES];
    size_t count = 0;
    chat.id[0] = first;
    chat.id[1] = second;
    snprintf(chat.title, sizeof(chat.title), "%s", title);
    assert_ok(chat_store(client, &chat));
    memcpy(ids[count++], client->account.user_id, ID_BYTES);
    for (; *users; users++)
        memset(ids[count++], *users, ID_BYTES);
    assert_ok(chat_set_members(client, chat.id, (const uint8_t(*)[ID_BYTES])ids, count));
    return chat;
}

static struct sotto_client *
make_world(void **state)
{
    struct sotto_client *client = kit_client(*state);
    make_contact(client, 'b', "bob");
    make_contact(client, 'c', "carol");
    make_chat(client, 0x12, 0x34, CHAT_DIRECT, "", "b");
    make_chat(client, 0x12, 0x35, CHAT_GROUP, "bob", "bc");
    make_chat(client, 0xfe, 0xed, CHAT_GROUP, "", "bc");
    return client;
}

static void
expect(struct sotto_client *client, const char *text, uint8_t first, uint8_t second)
{
    struct chat chat;
    assert_ok(chat_find(client, text, &chat));
    assert_int_equal(chat.id[0], first);
    assert_int_equal(chat.id[1], second);
}

static void
a_chat_is_found_by_id_prefix_title_and_name(void **state)
{
    struct sotto_client *client = make_world(state);

    expect(client, "feed0000000000000000000000000000", 0xfe, 0xed);
    expect(client, "FEED", 0xfe, 0xed);
    expect(client, "12350", 0x12, 0x35);
    expect(client, "bob", 0x12, 0x34); /* the chat of two before the group of that title */
    expect(client, "BOB", 0x12, 0x34);
    expect(client, "bob, carol", 0xfe, 0xed);
    sotto_client_close(&client);
}

static void
a_name_leads_to_its_user_only_whatever_others_call_their_chats(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct chat chat;
    make_contact(client, 'b', "bob");
    make_contact(client, 'd', "cafe");
    make_contact(client, 'm', "mallory");
    make_chat(client, 0x01, 0x01, CHAT_GROUP, "bob", "m");
    make_chat(client, 0x01, 0x02, CHAT_DIRECT, "bob", "m");
    make_chat(client, 0xca, 0xfe, CHAT_GROUP, "x", "m");

    assert_fails(chat_find(client, "bob", &chat), SOTTO_CLIENT_EFAILED);
    assert_string_equal(client->error.code, "not_found");
    assert_fails(chat_find(client, "cafe", &chat), SOTTO_CLIENT_EFAILED);
    expect(client, "mallory", 0x01, 0x02);
    make_chat(client, 0x01, 0x03, CHAT_DIRECT, "", "b");
    expect(client, "bob", 0x01, 0x03);
    sotto_client_close(&client);
}

static void
a_chat_of_two_with_a_third_is_not_the_one_with_that_user(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct chat chat;
    uint8_t bob[ID_BYTES];
    memset(bob, 'b', ID_BYTES);
    make_contact(client, 'b', "bob");
    make_chat(client, 0x01, 0x01, CHAT_DIRECT, "", "bm");

    assert_ok(chat_find_direct(client, bob, &chat));
    assert_false(chat.exists);
    assert_fails(chat_find(client, "bob", &chat), SOTTO_CLIENT_EFAILED);
    sotto_client_close(&client);
}

static void
what_fits_no_chat_or_several_is_refused(void **state)
{
    struct sotto_client *client = make_world(state);
    struct chat chat;
    make_chat(client, 0xfe, 0xee, CHAT_GROUP, "twice", "b");
    make_chat(client, 0xfe, 0xef, CHAT_GROUP, "twice", "c");
    make_chat(client, 0x12, 0x35 + 0x10, CHAT_GROUP, "x", "c");

    assert_fails(chat_find(client, "nobody", &chat), SOTTO_CLIENT_EFAILED);
    assert_string_equal(client->error.code, "not_found");
    assert_fails(chat_find(client, "fee", &chat), SOTTO_CLIENT_EFAILED);
    assert_fails(chat_find(client, "twice", &chat), SOTTO_CLIENT_EUSAGE);
    sotto_client_close(&client);
}

static void
a_prefix_of_two_chats_is_ambiguous(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct chat chat;
    make_chat(client, 0xab, 0xcd, CHAT_GROUP, "one", "b");
    struct chat other = make_chat(client, 0xab, 0xce, CHAT_GROUP, "two", "b");
    other.id[1] = 0xcd;
    other.id[5] = 1;
    assert_ok(chat_store(client, &other));

    assert_fails(chat_find(client, "abcd", &chat), SOTTO_CLIENT_EUSAGE);
    assert_ok(chat_find(client, "abce", &chat));
    sotto_client_close(&client);
}

static void
the_chat_of_two_is_found_by_the_other_user(void **state)
{
    struct sotto_client *client = make_world(state);
    struct chat chat;
    uint8_t bob[ID_BYTES];
    uint8_t carol[ID_BYTES];
    memset(bob, 'b', ID_BYTES);
    memset(carol, 'c', ID_BYTES);

    assert_ok(chat_find_direct(client, bob, &chat));
    assert_int_equal(chat.id[1], 0x34);
    assert_ok(chat_find_direct(client, carol, &chat));
    assert_false(chat.exists);
    sotto_client_close(&client);
}

struct seen {
    int count;
    uint64_t seq[4];
    char text[4][32];
};

static int
note_message(const struct sotto_client_message *message, void *arg)
{
    struct seen *seen = arg;
    assert_true(seen->count < 4);
    seen->seq[seen->count] = message->seq;
    snprintf(seen->text[seen->count], 32, "%s:%s", message->from, message->text);
    seen->count++;
    return 0;
}

static void
put_text(struct sotto_client *client, const struct chat *chat, uint64_t seq, const char *text)
{
    Sotto__Content__V1__Content content = SOTTO__CONTENT__V1__CONTENT__INIT;
    Sotto__Content__V1__Text body = SOTTO__CONTENT__V1__TEXT__INIT;
    struct message message = {.seq = seq, .kind = KIND_TEXT, .ts_ms = 5};
    struct buf encoded = {0};
    uint8_t id[ID_BYTES] = {9};
    content.id = view(id, ID_BYTES);
    body.text = (char *)(uintptr_t)text;
    content.body_case = SOTTO__CONTENT__V1__CONTENT__BODY_TEXT;
    content.text = &body;
    buf_pack(&encoded, &content.base);
    memcpy(message.chat_id, chat->id, ID_BYTES);
    memset(message.from_user, 'b', ID_BYTES);
    assert_ok(message_store(client, &message, &encoded, NULL));
    buf_fini(&encoded);
}

static void
a_message_is_archived_once_and_read_in_order(void **state)
{
    struct sotto_client *client = make_world(state);
    struct chat chat;
    struct seen seen = {0};
    assert_ok(chat_find(client, "feed", &chat));

    put_text(client, &chat, 8, "second");
    put_text(client, &chat, 7, "first");
    put_text(client, &chat, 7, "again");

    assert_ok(message_each(client, "SELECT " MESSAGE_COLUMNS " FROM messages ORDER BY seq", NULL, 0,
                           note_message, &seen, NULL, NULL));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.seq[0], 7);
    assert_string_equal(seen.text[0], "bob:first");
    assert_string_equal(seen.text[1], "bob:second");
    sotto_client_close(&client);
}

static void
a_message_moved_to_another_chat_in_the_file_does_not_open(void **state)
{
    struct sotto_client *client = make_world(state);
    struct chat chat;
    struct seen seen = {0};
    assert_ok(chat_find(client, "feed", &chat));
    put_text(client, &chat, 7, "first");

    assert_ok(query_run(&client->profile, &client->error,
                        "UPDATE messages SET chat_id = (SELECT chat_id FROM chats WHERE type = 1)",
                        NULL, 0));

    assert_fails(message_each(client, "SELECT " MESSAGE_COLUMNS " FROM messages", NULL, 0,
                              note_message, &seen, NULL, NULL),
                 SOTTO_CLIENT_EFAILED);
    assert_int_equal(seen.count, 0);
    sotto_client_close(&client);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)

static const struct CMUnitTest tests[] = {
    WITH_KIT(a_chat_is_found_by_id_prefix_title_and_name),
    WITH_KIT(a_name_leads_to_its_user_only_whatever_others_call_their_chats),
    WITH_KIT(a_chat_of_two_with_a_third_is_not_the_one_with_that_user),
    WITH_KIT(what_fits_no_chat_or_several_is_refused),
    WITH_KIT(a_prefix_of_two_chats_is_ambiguous),
    WITH_KIT(the_chat_of_two_is_found_by_the_other_user),
    WITH_KIT(a_message_is_archived_once_and_read_in_order),
    WITH_KIT(a_message_moved_to_another_chat_in_the_file_does_not_open),
};

SOTTO_TEST_MAIN(tests)
