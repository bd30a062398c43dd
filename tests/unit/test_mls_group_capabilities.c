/* SPDX-License-Identifier: MIT */
/*
 * Required capabilities (RFC 9420 sections 7.2, 7.3, 11.1, 12.1.7): nobody is a member of a group who
 * cannot do what it requires. Those who ask are stopped, and so is what comes from somebody who does
 * not keep to it: at his place the requirement shows only after his own checks.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_kit.h"

/* Emil is no member; Cleo, and Emil, do not understand the extension in question. */
enum { ADA, BEN, CLEO, PEOPLE, EMIL = PEOPLE };

/* RequiredCapabilities: one extension, one proposal, one credential type. */
static const uint8_t wants_extension[] = {2, KIT_APP_EXTENSION >> 8, KIT_APP_EXTENSION & 0xff, 0,
                                          0};
static const uint8_t wants_proposal[] = {0, 2, 0xf0, 0x0f, 0};
static const uint8_t wants_x509[] = {0, 0, 2, 0, MLS_CREDENTIAL_X509};
static const uint8_t wants_basic[] = {0, 0, 2, 0, MLS_CREDENTIAL_BASIC};
/* All that the RFC has by default, which nobody lists (section 7.2). */
static const uint8_t wants_defaults[] = {10, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 14, 0, 1,
                                         0,  2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7,  0};

#define REQUIRE(data)                        \
    (struct mls_extension)                   \
    {                                        \
        MLS_EXTENSION_REQUIRED_CAPABILITIES, \
        {                                    \
            (data), sizeof(data)             \
        }                                    \
    }

struct fixture {
    struct kit_person people[PEOPLE + 1];
    struct mls_buf package; /* of Emil */
};

/* A group whose first extension is there from the start; NULL: none. */
static void
begin(struct fixture *f, const struct mls_extension *extension, bool cleo_is_plain)
{
    static const char *const names[] = {"ada", "ben", "cleo", "emil"};
    struct kit_person *ben[] = {&f->people[BEN]};

    *f = (struct fixture){0};
    for (size_t i = 0; i <= PEOPLE; i++)
        kit_person_init(&f->people[i], names[i], 3);
    f->people[CLEO].plain = cleo_is_plain;
    f->people[EMIL].plain = true;
    const struct mls_group_params params = {
        .suite = 3,
        .group_id = mls_text("group"),
        .extensions = extension,
        .extension_count = extension == NULL ? 0 : 1,
    };
    const struct mls_client self = kit_client(&f->people[ADA]);
    kit_expect(mls_group_create(&f->people[ADA].config, &self, &params, &f->people[ADA].group), 0,
               "create");
    kit_add(&f->people[ADA], &f->people[BEN], NULL, 0);
    kit_add(&f->people[ADA], &f->people[CLEO], ben, 1);
    kit_key_package(&f->people[EMIL], &f->package);
}

static void
end(struct fixture *f)
{
    mls_buf_fini(&f->package);
    for (size_t i = 0; i <= PEOPLE; i++)
        kit_person_fini(&f->people[i]);
}

static struct mls_proposal
require(const struct mls_extension *extension)
{
    return (struct mls_proposal){
        .type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
        .extensions = extension,
        .extension_count = 1,
    };
}

/* The commit of Ada gives this error and changes nothing; 0: all follow. */
static void
commit(struct fixture *f, const struct mls_proposal *proposals, size_t count, int want)
{
    const struct mls_commit_options options = {.proposals = proposals, .proposal_count = count};
    struct mls_buf message = {0}, welcome = {0}, before = {0};

    kit_state(&f->people[ADA], &before);
    kit_expect(mls_group_commit(f->people[ADA].group, &options, &message, &welcome, NULL), want,
               "commit");
    if (want != 0) {
        assert_true(kit_state_is(&f->people[ADA], &before));
    } else {
        kit_expect(mls_group_merge_pending(f->people[ADA].group), 0, "merge");
        kit_take_commit(&f->people[BEN], &message);
        kit_take_commit(&f->people[CLEO], &message);
        if (!mls_group_is_active(f->people[CLEO].group))
            mls_group_destroy(&f->people[CLEO].group);
        kit_agree(f->people, PEOPLE);
    }
    mls_buf_fini(&before);
    mls_buf_fini(&welcome);
    mls_buf_fini(&message);
}

/* ---- Asking ------------------------------------------------------------------------------ */

