/* SPDX-License-Identifier: MIT */
/*
 * What a server may do with invitations and titles, and others with KeyPackages, without a server:
 * Welcomes of a real MLS group are handed to the inbox as a page would bring them.
 */
#include "client_kit.h"
#include "inbox.h"
#include "keys.h"
#include "mls_peer.h"
#include "sotto_test.h"
#include "trust.h"

#include "content.pb-c.h"

#define SUITE 3
#define YEAR_SECONDS (365 * 86400)

struct world {
    struct sotto_client *client;
    struct mls_peer bob;
    uint8_t chat_id[ID_BYTES];
    struct peer_bundle bundle;
    Sotto__Chat__V1__Welcome welcome;
};

/* A last-resort KeyPackage of the client, its private half in the profile. */
static struct mls_buf
make_last_resort(struct sotto_client *client)
{
    uint64_t now = (uint64_t)wall_seconds();
    struct mls_client self = group_mls_client(client);
    struct mls_config config;
    struct mls_buf message = {0};
    struct mls_buf secret = {0};
    struct mls_key_package_info info;
    struct buf sealed = {0};
    self.lifetime = (struct mls_lifetime){now - 3600, now + YEAR_SECONDS};
    group_config(client, &config);
    assert_ok(mls_key_package_create(&config, &self, SUITE, &message, &secret));
    assert_ok(mls_key_package_info(mls_provider_default(), mls_buf_bytes(&message), &info));
    vault_seal(&client->profile.vault,
               (struct vault_place){"key_packages.bundle", info.ref, MLS_REF_BYTES}, secret.data,
               secret.len, &sealed);
    assert_ok(query_run(&client->profile, &client->error,
                        "INSERT INTO key_packages(ref, suite, last_resort, not_after, bundle)"
                        " VALUES(?, ?, 1, ?, ?)",
                        BINDS(bind_blob(info.ref, MLS_REF_BYTES), bind_int(SUITE),
                              bind_int((int64_t)self.lifetime.not_after),
                              bind_blob(sealed.data, sealed.len))));
    buf_fini(&sealed);
    mls_buf_fini(&secret);
    return message;
}

/* Bob has invited ann; the Welcome is on its way. */
static void
make_world(void **state, struct world *world, int type)
{
    *world = (struct world){.client = kit_client(*state)};
    memset(world->chat_id, 0xc1, ID_BYTES);
    mls_peer_init(&world->bob, 'b', '1', SUITE, (uint64_t)wall_seconds());
    mls_peer_create(&world->bob, world->chat_id);
    struct mls_buf package = make_last_resort(world->client);
    struct mls_bytes add = mls_buf_bytes(&package);
    mls_peer_commit(&world->bob, &add, 1, NULL, 0, &world->bundle);
    mls_peer_merge(&world->bob);
    mls_buf_fini(&package);
    sotto__chat__v1__welcome__init(&world->welcome);
    world->welcome.chat_id = view(world->chat_id, ID_BYTES);
    world->welcome.seq = 1;
    world->welcome.epoch = 1;
    world->welcome.welcome = view(world->bundle.welcome.data, world->bundle.welcome.len);
    world->welcome.inviter_user = view(world->bob.user, ID_BYTES);
    world->welcome.type = (Sotto__Chat__V1__ChatType)type;
    world->welcome.mode = SOTTO__CHAT__V1__MODE__MODE_ARCHIVE;
}

static void
end_world(struct world *world)
{
    peer_bundle_fini(&world->bundle);
    mls_peer_fini(&world->bob);
    sotto_client_close(&world->client);
}

static struct chat
take_welcome(struct world *world)
{
    struct inbox inbox = {0};
    struct chat chat;
    assert_ok(inbox_begin(world->client, &inbox));
    int status = inbox_welcome(world->client, &inbox, &world->welcome);
    assert_ok(inbox_end(world->client, &inbox, status));
    assert_int_equal(inbox.welcome_count, 1); /* to be acknowledged in any case */
    assert_ok(chat_load(world->client, world->chat_id, &chat));
    return chat;
}

