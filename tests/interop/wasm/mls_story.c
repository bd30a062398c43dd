/* SPDX-License-Identifier: MIT */
/*
 * A random history of one MLS group from a fixed seed, damaged messages included, printed line by
 * line: what was done, the error, the hash of what came out. Compiled natively and to WebAssembly;
 * both must print the same (mls_wasm.mjs).
 */
#include "sotto_test.h"

#include "mls/mls.h"
#include "mls_test_provider.h"

enum {
    PEOPLE = 6,
    STEPS = 100,
    NOW = 1700000000,
};

struct person {
    char name[8];
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    struct mls_buf package, secrets;
    struct mls_group *group; /* NULL: not a member */
};

struct story {
    struct mls_test_provider tp;
    uint16_t suite;
    struct mls_config config;
    struct person people[PEOPLE];
};

static int
believe(void *arg, const struct mls_credential_view *credential)
{
    (void)arg;
    (void)credential;
    return 0;
}

static uint64_t
now(void *arg)
{
    (void)arg;
    return NOW;
}

static uint32_t
draw(struct story *s, uint32_t below)
{
    uint32_t value;

    assert_int_equal(s->tp.table.random(&s->tp, (uint8_t *)&value, sizeof(value)), 0);
    return value % below;
}

static void
tell(struct story *s, const char *what, const struct person *who, int error, struct mls_bytes out)
{
    uint8_t hash[MLS_HASH_BYTES];

    assert_int_equal(s->tp.table.sha256(&s->tp, &out, 1, hash), 0);
    print_message("# %s %s %d %zu %02x%02x%02x%02x%02x%02x%02x%02x\n", who->name, what, error,
                  out.len, hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
}

static const struct mls_lifetime lifetime = {NOW - 1, NOW + 1};

static void
make_person(struct story *s, size_t index)
{
    struct person *person = &s->people[index];

    snprintf(person->name, sizeof(person->name), "p%zu", index);
    assert_int_equal(s->tp.table.random(&s->tp, person->seed, sizeof(person->seed)), 0);
}

static struct mls_client
client_of(const struct person *person)
{
    return (struct mls_client){
        .signature_seed = person->seed, .identity = mls_text(person->name), .lifetime = lifetime};
}

static void
make_package(struct story *s, struct person *person)
{
    const struct mls_client self = client_of(person);

    assert_int_equal(
        mls_key_package_create(&s->config, &self, s->suite, &person->package, &person->secrets), 0);
    tell(s, "package", person, 0, mls_buf_bytes(&person->package));
}

/* What everybody else makes of a message: first with one bit of it turned, then as it is. */
static void
hand_round(struct story *s, const struct person *from, struct mls_buf *message)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        struct person *to = &s->people[i];
        uint32_t at = draw(s, (uint32_t)message->len);
        uint8_t bit = (uint8_t)(1 << draw(s, 8));

        if (to == from || to->group == NULL)
            continue;
        for (int damaged = 1; damaged >= 0; damaged--) {
            struct mls_received got = {0};

            message->data[at] ^= damaged ? bit : 0;
            int error = mls_group_process(to->group, mls_buf_bytes(message), &got);
            message->data[at] ^= damaged ? bit : 0;
            tell(s, damaged ? "damaged" : "gets", to, error, got.plaintext);
            mls_received_fini(&got);
            mls_group_drop_staged(to->group);
        }
    }
}

/* The same for a commit, which everybody enters. */
static void
enter_all(struct story *s, const struct person *from, const struct mls_buf *commit)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        struct person *to = &s->people[i];
        struct mls_received got = {0};

        if (to == from || to->group == NULL)
            continue;
        assert_int_equal(mls_group_process(to->group, mls_buf_bytes(commit), &got), 0);
        mls_received_fini(&got);
        assert_int_equal(mls_group_merge_staged(to->group), 0);
        if (!mls_group_is_active(to->group))
            mls_group_destroy(&to->group);
    }
}

