/* SPDX-License-Identifier: MIT */
/*
 * Every kind of message that brings something into a group, damaged in every place: each byte with several bits
 * flipped, each beginning of it, a byte appended. Whatever of that is processed is refused with an error that has a
 * name and leaves the receiver's saved state equal byte for byte, and the message itself is accepted afterwards.
 * With SOTTO_NIGHT=1 each bit of each byte is flipped by itself.
 */
#include "sotto_test.h"

#include "mls/public_group.h"
#include "mls_forge.h"

enum { ADA, BEN, CLEO, PEOPLE };

/* Ada sends, Cleo receives; Emil is outside and has published a key package. */
struct scene {
    uint16_t suite;
    struct kit_person people[PEOPLE], emil;
    struct mls_buf package;
    struct mls_buf tree;        /* for a Welcome or GroupInfo that comes without it */
    struct mls_buf welcome;     /* where the tree is what gets damaged */
    struct kit_person *watched; /* whose state must not change; NULL: there is none */
    struct mls_extension extension;
};

static void
scene_init(struct scene *s, uint16_t suite)
{
    *s = (struct scene){.suite = suite, .extension = {KIT_APP_EXTENSION, mls_text("x")}};
    kit_group(s->people, PEOPLE, suite);
    kit_person_init(&s->emil, "emil", suite);
    kit_key_package(&s->emil, &s->package);
    for (size_t i = 0; i < PEOPLE; i++) {
        s->people[i].psk_id = "psk";
        s->people[i].psk = "a secret all know";
    }
    s->emil.psk_id = "psk";
    s->emil.psk = "a secret all know";
    s->watched = &s->people[CLEO];
}

static void
scene_fini(struct scene *s)
{
    for (size_t i = 0; i < PEOPLE; i++)
        kit_person_fini(&s->people[i]);
    kit_person_fini(&s->emil);
    mls_buf_fini(&s->package);
    mls_buf_fini(&s->tree);
    mls_buf_fini(&s->welcome);
}

/* ---- What is proposed ---------------------------------------------------------------------- */

/* The types that our members propose, so that a loop can go over them. */
static const uint8_t TYPES[] = {
    MLS_PROPOSAL_ADD, MLS_PROPOSAL_UPDATE, MLS_PROPOSAL_REMOVE,
    MLS_PROPOSAL_PSK, MLS_PROPOSAL_REINIT, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
};

static const char *const TYPE_NAMES[] = {"Add", "Update", "Remove", "PSK", "ReInit", "extensions"};

enum { TYPE_COUNT = sizeof(TYPES) };

static struct mls_proposal
proposal_of(const struct scene *s, uint8_t type)
{
    struct mls_proposal proposal = {.type = (enum mls_proposal_type)type};

    switch (type) {
    case MLS_PROPOSAL_ADD: proposal.key_package = mls_buf_bytes(&s->package); break;
    case MLS_PROPOSAL_REMOVE: proposal.leaf = BEN; break;
    case MLS_PROPOSAL_PSK: proposal.psk_id = mls_text("psk"); break;
    case MLS_PROPOSAL_REINIT:
        proposal.group_id = mls_text("successor");
        proposal.suite = s->suite;
        break;
    case MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS:
        proposal.extensions = &s->extension;
        proposal.extension_count = 1;
        break;
    default: break;
    }
    return proposal;
}

/* ---- Receivers ----------------------------------------------------------------------------- */

/* 0 when the message was taken. */
typedef int (*take_fn)(struct scene *s, struct mls_bytes message);

static int
process(struct scene *s, struct mls_bytes message)
{
    struct mls_received received = {0};
    const int error = mls_group_process(s->watched->group, message, &received);

    mls_received_fini(&received);
    return error;
}

static int
join_with(struct scene *s, struct mls_bytes welcome, struct mls_bytes tree)
{
    const struct mls_join_params params = {
        .welcome = welcome,
        .key_package_private = mls_buf_bytes(&s->emil.bundle),
        .ratchet_tree = tree,
    };
    const struct mls_client self = kit_client(&s->emil);
    struct mls_group *group = NULL;
    const int error = mls_group_join(&s->emil.config, &self, &params, &group);

    assert_true((error == 0) == (group != NULL));
    mls_group_destroy(&group);
    return error;
}

