/* SPDX-License-Identifier: MIT */
/*
 * A group with too little memory: each step of a round (key package, create, propose, commit, join,
 * process, encrypt, save, load) is repeated with its first, second, third ... allocation failing,
 * until it succeeds. Every failure says so, leaks nothing, leaves nothing unwiped, and leaves the
 * state equal byte for byte.
 */
#include "sotto_test.h"

#include <string.h>

#include "mls_kit.h"
#include "mls_test_provider.h"

/* What a step works on. */
struct scene {
    struct mls_test_provider tp;
    struct kit_person ada, ben;
    struct mls_buf package, commit, welcome, info, proposal, message, state;
};

typedef int (*step_fn)(struct scene *s);

/* Runs a step until no allocation of it fails. `who` is the one whose state must not change; NULL:
 * nobody has a group in this step. */
static void
starve(struct scene *s, const char *name, step_fn step, struct kit_person *who)
{
    size_t n = 0;
    int error;

    do {
        struct mls_buf before = {0};
        size_t live = s->tp.live;

        if (who != NULL && who->group != NULL) {
            kit_state(who, &before);
            live = s->tp.live;
        }
        s->tp.calls = 0;
        s->tp.fail_at = ++n;
        error = step(s);
        s->tp.fail_at = 0;
        if (error != 0) {
            kit_expect(error, MLS_ENOMEM, name);
            /* A list that grew before the failure may keep its room, but no more than that. */
            if (s->tp.live > live + 1)
                fail_msg("%s: allocation %zu leaks", name, n);
            if (before.len > 0 && !kit_state_is(who, &before))
                fail_msg("%s: allocation %zu changes the state", name, n);
        }
        mls_buf_fini(&before);
        assert_int_equal(s->tp.unwiped, 0);
        assert_true(n < 5000);
    } while (error != 0);
    print_message("# %s: %zu allocations\n", name, n - 1);
    assert_true(n > 1);
}

/* ---- Steps ------------------------------------------------------------------------------- */

static int
make_key_package(struct scene *s)
{
    const struct mls_key_package_params params = {
        .suite = s->ben.suite,
        .signature_seed = s->ben.seed,
        .identity = kit_text("ben"),
        .lifetime = {0, UINT64_MAX},
    };

    return mls_key_package_create(&s->tp.table, &params, &s->package, &s->ben.bundle);
}

static int
create(struct scene *s)
{
    const struct mls_extension extension = {KIT_APP_EXTENSION, kit_text("x")};
    const uint16_t types[] = {KIT_APP_EXTENSION};
    const struct mls_group_params params = {
        .suite = s->ada.suite,
        .group_id = kit_text("group"),
        .signature_seed = s->ada.seed,
        .identity = kit_text("ada"),
        .extension_types = types,
        .extension_type_count = 1,
        .extensions = &extension,
        .extension_count = 0,
    };

    return mls_group_create(&s->ada.config, &params, &s->ada.group);
}

static int
commit_add(struct scene *s)
{
    const struct mls_proposal proposals[] = {
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&s->package)},
        {.type = MLS_PROPOSAL_PSK, .psk_id = kit_text("id")},
    };
    const struct mls_commit_options options = {
        .proposals = proposals, .proposal_count = 2, .force_path = true};

    return mls_group_commit(s->ada.group, &options, &s->commit, &s->welcome, &s->info);
}

static int
join(struct scene *s)
{
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&s->welcome),
        .key_package_private = mls_buf_bytes(&s->ben.bundle),
        .signature_seed = s->ben.seed,
    };

    return mls_group_join(&s->ben.config, &params, &s->ben.group);
}

static int
propose_update(struct scene *s)
{
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};

    return mls_group_propose(s->ben.group, &update, kit_text("aad"), &s->proposal);
}

static int
process_into(struct kit_person *person, const struct mls_buf *message)
{
    struct mls_received received = {0};
    int error = mls_group_process(person->group, mls_buf_bytes(message), &received);

    mls_received_fini(&received);
    return error;
}

static int
process_proposal(struct scene *s)
{
    return process_into(&s->ada, &s->proposal);
}

static int
commit_kept(struct scene *s)
{
    const struct mls_commit_options options = {0};

    return mls_group_commit(s->ada.group, &options, &s->commit, &s->welcome, NULL);
}

static int
process_commit(struct scene *s)
{
    return process_into(&s->ben, &s->commit);
}

static int
encrypt(struct scene *s)
{
    return mls_group_encrypt(s->ben.group, kit_text("hello"), kit_text("aad"), 128, &s->message);
}

static int
decrypt(struct scene *s)
{
    return process_into(&s->ada, &s->message);
}

static int
save(struct scene *s)
{
    return mls_group_save(s->ada.group, &s->state);
}

static int
load(struct scene *s)
{
    struct mls_group *group = NULL;
    int error = mls_group_load(&s->ada.config, mls_buf_bytes(&s->state), &group);

    mls_group_destroy(&group);
    return error;
}

/* ---- The round --------------------------------------------------------------------------- */

static void
start(struct scene *s, uint16_t suite)
{
    memset(s, 0, sizeof(*s));
    mls_test_provider_init(&s->tp);
    kit_person_init(&s->ada, "ada", suite);
    kit_person_init(&s->ben, "ben", suite);
    s->ada.config.provider = s->ben.config.provider = &s->tp.table;
    s->ada.psk_id = s->ben.psk_id = "id";
    s->ada.psk = s->ben.psk = "secret";
}

static void
finish(struct scene *s)
{
    struct mls_buf *const bufs[] = {&s->package,  &s->commit,  &s->welcome, &s->info,
                                    &s->proposal, &s->message, &s->state};

    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        mls_buf_fini(bufs[i]);
    kit_person_fini(&s->ada);
    kit_person_fini(&s->ben);
    mls_test_provider_check(&s->tp);
}

static void
run_round(uint16_t suite)
{
    struct scene s;

    start(&s, suite);
    starve(&s, "key package", make_key_package, NULL);
    starve(&s, "create", create, NULL);
    starve(&s, "commit of an add", commit_add, &s.ada);
    starve(&s, "join", join, NULL);
    kit_expect(mls_group_merge_pending(s.ada.group), 0, "merge");
    starve(&s, "propose", propose_update, &s.ben);
    starve(&s, "process a proposal", process_proposal, &s.ada);
    starve(&s, "commit of a kept proposal", commit_kept, &s.ada);
    starve(&s, "process a commit", process_commit, &s.ben);
    kit_expect(mls_group_merge_pending(s.ada.group), 0, "merge");
    kit_expect(mls_group_merge_staged(s.ben.group), 0, "merge");
    starve(&s, "encrypt", encrypt, &s.ben);
    starve(&s, "decrypt", decrypt, &s.ada);
    starve(&s, "save", save, &s.ada);
    starve(&s, "load", load, &s.ada);
    kit_say(&s.ada, &s.ben, "still here");
    kit_say(&s.ben, &s.ada, "me too");
    finish(&s);
}

static void
suite_1_survives_every_failed_allocation(void **state)
{
    (void)state;
    run_round(1);
}

static void
suite_3_survives_every_failed_allocation(void **state)
{
    (void)state;
    run_round(3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suite_1_survives_every_failed_allocation),
        cmocka_unit_test(suite_3_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