static void
tell_state(struct story *s, const struct person *person)
{
    struct mls_buf state = {0};
    uint8_t authenticator[MLS_HASH_BYTES];

    if (person->group == NULL)
        return;
    int error = mls_group_save(person->group, &state);
    tell(s, "state", person, error, mls_buf_bytes(&state));
    mls_group_epoch_authenticator(person->group, authenticator);
    tell(s, "epoch", person, 0, (struct mls_bytes){authenticator, sizeof(authenticator)});
    mls_buf_fini(&state);
}

/* Adds whoever is no member, or removes a member, or only renews. */
static void
change(struct story *s, struct person *by)
{
    struct person *target = &s->people[draw(s, PEOPLE)];
    struct mls_proposal proposal = {.type = MLS_PROPOSAL_REMOVE};
    struct mls_commit_options options = {.proposals = &proposal, .force_path = true};
    struct mls_buf commit = {0}, welcome = {0};

    if (target->group == NULL) {
        make_package(s, target);
        proposal.type = MLS_PROPOSAL_ADD;
        proposal.key_package = mls_buf_bytes(&target->package);
    } else {
        proposal.leaf = mls_group_own_leaf(target->group);
    }
    options.proposal_count = target != by && draw(s, 3) > 0;
    int error = mls_group_commit(by->group, &options, &commit, &welcome, NULL);
    tell(s, "commits", by, error, mls_buf_bytes(&commit));
    tell(s, "welcomes", by, error, mls_buf_bytes(&welcome));
    hand_round(s, by, &commit);
    assert_int_equal(mls_group_merge_pending(by->group), 0);
    enter_all(s, by, &commit);
    if (welcome.len > 0) {
        const struct mls_client self = client_of(target);
        const struct mls_join_params join = {.welcome = mls_buf_bytes(&welcome),
                                             .key_package_private =
                                                 mls_buf_bytes(&target->secrets)};

        assert_int_equal(mls_group_join(&s->config, &self, &join, &target->group), 0);
        tell_state(s, target);
    }
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
}

static void
speak(struct story *s, struct person *by)
{
    struct mls_buf message = {0};
    char words[32];

    snprintf(words, sizeof(words), "number %u", draw(s, 1000));
    int error = mls_group_encrypt(by->group, mls_text(words), mls_text("aad"), 64, &message);
    tell(s, "writes", by, error, mls_buf_bytes(&message));
    hand_round(s, by, &message);
    mls_buf_fini(&message);
}

static void
run_story(uint16_t suite)
{
    struct story s = {.suite = suite};
    const struct mls_group_params params = {.suite = suite, .group_id = mls_text("story")};

    mls_test_provider_init(&s.tp);
    s.tp.fixed_random = true;
    s.tp.counter = suite;
    s.config = (struct mls_config){
        .provider = &s.tp.table, .check_credential = believe, .now = now, .arg = &s};
    for (size_t i = 0; i < PEOPLE; i++)
        make_person(&s, i);
    const struct mls_client first = client_of(&s.people[0]);
    assert_int_equal(mls_group_create(&s.config, &first, &params, &s.people[0].group), 0);
    for (int step = 0; step < STEPS; step++) {
        struct person *by = &s.people[draw(&s, PEOPLE)];

        if (by->group == NULL)
            continue;
        if (draw(&s, 2) == 0)
            change(&s, by);
        else
            speak(&s, by);
        tell_state(&s, by);
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        mls_group_destroy(&s.people[i].group);
        mls_buf_fini(&s.people[i].package);
        mls_buf_fini(&s.people[i].secrets);
    }
    mls_test_provider_check(&s.tp);
}

static void
a_story_of_suite_1(void **state)
{
    (void)state;
    run_story(1);
}

static void
a_story_of_suite_3(void **state)
{
    (void)state;
    run_story(3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_story_of_suite_1),
        cmocka_unit_test(a_story_of_suite_3),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
