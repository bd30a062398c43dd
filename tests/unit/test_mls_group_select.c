/* SPDX-License-Identifier: MIT */
/*
 * What goes into a commit of kept proposals when a member proposes what cannot be committed. Ben
 * signs it as the protocol wants and everybody keeps it, because it is sound by itself; but whoever
 * put it into a commit would make a commit that nobody takes. Ada must leave it out and commit the
 * rest, or one member could stop the group: while proposals are kept nobody may talk either.
 */
#include "sotto_test.h"

#include "buf.h"
#include "group.h"
#include "mls_kit.h"

enum { ADA, BEN, CLEO, DORA, MEMBERS };

static const struct mls_commit_options NOTHING = {0};

struct room {
    struct kit_person people[MEMBERS], emil;
    struct mls_buf package; /* of Emil, who could be added */
};

/* Cleo's commit fills the inner nodes of the tree. */
static void
room_init(struct room *room)
{
    const struct mls_commit_options renew = {.force_path = true};

    *room = (struct room){0};
    kit_group(room->people, MEMBERS, 3);
    kit_commit_to_all(&room->people[CLEO], &renew, room->people, MEMBERS);
    kit_person_init(&room->emil, "emil", 3);
    kit_key_package(&room->emil, &room->package);
}

static void
room_fini(struct room *room)
{
    mls_buf_fini(&room->package);
    kit_person_fini(&room->emil);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
}

/* ---- Forging ------------------------------------------------------------------------------ */

/* Frames a Proposal as a member would and lets everybody process it, the forger too, who keeps it
 * like one received. Returns what the others say, who must agree. */
static int
send_proposal(struct room *room, size_t from, struct mls_bytes body)
{
    struct mls_group *group = room->people[from].group;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_buf context = {0};
    struct mls_writer out;
    struct mls_authenticated message = {
        .wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .content =
            {
                .group_id = mls_buf_bytes(&group->id),
                .epoch = group->epoch->number,
                .sender = {.type = MLS_SENDER_MEMBER, .index = group->epoch->own_leaf},
                .type = MLS_CONTENT_PROPOSAL,
                .body = body,
            },
        .auth.signature = mls_bytes(signature, sizeof signature),
    };
    int said = 0;

    assert_ok(mls_epoch_context(group->epoch, mls_buf_bytes(&group->id), &context));
    assert_ok(mls_content_sign(&group->c, MLS_WIRE_PUBLIC_MESSAGE, &message.content,
                               mls_buf_bytes(&context), group->seed, signature));
    const struct mls_frame_keys keys = mls_epoch_frame_keys(group->epoch, &context);
    mls_writer_init(&out, mls_provider_default(), 0);
    assert_ok(mls_public_seal(&keys, &message, &out));
    for (size_t i = 0; i < MEMBERS; i++) {
        struct mls_received received = {0};
        const int error =
            mls_group_process(room->people[i].group, mls_writer_bytes(&out), &received);

        assert_true(i == 0 || error == said);
        said = error;
        mls_received_fini(&received);
    }
    mls_writer_fini(&out);
    mls_buf_fini(&context);
    return said;
}

static void
put_psk(struct mls_writer *w, const char *id, uint8_t nonce_byte)
{
    const uint8_t nonce[MLS_HASH_BYTES] = {nonce_byte};

    mls_write_u16(w, MLS_PROPOSAL_PSK);
    mls_write_u8(w, MLS_PSK_EXTERNAL);
    mls_write_opaque(w, mls_text(id));
    mls_write_opaque(w, mls_bytes(nonce, sizeof nonce));
}

