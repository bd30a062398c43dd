/* SPDX-License-Identifier: MIT */
/*
 * Proposals from outside (RFC 9420 section 12.1.8): a service that the group lists in its
 * external_senders proposes under its own key, and somebody who is no member asks to be added. Members
 * commit it or not; they must not take the service for a member, nor anybody else for the service.
 */
#include "sotto_test.h"

#include "mls_forge.h"

enum { ADA, BEN, CLEO, MEMBERS };

struct room {
    struct kit_person people[MEMBERS];
    uint8_t seed[MLS_ED25519_SEED_BYTES]; /* of the second service in the list */
};

static void
put_service(struct mls_writer *w, const struct mls_crypto *c, uint8_t *seed, const char *name)
{
    uint8_t key[MLS_ED25519_PUBLIC_BYTES];
    const struct mls_credential credential = {MLS_CREDENTIAL_BASIC, mls_text(name)};

    assert_ok(mls_signature_keygen(c, seed, key));
    mls_write_opaque(w, mls_bytes(key, sizeof key));
    mls_credential_write(w, &credential);
}

static void
room_init(struct room *room)
{
    uint8_t other[MLS_ED25519_SEED_BYTES];
    struct mls_writer w;

    *room = (struct room){0};
    kit_group(room->people, MEMBERS, 3);
    mls_writer_init(&w, mls_provider_default(), 0);
    size_t mark = mls_write_vector(&w);
    put_service(&w, &room->people[ADA].group->c, other, "another");
    put_service(&w, &room->people[ADA].group->c, room->seed, "service");
    mls_write_vector_end(&w, mark);
    const struct mls_extension senders = {MLS_EXTENSION_EXTERNAL_SENDERS, mls_writer_bytes(&w)};
    const struct mls_proposal set = {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                     .extensions = &senders,
                                     .extension_count = 1};
    const struct mls_commit_options options = {.proposals = &set, .proposal_count = 1};
    kit_commit_to_all(&room->people[ADA], &options, room->people, MEMBERS);
    mls_writer_fini(&w);
}

static void
room_fini(struct room *room)
{
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
}

/* What a message claims, and its body. */
struct claim {
    uint8_t sender_type; /* 0: an external sender */
    uint32_t index;
    uint64_t epoch_ahead;
    uint8_t type;
    struct mls_bytes body;
};

static void
forge(struct room *room, const struct claim *claim, struct mls_buf *message_out)
{
    struct forgery forgery;

    forge_begin(&forgery, &room->people[ADA], claim->type, claim->body);
    forgery.content.sender.type =
        claim->sender_type != 0 ? claim->sender_type : (uint8_t)MLS_SENDER_EXTERNAL;
    forgery.content.sender.index = claim->index;
    forgery.content.epoch += claim->epoch_ahead;
    forgery.seed = room->seed;
    forge_end(&forgery, &room->people[ADA], message_out);
}

static void
expect(struct room *room, const struct claim *claim, int error)
{
    struct mls_received received = {0};
    struct mls_buf message = {0};

    forge(room, claim, &message);
    for (size_t i = 0; i < MEMBERS; i++) {
        struct mls_buf before = {0};

        kit_state(&room->people[i], &before);
        kit_expect(mls_group_process(room->people[i].group, mls_buf_bytes(&message), &received),
                   error, "external proposal");
        assert_true(error == 0 || kit_state_is(&room->people[i], &before));
        mls_buf_fini(&before);
        if (error == 0) {
            assert_int_equal(received.changes[0].proposer_type, MLS_SENDER_EXTERNAL);
            assert_int_equal(received.sender_leaf, MLS_LEAF_NONE);
            assert_int_equal(received.sender.identity.len, 0);
            assert_int_equal(received.changes[0].proposer, MLS_LEAF_NONE);
            assert_int_equal(received.changes[0].external_sender, claim->index);
        }
        mls_received_fini(&received);
    }
    mls_buf_fini(&message);
}

static const uint8_t REMOVE_CLEO[] = {0, MLS_PROPOSAL_REMOVE, 0, 0, 0, CLEO};

