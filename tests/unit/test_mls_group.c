/* SPDX-License-Identifier: MIT */
/*
 * What members of a group do to each other, in both suites: adding, updating, removing, agreeing on
 * keys and extensions, by value and by reference, losing a race, stopping and starting again.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_kit.h"

enum { ADA, BEN, CLEO, DORA, PEOPLE };

static const struct mls_commit_options NOTHING = {0};

/* A group of four, in the suite that the test runs for. */
struct fixture {
    uint16_t suite;
    struct kit_person people[PEOPLE];
};

static int
setup(struct fixture *f, void **state, uint16_t suite)
{
    memset(f, 0, sizeof(*f));
    f->suite = suite;
    kit_group(f->people, PEOPLE, suite);
    *state = f;
    return 0;
}

static int
setup_suite_1(void **state)
{
    return setup(test_malloc(sizeof(struct fixture)), state, 1);
}

static int
setup_suite_3(void **state)
{
    return setup(test_malloc(sizeof(struct fixture)), state, 3);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < PEOPLE; i++)
        kit_person_fini(&f->people[i]);
    test_free(f);
    return 0;
}

/* Everybody hears everybody. */
static void
all_talk(struct kit_person *people)
{
    kit_agree(people, PEOPLE);
    for (size_t i = 0; i < PEOPLE; i++) {
        for (size_t k = 0; k < PEOPLE; k++) {
            if (i != k && people[i].group != NULL && people[k].group != NULL)
                kit_say(&people[i], &people[k], "hello");
        }
    }
}

/* `by` proposes; the others keep it. */
static void
propose_to_all(struct fixture *f, size_t by, const struct mls_proposal *proposal)
{
    struct mls_buf message = {0};

    kit_expect(mls_group_propose(f->people[by].group, proposal, (struct mls_bytes){0}, &message), 0,
               "propose");
    for (size_t i = 0; i < PEOPLE; i++) {
        if (i != by && f->people[i].group != NULL)
            kit_take_proposal(&f->people[i], &message);
    }
    mls_buf_fini(&message);
}

/* ---- Tests ------------------------------------------------------------------------------- */

static void
four_members_agree_and_hear_each_other(void **state)
{
    struct fixture *f = *state;
    uint32_t cursor = 0, seen = 0;
    struct mls_member member;

    all_talk(f->people);
    while (mls_group_next_member(f->people[CLEO].group, &cursor, &member)) {
        assert_int_equal(member.leaf, seen);
        assert_memory_equal(member.credential.identity.data, f->people[seen].name,
                            member.credential.identity.len);
        seen++;
    }
    assert_int_equal(seen, PEOPLE);
    assert_int_equal(mls_group_member_count(f->people[CLEO].group), PEOPLE);
    kit_expect(mls_group_member(f->people[CLEO].group, 99, &member), MLS_ENOTFOUND, "leaf 99");
}

static void
an_empty_commit_renews_keys_and_everybody_follows(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < PEOPLE; i++) {
        uint64_t before = mls_group_epoch(f->people[i].group);

        kit_commit_to_all(&f->people[i], &NOTHING, f->people, PEOPLE);
        assert_int_equal(mls_group_epoch(f->people[i].group), before + 1);
        all_talk(f->people);
    }
}

static void
exported_secrets_are_equal_and_change_with_the_epoch(void **state)
{
    struct fixture *f = *state;
    uint8_t ada[48], ben[48], later[48];

    kit_expect(mls_group_export(f->people[ADA].group, "label", mls_text("context"), ada, 48), 0,
               "export");
    kit_expect(mls_group_export(f->people[BEN].group, "label", mls_text("context"), ben, 48), 0,
               "export");
    kit_commit_to_all(&f->people[ADA], &NOTHING, f->people, PEOPLE);
    kit_expect(mls_group_export(f->people[BEN].group, "label", mls_text("context"), later, 48), 0,
               "export");

    assert_memory_equal(ada, ben, sizeof(ada));
    assert_memory_not_equal(ben, later, sizeof(ben));
}