static struct chat
take_entry_of(struct world *world, uint64_t seq, Sotto__Chat__V1__EntryKind kind,
              const struct mls_buf *message)
{
    struct inbox inbox = {0};
    struct chat chat;
    Sotto__Chat__V1__Entry entry = SOTTO__CHAT__V1__ENTRY__INIT;
    entry.chat_id = view(world->chat_id, ID_BYTES);
    entry.seq = seq;
    entry.kind = kind;
    entry.ts_ms = wall_ms();
    entry.message = view(message->data, message->len);
    assert_ok(inbox_begin(world->client, &inbox));
    int status = inbox_entry(world->client, &inbox, &entry, false);
    assert_ok(inbox_end(world->client, &inbox, status));
    assert_ok(chat_load(world->client, world->chat_id, &chat));
    assert_int_equal(chat.cursor, seq);
    return chat;
}

static struct chat
take_entry(struct world *world, uint64_t seq, const struct mls_buf *message)
{
    return take_entry_of(world, seq, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_APPLICATION, message);
}

/* The commit by which a device would join Bob's group by itself. */
static void
join_alone(struct world *world, struct mls_peer *joiner, struct mls_buf *commit_out)
{
    struct mls_buf info = {0};
    assert_ok(mls_group_export_info(world->bob.group, true, &info));
    const struct mls_client self = mls_peer_client(joiner, 86400);
    const struct mls_external_join_params params = {.group_info = mls_buf_bytes(&info)};
    assert_ok(
        mls_group_join_external(&joiner->config, &self, &params, &joiner->group, commit_out, NULL));
    mls_buf_fini(&info);
}

/* The server would not take it; one that lies does. */
static void
a_commit_that_closes_the_group_is_not_followed(void **state)
{
    const struct mls_proposal reinit = {
        .type = MLS_PROPOSAL_REINIT, .group_id = {(const uint8_t *)"other", 5}, .suite = SUITE};
    const struct mls_commit_options options = {.proposals = &reinit, .proposal_count = 1};
    struct mls_buf commit = {0};
    struct mls_buf welcome = {0};
    struct world world;
    make_world(state, &world, CHAT_GROUP);
    take_welcome(&world);
    assert_ok(mls_group_commit(world.bob.group, &options, &commit, &welcome, NULL));
    struct chat chat =
        take_entry_of(&world, 2, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT, &commit);
    assert_int_equal(chat.state, CHAT_BROKEN);
    assert_int_equal(chat.epoch, 1);
    mls_buf_fini(&commit);
    end_world(&world);
}

static void
a_replayed_welcome_does_not_lead_back_to_an_earlier_epoch(void **state)
{
    struct world world;
    make_world(state, &world, CHAT_GROUP);
    struct chat chat = take_welcome(&world);
    assert_int_equal(chat.state, CHAT_READY);
    assert_int_equal(chat.epoch, 1);
    /* The chat went on, then the server says that we are not in it any more. */
    chat.epoch = 5;
    chat.cursor = 9;
    chat.state = CHAT_LEFT;
    assert_ok(chat_store(world.client, &chat));

    chat = take_welcome(&world);
    assert_int_equal(chat.state, CHAT_LEFT);
    assert_int_equal(chat.epoch, 5);
    assert_int_equal(chat.cursor, 9);

    chat.epoch = 0; /* a Welcome that is newer than what we left is one to take */
    assert_ok(chat_store(world.client, &chat));
    chat = take_welcome(&world);
    assert_int_equal(chat.state, CHAT_READY);
    end_world(&world);
}

/* The server serves the tree, and the invitation says which one it must be. */
static void
only_the_tree_that_the_invitation_names_leads_into_a_chat(void **state)
{
    struct world world;
    struct mls_buf tree = {0}, later = {0};
    const struct mls_commit_options renew = {.force_path = true};
    struct mls_buf commit = {0}, nobody = {0};
    make_world(state, &world, CHAT_GROUP);
    assert_ok(mls_group_ratchet_tree(world.bob.group, &tree));
    assert_ok(mls_group_commit(world.bob.group, &renew, &commit, &nobody, NULL));
    mls_peer_merge(&world.bob);
    assert_ok(mls_group_ratchet_tree(world.bob.group, &later));

    world.welcome.ratchet_tree = view(later.data, later.len);
    assert_false(take_welcome(&world).exists);
    tree.data[tree.len / 2] ^= 1;
    world.welcome.ratchet_tree = view(tree.data, tree.len);
    assert_false(take_welcome(&world).exists);
    tree.data[tree.len / 2] ^= 1;
    assert_int_equal(take_welcome(&world).state, CHAT_READY);
    mls_buf_fini(&nobody);
    mls_buf_fini(&commit);
    mls_buf_fini(&later);
    mls_buf_fini(&tree);
    end_world(&world);
}

