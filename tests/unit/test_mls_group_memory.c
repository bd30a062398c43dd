/* SPDX-License-Identifier: MIT */
/*
 * A group with too little memory, and one whose provider fails: each step of a long round, which has every function of
 * mls.h and public_group.h that can fail, is repeated with its first, second, third ... allocation failing, until it
 * succeeds; and in a second round likewise with each call of a primitive. Every failure has a name, leaks nothing,
 * leaves nothing unwiped, and leaves the state equal byte for byte.
 */
#include "sotto_test.h"

#include "mls/public_group.h"
#include "mls/view.h"
#include "mls_forge.h"
#include "mls_test_provider.h"

/* What a step works on. */
struct scene {
    struct mls_test_provider tp;
    bool of_primitives; /* these fail, not allocations */
    struct kit_person ada, ben, cleo, dora;
    struct mls_public_group *follower, *next;
    struct mls_proposal to_propose;
    struct mls_buf package, commit, welcome, info, proposal, message, state, tree, doras_package;
};

typedef int (*step_fn)(struct scene *s);

/* ---- One failure after the other --------------------------------------------------------------- */

static void
arm(struct scene *s, size_t n)
{
    s->tp.calls = s->tp.primitive_calls = 0;
    s->tp.fail_at = s->of_primitives ? 0 : n;
    s->tp.break_at = s->of_primitives ? n : 0;
}

/* What failed says so. A primitive that fails may pass for a bad signature, tag or key. */
static void
check_error(const struct scene *s, const char *name, size_t n, int error)
{
    const size_t calls = s->of_primitives ? s->tp.primitive_calls : s->tp.calls;

    if (calls < n)
        fail_msg("%s: %s, and nothing failed", name, mls_error_name(error));
    if (!s->of_primitives)
        kit_expect(error, MLS_ENOMEM, name);
    else if (strncmp(mls_error_name(error), "MLS_E", 5) != 0 || error == MLS_ENOMEM)
        fail_msg("%s: failure %zu gives %s", name, n, mls_error_name(error));
}

/* Runs a step until nothing in it fails. `who` is the one whose state must not change; NULL: nobody has a group in this
 * step. */
static void
starve(struct scene *s, const char *name, step_fn step, struct kit_person *who)
{
    size_t n = 0;
    int error;

    do {
        struct mls_buf before = {0};

        if (who != NULL && who->group != NULL)
            kit_state(who, &before);
        const size_t live = s->tp.live;
        arm(s, ++n);
        error = step(s);
        if (error != 0)
            check_error(s, name, n, error);
        arm(s, 0);
        if (error != 0) {
            /* A list that grew before the failure may keep its room, but no more than that. */
            if (s->tp.live > live + 1)
                fail_msg("%s: failure %zu leaks", name, n);
            if (before.len > 0 && !kit_state_is(who, &before))
                fail_msg("%s: failure %zu changes the state", name, n);
        }
        mls_buf_fini(&before);
        assert_int_equal(s->tp.unwiped, 0);
    } while (error != 0);
    print_message("# %s: %zu failures\n", name, n - 1);
}

/* ---- Coming to be ------------------------------------------------------------------------------ */

static struct mls_client
for_ever(const struct kit_person *person)
{
    struct mls_client client = kit_client(person);

    client.lifetime = (struct mls_lifetime){0, UINT64_MAX};
    return client;
}

static int
make_key_package(struct scene *s)
{
    const struct mls_client self = for_ever(&s->ben);

    return mls_key_package_create(&s->ben.config, &self, s->ben.suite, &s->package, &s->ben.bundle);
}

static int
read_key_package(struct scene *s)
{
    struct mls_key_package_info info;

    return mls_key_package_info(&s->tp.table, mls_buf_bytes(&s->package), &info);
}

