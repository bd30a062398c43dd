/* SPDX-License-Identifier: MIT */
/*
 * Trees with every kind of hole (RFC 9420 sections 4.1.1, 7.5, 7.9.2): for each way to give each leaf
 * of a small tree one of four fates the tree is made by real commits of real members, and then used.
 * All who are there process every commit; newcomers join from the tree as it then is, which checks all
 * parent hashes. Tree hash and epoch authenticator are equal everywhere after each step.
 *
 * The order of steps makes the fates: members at SOWN leaves are removed, those at MERGED leaves
 * commit, the SOWN come back without a path (so that they are unmerged above), those at BLANK leaves
 * are removed. What stays blank above a QUIET leaf depends on its neighbours. A stored copy of the full
 * tree is where each pattern begins.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_kit.h"

enum { LEAVES_MAX = 8, SHAPES_MAX = 1 << 14 };

enum fate { QUIET, MERGED, SOWN, BLANK, FATES };

static const struct mls_commit_options RENEW = {.force_path = true};

struct world {
    uint16_t suite;
    size_t leaves;
    /* Each at the leaf of its number; the last one joins. */
    struct kit_person people[LEAVES_MAX + 1];
    struct mls_buf full[LEAVES_MAX]; /* states of the full tree */
    enum fate fates[LEAVES_MAX];
    uint64_t shapes[SHAPES_MAX]; /* that were seen, as hashes */
    size_t shape_count;
    size_t unmerged, holes; /* nodes seen with unmerged leaves; blank ones above a member */
    unsigned born;
    char names[LEAVES_MAX + 1][16];
};

/* ---- People ------------------------------------------------------------------------------ */

static void
renew_person(struct world *w, size_t i)
{
    kit_person_fini(&w->people[i]);
    snprintf(w->names[i], sizeof(w->names[i]), "person %u", w->born++);
    kit_person_init(&w->people[i], w->names[i], w->suite);
}

/* The full tree: all are members, and every parent node has a key. */
static void
world_init(struct world *w, uint16_t suite, size_t leaves)
{
    struct kit_person *others[LEAVES_MAX];

    *w = (struct world){.suite = suite, .leaves = leaves};
    for (size_t i = 0; i <= leaves; i++)
        renew_person(w, i);
    kit_create(&w->people[0]);
    for (size_t i = 1; i < leaves; i++) {
        for (size_t k = 0; k < i; k++)
            others[k] = &w->people[k];
        kit_add(&w->people[0], &w->people[i], others + 1, i - 1);
    }
    for (size_t i = 0; i < leaves; i++)
        kit_commit_to_all(&w->people[i], &RENEW, w->people, leaves);
    for (size_t i = 0; i < leaves; i++)
        kit_state(&w->people[i], &w->full[i]);
}

static void
world_fini(struct world *w)
{
    for (size_t i = 0; i <= w->leaves; i++)
        kit_person_fini(&w->people[i]);
    for (size_t i = 0; i < w->leaves; i++)
        mls_buf_fini(&w->full[i]);
}

static void
start_over(struct world *w)
{
    for (size_t i = 0; i <= w->leaves; i++)
        mls_group_destroy(&w->people[i].group);
    for (size_t i = 0; i < w->leaves; i++)
        kit_expect(
            mls_group_load(&w->people[i].config, mls_buf_bytes(&w->full[i]), &w->people[i].group),
            0, "load");
}

static size_t
count_fate(const struct world *w, enum fate fate)
{
    size_t count = 0;

    for (size_t i = 0; i < w->leaves; i++)
        count += w->fates[i] == fate;
    return count;
}

/* ---- Shapes ------------------------------------------------------------------------------ */

static bool
remember(struct world *w, uint64_t shape)
{
    size_t i = (size_t)(shape % SHAPES_MAX);

    for (; w->shapes[i] != 0; i = (i + 1) % SHAPES_MAX) {
        if (w->shapes[i] == shape)
            return false;
    }
    assert_true(++w->shape_count < SHAPES_MAX);
    w->shapes[i] = shape;
    return true;
}