static void
what_a_member_lacks_cannot_be_required(void **state)
{
    (void)state;
    const struct mls_extension wants[] = {REQUIRE(wants_extension), REQUIRE(wants_proposal),
                                          REQUIRE(wants_x509)};
    struct mls_buf message = {0}, before = {0};
    struct fixture f;

    begin(&f, NULL, true);
    kit_state(&f.people[BEN], &before);
    for (size_t i = 0; i < 3; i++) {
        const struct mls_proposal proposal = require(&wants[i]);

        commit(&f, &proposal, 1, MLS_EPROPOSAL);
        kit_expect(mls_group_propose(f.people[BEN].group, &proposal, mls_text(""), &message),
                   MLS_EPROPOSAL, "propose");
        assert_true(kit_state_is(&f.people[BEN], &before));
    }
    mls_buf_fini(&before);
    end(&f);
}

static void
what_all_can_is_required_and_holds_for_newcomers(void **state)
{
    (void)state;
    const struct mls_extension wants[] = {REQUIRE(wants_extension), REQUIRE(wants_basic),
                                          REQUIRE(wants_defaults)};
    struct fixture f;

    begin(&f, NULL, false);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&f.package)};
    for (size_t i = 3; i-- > 0;) {
        const struct mls_proposal proposal = require(&wants[i]);

        commit(&f, &proposal, 1, 0);
    }
    commit(&f, &add, 1, MLS_EPROPOSAL);
    f.people[EMIL].plain = false;
    kit_key_package(&f.people[EMIL], &f.package);
    const struct mls_proposal able = {.type = MLS_PROPOSAL_ADD,
                                      .key_package = mls_buf_bytes(&f.package)};
    commit(&f, &able, 1, 0);
    end(&f);
}

/* "Including those added in the same Commit, and excluding those removed" (section 12.1.7). */
static void
who_comes_in_the_same_commit_counts_and_who_goes_does_not(void **state)
{
    (void)state;
    const struct mls_extension wants = REQUIRE(wants_extension);
    struct fixture f;

    begin(&f, NULL, true);
    const struct mls_proposal with_removal[] = {require(&wants),
                                                {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO}};
    const struct mls_proposal with_add[] = {
        {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO},
        require(&wants),
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&f.package)},
    };
    commit(&f, with_add, 3, MLS_EPROPOSAL);
    commit(&f, with_removal, 2, 0);
    end(&f);
}

static void
nobody_creates_a_group_that_asks_too_much_of_its_creator(void **state)
{
    (void)state;
    const struct mls_extension wants[] = {REQUIRE(wants_extension), REQUIRE(wants_proposal),
                                          REQUIRE(wants_x509)};
    struct kit_person ada;

    kit_person_init(&ada, "ada", 3);
    ada.plain = true;
    const struct mls_client self = kit_client(&ada);
    for (size_t i = 0; i < 3; i++) {
        const struct mls_group_params params = {
            .suite = 3,
            .group_id = mls_text("group"),
            .extensions = &wants[i],
            .extension_count = 1,
        };

        kit_expect(mls_group_create(&ada.config, &self, &params, &ada.group), MLS_EPROPOSAL,
                   "create");
        assert_null(ada.group);
    }
    kit_person_fini(&ada);
}

/* ---- Who does not keep to it ---------------------------------------------------------------- */

/* The requirement of a group that begins with `hidden`, in the place of an extension that says
 * nothing. Both are as long. */
static const struct mls_extension hidden = {MLS_EXTENSION_APPLICATION_ID,
                                            {wants_extension, sizeof(wants_extension)}};

static void
show_requirement(struct kit_person *person)
{
    person->group->epoch->extensions.data[1] = MLS_EXTENSION_REQUIRED_CAPABILITIES;
}

/* check_credential comes after the check of capabilities. */
static int
show_and_trust(void *arg, const struct mls_credential_view *credential)
{
    (void)credential;
    show_requirement(arg);
    return 0;
}

/* Processing gives MLS_EPROPOSAL and leaves the state as it was. */
static void
refuse(struct kit_person *person, const struct mls_buf *message)
{
    struct mls_buf before = {0};
    struct mls_received received;

    kit_state(person, &before);
    kit_expect(mls_group_process(person->group, mls_buf_bytes(message), &received), MLS_EPROPOSAL,
               "process");
    assert_true(kit_state_is(person, &before));
    mls_buf_fini(&before);
}