static void
a_listed_service_may_propose_and_is_no_member(void **state)
{
    (void)state;
    const struct claim claim = {0, 1, 0, MLS_CONTENT_PROPOSAL,
                                mls_bytes(REMOVE_CLEO, sizeof REMOVE_CLEO)};
    const struct mls_commit_options kept = {0};
    struct mls_received received = {0};
    struct mls_buf commit = {0};
    struct room room;

    room_init(&room);
    expect(&room, &claim, 0);
    kit_reload(&room.people[BEN]);
    kit_commit(&room.people[BEN], &kept, &commit, NULL);
    kit_expect(mls_group_merge_pending(room.people[BEN].group), 0, "merge");
    kit_expect(mls_group_process(room.people[ADA].group, mls_buf_bytes(&commit), &received), 0,
               "commit");

    assert_int_equal(received.sender_leaf, BEN);
    assert_int_equal(received.change_count, 1);
    assert_int_equal(received.changes[0].proposer, MLS_LEAF_NONE);
    assert_int_equal(received.changes[0].leaf, CLEO);
    assert_ok(mls_group_merge_staged(room.people[ADA].group));
    mls_group_destroy(&room.people[CLEO].group);
    kit_agree(room.people, MEMBERS);
    mls_received_fini(&received);
    mls_buf_fini(&commit);
    room_fini(&room);
}

static void
nobody_passes_for_a_listed_service(void **state)
{
    (void)state;
    const struct mls_bytes body = mls_bytes(REMOVE_CLEO, sizeof REMOVE_CLEO);
    const struct claim another = {0, 0, 0, MLS_CONTENT_PROPOSAL, body};
    const struct claim unlisted = {0, 2, 0, MLS_CONTENT_PROPOSAL, body};
    const struct claim later = {0, 1, 1, MLS_CONTENT_PROPOSAL, body};
    struct room room;

    room_init(&room);
    expect(&room, &another, MLS_ESIGNATURE);
    expect(&room, &unlisted, MLS_ENOTFOUND);
    expect(&room, &later, MLS_EEPOCH);
    room_fini(&room);
}

/* Ada's group takes nothing that the service said to another one, be it sent as it was or with the name changed. */
static void
expect_from_elsewhere(struct room *room, struct mls_bytes group_id, int error)
{
    struct kit_person *ada = &room->people[ADA];
    const struct mls_outside_params params = {
        .suite = 3,
        .group_id = group_id,
        .epoch = mls_group_epoch(ada->group),
        .sender_type = MLS_SENDER_EXTERNAL,
        .external_sender = 1,
        .signature_seed = room->seed,
        .proposal = {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO},
    };
    const struct mls_bytes own = mls_group_id(ada->group);
    struct mls_buf message = {0};

    kit_expect(mls_propose_from_outside(mls_provider_default(), &params, &message), 0, "propose");
    kit_refuse(ada, mls_buf_bytes(&message), MLS_EGROUP, "of another group");
    memcpy(message.data + 5, own.data, own.len); /* behind version, wire format and a length */
    kit_refuse(ada, mls_buf_bytes(&message), error, "of another group, renamed");
    mls_buf_fini(&message);
}

/* Members have the group's secrets and their own keys, and are not believed under the service's name; and what the service
 * said counts in the group it named. */
static void
a_member_does_not_pass_for_a_listed_service_nor_its_word_for_one_to_us(void **state)
{
    (void)state;
    const struct claim claim = {0, 1, 0, MLS_CONTENT_PROPOSAL,
                                mls_bytes(REMOVE_CLEO, sizeof REMOVE_CLEO)};
    uint8_t name[MLS_GROUP_ID_BYTES_MAX], seed[MLS_ED25519_SEED_BYTES];
    struct room room;

    room_init(&room);
    memcpy(seed, room.seed, sizeof seed);
    memcpy(room.seed, room.people[BEN].seed, sizeof room.seed);
    expect(&room, &claim, MLS_ESIGNATURE);
    memcpy(room.seed, seed, sizeof seed);

    const struct mls_bytes own = mls_group_id(room.people[ADA].group);
    assert_in_range(own.len, 1, 63);
    memcpy(name, own.data, own.len);
    name[0] ^= 1;
    expect_from_elsewhere(&room, mls_bytes(name, own.len), MLS_ESIGNATURE);
    expect(&room, &claim, 0);
    room_fini(&room);
}