static int
create(struct scene *s)
{
    const struct mls_extension extension = {KIT_APP_EXTENSION, mls_text("x")};
    const struct mls_client self = for_ever(&s->ada);
    const struct mls_group_params params = {
        .suite = s->ada.suite,
        .group_id = mls_text("group"),
        .extensions = &extension,
        .extension_count = 1,
    };

    return mls_group_create(&s->ada.config, &self, &params, &s->ada.group);
}

static int
join(struct scene *s)
{
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&s->welcome),
        .key_package_private = mls_buf_bytes(&s->ben.bundle),
    };
    const struct mls_client self = kit_client(&s->ben);

    return mls_group_join(&s->ben.config, &self, &params, &s->ben.group);
}

static int
join_external(struct scene *s)
{
    const struct mls_proposal psk = {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("id")};
    const struct mls_external_join_params params = {
        .group_info = mls_buf_bytes(&s->info),
        .ratchet_tree = mls_buf_bytes(&s->tree),
        .psks = &psk,
        .psk_count = 1,
    };
    const struct mls_client self = kit_client(&s->cleo);

    return mls_group_join_external(&s->cleo.config, &self, &params, &s->cleo.group, &s->commit,
                                   NULL);
}

static int
reinit(struct scene *s)
{
    const struct mls_client self = for_ever(&s->ada);
    const struct mls_bytes package = mls_buf_bytes(&s->package);

    return mls_group_reinit(&s->ada.config, &self, s->ada.earlier, &package, 1, &s->commit,
                            &s->welcome, &s->ada.group);
}

static int
branch(struct scene *s)
{
    const struct mls_client self = for_ever(&s->ada);
    const struct mls_bytes package = mls_buf_bytes(&s->package);

    return mls_group_branch(&s->ada.config, &self, s->ada.earlier, mls_text("branch"), &package, 1,
                            &s->commit, &s->welcome, &s->ada.group);
}

/* ---- Proposals and commits ----------------------------------------------------------------------- */

static int
commit_add(struct scene *s)
{
    const struct mls_proposal proposals[] = {
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&s->package)},
        {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("id")},
    };
    const struct mls_commit_options options = {
        .proposals = proposals, .proposal_count = 2, .force_path = true};

    return mls_group_commit(s->ada.group, &options, &s->commit, &s->welcome, &s->info);
}

static int
commit_kept(struct scene *s)
{
    const struct mls_commit_options options = {0};

    return mls_group_commit(s->ada.group, &options, &s->commit, &s->welcome, NULL);
}

static int
propose(struct scene *s)
{
    return mls_group_propose(s->ben.group, &s->to_propose, mls_text("aad"), &s->proposal);
}

/* Dora, who is no member, proposes herself. */
static int
propose_from_outside(struct scene *s)
{
    const struct mls_outside_params params = {
        .suite = s->dora.suite,
        .group_id = mls_group_id(s->ada.group),
        .epoch = mls_group_epoch(s->ada.group),
        .sender_type = MLS_SENDER_NEW_MEMBER_PROPOSAL,
        .signature_seed = s->dora.seed,
        .proposal = {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&s->doras_package)},
    };

    return mls_propose_from_outside(&s->tp.table, &params, &s->proposal);
}

static int
process_into(struct kit_person *person, const struct mls_buf *message)
{
    struct mls_received received = {0};
    const int error = mls_group_process(person->group, mls_buf_bytes(message), &received);

    mls_received_fini(&received);
    return error;
}

static int
process_proposal(struct scene *s)
{
    return process_into(&s->ada, &s->proposal);
}

static int
process_commit(struct scene *s)
{
    return process_into(&s->ben, &s->commit);
}

static int
ada_processes_commit(struct scene *s)
{
    return process_into(&s->ada, &s->commit);
}

static int
check_signature(struct scene *s)
{
    return mls_group_check_signature(s->ben.group, mls_buf_bytes(&s->commit));
}

/* What one call does in place of mls_group_commit(). */
static int
add(struct scene *s)
{
    return mls_group_add(s->ada.group, mls_buf_bytes(&s->package), &s->commit, &s->welcome);
}

