/* SPDX-License-Identifier: MIT */
/*
 * Random damage below the seals. Flipping bytes of a finished message meets a signature or a hash
 * first; here the damage is done before: a commit body that is then signed by its sender, the
 * contents of a Welcome that are then sealed by the inviter, a stored state whose hash is then made
 * to fit. Whatever comes of it, nothing may crash, what is refused leaves no trace, and whoever
 * follows from outside says the same of a commit as the members. The run is
 * short and always the same; SOTTO_MUTANTS=n makes n mutants of each kind, SOTTO_NIGHT=1 many, SOTTO_SEED another set.
 */
#include "sotto_test.h"

#include "mls_follower.h"
#include "mls_forge.h"
#include "mls_forge_welcome.h"

enum { ADA, BEN, CLEO, DORA, MEMBERS };

/* ---- Mutants ------------------------------------------------------------------------------ */

static uint64_t
number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t
mutants(void)
{
    return number_from("SOTTO_MUTANTS", sotto_night() ? 20000 : 200);
}

/* xorshift64*: the same damage on every run. */
struct dice {
    uint64_t state;
};

static struct dice
dice_new(void)
{
    return (struct dice){number_from("SOTTO_SEED", 1) * 0x9e3779b97f4a7c15u | 1};
}

static uint32_t
roll(struct dice *dice, size_t sides)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return (uint32_t)((dice->state * 0x2545f4914f6cdd1du) >> 33) % (uint32_t)sides;
}

/* A copy with one to three places damaged: a bit, a byte, a piece left out, a piece doubled. */
static void
mutate(struct dice *dice, struct mls_bytes from, struct mls_buf *out)
{
    uint8_t *bytes = malloc(2 * from.len + 1);
    size_t len = from.len;

    assert_non_null(bytes);
    memcpy(bytes, from.data, len);
    for (uint32_t i = roll(dice, 3) + 1; i > 0 && len > 0; i--) {
        static const uint8_t telling[] = {0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff};
        size_t at = roll(dice, len), piece = roll(dice, 40) + 1u;

        if (piece > len - at)
            piece = len - at;
        switch (roll(dice, 8)) {
        case 0: memmove(bytes + at, bytes + at + piece, len - at - piece), len -= piece; break;
        case 1:
            if (len + piece > 2 * from.len)
                break;
            memmove(bytes + at + piece, bytes + at, len - at);
            len += piece;
            break;
        case 2: len = at; break;
        case 3:
        case 4: bytes[at] = telling[roll(dice, sizeof(telling))]; break;
        default: bytes[at] ^= (uint8_t)(1u << roll(dice, 8)); break;
        }
    }
    assert_ok(mls_buf_set(out, mls_provider_default(), mls_bytes(bytes, len)));
    free(bytes);
}

/* ---- Stored states ------------------------------------------------------------------------ */

/* Uses a group in every way; only the process must survive. */
static void
exercise(struct kit_person *person, const struct mls_buf *commit)
{
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    const struct mls_commit_options renew = {.force_path = true};
    struct mls_buf out = {0}, welcome = {0}, info = {0};
    struct mls_received received = {0};
    struct mls_group *group = person->group;

    mls_group_encrypt(group, mls_text("text"), mls_text(""), 0, &out);
    mls_group_propose(group, &update, mls_text(""), &out);
    if (mls_group_process(group, mls_buf_bytes(commit), &received) == 0)
        mls_received_fini(&received);
    mls_group_drop_staged(group);
    mls_group_ratchet_tree(group, &out);
    mls_group_merge_pending(group);
    mls_group_commit(group, &renew, &out, &welcome, &info);
    mls_group_merge_pending(group);
    mls_group_encrypt(group, mls_text("text"), mls_text(""), 0, &out);
    mls_group_commit(group, &renew, &out, &welcome, &info);
    mls_group_save(group, &out);
    mls_buf_fini(&out);
    mls_buf_fini(&welcome);
    mls_buf_fini(&info);
}