static void
a_service_may_not_do_what_only_members_do(void **state)
{
    (void)state;
    static const uint8_t external_init[] = {0, MLS_PROPOSAL_EXTERNAL_INIT, 1, 9};
    static const uint8_t empty_commit[] = {0, 0};
    struct mls_writer update;
    struct room room;

    room_init(&room);
    const struct mls_group *group = room.people[ADA].group;
    mls_writer_init(&update, mls_provider_default(), 0);
    mls_write_u16(&update, MLS_PROPOSAL_UPDATE);
    mls_write_raw(&update, mls_tree_leaf(&group->epoch->tree, 1)->encoded);
    const struct claim claims[] = {
        {0, 1, 0, MLS_CONTENT_PROPOSAL, mls_writer_bytes(&update)},
        {0, 1, 0, MLS_CONTENT_PROPOSAL, mls_bytes(external_init, sizeof external_init)},
        {0, 1, 0, MLS_CONTENT_COMMIT, mls_bytes(empty_commit, sizeof empty_commit)},
    };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        expect(&room, &claims[i], MLS_EPROPOSAL);
    mls_writer_fini(&update);
    room_fini(&room);
}

/* The service proposes, everybody keeps it. */
static void
service_proposes(struct room *room, const struct mls_proposal *proposal)
{
    const struct mls_group *group = room->people[ADA].group;
    const struct mls_outside_params params = {
        .suite = 3,
        .group_id = mls_group_id(group),
        .epoch = mls_group_epoch(group),
        .sender_type = MLS_SENDER_EXTERNAL,
        .external_sender = 1,
        .signature_seed = room->seed,
        .proposal = *proposal,
    };
    struct mls_buf message = {0};

    kit_expect(mls_propose_from_outside(mls_provider_default(), &params, &message), 0, "propose");
    for (size_t i = 0; i < MEMBERS; i++) {
        if (room->people[i].group != NULL)
            kit_take_proposal(&room->people[i], &message);
    }
    mls_buf_fini(&message);
}

static void
a_service_may_propose_five_types(void **state)
{
    (void)state;
    const struct mls_commit_options kept = {0};
    struct mls_buf package = {0}, commit = {0}, welcome = {0}, senders = {0};
    struct mls_bytes listed;
    struct kit_person dora;
    struct room room;

    room_init(&room);
    kit_person_init(&dora, "dora", 3);
    kit_key_package(&dora, &package);
    for (size_t i = 0; i < MEMBERS; i++) {
        room.people[i].psk_id = "psk";
        room.people[i].psk = "a secret all know";
    }
    dora.psk_id = "psk";
    dora.psk = "a secret all know";
    assert_ok(mls_group_extension(room.people[ADA].group, MLS_EXTENSION_EXTERNAL_SENDERS, &listed));
    assert_ok(mls_buf_set(&senders, mls_provider_default(), listed));
    const struct mls_extension extensions[] = {
        {MLS_EXTENSION_EXTERNAL_SENDERS, mls_buf_bytes(&senders)},
        {KIT_APP_EXTENSION, mls_text("x")},
    };

    service_proposes(&room, &(struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                                   .key_package = mls_buf_bytes(&package)});
    service_proposes(&room,
                     &(struct mls_proposal){.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("psk")});
    service_proposes(&room, &(struct mls_proposal){.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                                   .extensions = extensions,
                                                   .extension_count = 2});
    kit_commit(&room.people[BEN], &kept, &commit, &welcome);
    assert_ok(mls_group_merge_pending(room.people[BEN].group));
    kit_take_commit(&room.people[ADA], &commit);
    kit_take_commit(&room.people[CLEO], &commit);
    kit_join(&dora, &welcome);
    kit_agree(room.people, MEMBERS);
    kit_say(&dora, &room.people[CLEO], "who proposed me?");
    assert_ok(mls_group_extension(dora.group, KIT_APP_EXTENSION, &listed));

    mls_group_destroy(&dora.group);
    service_proposes(&room, &(struct mls_proposal){.type = MLS_PROPOSAL_REINIT,
                                                   .group_id = mls_text("next"),
                                                   .suite = 3});
    kit_commit_to_all(&room.people[CLEO], &kept, room.people, MEMBERS);
    assert_true(mls_group_is_closed(room.people[ADA].group, NULL));
    mls_buf_fini(&senders);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
    kit_person_fini(&dora);
    room_fini(&room);
}