static int
join(struct scene *s, struct mls_bytes message)
{
    return join_with(s, message, mls_buf_bytes(&s->tree));
}

static int
join_by_tree(struct scene *s, struct mls_bytes tree)
{
    return join_with(s, mls_buf_bytes(&s->welcome), tree);
}

static int
read_key_package(struct scene *s, struct mls_bytes message)
{
    struct mls_key_package_info info;

    (void)s;
    return mls_key_package_info(mls_provider_default(), message, &info);
}

static int
add_key_package(struct scene *s, struct mls_bytes message)
{
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD, .key_package = message};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    struct mls_buf commit = {0}, welcome = {0};
    const int error = mls_group_commit(s->watched->group, &options, &commit, &welcome, NULL);

    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    return error;
}

static int
follow(struct scene *s, struct mls_bytes message)
{
    struct mls_public_group *group = NULL;
    const int error =
        mls_public_group_open(&s->emil.config, message, mls_buf_bytes(&s->tree), &group);

    assert_true((error == 0) == (group != NULL));
    mls_public_group_destroy(&group);
    return error;
}

static int
load(struct scene *s, struct mls_bytes message)
{
    struct mls_group *group = NULL;
    const int error = mls_group_load(&s->people[BEN].config, message, &group);

    mls_group_destroy(&group);
    return error;
}

/* ---- Damage -------------------------------------------------------------------------------- */

/* In memory of exactly its size, so that a sanitizer sees a byte read beyond it. */
static void
expect_refusal(struct scene *s, take_fn take, struct mls_bytes damaged, const char *what, size_t at)
{
    uint8_t *exact = malloc(damaged.len + 1);

    assert_non_null(exact);
    memcpy(exact, damaged.data, damaged.len);
    exact = realloc(exact, damaged.len > 0 ? damaged.len : 1);
    assert_non_null(exact);
    const int error = take(s, mls_bytes(exact, damaged.len));
    if (error == 0)
        fail_msg("%s of %zu bytes, damaged at %zu: taken", what, damaged.len, at);
    if (strncmp(mls_error_name(error), "MLS_E", 5) != 0 || error == MLS_ENOMEM || error == MLS_EARG)
        fail_msg("%s damaged at %zu: %s", what, at, mls_error_name(error));
    free(exact);
}

static void
damage_byte(struct scene *s, take_fn take, const struct mls_buf *message, const char *what,
            size_t at)
{
    static const uint8_t night[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff};
    const uint8_t day[] = {(uint8_t)(1u << at % 8), (uint8_t)(0x80u >> at % 7), 0xff};
    const uint8_t *patterns = sotto_night() ? night : day;

    for (size_t i = 0; i < (sotto_night() ? sizeof(night) : sizeof(day)); i++) {
        message->data[at] ^= patterns[i];
        expect_refusal(s, take, mls_buf_bytes(message), what, at);
        message->data[at] ^= patterns[i];
    }
}

static void
append_byte(struct scene *s, take_fn take, const struct mls_buf *message, const char *what)
{
    uint8_t *longer = malloc(message->len + 1);

    assert_non_null(longer);
    memcpy(longer, message->data, message->len);
    for (unsigned byte = 0; byte <= 0xff; byte += 0xff) {
        longer[message->len] = (uint8_t)byte;
        expect_refusal(s, take, mls_bytes(longer, message->len + 1), what, message->len);
    }
    free(longer);
}

static void
refuse_every_damage(struct scene *s, take_fn take, struct mls_buf *message, const char *what)
{
    struct mls_buf before = {0};

    assert_true(message->len > 0);
    if (s->watched != NULL)
        kit_state(s->watched, &before);
    for (size_t i = 0; i < message->len; i++) {
        damage_byte(s, take, message, what, i);
        expect_refusal(s, take, mls_bytes(message->data, i), what, i);
        if (s->watched != NULL && !kit_state_is(s->watched, &before))
            fail_msg("%s damaged at %zu: the state changed", what, i);
    }
    append_byte(s, take, message, what);
    assert_true(s->watched == NULL || kit_state_is(s->watched, &before));
    kit_expect(take(s, mls_buf_bytes(message)), 0, what);
    mls_buf_fini(&before);
    mls_buf_fini(message);
}