static int
remove_ben(struct scene *s)
{
    return mls_group_remove(s->ada.group, mls_group_own_leaf(s->ben.group), &s->commit);
}

static int
cleo_knows_her_commit(struct scene *s)
{
    return process_into(&s->cleo, &s->commit);
}

/* ---- Messages, state, getters -------------------------------------------------------------------- */

static int
encrypt(struct scene *s)
{
    return mls_group_encrypt(s->ben.group, mls_text("hello"), mls_text("aad"), 128, &s->message);
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
    const int error = mls_group_load(&s->ada.config, mls_buf_bytes(&s->state), &group);

    mls_group_destroy(&group);
    return error;
}

static int
export_secret(struct scene *s)
{
    uint8_t out[64];

    return mls_group_export(s->ada.group, "label", mls_text("context"), out, sizeof out);
}

static int
export_tree(struct scene *s)
{
    return mls_group_ratchet_tree(s->ada.group, &s->tree);
}

static int
export_info(struct scene *s)
{
    return mls_group_export_info(s->ada.group, false, &s->info);
}

/* ---- From outside -------------------------------------------------------------------------------- */

static int
view_proposal(struct scene *s)
{
    struct mls_proposal_view view;
    uint8_t ref[MLS_REF_BYTES];
    const int error = mls_proposal_view(&s->tp.table, mls_buf_bytes(&s->proposal), &view);

    return error != 0 ? error : mls_proposal_ref(&s->tp.table, mls_buf_bytes(&s->proposal), ref);
}

static int
view_commit(struct scene *s)
{
    struct mls_commit_view view;
    struct mls_commit_entry entry;
    size_t offset = 0;
    int error = mls_commit_view(mls_buf_bytes(&s->commit), &view);

    while (error == 0 && (error = mls_commit_next(&s->tp.table, &view, &offset, &entry)) == 1)
        error = 0;
    return error;
}

static int
follow(struct scene *s)
{
    return mls_public_group_open(&s->ada.config, mls_buf_bytes(&s->info), mls_buf_bytes(&s->tree),
                                 &s->follower);
}

static int
check_info(struct scene *s)
{
    return mls_public_group_check_info(s->follower, mls_buf_bytes(&s->info), NULL);
}

static int
follow_proposal(struct scene *s)
{
    struct mls_received received = {0};
    const int error =
        mls_public_group_take_proposal(s->follower, mls_buf_bytes(&s->proposal), &received);

    mls_received_fini(&received);
    return error;
}

static int
follow_commit(struct scene *s)
{
    struct mls_received received = {0};
    const int error =
        mls_public_group_take_commit(s->follower, mls_buf_bytes(&s->commit), &received, &s->next);

    mls_received_fini(&received);
    return error;
}

static int
export_followed_tree(struct scene *s)
{
    return mls_public_group_ratchet_tree(s->follower, &s->tree);
}

static int
save_followed(struct scene *s)
{
    return mls_public_group_save(s->follower, &s->state);
}

static int
load_followed(struct scene *s)
{
    struct mls_public_group *group = NULL;
    const int error = mls_public_group_load(&s->ada.config, mls_buf_bytes(&s->state), &group);

    mls_public_group_destroy(&group);
    return error;
}

/* ---- The round --------------------------------------------------------------------------------- */

static void
start(struct scene *s, uint16_t suite, bool of_primitives)
{
    struct kit_person *const people[] = {&s->ada, &s->ben, &s->cleo, &s->dora};
    static const char *const names[] = {"ada", "ben", "cleo", "dora"};

    memset(s, 0, sizeof(*s));
    mls_test_provider_init(&s->tp);
    s->of_primitives = of_primitives;
    for (size_t i = 0; i < 4; i++) {
        kit_person_init(people[i], names[i], suite);
        people[i]->config.provider = &s->tp.table;
        people[i]->admits = true;
        people[i]->psk_id = "id";
        people[i]->psk = "secret";
    }
}