static void
whom_a_service_removes_cannot_commit_it_and_another_can(void **state)
{
    (void)state;
    const struct mls_commit_options kept = {0}, renew = {.force_path = true};
    struct mls_received received = {0};
    struct mls_buf commit = {0};
    struct room room;

    room_init(&room);
    service_proposes(&room, &(struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO});
    kit_commit(&room.people[CLEO], &renew, &commit, NULL);
    mls_group_clear_pending(room.people[CLEO].group);
    kit_expect(mls_group_process(room.people[ADA].group, mls_buf_bytes(&commit), &received), 0,
               "commit");
    assert_int_equal(received.change_count, 0);
    mls_received_fini(&received);
    mls_group_drop_staged(room.people[ADA].group);

    kit_commit_to_all(&room.people[ADA], &kept, room.people, MEMBERS);
    assert_false(mls_group_is_active(room.people[CLEO].group));
    mls_group_destroy(&room.people[CLEO].group);
    kit_agree(room.people, MEMBERS);
    mls_buf_fini(&commit);
    room_fini(&room);
}

/* ---- Asking to be added --------------------------------------------------------------------- */

/* Dora's own Add for the group as it is. */
static void
ask(const struct room *room, struct kit_person *dora, struct mls_buf *message_out)
{
    struct mls_buf package = {0};

    kit_key_package(dora, &package);
    const struct mls_outside_params params = {
        .suite = 3,
        .group_id = mls_group_id(room->people[ADA].group),
        .epoch = mls_group_epoch(room->people[ADA].group),
        .sender_type = MLS_SENDER_NEW_MEMBER_PROPOSAL,
        .signature_seed = dora->seed,
        .proposal = {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&package)},
    };
    kit_expect(mls_propose_from_outside(mls_provider_default(), &params, message_out), 0, "ask");
    mls_buf_fini(&package);
}

static void
a_newcomer_asks_and_a_member_adds_it(void **state)
{
    (void)state;
    const struct mls_commit_options kept = {0};
    struct mls_received received = {0};
    struct mls_buf request = {0}, commit = {0}, welcome = {0};
    struct kit_person dora;
    struct room room;

    room_init(&room);
    kit_person_init(&dora, "dora", 3);
    ask(&room, &dora, &request);
    for (size_t i = 0; i < MEMBERS; i++) {
        room.people[i].admits = true;
        kit_expect(mls_group_process(room.people[i].group, mls_buf_bytes(&request), &received), 0,
                   "request");
        assert_int_equal(received.sender_type, MLS_SENDER_NEW_MEMBER_PROPOSAL);
        assert_int_equal(received.changes[0].type, MLS_PROPOSAL_ADD);
        assert_int_equal(received.changes[0].proposer_type, MLS_SENDER_NEW_MEMBER_PROPOSAL);
        assert_int_equal(received.changes[0].proposer, MLS_LEAF_NONE);
        mls_received_fini(&received);
    }
    kit_reload(&room.people[BEN]);
    kit_commit(&room.people[BEN], &kept, &commit, &welcome);
    assert_ok(mls_group_merge_pending(room.people[BEN].group));
    kit_expect(mls_group_process(room.people[ADA].group, mls_buf_bytes(&commit), &received), 0,
               "commit");
    assert_int_equal(received.changes[0].proposer_type, MLS_SENDER_NEW_MEMBER_PROPOSAL);
    assert_int_equal(received.changes[0].leaf, MEMBERS);
    assert_ok(mls_group_merge_staged(room.people[ADA].group));
    kit_join(&dora, &welcome);
    kit_say(&dora, &room.people[ADA], "thank you");
    kit_agree(room.people, BEN + 1);
    mls_received_fini(&received);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&request);
    kit_person_fini(&dora);
    room_fini(&room);
}

static void
a_newcomer_needs_the_consent_of_the_application(void **state)
{
    (void)state;
    struct mls_received received = {0};
    struct mls_buf request = {0}, before = {0};
    struct kit_person dora;
    struct room room;

    room_init(&room);
    kit_person_init(&dora, "dora", 3);
    ask(&room, &dora, &request);
    kit_state(&room.people[ADA], &before);
    kit_expect(mls_group_process(room.people[ADA].group, mls_buf_bytes(&request), &received),
               MLS_EPROPOSAL, "refused by the callback");
    room.people[ADA].config.check_outsider = NULL;
    kit_reload(&room.people[ADA]);
    kit_expect(mls_group_process(room.people[ADA].group, mls_buf_bytes(&request), &received),
               MLS_EPROPOSAL, "nobody to ask");
    assert_true(kit_state_is(&room.people[ADA], &before));
    mls_buf_fini(&before);
    mls_buf_fini(&request);
    kit_person_fini(&dora);
    room_fini(&room);
}