/* A title from bob, encrypted in his group. */
static struct mls_buf
encrypt_title(struct world *world, const char *title, bool told)
{
    Sotto__Content__V1__Content content = SOTTO__CONTENT__V1__CONTENT__INIT;
    Sotto__Content__V1__ChatInfo info = SOTTO__CONTENT__V1__CHAT_INFO__INIT;
    uint8_t id[ID_BYTES] = {7};
    struct buf encoded = {0};
    struct mls_buf message = {0};
    info.title = (char *)(uintptr_t)title;
    info.told = told;
    content.id = view(id, ID_BYTES);
    content.body_case = SOTTO__CONTENT__V1__CONTENT__BODY_CHAT_INFO;
    content.chat_info = &info;
    buf_pack(&encoded, &content.base);
    assert_ok(mls_group_encrypt(world->bob.group, (struct mls_bytes){encoded.data, encoded.len},
                                (struct mls_bytes){NULL, 0}, 256, &message));
    buf_fini(&encoded);
    return message;
}

static void
whoever_invited_names_a_group_and_not_a_chat_of_two(void **state)
{
    for (int type = CHAT_DIRECT; type <= CHAT_GROUP; type++) {
        struct world world;
        make_world(state, &world, type);
        take_welcome(&world);
        struct mls_buf message = encrypt_title(&world, "carol", true);
        struct chat chat = take_entry(&world, 2, &message);
        assert_string_equal(chat.title, type == CHAT_GROUP ? "carol" : "");
        mls_buf_fini(&message);
        end_world(&world);
        kit_teardown(state);
        assert_ok(kit_setup(state));
    }
}

/* Hands in the title as entry number `seq`; gives the one that the chat has then. */
static struct chat
take_title(struct world *world, uint64_t seq, const char *title, bool told)
{
    struct mls_buf message = encrypt_title(world, title, told);
    struct chat chat = take_entry(world, seq, &message);
    mls_buf_fini(&message);
    return chat;
}

static void
set_bobs_role(struct world *world, int role)
{
    assert_ok(chat_set_role(world->client, world->chat_id, world->bob.user, role));
}

static void
a_title_counts_from_owner_and_admins(void **state)
{
    struct world world;
    make_world(state, &world, CHAT_GROUP);
    take_welcome(&world); /* bob is a member like us, and invited us */

    assert_string_equal(take_title(&world, 2, "first", false).title, "");
    assert_string_equal(take_title(&world, 3, "told", true).title, "told");
    assert_string_equal(take_title(&world, 4, "told again", true).title, "told");
    assert_string_equal(take_title(&world, 5, "by a member", false).title, "told");
    set_bobs_role(&world, ROLE_ADMIN);
    assert_string_equal(take_title(&world, 6, "by an admin", false).title, "by an admin");
    assert_string_equal(take_title(&world, 7, "told", true).title, "by an admin");
    set_bobs_role(&world, ROLE_MEMBER);
    assert_string_equal(take_title(&world, 8, "too late", false).title, "by an admin");
    end_world(&world);
}

static int64_t
count_kind(struct world *world, enum message_kind kind)
{
    int64_t count = 0;
    assert_ok(query_number(&world->client->profile, &count, &world->client->error,
                           "SELECT COUNT(*) FROM messages WHERE kind = ?", BINDS(bind_int(kind))));
    return count;
}