static void
try_state(struct kit_person *person, struct mls_buf *state, const struct mls_buf *commit)
{
    const struct mls_provider *p = mls_provider_default();

    if (state->len < MLS_HASH_BYTES)
        return;
    struct mls_bytes body = mls_bytes(state->data, state->len - MLS_HASH_BYTES);
    assert_ok(p->sha256(p->ctx, &body, 1, state->data + body.len));
    mls_group_destroy(&person->group);
    if (mls_group_load(&person->config, mls_buf_bytes(state), &person->group) == 0)
        exercise(person, commit);
}

static void
a_damaged_state_with_a_fitting_hash_does_not_crash(void **state)
{
    (void)state;
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    const struct mls_commit_options renew = {.force_path = true};
    struct kit_person people[MEMBERS];
    struct mls_buf proposal = {0}, commit = {0}, good = {0}, mutant = {0};
    struct dice dice = dice_new();

    kit_group(people, MEMBERS, 3);
    kit_say(&people[ADA], &people[BEN], "a ratchet");
    kit_commit_to_all(&people[CLEO], &renew, people, MEMBERS);
    kit_say(&people[CLEO], &people[BEN], "another");
    assert_ok(mls_group_propose(people[BEN].group, &update, mls_text(""), &proposal));
    kit_take_proposal(&people[ADA], &proposal);
    kit_commit(&people[ADA], &renew, &commit, NULL);
    kit_commit(&people[BEN], &renew, NULL, NULL);
    kit_state(&people[BEN], &good);
    for (uint64_t i = mutants(); i > 0; i--) {
        mutate(&dice, mls_buf_bytes(&good), &mutant);
        try_state(&people[BEN], &mutant, &commit);
    }
    mls_buf_fini(&mutant);
    mls_buf_fini(&good);
    mls_buf_fini(&commit);
    mls_buf_fini(&proposal);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&people[i]);
}

/* Saves a group that was tampered with in memory, which must not load again. */
static void
expect_unloadable(struct kit_person *person)
{
    struct mls_group *loaded = NULL;
    struct mls_buf state = {0};

    kit_state(person, &state);
    kit_expect(mls_group_load(&person->config, mls_buf_bytes(&state), &loaded), MLS_EDECODE,
               "tampered state");
    assert_null(loaded);
    mls_buf_fini(&state);
}

/* What a test does to the group of Ben after Cleo's commit: node 1 is blank, node 3 is set. */
#define TAMPERED(name, ...)                                           \
    static void name(void **state)                                    \
    {                                                                 \
        const struct mls_commit_options renew = {.force_path = true}; \
        struct kit_person people[MEMBERS];                            \
                                                                      \
        (void)state;                                                  \
        kit_group(people, MEMBERS, 3);                                \
        kit_commit_to_all(&people[CLEO], &renew, people, MEMBERS);    \
        kit_reload(&people[BEN]);                                     \
        struct mls_epoch *epoch = people[BEN].group->epoch;           \
        __VA_ARGS__;                                                  \
        expect_unloadable(&people[BEN]);                              \
        for (size_t i = 0; i < MEMBERS; i++)                          \
            kit_person_fini(&people[i]);                              \
    }

static void
set_unmerged(struct mls_epoch *epoch, uint32_t leaf)
{
    uint8_t key[MLS_KEM_PUBLIC_BYTES] = {9};

    assert_ok(mls_tree_set_parent(&epoch->tree, 3, mls_bytes(key, sizeof key), mls_bytes_empty(),
                                  &leaf, 1));
}

static void
fill_keys(struct mls_epoch *epoch)
{
    const uint8_t secret[MLS_KEM_SECRET_BYTES] = {1};

    for (uint32_t node = 100; epoch->keys.count < MLS_PATH_MAX + 1; node++)
        mls_node_keys_set(&epoch->keys, node, secret);
}

