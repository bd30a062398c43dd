/* SPDX-License-Identifier: MIT */
/*
 * Proposals from outside (RFC 9420 section 12.1.8): a service that the group lists in its
 * external_senders proposes under its own key. Members commit it or not; they must not take the
 * service for a member, nor anybody else for the service.
 */
#include "sotto_test.h"

#include "buf.h"
#include "group.h"
#include "mls_kit.h"

enum { ADA, BEN, CLEO, MEMBERS };

struct room {
    struct kit_person people[MEMBERS];
    uint8_t seed[MLS_ED25519_SEED_BYTES]; /* of the second service in the list */
};

static void
put_service(struct mls_writer *w, const struct mls_crypto *c, uint8_t *seed, const char *name)
{
    uint8_t key[MLS_ED25519_PUBLIC_BYTES];
    const struct mls_credential credential = {MLS_CREDENTIAL_BASIC, kit_text(name)};

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
    uint32_t index;
    uint64_t epoch_ahead;
    uint8_t type;
    struct mls_bytes body;
};

static void
put_message(struct mls_writer *w, const struct room *room, const struct claim *claim)
{
    static const uint8_t tag[MLS_HASH_BYTES];
    const struct mls_group *group = room->people[ADA].group;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_public_message message = {
        .content =
            {
                .group_id = mls_buf_bytes(&group->id),
                .epoch = group->epoch->number + claim->epoch_ahead,
                .sender = {.type = MLS_SENDER_EXTERNAL, .index = claim->index},
                .type = claim->type,
                .body = claim->body,
            },
        .auth = {.signature = mls_bytes(signature, sizeof signature),
                 .confirmation_tag = mls_bytes(tag, sizeof tag)},
    };

    assert_ok(mls_content_sign(&group->c, MLS_WIRE_PUBLIC_MESSAGE, &message.content,
                               mls_bytes_empty(), room->seed, signature));
    mls_message_header_write(w, MLS_WIRE_PUBLIC_MESSAGE);
    mls_public_message_write(w, &message);
    assert_ok(mls_writer_error(w));
}

static void
expect(struct room *room, const struct claim *claim, int error)
{
    struct mls_received received = {0};
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    put_message(&w, room, claim);
    for (size_t i = 0; i < MEMBERS; i++) {
        kit_expect(mls_group_process(room->people[i].group, mls_writer_bytes(&w), &received), error,
                   "external proposal");
        if (error == 0) {
            assert_int_equal(received.sender_leaf, MLS_LEAF_NONE);
            assert_int_equal(received.sender.identity.len, 0);
            assert_int_equal(received.changes[0].proposer, MLS_LEAF_NONE);
        }
        mls_received_fini(&received);
    }
    mls_writer_fini(&w);
}

static const uint8_t REMOVE_CLEO[] = {0, MLS_PROPOSAL_REMOVE, 0, 0, 0, CLEO};

static void
a_listed_service_may_propose_and_is_no_member(void **state)
{
    (void)state;
    const struct claim claim = {1, 0, MLS_CONTENT_PROPOSAL,
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
    const struct claim another = {0, 0, MLS_CONTENT_PROPOSAL, body};
    const struct claim unlisted = {2, 0, MLS_CONTENT_PROPOSAL, body};
    const struct claim later = {1, 1, MLS_CONTENT_PROPOSAL, body};
    struct room room;

    room_init(&room);
    expect(&room, &another, MLS_ESIGNATURE);
    expect(&room, &unlisted, MLS_ENOTFOUND);
    expect(&room, &later, MLS_EEPOCH);
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
        {1, 0, MLS_CONTENT_PROPOSAL, mls_writer_bytes(&update)},
        {1, 0, MLS_CONTENT_PROPOSAL, mls_bytes(external_init, sizeof external_init)},
        {1, 0, MLS_CONTENT_COMMIT, mls_bytes(empty_commit, sizeof empty_commit)},
    };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        expect(&room, &claims[i], MLS_EPROPOSAL);
    mls_writer_fini(&update);
    room_fini(&room);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_listed_service_may_propose_and_is_no_member),
    cmocka_unit_test(nobody_passes_for_a_listed_service),
    cmocka_unit_test(a_service_may_not_do_what_only_members_do),
};

SOTTO_TEST_MAIN(tests)