static void
a_removed_member_learns_it_and_opens_nothing_later(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ben = &f->people[BEN];
    const struct mls_proposal remove = {.type = MLS_PROPOSAL_REMOVE, .leaf = BEN};
    const struct mls_commit_options options = {.proposals = &remove, .proposal_count = 1};
    struct mls_buf commit = {0}, message = {0}, before = {0};
    struct mls_received received;

    kit_commit(&f->people[DORA], &options, &commit, NULL);
    kit_expect(mls_group_merge_pending(f->people[DORA].group), 0, "merge");
    kit_take_commit(&f->people[ADA], &commit);
    kit_take_commit(&f->people[CLEO], &commit);
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&commit), &received), 0, "process");
    assert_true(received.removes_self);
    assert_int_equal(received.change_count, 1);
    assert_int_equal(received.changes[0].type, MLS_PROPOSAL_REMOVE);
    assert_int_equal(received.changes[0].leaf, BEN);
    assert_memory_equal(received.changes[0].credential.identity.data, "ben", 3);
    mls_received_fini(&received);
    kit_state(ben, &before);
    kit_expect(
        mls_group_encrypt(f->people[ADA].group, mls_text("secret"), mls_text(""), 0, &message), 0,
        "encrypt");

    /* Before merging it is another epoch, afterwards there is nothing left to open with. */
    mls_group_drop_staged(ben->group);
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&message), &received), MLS_EEPOCH,
               "later message");
    assert_true(kit_state_is(ben, &before));
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&commit), &received), 0, "again");
    mls_received_fini(&received);
    kit_expect(mls_group_merge_staged(ben->group), 0, "merge");
    assert_false(mls_group_is_active(ben->group));
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&message), &received), MLS_EREMOVED,
               "after the end");
    kit_reload(ben);
    assert_false(mls_group_is_active(ben->group));
    mls_group_destroy(&ben->group);
    all_talk(f->people);
    mls_buf_fini(&before);
    mls_buf_fini(&message);
    mls_buf_fini(&commit);
}

static void
a_freed_leaf_is_filled_by_the_next_member(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal remove = {.type = MLS_PROPOSAL_REMOVE, .leaf = BEN};
    const struct mls_commit_options options = {.proposals = &remove, .proposal_count = 1};
    struct kit_person *others[] = {&f->people[ADA], &f->people[CLEO]};

    kit_commit_to_all(&f->people[DORA], &options, f->people, PEOPLE);
    kit_person_fini(&f->people[BEN]);
    kit_person_init(&f->people[BEN], "new ben", f->suite);
    kit_add(&f->people[DORA], &f->people[BEN], others, 2);

    assert_int_equal(mls_group_own_leaf(f->people[BEN].group), BEN);
    all_talk(f->people);
}

static void
the_tree_shrinks_and_grows_again(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal remove[] = {
        {.type = MLS_PROPOSAL_REMOVE, .leaf = DORA},
        {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO},
    };
    const struct mls_commit_options options = {.proposals = remove, .proposal_count = 2};
    struct kit_person *ada[] = {&f->people[ADA]};
    struct kit_person *ada_cleo[] = {&f->people[ADA], &f->people[CLEO]};

    kit_commit_to_all(&f->people[ADA], &options, f->people, PEOPLE);
    mls_group_destroy(&f->people[CLEO].group);
    mls_group_destroy(&f->people[DORA].group);
    all_talk(f->people);
    kit_add(&f->people[BEN], &f->people[CLEO], ada, 1);
    kit_add(&f->people[BEN], &f->people[DORA], ada_cleo, 2);
    all_talk(f->people);
}

static void
an_update_by_reference_is_committed_by_another(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    uint8_t before[MLS_HASH_BYTES], after[MLS_HASH_BYTES];

    mls_group_tree_hash(f->people[ADA].group, before);
    propose_to_all(f, CLEO, &update);
    kit_reload(&f->people[CLEO]); /* the private key of the proposal survives */
    assert_int_equal(mls_group_proposal_count(f->people[CLEO].group), 1);
    kit_commit_to_all(&f->people[ADA], &NOTHING, f->people, PEOPLE);
    mls_group_tree_hash(f->people[ADA].group, after);

    assert_memory_not_equal(before, after, MLS_HASH_BYTES);
    all_talk(f->people);
    kit_commit_to_all(&f->people[CLEO], &NOTHING, f->people, PEOPLE);
    all_talk(f->people);
}