static void
change_secret_tree(struct mls_epoch *epoch)
{
    const uint8_t secret[MLS_HASH_BYTES] = {1};

    mls_secret_tree_fini(&epoch->secret_tree);
    assert_ok(mls_secret_tree_init(&epoch->secret_tree, &epoch->tree.c, 1, secret));
}

/* A leaf of the least form: no keys, no signature. */
static void
set_empty_leaf(struct mls_epoch *epoch)
{
    const struct mls_leaf leaf = {.source = MLS_LEAF_UPDATE,
                                  .credential.type = MLS_CREDENTIAL_BASIC};
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_leaf_write(&w, &leaf);
    assert_ok(mls_tree_set_leaf(&epoch->tree, DORA, mls_writer_bytes(&w)));
    mls_writer_fini(&w);
}

TAMPERED(a_state_with_an_unmerged_leaf_outside_the_tree_is_refused, set_unmerged(epoch, 4))
TAMPERED(a_state_with_keys_of_foreign_nodes_is_refused, fill_keys(epoch))
TAMPERED(a_state_without_our_key_is_refused, epoch->keys.count = 0)
TAMPERED(a_state_with_a_leaf_without_keys_is_refused, set_empty_leaf(epoch))
TAMPERED(a_state_with_the_secrets_of_another_tree_is_refused, change_secret_tree(epoch))

/* ---- Commits ------------------------------------------------------------------------------ */

static void
try_commit(struct kit_person *from, struct kit_person *to, struct mls_bytes body)
{
    struct mls_received received = {0};
    struct mls_buf before = {0}, message = {0};

    kit_state(to, &before);
    forge_commit(from, body, &message);
    /* Only a commit that removes the receiver has nothing it could compare with the zero tag. */
    const int error = mls_group_process(to->group, mls_buf_bytes(&message), &received);
    if (error == 0) {
        assert_true(received.removes_self);
        mls_received_fini(&received);
        mls_group_drop_staged(to->group);
    } else {
        follower_compare(to, mls_buf_bytes(&message), error);
    }
    assert_true(kit_state_is(to, &before));
    mls_buf_fini(&message);
    mls_buf_fini(&before);
}

static void
a_damaged_commit_of_a_member_is_refused_without_a_trace(void **state)
{
    (void)state;
    struct kit_person people[MEMBERS], emil;
    struct mls_buf package = {0}, commit = {0}, proposal = {0}, mutant = {0};
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    const struct mls_extension extension = {KIT_APP_EXTENSION, mls_text("x")};
    struct mls_public_message message;
    struct dice dice = dice_new();

    kit_group(people, MEMBERS, 3);
    kit_person_init(&emil, "emil", 3);
    kit_key_package(&emil, &package);
    assert_ok(mls_group_propose(people[CLEO].group, &update, mls_text(""), &proposal));
    kit_take_proposal(&people[ADA], &proposal);
    kit_take_proposal(&people[BEN], &proposal);
    const struct mls_proposal values[] = {
        {.type = MLS_PROPOSAL_REMOVE, .leaf = DORA},
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&package)},
        {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
         .extensions = &extension,
         .extension_count = 1},
    };
    const struct mls_commit_options options = {.proposals = values, .proposal_count = 3};
    kit_commit(&people[ADA], &options, &commit, NULL);
    assert_ok(mls_public_message_message_read(mls_buf_bytes(&commit), &message));
    for (uint64_t i = mutants(); i > 0; i--) {
        mutate(&dice, message.content.body, &mutant);
        try_commit(&people[ADA], &people[BEN], mls_buf_bytes(&mutant));
    }
    kit_take_commit(&people[BEN], &commit);
    mls_buf_fini(&mutant);
    mls_buf_fini(&proposal);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
    kit_person_fini(&emil);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&people[i]);
}

/* ---- Welcomes ----------------------------------------------------------------------------- */

