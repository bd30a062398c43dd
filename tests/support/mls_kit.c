/* SPDX-License-Identifier: MIT */
/*
 * People for tests of MLS groups (mls_kit.h).
 */
#include "sotto_test.h"

#include <string.h>

#include "mls_kit.h"

static bool
same(struct mls_bytes bytes, const char *text)
{
    return text != NULL && bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

void
kit_expect(int got, int want, const char *what)
{
    if (got != want)
        fail_msg("%s: %s, not %s", what, mls_error_name(got), mls_error_name(want));
}

/* ---- Callbacks --------------------------------------------------------------------------- */

static int
check_credential(void *arg, const struct mls_credential_view *credential)
{
    const struct kit_person *person = arg;

    if (person->keeps_names && credential->replaces_identity.len > 0 &&
        (credential->replaces_identity.len != credential->identity.len ||
         memcmp(credential->replaces_identity.data, credential->identity.data,
                credential->identity.len) != 0))
        return MLS_ECREDENTIAL;
    return same(credential->identity, person->distrusts) ? MLS_ECREDENTIAL : 0;
}

static int
check_outsider(void *arg, const struct mls_change *change)
{
    const struct kit_person *person = arg;

    return change->proposer_type == MLS_SENDER_EXTERNAL || person->admits ? 0 : MLS_EPROPOSAL;
}

static uint64_t
now(void *arg)
{
    return ((const struct kit_person *)arg)->now;
}

static int
find_psk(void *arg, struct mls_bytes psk_id, struct mls_buf *psk_out)
{
    const struct kit_person *person = arg;

    if (!same(psk_id, person->psk_id))
        return MLS_EPSK;
    return mls_buf_set(psk_out, person->config.provider, mls_text(person->psk));
}

static const struct mls_group *
find_group(void *arg, struct mls_bytes group_id)
{
    const struct kit_person *person = arg;

    if (person->earlier == NULL)
        return NULL;
    struct mls_bytes id = mls_group_id(person->earlier);
    return id.len == group_id.len && memcmp(id.data, group_id.data, id.len) == 0 ? person->earlier
                                                                                 : NULL;
}

/* ---- People ------------------------------------------------------------------------------ */

void
kit_person_init(struct kit_person *person, const char *name, uint16_t suite)
{
    const struct mls_provider *p = mls_provider_default();

    *person = (struct kit_person){.name = name, .suite = suite, .now = KIT_NOW};
    assert_int_equal(p->random(p->ctx, person->seed, sizeof(person->seed)), 0);
    person->config = (struct mls_config){
        .provider = p,
        .check_credential = check_credential,
        .check_outsider = check_outsider,
        .now = now,
        .find_psk = find_psk,
        .find_group = find_group,
        .arg = person,
    };
}

void
kit_person_fini(struct kit_person *person)
{
    mls_group_destroy(&person->earlier);
    mls_group_destroy(&person->group);
    mls_buf_fini(&person->bundle);
}

void
kit_step_aside(struct kit_person *person)
{
    mls_group_destroy(&person->earlier);
    person->earlier = person->group;
    person->group = NULL;
}

struct mls_client
kit_client(const struct kit_person *person)
{
    static const uint16_t understood[] = {KIT_APP_EXTENSION};

    return (struct mls_client){
        .signature_seed = person->seed,
        .identity = mls_text(person->name),
        .lifetime = {KIT_NOW - 3600, KIT_NOW + 86400},
        .extension_types = understood,
        .extension_type_count = person->plain ? 0 : 1,
    };
}

void
kit_key_package(struct kit_person *person, struct mls_buf *message_out)
{
    const struct mls_client self = kit_client(person);

    kit_expect(
        mls_key_package_create(&person->config, &self, person->suite, message_out, &person->bundle),
        0, "key package");
}

void
kit_create(struct kit_person *person)
{
    const struct mls_client self = kit_client(person);
    const struct mls_group_params params = {.suite = person->suite, .group_id = mls_text("group")};

    kit_expect(mls_group_create(&person->config, &self, &params, &person->group), 0, "create");
}

void
kit_commit(struct kit_person *person, const struct mls_commit_options *options,
           struct mls_buf *commit_out, struct mls_buf *welcome_out)
{
    struct mls_buf commit = {0}, welcome = {0};

    kit_expect(mls_group_commit(person->group, options, commit_out != NULL ? commit_out : &commit,
                                welcome_out != NULL ? welcome_out : &welcome, NULL),
               0, "commit");
    mls_buf_fini(&commit);
    mls_buf_fini(&welcome);
}

void
kit_join(struct kit_person *person, const struct mls_buf *welcome)
{
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(welcome),
        .key_package_private = mls_buf_bytes(&person->bundle),
    };
    const struct mls_client self = kit_client(person);

    mls_group_destroy(&person->group);
    kit_expect(mls_group_join(&person->config, &self, &params, &person->group), 0, "join");
}