/* What is blank and what is unmerged, whoever the members are. */
static void
note_shape(struct world *w, const struct mls_tree *tree)
{
    uint64_t shape = tree->n_leaves;

    for (uint32_t node = 0; node < mls_node_width(tree->n_leaves); node++) {
        uint64_t what = !mls_tree_is_blank(tree, node);
        const struct mls_parent_node *parent = mls_tree_parent(tree, node);

        for (size_t i = 0; parent != NULL && i < parent->unmerged_count; i++)
            what |= UINT64_C(2) << parent->unmerged[i];
        shape = (shape ^ what) * UINT64_C(0x100000001b3) + 1;
    }
    if (!remember(w, shape))
        return;
    for (uint32_t node = 1; node < mls_node_width(tree->n_leaves); node += 2) {
        const struct mls_parent_node *parent = mls_tree_parent(tree, node);

        w->holes += parent == NULL;
        w->unmerged += parent != NULL && parent->unmerged_count > 0;
    }
}

/* ---- Steps ------------------------------------------------------------------------------- */

/* A commit that all who have a group follow; who was removed loses it. */
static void
commit(struct world *w, size_t by, const struct mls_commit_options *options,
       struct mls_buf *welcome_out)
{
    struct mls_buf message = {0};

    kit_commit(&w->people[by], options, &message, welcome_out);
    kit_expect(mls_group_merge_pending(w->people[by].group), 0, "merge");
    note_shape(w, &w->people[by].group->epoch->tree);
    for (size_t i = 0; i <= w->leaves; i++) {
        struct kit_person *person = &w->people[i];

        if (i == by || person->group == NULL)
            continue;
        kit_take_commit(person, &message);
        if (!mls_group_is_active(person->group))
            mls_group_destroy(&person->group);
    }
    mls_buf_fini(&message);
}

static void
remove_all(struct world *w, size_t by, enum fate fate)
{
    struct mls_proposal proposals[LEAVES_MAX];
    struct mls_commit_options options = {.proposals = proposals};

    for (size_t i = 0; i < w->leaves; i++) {
        if (w->fates[i] == fate)
            proposals[options.proposal_count++] =
                (struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .leaf = (uint32_t)i};
    }
    if (options.proposal_count > 0)
        commit(w, by, &options, NULL);
    kit_agree(w->people, w->leaves + 1);
}

/* Adds everybody in the list without a path and lets them join. */
static void
add_all(struct world *w, size_t by, const size_t *who, size_t count, bool with_path)
{
    struct mls_buf packages[LEAVES_MAX] = {{0}}, welcome = {0};
    struct mls_proposal proposals[LEAVES_MAX];
    const struct mls_commit_options options = {
        .proposals = proposals, .proposal_count = count, .force_path = with_path};

    for (size_t i = 0; i < count; i++) {
        kit_key_package(&w->people[who[i]], &packages[i]);
        proposals[i] = (struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                             .key_package = mls_buf_bytes(&packages[i])};
    }
    commit(w, by, &options, &welcome);
    for (size_t i = 0; i < count; i++) {
        kit_join(&w->people[who[i]], &welcome);
        mls_buf_fini(&packages[i]);
    }
    mls_buf_fini(&welcome);
    kit_agree(w->people, w->leaves + 1);
}

static void
sow(struct world *w, size_t by)
{
    size_t who[LEAVES_MAX], count = 0;

    for (size_t i = 0; i < w->leaves; i++) {
        if (w->fates[i] == SOWN)
            who[count++] = i;
    }
    if (count > 0)
        add_all(w, by, who, count, false);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(mls_group_own_leaf(w->people[who[i]].group), who[i]);
}

/* ---- One pattern ------------------------------------------------------------------------- */

static void
make_tree(struct world *w, size_t by)
{
    start_over(w);
    remove_all(w, by, SOWN);
    for (size_t i = 0; i < w->leaves; i++) {
        if (w->fates[i] == MERGED)
            commit(w, i, &RENEW, NULL);
    }
    sow(w, by);
    remove_all(w, by, BLANK);
}