/* required_capabilities: one extension type nobody knows. */
static void
put_requirement(struct mls_writer *w)
{
    static const uint8_t list[] = {0x00, 0x03, 5, 2, 0xfe, 0xfe, 0, 0};

    mls_write_u16(w, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
    mls_write_opaque(w, mls_bytes(list, sizeof list));
}

/* The Add of a published key package, whose message has a 4-byte header. */
static void
put_add(struct mls_writer *w, const struct mls_buf *package)
{
    mls_write_u16(w, MLS_PROPOSAL_ADD);
    mls_write_raw(w, mls_bytes(package->data + 4, package->len - 4));
}

/* Emil's key package with other keys, signed again by Emil. A key that is NULL stays. */
static void
put_add_with_keys(struct mls_writer *w, const struct room *room, const uint8_t *init_key,
                  const uint8_t *leaf_key)
{
    const struct mls_crypto *c = &room->people[ADA].group->c;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_key_package package;
    struct mls_writer tbs;

    assert_ok(mls_key_package_message_read(mls_buf_bytes(&room->package), &package));
    if (init_key != NULL)
        package.init_key = mls_bytes(init_key, MLS_KEM_PUBLIC_BYTES);
    if (leaf_key != NULL)
        package.leaf.encryption_key = mls_bytes(leaf_key, MLS_KEM_PUBLIC_BYTES);
    mls_writer_init(&tbs, c->p, 0);
    mls_write_u16(&tbs, package.version);
    mls_write_u16(&tbs, package.suite);
    mls_write_opaque(&tbs, package.init_key);
    mls_leaf_write_signed(&tbs, c, room->emil.seed, &package.leaf, NULL);
    mls_write_opaque(&tbs, package.extensions);
    assert_ok(mls_sign_with_label(c, room->emil.seed, "KeyPackageTBS", mls_writer_bytes(&tbs),
                                  signature));
    mls_write_u16(w, MLS_PROPOSAL_ADD);
    mls_write_raw(w, mls_writer_bytes(&tbs));
    mls_write_opaque(w, mls_bytes(signature, sizeof signature));
    mls_writer_fini(&tbs);
}

/* An Update of a member to a key that it chose and may not have. */
static void
put_update(struct mls_writer *w, const struct kit_person *person, const uint8_t *key)
{
    const struct mls_group *group = person->group;
    struct mls_leaf leaf = *mls_tree_leaf(&group->epoch->tree, group->epoch->own_leaf);
    const struct mls_leaf_place place = {mls_buf_bytes(&group->id), group->epoch->own_leaf};

    leaf.source = MLS_LEAF_UPDATE;
    leaf.encryption_key = mls_bytes(key, MLS_KEM_PUBLIC_BYTES);
    mls_write_u16(w, MLS_PROPOSAL_UPDATE);
    mls_leaf_write_signed(w, &group->c, group->seed, &leaf, &place);
}

/* ---- What comes of it ----------------------------------------------------------------------- */

/* Ada commits what she keeps; those who stay follow and find this many proposals in it. */
static void
ada_commits(struct room *room, size_t expected)
{
    struct mls_buf commit = {0}, welcome = {0};

    kit_commit(&room->people[ADA], &NOTHING, &commit, &welcome);
    kit_expect(mls_group_merge_pending(room->people[ADA].group), 0, "merge");
    for (size_t i = 1; i < MEMBERS; i++) {
        struct mls_received received = {0};
        struct mls_group *group = room->people[i].group;

        kit_expect(mls_group_process(group, mls_buf_bytes(&commit), &received), 0, "commit");
        assert_int_equal(received.change_count, expected);
        mls_received_fini(&received);
        kit_expect(mls_group_merge_staged(group), 0, "merge");
    }
    if (welcome.len > 0)
        kit_join(&room->emil, &welcome);
    kit_agree(room->people, MEMBERS);
    mls_buf_fini(&commit);
    mls_buf_fini(&welcome);
}

/* One test: Ben proposes it, Ada keeps it and leaves it out. */
#define LEFT_OUT(name, ...)                                                             \
    static void name(void **state)                                                      \
    {                                                                                   \
        struct room room;                                                               \
        struct mls_writer w;                                                            \
                                                                                        \
        (void)state;                                                                    \
        room_init(&room);                                                               \
        mls_writer_init(&w, mls_provider_default(), 0);                                 \
        __VA_ARGS__;                                                                    \
        kit_expect(send_proposal(&room, BEN, mls_writer_bytes(&w)), 0, "bad proposal"); \
        ada_commits(&room, 0);                                                          \
        kit_say(&room.people[ADA], &room.people[CLEO], "the group goes on");            \
        mls_writer_fini(&w);                                                            \
        room_fini(&room);                                                               \
    }

static const uint8_t *
key_at(const struct room *room, uint32_t node)
{
    return mls_tree_public_key(&room->people[ADA].group->epoch->tree, node).data;
}

LEFT_OUT(a_psk_the_committer_does_not_know_is_left_out, put_psk(&w, "nobody's", 1))
LEFT_OUT(extensions_not_everybody_understands_are_left_out, put_requirement(&w))
LEFT_OUT(an_add_with_the_key_of_an_inner_node_is_left_out,
         put_add_with_keys(&w, &room, NULL, key_at(&room, 3)))
LEFT_OUT(an_update_to_the_key_of_another_member_is_left_out,
         put_update(&w, &room.people[BEN], key_at(&room, 4)))
LEFT_OUT(an_update_to_the_key_of_an_inner_node_is_left_out,
         put_update(&w, &room.people[BEN], key_at(&room, 5)))

/* Nothing can be sealed to such a key, so whoever let it in could not commit any more. */
static void
keys_of_low_order_are_refused(void **state)
{
    (void)state;
    static const uint8_t keys[][MLS_KEM_PUBLIC_BYTES] = {
        {0},
        {1},
        {[31] = 0x80},
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    struct mls_writer w;
    struct room room;

    room_init(&room);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        for (size_t kind = 0; kind < 3; kind++) {
            mls_writer_init(&w, mls_provider_default(), 0);
            if (kind == 0)
                put_add_with_keys(&w, &room, keys[i], NULL);
            else if (kind == 1)
                put_add_with_keys(&w, &room, NULL, keys[i]);
            else
                put_update(&w, &room.people[BEN], keys[i]);
            kit_expect(send_proposal(&room, BEN, mls_writer_bytes(&w)), MLS_ETREE, "low order");
            mls_writer_fini(&w);
        }
    }
    ada_commits(&room, 0);
    room_fini(&room);
}

static void
know_psk(struct room *room)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        room->people[i].psk_id = "psk";
        room->people[i].psk = "a secret all know";
    }
}