/* Hands in a text of Bob's under a name; gives the number of texts that are in the archive then. */
static int64_t
take_text(struct world *world, uint64_t seq, uint8_t name, const char *said)
{
    Sotto__Content__V1__Content content = SOTTO__CONTENT__V1__CONTENT__INIT;
    Sotto__Content__V1__Text text = SOTTO__CONTENT__V1__TEXT__INIT;
    uint8_t id[ID_BYTES] = {name};
    struct buf encoded = {0};
    struct mls_buf message = {0};
    text.text = (char *)(uintptr_t)said;
    content.id = view(id, name ? ID_BYTES : 0);
    content.body_case = SOTTO__CONTENT__V1__CONTENT__BODY_TEXT;
    content.text = &text;
    buf_pack(&encoded, &content.base);
    assert_ok(mls_group_encrypt(world->bob.group, (struct mls_bytes){encoded.data, encoded.len},
                                (struct mls_bytes){NULL, 0}, 256, &message));
    buf_fini(&encoded);
    take_entry(world, seq, &message);
    mls_buf_fini(&message);
    return count_kind(world, KIND_TEXT);
}

/* A second message under the name of another one must not be hidden from those who have the first. */
static void
a_message_that_comes_again_is_stored_once_and_another_of_its_name_too(void **state)
{
    struct world world;
    make_world(state, &world, CHAT_GROUP);
    take_welcome(&world);

    assert_int_equal(take_text(&world, 2, 7, "hello"), 1);
    assert_int_equal(take_text(&world, 3, 7, "hello"), 1);
    assert_int_equal(take_text(&world, 4, 8, "hello"), 2);
    assert_int_equal(take_text(&world, 5, 7, "other"), 3);
    assert_int_equal(take_text(&world, 6, 7, "other"), 3);
    assert_int_equal(take_text(&world, 7, 0, "no name"), 4);
    assert_int_equal(take_text(&world, 8, 0, "no name"), 5);
    end_world(&world);
}

static void
put_package(struct sotto_client *client, int64_t number, bool last_resort, int64_t not_after)
{
    assert_ok(query_run(
        &client->profile, &client->error,
        "INSERT INTO key_packages(ref, suite, last_resort, not_after, bundle)"
        " VALUES(?, 3, ?, ?, x'00')",
        BINDS(bind_blob(&number, sizeof(number)), bind_int(last_resort), bind_int(not_after))));
}

static int64_t
count_packages(struct sotto_client *client, bool last_resort, int64_t from)
{
    int64_t count = -1;
    assert_ok(query_number(&client->profile, &count, &client->error,
                           "SELECT COUNT(*) FROM key_packages WHERE last_resort = ?"
                           " AND not_after >= ?",
                           BINDS(bind_int(last_resort), bind_int(from))));
    return count;
}

static void
whoever_claims_packages_for_nothing_does_not_fill_the_disk(void **state)
{
    struct sotto_client *client = kit_client(*state);
    int64_t now = wall_seconds();
    assert_ok(profile_begin(&client->profile, &client->error));
    for (int64_t i = 0; i < 1200; i++)
        put_package(client, i, false, now + i);
    for (int64_t i = 0; i < 30; i++)
        put_package(client, 2000 + i, true, now + i);
    put_package(client, 3000, false, now - 2 * 86400);
    assert_ok(profile_commit(&client->profile, &client->error));

    assert_ok(keys_forget_old(client));

    assert_int_equal(count_packages(client, false, 0), 1000);
    assert_int_equal(count_packages(client, false, now + 200), 1000); /* the newest */
    assert_int_equal(count_packages(client, true, 0), 20);
    assert_int_equal(count_packages(client, true, now + 10), 20);
    sotto_client_close(&client);
}

/* ---- gaps and deletions ----------------------------------------------------------------------- */

static struct chat
take_gap(struct world *world, uint64_t upto_seq, uint64_t epoch)
{
    struct inbox inbox = {0};
    struct chat chat;
    Sotto__Chat__V1__Gap gap = SOTTO__CHAT__V1__GAP__INIT;
    gap.chat_id = view(world->chat_id, ID_BYTES);
    gap.upto_seq = upto_seq;
    gap.epoch = epoch;
    assert_ok(inbox_begin(world->client, &inbox));
    int status = inbox_gap(world->client, &inbox, &gap);
    assert_ok(inbox_end(world->client, &inbox, status));
    assert_ok(chat_load(world->client, world->chat_id, &chat));
    return chat;
}