static void
a_newcomer_proposes_nothing_but_itself(void **state)
{
    (void)state;
    struct mls_buf package = {0};
    struct mls_writer add;
    struct kit_person dora;
    struct room room;

    room_init(&room);
    for (size_t i = 0; i < MEMBERS; i++)
        room.people[i].admits = true;
    kit_person_init(&dora, "dora", 3);
    kit_key_package(&dora, &package);
    mls_writer_init(&add, mls_provider_default(), 0);
    mls_write_u16(&add, MLS_PROPOSAL_ADD);
    mls_write_raw(&add, mls_bytes(package.data + 4, package.len - 4));
    /* The forger signs with a key that is not Dora's. */
    const struct claim other = {MLS_SENDER_NEW_MEMBER_PROPOSAL, 0, 0, MLS_CONTENT_PROPOSAL,
                                mls_writer_bytes(&add)};
    const struct claim remove = {MLS_SENDER_NEW_MEMBER_PROPOSAL, 0, 0, MLS_CONTENT_PROPOSAL,
                                 mls_bytes(REMOVE_CLEO, sizeof REMOVE_CLEO)};

    expect(&room, &other, MLS_ESIGNATURE);
    expect(&room, &remove, MLS_EPROPOSAL);
    memcpy(room.seed, dora.seed, sizeof room.seed);
    for (size_t i = 0; i < MEMBERS; i++)
        room.people[i].now = KIT_NOW + 90000;
    expect(&room, &other, MLS_ELIFETIME);
    mls_writer_fini(&add);
    mls_buf_fini(&package);
    kit_person_fini(&dora);
    room_fini(&room);
}

static void
what_members_would_refuse_is_not_made(void **state)
{
    (void)state;
    struct mls_buf package = {0}, message = {0};
    struct kit_person dora, erin;

    kit_person_init(&dora, "dora", 3);
    kit_person_init(&erin, "erin", 3);
    kit_key_package(&dora, &package);
    const struct mls_outside_params sound = {
        .suite = 3,
        .group_id = mls_text("group"),
        .sender_type = MLS_SENDER_NEW_MEMBER_PROPOSAL,
        .signature_seed = dora.seed,
        .proposal = {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&package)},
    };
    struct mls_outside_params wrong[5];
    for (size_t i = 0; i < 5; i++)
        wrong[i] = sound;
    wrong[0].signature_seed = erin.seed;
    wrong[1].proposal.type = MLS_PROPOSAL_REMOVE;
    wrong[2].sender_type = MLS_SENDER_MEMBER;
    wrong[3].group_id = mls_bytes_empty();
    wrong[4].sender_type = MLS_SENDER_EXTERNAL;
    wrong[4].proposal.type = MLS_PROPOSAL_UPDATE;

    for (size_t i = 0; i < 5; i++)
        kit_expect(mls_propose_from_outside(mls_provider_default(), &wrong[i], &message), MLS_EARG,
                   "wrong");
    assert_int_equal(message.len, 0);
    kit_expect(mls_propose_from_outside(mls_provider_default(), &sound, &message), 0, "sound");
    mls_buf_fini(&message);
    mls_buf_fini(&package);
    kit_person_fini(&erin);
    kit_person_fini(&dora);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_listed_service_may_propose_and_is_no_member),
    cmocka_unit_test(nobody_passes_for_a_listed_service),
    cmocka_unit_test(a_member_does_not_pass_for_a_listed_service_nor_its_word_for_one_to_us),
    cmocka_unit_test(a_service_may_not_do_what_only_members_do),
    cmocka_unit_test(a_service_may_propose_five_types),
    cmocka_unit_test(whom_a_service_removes_cannot_commit_it_and_another_can),
    cmocka_unit_test(a_newcomer_asks_and_a_member_adds_it),
    cmocka_unit_test(a_newcomer_needs_the_consent_of_the_application),
    cmocka_unit_test(a_newcomer_proposes_nothing_but_itself),
    cmocka_unit_test(what_members_would_refuse_is_not_made),
};

SOTTO_TEST_MAIN(tests)