void
kit_take_proposal(struct kit_person *person, const struct mls_buf *message)
{
    struct mls_received received;

    kit_expect(mls_group_process(person->group, mls_buf_bytes(message), &received), 0, "proposal");
    assert_int_equal(received.kind, MLS_RECEIVED_PROPOSAL);
    assert_int_equal(received.change_count, 1);
    mls_received_fini(&received);
}

void
kit_take_commit(struct kit_person *person, const struct mls_buf *message)
{
    struct mls_received received;

    kit_expect(mls_group_process(person->group, mls_buf_bytes(message), &received), 0, "commit");
    assert_int_equal(received.kind, MLS_RECEIVED_COMMIT);
    mls_received_fini(&received);
    kit_expect(mls_group_merge_staged(person->group), 0, "merge");
}

void
kit_join_external(struct kit_person *person, const struct kit_person *host, uint32_t old_leaf,
                  struct mls_buf *commit_out)
{
    const struct mls_client self = kit_client(person);
    struct mls_buf info = {0};

    mls_group_destroy(&person->group);
    kit_expect(mls_group_export_info(host->group, true, &info), 0, "group info");
    const struct mls_external_join_params params = {
        .group_info = mls_buf_bytes(&info),
        .resync = old_leaf != MLS_LEAF_NONE,
        .old_leaf = old_leaf,
    };
    kit_expect(
        mls_group_join_external(&person->config, &self, &params, &person->group, commit_out, NULL),
        0, "external join");
    mls_buf_fini(&info);
}

void
kit_add(struct kit_person *adder, struct kit_person *added, struct kit_person *const *others,
        size_t count)
{
    struct mls_buf package = {0}, commit = {0}, welcome = {0};

    kit_key_package(added, &package);
    const struct mls_proposal proposal = {
        .type = MLS_PROPOSAL_ADD,
        .key_package = mls_buf_bytes(&package),
    };
    const struct mls_commit_options options = {.proposals = &proposal, .proposal_count = 1};
    kit_commit(adder, &options, &commit, &welcome);
    kit_expect(mls_group_merge_pending(adder->group), 0, "merge of own");
    for (size_t i = 0; i < count; i++)
        kit_take_commit(others[i], &commit);
    kit_join(added, &welcome);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
}

void
kit_group(struct kit_person *people, size_t count, uint16_t suite)
{
    static const char *const names[] = {"ada", "ben", "cleo", "dora", "emil", "fay", "gus", "hal"};
    struct kit_person *others[8];

    assert_true(count <= 8);
    kit_person_init(&people[0], names[0], suite);
    kit_create(&people[0]);
    for (size_t i = 1; i < count; i++) {
        size_t other_count = 0;

        for (size_t k = 0; k + 1 < i; k++)
            others[other_count++] = &people[k];
        kit_person_init(&people[i], names[i], suite);
        kit_add(&people[i - 1], &people[i], others, other_count);
    }
    kit_agree(people, count);
}

static int
trio(void **state, uint16_t suite)
{
    struct kit_trio *trio = test_calloc(1, sizeof(*trio));

    trio->suite = suite;
    kit_group(trio->people, KIT_TRIO, suite);
    kit_person_init(&trio->people[KIT_EMIL], "emil", suite);
    *state = trio;
    return 0;
}

int
kit_trio_suite_1(void **state)
{
    return trio(state, 1);
}

int
kit_trio_suite_3(void **state)
{
    return trio(state, 3);
}