static void
a_gap_of_a_relay_chat_is_stepped_over_and_told(void **state)
{
    struct world world;
    make_world(state, &world, CHAT_GROUP);
    world.welcome.mode = SOTTO__CHAT__V1__MODE__MODE_RELAY;
    take_welcome(&world);

    struct chat chat = take_gap(&world, 5, 1);
    assert_int_equal(chat.cursor, 5);
    assert_int_equal(chat.state, CHAT_READY);
    assert_int_equal(count_kind(&world, KIND_NOT_KEPT), 1);
    take_gap(&world, 3, 9); /* behind the cursor: nothing */
    assert_int_equal(count_kind(&world, KIND_NOT_KEPT), 1);
    chat = take_gap(&world, 6, 2);
    assert_int_equal(chat.state, CHAT_BROKEN); /* a commit was among it */
    end_world(&world);
}

static void
a_gap_is_no_excuse_in_an_archive(void **state)
{
    struct world world;
    make_world(state, &world, CHAT_GROUP);
    take_welcome(&world);

    struct chat chat = take_gap(&world, 5, 2);
    assert_int_equal(chat.cursor, 1);
    assert_int_equal(chat.state, CHAT_READY);
    assert_int_equal(count_kind(&world, KIND_NOT_KEPT), 0);
    end_world(&world);
}

static void
assert_no_keys(struct world *world)
{
    struct buf state = {0};
    assert_ok(chat_get_blob(world->client, world->chat_id, CHAT_BLOB_MLS, &state));
    assert_int_equal(state.len, 0);
}

static void
a_member_who_is_removed_keeps_no_keys_of_the_group(void **state)
{
    const uint32_t own_leaf[] = {1};
    struct world world;
    struct peer_bundle bundle = {0};
    make_world(state, &world, CHAT_GROUP);
    take_welcome(&world);
    mls_peer_commit(&world.bob, NULL, 0, own_leaf, 1, &bundle);

    struct chat chat =
        take_entry_of(&world, 2, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT, &bundle.commit);

    assert_int_equal(chat.state, CHAT_LEFT);
    assert_int_equal(chat.left_how, LEFT_REMOVED);
    assert_no_keys(&world);
    peer_bundle_fini(&bundle);
    end_world(&world);
}

static void
a_deleted_chat_is_left_and_can_be_forgotten(void **state)
{
    struct world world;
    struct inbox inbox = {0};
    struct chat chat;
    Sotto__Chat__V1__ChatDeleted deleted = SOTTO__CHAT__V1__CHAT_DELETED__INIT;
    make_world(state, &world, CHAT_GROUP);
    take_welcome(&world);
    deleted.chat_id = view(world.chat_id, ID_BYTES);
    deleted.user_id = view(world.bob.user, ID_BYTES);
    deleted.ts_ms = 7;

    assert_ok(inbox_begin(world.client, &inbox));
    int status = inbox_deleted(world.client, &inbox, &deleted);
    assert_ok(inbox_end(world.client, &inbox, status));
    assert_ok(chat_load(world.client, world.chat_id, &chat));
    assert_int_equal(inbox.deleted_count, 1); /* to be acknowledged */
    assert_no_keys(&world);
    assert_int_equal(chat.state, CHAT_LEFT);
    assert_int_equal(count_kind(&world, KIND_DELETED), 1);

    assert_ok(chat_forget(world.client, world.chat_id));
    assert_ok(chat_load(world.client, world.chat_id, &chat));
    assert_false(chat.exists);
    assert_int_equal(count_kind(&world, KIND_DELETED) + count_kind(&world, KIND_JOINED), 0);
    end_world(&world);
}