/* Somebody joins in a commit with a path, somebody updates, and the newcomer commits. */
static void
use_tree(struct world *w, size_t committer)
{
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    size_t joiner = w->leaves;
    struct mls_buf message = {0};

    add_all(w, committer, &joiner, 1, true);
    kit_expect(mls_group_propose(w->people[committer].group, &update, mls_text(""), &message), 0,
               "propose");
    for (size_t i = 0; i <= w->leaves; i++) {
        if (i != committer && w->people[i].group != NULL)
            kit_take_proposal(&w->people[i], &message);
    }
    commit(w, joiner, &(struct mls_commit_options){0}, NULL);
    kit_agree(w->people, w->leaves + 1);
    kit_say(&w->people[joiner], &w->people[committer], "hello");
    mls_buf_fini(&message);
}

/* The n-th of those who stay. */
static size_t
pick(const struct world *w, size_t n)
{
    for (size_t i = 0;; i = (i + 1) % w->leaves) {
        if (w->fates[i] != BLANK && n-- == 0)
            return i;
    }
}

/* Who is there all the time: the first or the last of them; LEAVES_MAX: nobody. */
static size_t
steady(const struct world *w, bool last)
{
    size_t found = LEAVES_MAX;

    for (size_t i = 0; i < w->leaves; i++) {
        if (w->fates[i] != QUIET && w->fates[i] != MERGED)
            continue;
        if (last || found == LEAVES_MAX)
            found = i;
    }
    return found;
}

/* Which patterns of a tree: of how many fates, every how many-th, and used by each member in turn or
 * by one. At least so many different shapes must come out of them. */
struct course {
    uint16_t suite;
    size_t leaves;
    size_t fates;
    size_t stride;
    bool everybody;
    size_t shapes;
};

static void
run_pattern(struct world *w, const struct course *course, size_t pattern)
{
    size_t rest = pattern;

    for (size_t i = 0; i < w->leaves; i++, rest /= course->fates)
        w->fates[i] = (enum fate)(rest % course->fates);
    if (steady(w, false) == LEAVES_MAX)
        return;
    size_t stay = w->leaves - count_fate(w, BLANK);
    for (size_t n = 0; n < (course->everybody ? stay : 1); n++) {
        make_tree(w, steady(w, (pattern + n) % 2 == 0));
        use_tree(w, pick(w, (pattern + n) % stay));
    }
}

static void
run(const struct course *course)
{
    struct world *w = test_calloc(1, sizeof(*w));
    size_t patterns = 0, all = 1;

    world_init(w, course->suite, course->leaves);
    for (size_t i = 0; i < course->leaves; i++)
        all *= course->fates;
    for (size_t pattern = 0; pattern < all; pattern += course->stride, patterns++)
        run_pattern(w, course, pattern);
    print_message(
        "# suite %u, %zu leaves: %zu patterns, %zu shapes, in them %zu nodes with unmerged "
        "leaves and %zu blank\n",
        course->suite, course->leaves, patterns, w->shape_count, w->unmerged, w->holes);
    assert_true(w->shape_count >= course->shapes);
    assert_true(w->unmerged > 0);
    world_fini(w);
    test_free(w);
}

/* ---- Tests ------------------------------------------------------------------------------- */

static void
every_pattern_of_a_small_tree_and_every_committer(void **state)
{
    (void)state;
    run(&(struct course){3, 3, FATES, 1, true, 15});
    run(&(struct course){1, 3, FATES, 1, true, 15});
    run(&(struct course){3, 4, FATES, sotto_night() ? 1 : 2, true, 37});
    if (sotto_night())
        run(&(struct course){1, 5, FATES, 1, true, 67});
}

static void
patterns_of_larger_trees(void **state)
{
    size_t often = sotto_night() ? 1 : 20;

    (void)state;
    run(&(struct course){1, 5, BLANK, often > 1 ? 4 : 1, false, 60}); /* nobody goes for good */
    run(&(struct course){3, 6, FATES, 1 + 6 * often, false, 90});
    run(&(struct course){3, 7, BLANK, 1 + 2 * often, false, 110});
    run(&(struct course){1, 8, FATES, 60 * often + 1, false, 200});
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_of_a_small_tree_and_every_committer),
        cmocka_unit_test(patterns_of_larger_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