static void
leaving_is_a_proposal_that_another_commits(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal leave = {.type = MLS_PROPOSAL_REMOVE, .leaf = DORA};
    struct mls_buf message = {0};

    propose_to_all(f, DORA, &leave);
    kit_expect(mls_group_encrypt(f->people[ADA].group, mls_text("x"), mls_text(""), 0, &message),
               MLS_EPROPOSALS, "talking past a proposal");
    kit_commit_to_all(&f->people[BEN], &NOTHING, f->people, PEOPLE);

    assert_false(mls_group_is_active(f->people[DORA].group));
    mls_group_destroy(&f->people[DORA].group);
    assert_int_equal(mls_group_member_count(f->people[ADA].group), PEOPLE - 1);
    all_talk(f->people);
}

static void
a_remove_wins_over_an_update_of_the_same_member(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    const struct mls_proposal remove = {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO};

    propose_to_all(f, CLEO, &update);
    propose_to_all(f, BEN, &remove);
    propose_to_all(f, DORA, &remove);
    kit_commit_to_all(&f->people[ADA], &NOTHING, f->people, PEOPLE);

    assert_false(mls_group_is_active(f->people[CLEO].group));
    mls_group_destroy(&f->people[CLEO].group);
    all_talk(f->people);
}

static void
an_add_by_reference_brings_a_new_member(void **state)
{
    struct fixture *f = *state;
    struct kit_person emil;
    struct mls_buf package = {0}, commit = {0}, welcome = {0};

    kit_person_init(&emil, "emil", f->suite);
    kit_key_package(&emil, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    propose_to_all(f, CLEO, &add);
    kit_commit(&f->people[BEN], &NOTHING, &commit, &welcome);
    kit_expect(mls_group_merge_pending(f->people[BEN].group), 0, "merge");
    kit_take_commit(&f->people[ADA], &commit);
    kit_take_commit(&f->people[CLEO], &commit);
    kit_take_commit(&f->people[DORA], &commit);
    kit_join(&emil, &welcome);

    all_talk(f->people);
    kit_say(&emil, &f->people[ADA], "here I am");
    kit_say(&f->people[DORA], &emil, "welcome");
    assert_int_equal(mls_group_own_leaf(emil.group), 4);
    kit_person_fini(&emil);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
}

static void
a_psk_binds_those_who_know_it(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal psk = {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("shared")};
    const struct mls_commit_options options = {.proposals = &psk, .proposal_count = 1};
    struct mls_buf commit = {0}, state_before = {0};
    struct mls_received received;

    for (size_t i = ADA; i < DORA; i++) {
        f->people[i].psk_id = "shared";
        f->people[i].psk = "correct horse battery staple";
    }
    kit_commit(&f->people[ADA], &options, &commit, NULL);
    kit_expect(mls_group_merge_pending(f->people[ADA].group), 0, "merge");
    kit_take_commit(&f->people[BEN], &commit);
    kit_state(&f->people[DORA], &state_before);
    kit_expect(mls_group_process(f->people[DORA].group, mls_buf_bytes(&commit), &received),
               MLS_EPSK, "without the key");
    assert_true(kit_state_is(&f->people[DORA], &state_before));
    f->people[CLEO].psk = "wrong";
    kit_expect(mls_group_process(f->people[CLEO].group, mls_buf_bytes(&commit), &received),
               MLS_ECONFIRMATION, "with the wrong key");
    f->people[CLEO].psk = f->people[ADA].psk;
    kit_take_commit(&f->people[CLEO], &commit);
    f->people[DORA].psk_id = "shared";
    f->people[DORA].psk = f->people[ADA].psk;
    kit_take_commit(&f->people[DORA], &commit);

    all_talk(f->people);
    mls_buf_fini(&state_before);
    mls_buf_fini(&commit);
}

/* A kept proposal that cannot be committed must not keep the group from talking. */
static void
a_proposal_that_nobody_can_commit_is_left_out(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal psk = {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("only ada's")};
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    struct mls_buf commit = {0};
    struct mls_received received;

    f->people[ADA].psk_id = "only ada's";
    f->people[ADA].psk = "x";
    propose_to_all(f, ADA, &psk);
    propose_to_all(f, CLEO, &update);
    kit_commit(&f->people[BEN], &NOTHING, &commit, NULL);
    kit_expect(mls_group_merge_pending(f->people[BEN].group), 0, "merge");
    kit_expect(mls_group_process(f->people[CLEO].group, mls_buf_bytes(&commit), &received), 0,
               "process");
    assert_int_equal(received.change_count, 1);
    assert_int_equal(received.changes[0].type, MLS_PROPOSAL_UPDATE);
    mls_received_fini(&received);
    kit_expect(mls_group_merge_staged(f->people[CLEO].group), 0, "merge");
    kit_take_commit(&f->people[ADA], &commit);
    kit_take_commit(&f->people[DORA], &commit);

    all_talk(f->people);
    mls_buf_fini(&commit);
}

static void
context_extensions_are_agreed_on(void **state)
{
    struct fixture *f = *state;
    const struct mls_extension title = {KIT_APP_EXTENSION, mls_text("title")};
    const struct mls_extension unknown = {0xf0f0, mls_text("x")};
    struct mls_proposal proposal = {
        .type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
        .extensions = &title,
        .extension_count = 1,
    };
    const struct mls_commit_options options = {.proposals = &proposal, .proposal_count = 1};
    struct mls_buf commit = {0}, welcome = {0};
    struct mls_bytes data;

    kit_commit_to_all(&f->people[DORA], &options, f->people, PEOPLE);
    for (size_t i = 0; i < PEOPLE; i++) {
        kit_expect(mls_group_extension(f->people[i].group, KIT_APP_EXTENSION, &data), 0, "title");
        assert_memory_equal(data.data, "title", data.len);
    }
    kit_expect(mls_group_extension(f->people[ADA].group, 0xf0f0, &data), MLS_ENOTFOUND, "other");
    proposal.extensions = &unknown;
    kit_expect(mls_group_commit(f->people[ADA].group, &options, &commit, &welcome, NULL),
               MLS_EPROPOSAL, "an extension nobody knows");
    all_talk(f->people);
}

static void
the_loser_of_a_race_follows_the_winner(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA], *ben = &f->people[BEN];
    struct mls_buf won = {0}, lost = {0};
    struct mls_received received;

    kit_commit(ada, &NOTHING, &won, NULL);
    kit_commit(ben, &NOTHING, &lost, NULL);
    kit_reload(ben); /* a pending commit survives */
    assert_true(mls_group_has_pending(ben->group));
    kit_expect(mls_group_process(ada->group, mls_buf_bytes(&won), &received), 0, "own");
    assert_int_equal(received.kind, MLS_RECEIVED_OWN_COMMIT);
    mls_received_fini(&received);
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    kit_take_commit(ben, &won);
    kit_take_commit(&f->people[CLEO], &won);
    kit_take_commit(&f->people[DORA], &won);

    assert_false(mls_group_has_pending(ben->group));
    kit_expect(mls_group_process(f->people[CLEO].group, mls_buf_bytes(&lost), &received),
               MLS_EEPOCH, "the lost commit");
    all_talk(f->people);
    kit_commit_to_all(ben, &NOTHING, f->people, PEOPLE);
    all_talk(f->people);
    mls_buf_fini(&lost);
    mls_buf_fini(&won);
}