/* ---- Proposals ----------------------------------------------------------------------------- */

static void
try_proposals(uint16_t suite, uint16_t wire_format)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        uint8_t leaf_secret[MLS_KEM_SECRET_BYTES];
        struct mls_buf body = {0}, message = {0};
        struct forgery forgery;
        struct scene s;

        scene_init(&s, suite);
        const struct mls_proposal proposal = proposal_of(&s, TYPES[i]);
        assert_ok(mls_group_encode_proposal(s.people[ADA].group, &proposal, &body, leaf_secret));
        forge_begin(&forgery, &s.people[ADA], MLS_CONTENT_PROPOSAL, mls_buf_bytes(&body));
        forgery.wire_format = wire_format;
        forge_end(&forgery, &s.people[ADA], &message);
        refuse_every_damage(&s, process, &message, TYPE_NAMES[i]);
        assert_int_equal(mls_group_proposal_count(s.people[CLEO].group), 1);
        mls_buf_fini(&body);
        scene_fini(&s);
    }
}

static void
a_damaged_proposal_of_any_type_is_refused(uint16_t suite)
{
    try_proposals(suite, MLS_WIRE_PUBLIC_MESSAGE);
}

static void
a_damaged_encrypted_proposal_of_any_type_is_refused(uint16_t suite)
{
    try_proposals(suite, MLS_WIRE_PRIVATE_MESSAGE);
}

/* A service that the group lists, with `seed` as its key. */
static void
list_service(struct scene *s, const uint8_t *seed)
{
    const struct mls_crypto *c = &s->people[ADA].group->c;
    const struct mls_credential credential = {MLS_CREDENTIAL_BASIC, mls_text("service")};
    uint8_t key[MLS_ED25519_PUBLIC_BYTES];
    struct mls_writer w;

    assert_ok(mls_signature_public(c, seed, key));
    mls_writer_init(&w, c->p, 0);
    const size_t mark = mls_write_vector(&w);
    mls_write_opaque(&w, mls_bytes(key, sizeof key));
    mls_credential_write(&w, &credential);
    mls_write_vector_end(&w, mark);
    assert_ok(mls_writer_error(&w));
    const struct mls_extension senders = {MLS_EXTENSION_EXTERNAL_SENDERS, mls_writer_bytes(&w)};
    const struct mls_proposal set = {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                     .extensions = &senders,
                                     .extension_count = 1};
    const struct mls_commit_options options = {.proposals = &set, .proposal_count = 1};
    kit_commit_to_all(&s->people[ADA], &options, s->people, PEOPLE);
    mls_writer_fini(&w);
}

/* Emil proposes himself, or a listed service proposes that Ben goes. */
static void
a_damaged_proposal_from_outside_is_refused(uint16_t suite)
{
    static const enum mls_sender_type types[] = {MLS_SENDER_NEW_MEMBER_PROPOSAL,
                                                 MLS_SENDER_EXTERNAL};

    for (size_t i = 0; i < 2; i++) {
        struct mls_buf message = {0};
        struct scene s;

        scene_init(&s, suite);
        list_service(&s, s.emil.seed);
        s.people[CLEO].admits = true;
        const struct mls_outside_params params = {
            .suite = suite,
            .group_id = mls_group_id(s.people[ADA].group),
            .epoch = mls_group_epoch(s.people[ADA].group),
            .sender_type = types[i],
            .signature_seed = s.emil.seed,
            .proposal = proposal_of(&s, i == 0 ? MLS_PROPOSAL_ADD : MLS_PROPOSAL_REMOVE),
        };
        assert_ok(mls_propose_from_outside(mls_provider_default(), &params, &message));
        refuse_every_damage(&s, process, &message, "proposal from outside");
        assert_int_equal(mls_group_proposal_count(s.people[CLEO].group), 1);
        scene_fini(&s);
    }
}

/* ---- Commits ------------------------------------------------------------------------------- */

static void
try_commit(struct scene *s, const struct mls_commit_options *options, const char *what)
{
    struct mls_buf commit = {0};

    kit_commit(&s->people[ADA], options, &commit, NULL);
    refuse_every_damage(s, process, &commit, what);
    assert_ok(mls_group_merge_staged(s->people[CLEO].group));
}