/* The server says that bob deleted the account, in a chat of this type, with a signature by this key. */
static struct chat
take_deletion(void **state, struct world *world, int type, const uint8_t *seed)
{
    Sotto__Chat__V1__AccountDeleted said = SOTTO__CHAT__V1__ACCOUNT_DELETED__INIT;
    struct verify_deletion deletion = {.deleted_at = 1700000000000};
    struct buf packed = {0};
    make_world(state, world, type);
    take_welcome(world);
    memcpy(deletion.user_id, world->bob.user, ID_BYTES);
    memcpy(deletion.by_device, world->bob.device, ID_BYTES);
    verify_deletion_sign(seed ? seed : world->bob.identity_seed, &deletion);
    said.user_id = view(deletion.user_id, ID_BYTES);
    said.by_device = view(deletion.by_device, ID_BYTES);
    said.deleted_ms = (int64_t)deletion.deleted_at;
    said.signature = view(deletion.signature, VERIFY_SIGNATURE_BYTES);
    buf_pack(&packed, &said.base);
    struct mls_buf message = {.data = packed.data, .len = packed.len};
    struct chat chat =
        take_entry_of(world, 2, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ACCOUNT_DELETED, &message);
    buf_fini(&packed);
    assert_int_equal(count_kind(world, KIND_ACCOUNT_DELETED), 1);
    return chat;
}

static void
a_chat_of_two_is_gone_when_the_identity_key_said_so(void **state)
{
    struct world world;
    char name[SOTTO_CLIENT_NAME_BYTES];
    bool gone = false;
    struct chat chat = take_deletion(state, &world, CHAT_DIRECT, NULL);
    assert_ok(chat_is_gone(world.client, &chat, name, &gone));
    assert_true(gone);
    assert_fails(chat_gate_gone(world.client, &chat), SOTTO_CLIENT_EFAILED);
    end_world(&world);
}

static void
a_deletion_that_only_the_server_claims_changes_nothing(void **state)
{
    static const uint8_t forger[VERIFY_SEED_BYTES] = {66};
    struct world world;
    char name[SOTTO_CLIENT_NAME_BYTES];
    bool gone = true;
    struct chat chat = take_deletion(state, &world, CHAT_DIRECT, forger);
    assert_ok(chat_is_gone(world.client, &chat, name, &gone));
    assert_false(gone);
    assert_ok(chat_gate_gone(world.client, &chat));
    end_world(&world);
}

static void
a_member_of_a_group_stays_one_when_only_the_server_claims_it(void **state)
{
    static const uint8_t forger[VERIFY_SEED_BYTES] = {66};
    struct world world;
    int role = 0;
    bool gone = true;
    take_deletion(state, &world, CHAT_GROUP, forger);
    assert_ok(chat_role(world.client, world.chat_id, world.bob.user, &role));
    assert_int_not_equal(role, 0);
    assert_ok(trust_device_is_gone(world.client, world.bob.user, world.bob.device, &gone));
    assert_false(gone);
    end_world(&world);
}

static void
a_member_who_deleted_the_account_is_none_and_all_devices_are_gone(void **state)
{
    struct world world;
    int role = 0;
    bool gone = false;
    take_deletion(state, &world, CHAT_GROUP, NULL);
    assert_ok(chat_role(world.client, world.chat_id, world.bob.user, &role));
    assert_int_equal(role, 0);
    assert_ok(trust_device_is_gone(world.client, world.bob.user, world.bob.device, &gone));
    assert_true(gone);
    end_world(&world);
}

/* Bob's commit of these devices, as entry number `seq`. */
static void
take_adds(struct world *world, uint64_t seq, struct mls_peer *peers, size_t count)
{
    struct mls_bytes packages[4];
    struct peer_bundle bundle = {0};
    for (size_t i = 0; i < count; i++)
        packages[i] = mls_peer_package(&peers[i], YEAR_SECONDS);
    mls_peer_commit(&world->bob, packages, count, NULL, 0, &bundle);
    mls_peer_merge(&world->bob);
    struct chat chat =
        take_entry_of(world, seq, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT, &bundle.commit);
    assert_int_equal(chat.state, CHAT_READY);
    peer_bundle_fini(&bundle);
}

static int64_t
count_from(struct world *world, enum message_kind kind, const struct mls_peer *from)
{
    int64_t count = 0;
    assert_ok(query_number(&world->client->profile, &count, &world->client->error,
                           "SELECT COUNT(*) FROM messages WHERE kind = ? AND from_user = ?",
                           BINDS(bind_int(kind), bind_blob(from->user, ID_BYTES))));
    return count;
}