static void
a_pending_commit_changes_nothing_until_it_is_merged(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA];
    struct mls_buf before = {0}, commit = {0}, welcome = {0};

    kit_state(ada, &before);
    kit_commit(ada, &NOTHING, NULL, NULL);
    kit_expect(mls_group_commit(ada->group, &NOTHING, &commit, &welcome, NULL), MLS_EPENDING,
               "a second commit");
    kit_say(ada, &f->people[BEN], "still the old epoch");
    mls_group_clear_pending(ada->group);
    kit_expect(mls_group_merge_pending(ada->group), MLS_EPENDING, "merge of nothing");
    assert_int_equal(mls_group_epoch(ada->group), mls_group_epoch(f->people[BEN].group));
    mls_buf_fini(&before);
}

static void
messages_come_late_and_out_of_order_but_never_twice(void **state)
{
    struct fixture *f = *state;
    struct mls_buf messages[6] = {{0}};
    static const int order[] = {3, 0, 5, 1, 4, 2};
    struct mls_received received;

    for (size_t i = 0; i < 6; i++)
        kit_expect(
            mls_group_encrypt(f->people[ADA].group, mls_text("n"), mls_text(""), 0, &messages[i]),
            0, "encrypt");
    for (size_t i = 0; i < 6; i++) {
        const struct mls_buf *message = &messages[order[i]];

        kit_expect(mls_group_process(f->people[BEN].group, mls_buf_bytes(message), &received), 0,
                   "decrypt");
        mls_received_fini(&received);
        kit_reload(&f->people[BEN]);
        kit_expect(mls_group_process(f->people[BEN].group, mls_buf_bytes(message), &received),
                   MLS_EREPLAY, "replay");
    }
    kit_expect(mls_group_process(f->people[ADA].group, mls_buf_bytes(&messages[0]), &received),
               MLS_EOWN, "own message");
    for (size_t i = 0; i < 6; i++)
        mls_buf_fini(&messages[i]);
}