int
kit_trio_end(void **state)
{
    struct kit_trio *trio = *state;

    for (size_t i = 0; i <= KIT_EMIL; i++)
        kit_person_fini(&trio->people[i]);
    test_free(trio);
    return 0;
}

struct mls_proposal
kit_reinit(uint16_t suite)
{
    static const struct mls_extension topic = {KIT_APP_EXTENSION, {(const uint8_t *)"topic", 5}};

    return (struct mls_proposal){
        .type = MLS_PROPOSAL_REINIT,
        .group_id = mls_text("successor"),
        .suite = suite,
        .extensions = &topic,
        .extension_count = 1,
    };
}

uint16_t
kit_other_suite(uint16_t suite)
{
    return suite == 1 ? 3 : 1;
}

void
kit_commit_to_all(struct kit_person *by, const struct mls_commit_options *options,
                  struct kit_person *people, size_t count)
{
    struct mls_buf commit = {0};

    kit_commit(by, options, &commit, NULL);
    kit_expect(mls_group_merge_pending(by->group), 0, "merge of own");
    for (size_t i = 0; i < count; i++) {
        if (&people[i] != by && people[i].group != NULL)
            kit_take_commit(&people[i], &commit);
    }
    mls_buf_fini(&commit);
}

void
kit_say(struct kit_person *from, struct kit_person *to, const char *text)
{
    struct mls_buf message = {0};
    struct mls_received received;

    kit_expect(mls_group_encrypt(from->group, mls_text(text), mls_text("to all"), 64, &message), 0,
               "encrypt");
    kit_expect(mls_group_process(to->group, mls_buf_bytes(&message), &received), 0, "decrypt");
    assert_int_equal(received.kind, MLS_RECEIVED_APPLICATION);
    assert_int_equal(received.sender_leaf, mls_group_own_leaf(from->group));
    assert_true(same(received.sender.identity, from->name));
    assert_true(same(received.plaintext, text));
    assert_true(same(received.authenticated_data, "to all"));
    mls_received_fini(&received);
    mls_buf_fini(&message);
}

void
kit_agree(const struct kit_person *people, size_t count)
{
    const struct mls_group *first = NULL;
    uint8_t want[2][MLS_HASH_BYTES], got[2][MLS_HASH_BYTES];

    for (size_t i = 0; i < count; i++) {
        const struct mls_group *group = people[i].group;

        if (group == NULL || !mls_group_is_active(group))
            continue;
        mls_group_epoch_authenticator(group, got[0]);
        mls_group_tree_hash(group, got[1]);
        if (first == NULL) {
            first = group;
            memcpy(want, got, sizeof(want));
        }
        assert_int_equal(mls_group_epoch(group), mls_group_epoch(first));
        assert_memory_equal(got, want, sizeof(want));
    }
    assert_non_null(first);
}

/* ---- State ------------------------------------------------------------------------------- */

void
kit_state(const struct kit_person *person, struct mls_buf *state_out)
{
    kit_expect(mls_group_save(person->group, state_out), 0, "save");
}

bool
kit_state_is(const struct kit_person *person, const struct mls_buf *state)
{
    struct mls_buf now_state = {0};

    kit_state(person, &now_state);
    bool equal =
        now_state.len == state->len && memcmp(now_state.data, state->data, state->len) == 0;
    mls_buf_fini(&now_state);
    return equal;
}

void
kit_refuse(struct kit_person *person, struct mls_bytes message, int error, const char *what)
{
    struct mls_buf before = {0};
    struct mls_received received;

    kit_state(person, &before);
    const int got = mls_group_process(person->group, message, &received);
    if (got == 0)
        fail_msg("%s: accepted", what);
    if (error != 0)
        kit_expect(got, error, what);
    if (!kit_state_is(person, &before))
        fail_msg("%s: the state changed", what);
    mls_buf_fini(&before);
}

void
kit_reload(struct kit_person *person)
{
    struct mls_buf state = {0};

    kit_state(person, &state);
    mls_group_destroy(&person->group);
    kit_expect(mls_group_load(&person->config, mls_buf_bytes(&state), &person->group), 0, "load");
    assert_true(kit_state_is(person, &state));
    mls_buf_fini(&state);
}