static void
an_add_and_a_welcome_of_somebody_who_lacks_it_are_refused(void **state)
{
    (void)state;
    struct mls_buf message = {0}, welcome = {0};
    struct fixture f;

    begin(&f, &hidden, false);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&f.package)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    f.people[ADA].group->config.check_credential = show_and_trust;
    kit_commit(&f.people[ADA], &options, &message, &welcome);
    show_requirement(&f.people[BEN]);
    refuse(&f.people[BEN], &message);

    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&f.people[EMIL].bundle),
    };
    const struct mls_client self = kit_client(&f.people[EMIL]);
    kit_expect(mls_group_join(&f.people[EMIL].config, &self, &params, &f.people[EMIL].group),
               MLS_EPROPOSAL, "join");
    assert_null(f.people[EMIL].group);
    mls_buf_fini(&welcome);
    mls_buf_fini(&message);
    end(&f);
}

/* Ben's leaf says of the extension that he knows another one instead. */
static void
forget_capability(struct kit_person *person)
{
    const struct mls_group *group = person->group;
    const struct mls_leaf *leaf = mls_tree_leaf(&group->epoch->tree, group->epoch->own_leaf);
    uint8_t *types = (uint8_t *)(uintptr_t)leaf->capabilities.extensions.data;

    assert_int_equal(types[0], KIT_APP_EXTENSION >> 8);
    types[1] ^= 0x80;
}

static void
an_update_that_lacks_it_is_refused(void **state)
{
    (void)state;
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    struct mls_buf message = {0};
    struct fixture f;

    begin(&f, &hidden, false);
    forget_capability(&f.people[BEN]);
    f.people[BEN].group->config.check_credential = show_and_trust;
    kit_expect(mls_group_propose(f.people[BEN].group, &update, mls_text(""), &message), 0,
               "propose");
    show_requirement(&f.people[ADA]);
    refuse(&f.people[ADA], &message);
    kit_expect(mls_group_propose(f.people[BEN].group, &update, mls_text(""), &message),
               MLS_EPROPOSAL, "once it shows");
    mls_buf_fini(&message);
    end(&f);
}

static void
a_path_whose_leaf_lacks_it_is_refused(void **state)
{
    (void)state;
    const struct mls_commit_options options = {.force_path = true};
    struct mls_buf message = {0};
    struct fixture f;

    begin(&f, &hidden, false);
    for (size_t i = 0; i < PEOPLE; i++)
        show_requirement(&f.people[i]);
    forget_capability(&f.people[BEN]);
    kit_commit(&f.people[BEN], &options, &message, NULL);
    refuse(&f.people[ADA], &message);
    mls_buf_fini(&message);
    end(&f);
}

/* What those inside say to such a commit is in test_mls_group_external_forged.c. */
static void
who_lacks_it_does_not_join_by_its_own_commit(void **state)
{
    (void)state;
    const struct mls_extension wants = REQUIRE(wants_extension);
    struct mls_buf info = {0}, message = {0};
    struct fixture f;

    begin(&f, &wants, false);
    struct kit_person *emil = &f.people[EMIL];
    kit_expect(mls_group_export_info(f.people[ADA].group, true, &info), 0, "export");
    const struct mls_client self = kit_client(emil);
    const struct mls_external_join_params params = {.group_info = mls_buf_bytes(&info)};
    kit_expect(mls_group_join_external(&emil->config, &self, &params, &emil->group, &message, NULL),
               MLS_EPROPOSAL, "join");
    assert_null(emil->group);
    emil->plain = false;
    kit_join_external(emil, &f.people[ADA], MLS_LEAF_NONE, &message);
    kit_expect(mls_group_merge_pending(emil->group), 0, "merge");
    for (size_t i = 0; i < PEOPLE; i++)
        kit_take_commit(&f.people[i], &message);
    kit_agree(f.people, PEOPLE + 1);
    mls_buf_fini(&message);
    mls_buf_fini(&info);
    end(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_member_lacks_cannot_be_required),
        cmocka_unit_test(what_all_can_is_required_and_holds_for_newcomers),
        cmocka_unit_test(who_comes_in_the_same_commit_counts_and_who_goes_does_not),
        cmocka_unit_test(nobody_creates_a_group_that_asks_too_much_of_its_creator),
        cmocka_unit_test(an_add_and_a_welcome_of_somebody_who_lacks_it_are_refused),
        cmocka_unit_test(an_update_that_lacks_it_is_refused),
        cmocka_unit_test(a_path_whose_leaf_lacks_it_is_refused),
        cmocka_unit_test(who_lacks_it_does_not_join_by_its_own_commit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