static void
finish(struct scene *s)
{
    struct mls_buf *const bufs[] = {&s->package, &s->commit,   &s->welcome,
                                    &s->info,    &s->proposal, &s->message,
                                    &s->state,   &s->tree,     &s->doras_package};

    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        mls_buf_fini(bufs[i]);
    mls_public_group_destroy(&s->follower);
    mls_public_group_destroy(&s->next);
    kit_person_fini(&s->ada);
    kit_person_fini(&s->ben);
    kit_person_fini(&s->cleo);
    kit_person_fini(&s->dora);
    mls_test_provider_check(&s->tp);
}

static void
begin_group(struct scene *s)
{
    starve(s, "key package", make_key_package, NULL);
    starve(s, "key package info", read_key_package, NULL);
    starve(s, "create", create, NULL);
    starve(s, "add", add, &s->ada);
    mls_group_clear_pending(s->ada.group);
    starve(s, "commit of an add", commit_add, &s->ada);
    starve(s, "join", join, NULL);
    assert_ok(mls_group_merge_pending(s->ada.group));
    starve(s, "export", export_secret, &s->ada);
    starve(s, "tree", export_tree, &s->ada);
    starve(s, "group info", export_info, &s->ada);
    starve(s, "follow", follow, NULL);
    starve(s, "check a group info", check_info, NULL);
}

/* Ben proposes, Ada commits what she has kept. */
static void
change_group(struct scene *s)
{
    const struct mls_extension extension = {KIT_APP_EXTENSION, mls_text("y")};
    const struct mls_proposal all[] = {
        {.type = MLS_PROPOSAL_UPDATE},
        {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("id")},
        {.type = MLS_PROPOSAL_PSK, .psk_resumption = true, .psk_epoch = 1},
        {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
         .extensions = &extension,
         .extension_count = 1},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        s->to_propose = all[i];
        starve(s, "propose", propose, &s->ben);
        starve(s, "view of a proposal", view_proposal, NULL);
        starve(s, "process a proposal", process_proposal, &s->ada);
        starve(s, "follow a proposal", follow_proposal, NULL);
    }
    kit_key_package(&s->dora, &s->doras_package);
    starve(s, "propose from outside", propose_from_outside, NULL);
    starve(s, "process a proposal from outside", process_proposal, &s->ada);
    starve(s, "follow a proposal from outside", follow_proposal, NULL);
    assert_ok(process_into(&s->ben, &s->proposal));
    starve(s, "commit of kept proposals", commit_kept, &s->ada);
    starve(s, "view of a commit", view_commit, NULL);
    starve(s, "signature of a commit", check_signature, &s->ben);
    starve(s, "process a commit", process_commit, &s->ben);
    starve(s, "follow a commit", follow_commit, NULL);
    starve(s, "followed tree", export_followed_tree, NULL);
    starve(s, "save a follower", save_followed, NULL);
    starve(s, "load a follower", load_followed, NULL);
    assert_ok(mls_group_merge_pending(s->ada.group));
    assert_ok(mls_group_merge_staged(s->ben.group));
}

static void
come_from_outside(struct scene *s)
{
    starve(s, "tree", export_tree, &s->ada);
    starve(s, "group info", export_info, &s->ada);
    starve(s, "external join", join_external, NULL);
    starve(s, "process an external commit", ada_processes_commit, &s->ada);
    starve(s, "process an external commit", process_commit, &s->ben);
    starve(s, "know one's own commit", cleo_knows_her_commit, &s->cleo);
    assert_ok(mls_group_merge_staged(s->ada.group));
    assert_ok(mls_group_merge_staged(s->ben.group));
    assert_ok(mls_group_merge_pending(s->cleo.group));
}