static void
a_damaged_commit_of_any_proposal_is_refused(uint16_t suite)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        struct mls_buf proposal = {0};
        struct scene s;

        scene_init(&s, suite);
        const struct mls_proposal value = proposal_of(&s, TYPES[i]);
        struct mls_commit_options options = {.proposals = &value, .proposal_count = 1};
        if (TYPES[i] == MLS_PROPOSAL_UPDATE) { /* never by value */
            assert_ok(mls_group_propose(s.people[BEN].group, &value, mls_text(""), &proposal));
            kit_take_proposal(&s.people[ADA], &proposal);
            kit_take_proposal(&s.people[CLEO], &proposal);
            options.proposal_count = 0;
        }
        try_commit(&s, &options, TYPE_NAMES[i]);
        mls_buf_fini(&proposal);
        scene_fini(&s);
    }
}

static void
a_damaged_commit_of_nothing_or_all_together_is_refused(uint16_t suite)
{
    const struct mls_commit_options nothing = {.authenticated_data = mls_text("why")};
    struct scene s;

    scene_init(&s, suite);
    const struct mls_proposal values[] = {
        proposal_of(&s, MLS_PROPOSAL_ADD),
        proposal_of(&s, MLS_PROPOSAL_REMOVE),
        proposal_of(&s, MLS_PROPOSAL_PSK),
        proposal_of(&s, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS),
    };
    const struct mls_commit_options all = {.proposals = values, .proposal_count = 4};
    try_commit(&s, &nothing, "empty commit");
    assert_ok(mls_group_merge_pending(s.people[ADA].group));
    try_commit(&s, &all, "commit of all");
    scene_fini(&s);
}

static void
a_damaged_encrypted_commit_is_refused(uint16_t suite)
{
    struct mls_proposal_body add = {.type = MLS_PROPOSAL_ADD};
    struct mls_buf commit = {0};
    struct mls_writer list;
    struct scene s;

    scene_init(&s, suite);
    mls_writer_init(&list, mls_provider_default(), 0);
    assert_ok(mls_key_package_message_read(mls_buf_bytes(&s.package), &add.u.add));
    forge_value(&list, &add);
    forge_sound_commit(&s.people[ADA], MLS_WIRE_PRIVATE_MESSAGE, mls_writer_bytes(&list), &commit);
    refuse_every_damage(&s, process, &commit, "encrypted commit");
    assert_ok(mls_group_merge_staged(s.people[CLEO].group));
    assert_int_equal(mls_group_member_count(s.people[CLEO].group), PEOPLE + 1);
    mls_writer_fini(&list);
    scene_fini(&s);
}

/* Emil comes by himself, or Ben comes back into his own place. */
static void
a_damaged_external_commit_is_refused(uint16_t suite)
{
    for (unsigned comes_back = 0; comes_back < 2; comes_back++) {
        struct mls_buf commit = {0};
        struct scene s;

        scene_init(&s, suite);
        if (comes_back)
            kit_join_external(&s.people[BEN], &s.people[ADA], BEN, &commit);
        else
            kit_join_external(&s.emil, &s.people[ADA], MLS_LEAF_NONE, &commit);
        refuse_every_damage(&s, process, &commit, "external commit");
        assert_ok(mls_group_merge_staged(s.people[CLEO].group));
        scene_fini(&s);
    }
}

/* ---- Application messages -------------------------------------------------------------------- */

static void
a_damaged_application_message_is_refused(uint16_t suite)
{
    struct mls_buf message = {0};
    struct scene s;

    scene_init(&s, suite);
    assert_ok(
        mls_group_encrypt(s.people[ADA].group, mls_text("hello"), mls_text("aad"), 64, &message));
    refuse_every_damage(&s, process, &message, "application message");
    scene_fini(&s);
}

/* ---- What brings people in ------------------------------------------------------------------- */