/* One commit brings devices of two users: neither is told as the other's, whose certificate may be worth more. */
static void
what_happens_to_two_users_at_one_place_is_told_of_both(void **state)
{
    static const uint8_t other_key[KEY_BYTES] = {9};
    struct world world;
    struct mls_peer carol[1], more[2];
    make_world(state, &world, CHAT_GROUP);
    take_welcome(&world);
    mls_peer_init(&carol[0], 'c', '1', SUITE, (uint64_t)wall_seconds());
    mls_peer_init(&more[0], 'b', '2', SUITE, (uint64_t)wall_seconds());
    mls_peer_init(&more[1], 'c', '2', SUITE, (uint64_t)wall_seconds());
    take_adds(&world, 2, carol, 1);

    take_adds(&world, 3, more, 2);
    assert_ok(trust_observe(world.client, carol[0].user, other_key));
    assert_ok(trust_observe(world.client, world.bob.user, other_key));

    assert_int_equal(count_from(&world, KIND_DEVICE_ADDED, &world.bob), 1);
    assert_int_equal(count_from(&world, KIND_DEVICE_ADDED, &carol[0]), 1);
    assert_int_equal(count_from(&world, KIND_KEY_CHANGED, &carol[0]), 1);
    assert_int_equal(count_from(&world, KIND_KEY_CHANGED, &world.bob), 1);
    mls_peer_fini(&carol[0]);
    mls_peer_fini(&more[0]);
    mls_peer_fini(&more[1]);
    end_world(&world);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)

/* Somebody joins by its own commit; the client must then be in this state and epoch. */
static void
expect_after_join(void **state, char user, char device, enum chat_state becomes, uint64_t epoch)
{
    struct world world;
    struct mls_peer joiner;
    struct mls_buf commit = {0};
    make_world(state, &world, CHAT_GROUP);
    take_welcome(&world);
    mls_peer_init(&joiner, user, device, SUITE, (uint64_t)wall_seconds());
    join_alone(&world, &joiner, &commit);

    struct chat chat =
        take_entry_of(&world, 2, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT, &commit);
    assert_int_equal(chat.state, becomes);
    assert_int_equal(chat.epoch, epoch);
    mls_buf_fini(&commit);
    mls_peer_fini(&joiner);
    end_world(&world);
}

static void
another_device_of_a_member_may_join_alone(void **state)
{
    expect_after_join(state, 'b', '2', CHAT_READY, 2);
}

/* Whoever has a GroupInfo can make such a commit, and a server that lies has one. */
static void
a_stranger_who_joins_alone_is_not_followed(void **state)
{
    expect_after_join(state, 'e', '1', CHAT_BROKEN, 1);
}

static const struct CMUnitTest tests[] = {
    WITH_KIT(a_replayed_welcome_does_not_lead_back_to_an_earlier_epoch),
    WITH_KIT(only_the_tree_that_the_invitation_names_leads_into_a_chat),
    WITH_KIT(a_commit_that_closes_the_group_is_not_followed),
    WITH_KIT(whoever_claims_packages_for_nothing_does_not_fill_the_disk),
    WITH_KIT(whoever_invited_names_a_group_and_not_a_chat_of_two),
    WITH_KIT(a_gap_of_a_relay_chat_is_stepped_over_and_told),
    WITH_KIT(a_gap_is_no_excuse_in_an_archive),
    WITH_KIT(a_member_who_is_removed_keeps_no_keys_of_the_group),
    WITH_KIT(a_deleted_chat_is_left_and_can_be_forgotten),
    WITH_KIT(a_message_that_comes_again_is_stored_once_and_another_of_its_name_too),
    WITH_KIT(a_title_counts_from_owner_and_admins),
    WITH_KIT(a_chat_of_two_is_gone_when_the_identity_key_said_so),
    WITH_KIT(a_deletion_that_only_the_server_claims_changes_nothing),
    WITH_KIT(a_member_of_a_group_stays_one_when_only_the_server_claims_it),
    WITH_KIT(a_member_who_deleted_the_account_is_none_and_all_devices_are_gone),
    WITH_KIT(what_happens_to_two_users_at_one_place_is_told_of_both),
    WITH_KIT(another_device_of_a_member_may_join_alone),
    WITH_KIT(a_stranger_who_joins_alone_is_not_followed),
};

SOTTO_TEST_MAIN(tests)