static void
talk(struct scene *s)
{
    starve(s, "encrypt", encrypt, &s->ben);
    starve(s, "decrypt", decrypt, &s->ada);
    starve(s, "save", save, &s->ada);
    starve(s, "load", load, &s->ada);
    kit_say(&s->ada, &s->ben, "still here");
    kit_say(&s->cleo, &s->ada, "me too");
    starve(s, "remove", remove_ben, &s->ada);
    mls_group_clear_pending(s->ada.group);
}

/* What others send and we do not: proposals and commits in PrivateMessage. */
static void
take_encrypted(struct scene *s)
{
    static const uint8_t remove_cleo[] = {0, MLS_PROPOSAL_REMOVE, 0, 0, 0, 2};
    const struct mls_proposal_body psk = {
        .type = MLS_PROPOSAL_PSK,
        .u.psk = {.type = MLS_PSK_EXTERNAL,
                  .psk_id = mls_text("id"),
                  .nonce = mls_bytes(s->ada.seed, MLS_HASH_BYTES)},
    };
    struct forgery forgery;
    struct mls_writer list;

    mls_writer_init(&list, &s->tp.table, 0);
    forge_value(&list, &psk);
    forge_sound_commit(&s->ada, MLS_WIRE_PRIVATE_MESSAGE, mls_writer_bytes(&list), &s->commit);
    starve(s, "process an encrypted commit", process_commit, &s->ben);
    mls_group_drop_staged(s->ben.group);
    forge_begin(&forgery, &s->ben, MLS_CONTENT_PROPOSAL,
                mls_bytes(remove_cleo, sizeof remove_cleo));
    forgery.wire_format = MLS_WIRE_PRIVATE_MESSAGE;
    forge_end(&forgery, &s->ben, &s->proposal);
    starve(s, "process an encrypted proposal", process_proposal, &s->ada);
    mls_writer_fini(&list);
}

/* Ada and Ben, without Cleo, in a group of their own that they then continue. */
static void
continue_group(struct scene *s)
{
    s->to_propose = (struct mls_proposal){
        .type = MLS_PROPOSAL_REINIT, .group_id = mls_text("successor"), .suite = s->ada.suite};
    const struct mls_commit_options close = {.proposals = &s->to_propose, .proposal_count = 1};

    kit_step_aside(&s->ada);
    kit_step_aside(&s->ben);
    starve(s, "key package", make_key_package, NULL);
    starve(s, "branch", branch, NULL);
    starve(s, "join a branch", join, NULL);
    kit_commit(&s->ada, &close, &s->commit, NULL);
    starve(s, "process a ReInit", process_commit, &s->ben);
    assert_ok(mls_group_merge_staged(s->ben.group));
    assert_ok(mls_group_merge_pending(s->ada.group));
    kit_step_aside(&s->ada);
    kit_step_aside(&s->ben);
    starve(s, "key package", make_key_package, NULL);
    starve(s, "reinit", reinit, NULL);
    starve(s, "join a successor", join, NULL);
    kit_say(&s->ada, &s->ben, "here we are again");
}

static void
run_round(uint16_t suite, bool of_primitives)
{
    struct scene s;

    start(&s, suite, of_primitives);
    begin_group(&s);
    change_group(&s);
    come_from_outside(&s);
    talk(&s);
    take_encrypted(&s);
    continue_group(&s);
    finish(&s);
}

static void
suite_1_survives_every_failed_allocation(void **state)
{
    (void)state;
    run_round(1, false);
}

static void
suite_3_survives_every_failed_allocation(void **state)
{
    (void)state;
    run_round(3, false);
}

static void
suite_1_survives_every_failed_primitive(void **state)
{
    (void)state;
    run_round(1, true);
}

static void
suite_3_survives_every_failed_primitive(void **state)
{
    (void)state;
    run_round(3, true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(suite_1_survives_every_failed_allocation),
    cmocka_unit_test(suite_3_survives_every_failed_allocation),
    cmocka_unit_test(suite_1_survives_every_failed_primitive),
    cmocka_unit_test(suite_3_survives_every_failed_primitive),
};

SOTTO_TEST_MAIN(tests)