/* Damages the GroupInfo, or one time in four the secrets, and lets the person join with it. */
static void
try_welcome(struct dice *dice, const struct forge_welcome *o, struct kit_person *person)
{
    const bool of_secrets = roll(dice, 4) == 0;
    struct mls_buf mutant = {0};
    struct mls_writer info, welcome;

    mls_writer_init(&info, o->c.p, 0);
    mls_writer_init(&welcome, o->c.p, 0);
    mutate(dice, mls_buf_bytes(of_secrets ? &o->secrets : &o->info), &mutant);
    forge_welcome_info(o, mls_buf_bytes(of_secrets ? &o->info : &mutant), &info);
    forge_welcome_seal(o, mls_writer_bytes(&info),
                       mls_buf_bytes(of_secrets ? &mutant : &o->secrets), &welcome);
    const struct mls_join_params params = {
        .welcome = mls_writer_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&person->bundle),
    };
    const struct mls_client self = kit_client(person);
    mls_group_destroy(&person->group);
    if (mls_group_join(&person->config, &self, &params, &person->group) == 0)
        exercise(person, &mutant);
    mls_writer_fini(&welcome);
    mls_writer_fini(&info);
    mls_buf_fini(&mutant);
}

static void
a_damaged_welcome_of_a_member_does_not_crash(void **state)
{
    (void)state;
    const struct mls_commit_options renew = {.force_path = true};
    struct kit_person people[MEMBERS], emil;
    struct mls_buf package = {0}, commit = {0}, welcome = {0};
    struct dice dice = dice_new();
    struct forge_welcome o;

    kit_group(people, MEMBERS, 3);
    kit_commit_to_all(&people[DORA], &renew, people, MEMBERS);
    kit_commit_to_all(&people[BEN], &renew, people, MEMBERS);
    kit_person_init(&emil, "emil", 3);
    kit_key_package(&emil, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {
        .proposals = &add, .proposal_count = 1, .force_path = true};
    kit_commit(&people[ADA], &options, &commit, &welcome);
    forge_welcome_open(&o, &emil, &welcome, people[ADA].seed);
    for (uint64_t i = mutants(); i > 0; i--)
        try_welcome(&dice, &o, &emil);
    kit_join(&emil, &welcome);
    forge_welcome_fini(&o);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
    kit_person_fini(&emil);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&people[i]);
}

/* A blank node is one byte on the wire and a slot of some 50 bytes in memory. */
static void
a_tree_of_blank_nodes_cannot_take_much_memory(void **state)
{
    (void)state;
    const size_t len = 2 * (size_t)MLS_LEAVES_MAX;
    uint8_t *blanks = calloc(1, len);
    struct mls_crypto c;
    struct mls_tree tree;
    struct mls_writer w;
    struct mls_reader r;

    assert_non_null(blanks);
    assert_true(len * sizeof(struct mls_tree_slot) < (size_t)16 << 20);
    assert_ok(mls_crypto_init(&c, mls_provider_default(), 3));
    mls_writer_init(&w, c.p, 0);
    mls_write_opaque(&w, mls_bytes(blanks, len));
    mls_reader_init(&r, mls_writer_bytes(&w));
    assert_int_equal(mls_tree_read(&tree, &c, &r), MLS_ESIZE);
    mls_writer_fini(&w);
    free(blanks);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_damaged_state_with_a_fitting_hash_does_not_crash),
    cmocka_unit_test(a_state_with_an_unmerged_leaf_outside_the_tree_is_refused),
    cmocka_unit_test(a_state_with_keys_of_foreign_nodes_is_refused),
    cmocka_unit_test(a_state_without_our_key_is_refused),
    cmocka_unit_test(a_state_with_a_leaf_without_keys_is_refused),
    cmocka_unit_test(a_state_with_the_secrets_of_another_tree_is_refused),
    cmocka_unit_test(a_damaged_commit_of_a_member_is_refused_without_a_trace),
    cmocka_unit_test(a_tree_of_blank_nodes_cannot_take_much_memory),
    cmocka_unit_test(a_damaged_welcome_of_a_member_does_not_crash),
};

SOTTO_TEST_MAIN(tests)