/* Ada invites Emil with a path and a pre-shared key. */
static void
invite(struct scene *s, bool without_tree, struct mls_buf *welcome_out, struct mls_buf *info_out)
{
    const struct mls_proposal values[] = {proposal_of(s, MLS_PROPOSAL_ADD),
                                          proposal_of(s, MLS_PROPOSAL_PSK)};
    const struct mls_commit_options options = {.proposals = values,
                                               .proposal_count = 2,
                                               .force_path = true,
                                               .welcome_without_tree = without_tree};
    struct mls_buf commit = {0};

    assert_ok(mls_group_commit(s->people[ADA].group, &options, &commit, welcome_out, info_out));
    assert_ok(mls_group_merge_pending(s->people[ADA].group));
    mls_buf_fini(&commit);
    s->watched = NULL;
}

static void
a_damaged_welcome_is_refused(uint16_t suite)
{
    struct mls_buf welcome = {0}, info = {0};
    struct scene s;

    scene_init(&s, suite);
    invite(&s, false, &welcome, &info);
    refuse_every_damage(&s, join, &welcome, "Welcome");
    mls_buf_fini(&info);
    scene_fini(&s);
}

static void
a_damaged_tree_beside_a_welcome_is_refused(uint16_t suite)
{
    struct mls_buf info = {0}, tree = {0};
    struct scene s;

    scene_init(&s, suite);
    invite(&s, true, &s.welcome, &info);
    assert_ok(mls_group_ratchet_tree(s.people[ADA].group, &tree));
    refuse_every_damage(&s, join_by_tree, &tree, "ratchet_tree");
    mls_buf_fini(&info);
    scene_fini(&s);
}

static void
a_damaged_group_info_is_refused(uint16_t suite)
{
    struct mls_buf welcome = {0}, info = {0};
    struct scene s;

    scene_init(&s, suite);
    invite(&s, false, &welcome, &info);
    assert_ok(mls_group_ratchet_tree(s.people[ADA].group, &s.tree));
    refuse_every_damage(&s, follow, &info, "GroupInfo");
    mls_buf_fini(&welcome);
    scene_fini(&s);
}

static void
a_damaged_key_package_is_refused(uint16_t suite)
{
    struct mls_buf package = {0};
    struct scene s;

    scene_init(&s, suite);
    kit_key_package(&s.emil, &package);
    refuse_every_damage(&s, add_key_package, &package, "KeyPackage to add");
    kit_key_package(&s.emil, &package);
    s.watched = NULL;
    refuse_every_damage(&s, read_key_package, &package, "KeyPackage");
    scene_fini(&s);
}

static void
a_damaged_state_is_refused(uint16_t suite)
{
    struct mls_buf saved = {0};
    struct scene s;

    scene_init(&s, suite);
    kit_state(&s.people[BEN], &saved);
    s.watched = NULL;
    refuse_every_damage(&s, load, &saved, "state");
    scene_fini(&s);
}

/* ---- Both suites ----------------------------------------------------------------------------- */

#define IN_BOTH_SUITES(X)                                     \
    X(a_damaged_proposal_of_any_type_is_refused)              \
    X(a_damaged_encrypted_proposal_of_any_type_is_refused)    \
    X(a_damaged_proposal_from_outside_is_refused)             \
    X(a_damaged_commit_of_any_proposal_is_refused)            \
    X(a_damaged_commit_of_nothing_or_all_together_is_refused) \
    X(a_damaged_encrypted_commit_is_refused)                  \
    X(a_damaged_external_commit_is_refused)                   \
    X(a_damaged_application_message_is_refused)               \
    X(a_damaged_welcome_is_refused)                           \
    X(a_damaged_tree_beside_a_welcome_is_refused)             \
    X(a_damaged_group_info_is_refused)                        \
    X(a_damaged_key_package_is_refused)                       \
    X(a_damaged_state_is_refused)

#define IN_SUITES_1_AND_3(test)        \
    static void test##_1(void **state) \
    {                                  \
        (void)state;                   \
        test(1);                       \
    }                                  \
    static void test##_3(void **state) \
    {                                  \
        (void)state;                   \
        test(3);                       \
    }
IN_BOTH_SUITES(IN_SUITES_1_AND_3)

#define ROWS(test) cmocka_unit_test(test##_1), cmocka_unit_test(test##_3),

static const struct CMUnitTest tests[] = {IN_BOTH_SUITES(ROWS)};

SOTTO_TEST_MAIN(tests)