static void
padding_hides_the_length(void **state)
{
    struct fixture *f = *state;
    size_t first = 0;

    for (size_t len = 1; len <= 100; len += 33) {
        char text[128] = {0};
        struct mls_buf message = {0};
        struct mls_received received;

        memset(text, 'x', len);
        kit_expect(
            mls_group_encrypt(f->people[ADA].group, mls_text(text), mls_text(""), 256, &message), 0,
            "encrypt");
        if (first == 0)
            first = message.len;
        assert_int_equal(message.len, first);
        kit_expect(mls_group_process(f->people[BEN].group, mls_buf_bytes(&message), &received), 0,
                   "decrypt");
        assert_int_equal(received.plaintext.len, len);
        mls_received_fini(&received);
        mls_buf_fini(&message);
    }
}

/* A Remove made by somebody outside the group whom its extensions name (section 12.1.8.1). */
static void
external_remove(const struct kit_person *from, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                uint32_t leaf, struct mls_buf *message_out)
{
    const struct mls_group *group = from->group;
    const struct mls_proposal_body body = {.type = MLS_PROPOSAL_REMOVE, .u.removed = leaf};
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_writer encoded, w;

    mls_writer_init(&encoded, group->c.p, 0);
    mls_writer_init(&w, group->c.p, 0);
    mls_proposal_write(&encoded, &body);
    struct mls_public_message message = {
        .content =
            {
                .group_id = mls_group_id(group),
                .epoch = mls_group_epoch(group),
                .sender = {.type = MLS_SENDER_EXTERNAL, .index = 0},
                .type = MLS_CONTENT_PROPOSAL,
                .body = mls_writer_bytes(&encoded),
            },
        .auth.signature = mls_bytes(signature, sizeof(signature)),
    };
    assert_int_equal(mls_content_sign(&group->c, MLS_WIRE_PUBLIC_MESSAGE, &message.content,
                                      mls_bytes_empty(), seed, signature),
                     0);
    mls_message_header_write(&w, MLS_WIRE_PUBLIC_MESSAGE);
    mls_public_message_write(&w, &message);
    assert_int_equal(mls_buf_take(message_out, &w), 0);
    mls_writer_fini(&w);
    mls_writer_fini(&encoded);
}

static void
a_named_outsider_may_propose_a_remove(void **state)
{
    struct fixture *f = *state;
    struct kit_person server, stranger;
    struct mls_writer senders;
    struct mls_buf message = {0};
    struct mls_received received;
    uint8_t key[MLS_ED25519_PUBLIC_BYTES];
    const struct mls_credential credential = {MLS_CREDENTIAL_BASIC, mls_text("server")};

    kit_person_init(&server, "server", f->suite);
    kit_person_init(&stranger, "stranger", f->suite);
    assert_int_equal(mls_signature_public(&f->people[ADA].group->c, server.seed, key), 0);
    mls_writer_init(&senders, mls_provider_default(), 0);
    size_t mark = mls_write_vector(&senders);
    mls_write_opaque(&senders, mls_bytes(key, sizeof(key)));
    mls_credential_write(&senders, &credential);
    mls_write_vector_end(&senders, mark);
    const struct mls_extension extension = {MLS_EXTENSION_EXTERNAL_SENDERS,
                                            mls_writer_bytes(&senders)};
    const struct mls_proposal proposal = {
        .type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
        .extensions = &extension,
        .extension_count = 1,
    };
    const struct mls_commit_options options = {.proposals = &proposal, .proposal_count = 1};

    external_remove(&f->people[ADA], server.seed, CLEO, &message);
    kit_expect(mls_group_process(f->people[BEN].group, mls_buf_bytes(&message), &received),
               MLS_ENOTFOUND, "before the group names anybody");
    kit_commit_to_all(&f->people[ADA], &options, f->people, PEOPLE);
    external_remove(&f->people[ADA], stranger.seed, CLEO, &message);
    kit_expect(mls_group_process(f->people[BEN].group, mls_buf_bytes(&message), &received),
               MLS_ESIGNATURE, "a stranger");
    external_remove(&f->people[ADA], server.seed, CLEO, &message);
    for (size_t i = 0; i < PEOPLE; i++)
        kit_take_proposal(&f->people[i], &message);
    kit_commit_to_all(&f->people[DORA], &NOTHING, f->people, PEOPLE);

    assert_false(mls_group_is_active(f->people[CLEO].group));
    mls_group_destroy(&f->people[CLEO].group);
    all_talk(f->people);
    mls_buf_fini(&message);
    mls_writer_fini(&senders);
}