static void
send_psk(struct room *room, size_t from, uint8_t nonce_byte)
{
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    put_psk(&w, "psk", nonce_byte);
    kit_expect(send_proposal(room, from, mls_writer_bytes(&w)), 0, "psk");
    mls_writer_fini(&w);
}

static void
the_same_psk_of_two_members_goes_in_once(void **state)
{
    (void)state;
    struct room room;

    room_init(&room);
    know_psk(&room);
    send_psk(&room, BEN, 1);
    send_psk(&room, CLEO, 1);

    ada_commits(&room, 1);
    room_fini(&room);
}

static void
more_psks_than_a_commit_takes_are_left_out(void **state)
{
    (void)state;
    struct room room;

    room_init(&room);
    know_psk(&room);
    for (uint8_t i = 0; i < 70; i++)
        send_psk(&room, BEN, i);

    ada_commits(&room, 64);
    room_fini(&room);
}

static void
a_member_comes_back_with_its_old_signature_key_in_one_commit(void **state)
{
    (void)state;
    const struct mls_proposal leave = {.type = MLS_PROPOSAL_REMOVE, .leaf = DORA};
    struct mls_buf package = {0}, message = {0};
    struct kit_person *dora;
    struct mls_writer w;
    struct room room;

    room_init(&room);
    dora = &room.people[DORA];
    mls_writer_init(&w, mls_provider_default(), 0);
    kit_key_package(dora, &package);
    put_add(&w, &package);
    kit_expect(send_proposal(&room, BEN, mls_writer_bytes(&w)), 0, "add");
    kit_expect(mls_group_propose(dora->group, &leave, mls_text(""), &message), 0, "leave");
    for (size_t i = 0; i < DORA; i++)
        kit_take_proposal(&room.people[i], &message);

    struct mls_buf commit = {0}, welcome = {0};
    kit_commit(&room.people[ADA], &NOTHING, &commit, &welcome);
    kit_expect(mls_group_merge_pending(room.people[ADA].group), 0, "merge");
    kit_take_commit(&room.people[BEN], &commit);
    kit_take_commit(&room.people[CLEO], &commit);
    kit_join(dora, &welcome);

    kit_agree(room.people, MEMBERS);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&message);
    mls_buf_fini(&package);
    mls_writer_fini(&w);
    room_fini(&room);
}