enum { CROWD = 200 };

static void
two_hundred_join_with_one_commit(void **state)
{
    struct fixture *f = *state;
    struct kit_person *crowd = test_calloc(CROWD, sizeof(*crowd));
    struct mls_buf *packages = test_calloc(CROWD, sizeof(*packages));
    struct mls_proposal *adds = test_calloc(CROWD, sizeof(*adds));
    struct mls_buf commit = {0}, welcome = {0};
    const struct mls_commit_options options = {.proposals = adds, .proposal_count = CROWD};

    for (size_t i = 0; i < CROWD; i++) {
        kit_person_init(&crowd[i], "one of many", f->suite);
        kit_key_package(&crowd[i], &packages[i]);
        adds[i] = (struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                        .key_package = mls_buf_bytes(&packages[i])};
    }
    kit_commit(&f->people[ADA], &options, &commit, &welcome);
    kit_expect(mls_group_merge_pending(f->people[ADA].group), 0, "merge");
    for (size_t i = BEN; i < PEOPLE; i++)
        kit_take_commit(&f->people[i], &commit);
    kit_join(&crowd[0], &welcome);
    kit_join(&crowd[CROWD - 1], &welcome);

    assert_int_equal(mls_group_member_count(f->people[BEN].group), PEOPLE + CROWD);
    all_talk(f->people);
    kit_say(&crowd[0], &crowd[CROWD - 1], "so many");
    kit_say(&crowd[CROWD - 1], &f->people[DORA], "yes");
    for (size_t i = 0; i < CROWD; i++) {
        kit_person_fini(&crowd[i]);
        mls_buf_fini(&packages[i]);
    }
    test_free(adds);
    test_free(packages);
    test_free(crowd);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
}

#define IN_BOTH_SUITES(test) KIT_IN_BOTH_SUITES(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_SUITES(four_members_agree_and_hear_each_other),
        IN_BOTH_SUITES(an_empty_commit_renews_keys_and_everybody_follows),
        IN_BOTH_SUITES(exported_secrets_are_equal_and_change_with_the_epoch),
        IN_BOTH_SUITES(a_removed_member_learns_it_and_opens_nothing_later),
        IN_BOTH_SUITES(a_freed_leaf_is_filled_by_the_next_member),
        IN_BOTH_SUITES(the_tree_shrinks_and_grows_again),
        IN_BOTH_SUITES(an_update_by_reference_is_committed_by_another),
        IN_BOTH_SUITES(leaving_is_a_proposal_that_another_commits),
        IN_BOTH_SUITES(a_remove_wins_over_an_update_of_the_same_member),
        IN_BOTH_SUITES(an_add_by_reference_brings_a_new_member),
        IN_BOTH_SUITES(a_psk_binds_those_who_know_it),
        IN_BOTH_SUITES(a_proposal_that_nobody_can_commit_is_left_out),
        IN_BOTH_SUITES(context_extensions_are_agreed_on),
        IN_BOTH_SUITES(the_loser_of_a_race_follows_the_winner),
        IN_BOTH_SUITES(a_pending_commit_changes_nothing_until_it_is_merged),
        IN_BOTH_SUITES(messages_come_late_and_out_of_order_but_never_twice),
        IN_BOTH_SUITES(padding_hides_the_length),
        IN_BOTH_SUITES(a_named_outsider_may_propose_a_remove),
        IN_BOTH_SUITES(two_hundred_join_with_one_commit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