/* Extensions that only some can live with are valid when the others go; those who come must fit. */
static void
adds_are_judged_by_the_extensions_of_the_same_commit(void **state)
{
    (void)state;
    const struct mls_extension extension = {KIT_APP_EXTENSION, mls_text("x")};
    const struct mls_proposal set = {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                     .extensions = &extension,
                                     .extension_count = 1};
    struct mls_buf package = {0}, message = {0};
    struct mls_writer w;
    struct room room;

    room_init(&room);
    room.emil.plain = true;
    kit_key_package(&room.emil, &package);
    mls_writer_init(&w, mls_provider_default(), 0);
    put_add(&w, &package);
    kit_expect(send_proposal(&room, BEN, mls_writer_bytes(&w)), 0, "add");
    kit_expect(mls_group_propose(room.people[CLEO].group, &set, mls_text(""), &message), 0, "set");
    for (size_t i = 0; i < MEMBERS; i++) {
        if (i != CLEO)
            kit_take_proposal(&room.people[i], &message);
    }

    ada_commits(&room, 1);
    mls_buf_fini(&message);
    mls_buf_fini(&package);
    mls_writer_fini(&w);
    room_fini(&room);
}

/* ---- Short forms -------------------------------------------------------------------------- */

static void
commits_of_one_thing_have_short_forms(void **state)
{
    struct room room;
    struct kit_person *ada = &room.people[ADA], *ben = &room.people[BEN];
    struct mls_buf commit = {0}, welcome = {0}, before = {0};

    (void)state;
    room_init(&room);
    kit_expect(mls_group_add(ada->group, mls_buf_bytes(&room.package), &commit, &welcome), 0,
               "add");
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    kit_take_commit(ben, &commit);
    kit_join(&room.emil, &welcome);
    kit_say(&room.emil, ben, "here I am");

    kit_expect(mls_group_commit(ben->group, NULL, &commit, NULL, NULL), 0, "of nothing");
    kit_expect(mls_group_merge_pending(ben->group), 0, "merge");
    kit_take_commit(ada, &commit);
    kit_take_commit(&room.emil, &commit);
    kit_expect(mls_group_remove(ada->group, mls_group_own_leaf(room.emil.group), &commit), 0,
               "remove");
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    kit_take_commit(ben, &commit);
    kit_take_commit(&room.emil, &commit);
    assert_false(mls_group_is_active(room.emil.group));
    kit_say(ben, ada, "he is gone");

    /* Without a place for the Welcome nobody can be added, and nothing is pending. */
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&room.package)};
    kit_expect(mls_group_propose(ben->group, &add, mls_text(""), &commit), 0, "propose");
    kit_state(ben, &before);
    kit_expect(mls_group_remove(ben->group, DORA, &commit), MLS_EARG, "no place for a Welcome");
    assert_true(kit_state_is(ben, &before));
    mls_buf_fini(&before);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    room_fini(&room);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_psk_the_committer_does_not_know_is_left_out),
    cmocka_unit_test(extensions_not_everybody_understands_are_left_out),
    cmocka_unit_test(an_add_with_the_key_of_an_inner_node_is_left_out),
    cmocka_unit_test(an_update_to_the_key_of_another_member_is_left_out),
    cmocka_unit_test(an_update_to_the_key_of_an_inner_node_is_left_out),
    cmocka_unit_test(keys_of_low_order_are_refused),
    cmocka_unit_test(the_same_psk_of_two_members_goes_in_once),
    cmocka_unit_test(more_psks_than_a_commit_takes_are_left_out),
    cmocka_unit_test(a_member_comes_back_with_its_old_signature_key_in_one_commit),
    cmocka_unit_test(adds_are_judged_by_the_extensions_of_the_same_commit),
    cmocka_unit_test(commits_of_one_thing_have_short_forms),
};

SOTTO_TEST_MAIN(tests)
