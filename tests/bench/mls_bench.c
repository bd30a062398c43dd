/* SPDX-License-Identifier: MIT */
/*
 * What the operations of an MLS group cost, for job B7 of `tests/bench/run` and for
 * tests/bench/mls_instructions:
 *
 *     sotto-mlsbench scene LEAVES full|adds inside|beside
 *         makes a group: reads the key packages of two guests from stdin and prints the Welcome for
 *         both, in hex on a line, with the ratchet tree in it or on the next line
 *     sotto-mlsbench ours
 *         is the two guests: says {"packages":[...]}, reads Welcome and tree, prints a line of JSON
 *         for each row
 *
 * The guests join by the same Welcome, with the tree beside it; one makes what is measured, the other
 * takes it. Others do the same in a group of the same shape, one after the other and not in the same
 * process. A group has LEAVES - 1 members, so that whoever is added fills one of LEAVES, of which 5,000 is
 * the limit. What is timed stands in functions step_..., which are not inlined, so that a profile can
 * tell them from the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mls_counter.h"
#include "mls_crowd.h"

enum {
    SUITE = 3,
    TIMES = 9, /* repetitions of a row; the median counts */
    TEXT_BYTES = 256,
    NOT_IN_CROWD = 3, /* two guests, and whoever is added last */
    LEAVES_MIN = 5,
};

static void
must(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "sotto-mlsbench: %s: %s\n", what, mls_error_text(error));
    exit(1);
}

static double
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- Rows -------------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
row(const char *name, double *values, size_t count, const char *unit)
{
    qsort(values, count, sizeof(*values), compare);
    printf("{\"row\":\"%s\",\"unit\":\"%s\",\"median\":%.4f,\"min\":%.4f,\"max\":%.4f}\n", name,
           unit, values[count / 2], values[0], values[count - 1]);
    fflush(stdout);
}

static void
single(const char *name, double value, const char *unit)
{
    row(name, &value, 1, unit);
}

/* ---- Lines of hex ------------------------------------------------------------------------ */

static int
hex_value(char c)
{
    const char *digits = "0123456789abcdef", *found = c != '\0' ? strchr(digits, c) : NULL;

    return found == NULL ? -1 : (int)(found - digits);
}

static void
read_hex_line(struct mls_buf *out, const char *what)
{
    char *line = NULL;
    size_t room = 0, len = 0;

    if (getline(&line, &room, stdin) < 0)
        must(MLS_EARG, what);
    uint8_t *bytes = (uint8_t *)line; /* in place: a byte takes the room of two digits */
    for (; hex_value(line[2 * len]) >= 0 && hex_value(line[2 * len + 1]) >= 0; len++)
        bytes[len] = (uint8_t)(hex_value(line[2 * len]) << 4 | hex_value(line[2 * len + 1]));
    must(mls_buf_set(out, mls_provider_default(), (struct mls_bytes){bytes, len}), what);
    free(line);
}

static void
print_hex(const struct mls_buf *bytes)
{
    for (size_t i = 0; i < bytes->len; i++)
        printf("%02x", bytes->data[i]);
}

static void
print_hex_line(const struct mls_buf *bytes)
{
    print_hex(bytes);
    printf("\n");
}

/* ---- The scene --------------------------------------------------------------------------- */

static void
welcome_two(struct mls_crowd *crowd, const struct mls_buf packages[2], bool tree_inside)
{
    const struct mls_proposal adds[2] = {
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&packages[0])},
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&packages[1])},
    };
    const struct mls_commit_options options = {.proposals = adds,
                                               .proposal_count = 2,
                                               .force_path = true,
                                               .welcome_without_tree = !tree_inside};
    struct mls_buf commit = {0}, welcome = {0}, tree = {0};

    must(mls_group_commit(crowd->group, &options, &commit, &welcome, NULL), "welcome");
    must(mls_group_merge_pending(crowd->group), "merge");
    must(mls_group_ratchet_tree(crowd->group, &tree), "tree");
    print_hex_line(&welcome);
    if (!tree_inside)
        print_hex_line(&tree);
    mls_buf_fini(&tree);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
}

static void
scene(uint32_t leaves, bool full, bool tree_inside)
{
    struct mls_crowd crowd;
    struct mls_buf packages[2] = {{0}};

    read_hex_line(&packages[0], "a key package");
    read_hex_line(&packages[1], "a second key package");
    must(mls_crowd_init(&crowd, mls_provider_default(), SUITE, leaves - NOT_IN_CROWD), "crowd");
    if (full)
        must(mls_crowd_fill(&crowd), "full tree");
    welcome_two(&crowd, packages, tree_inside);
    mls_buf_fini(&packages[0]);
    mls_buf_fini(&packages[1]);
    mls_crowd_fini(&crowd);
}

/* ---- What is timed ----------------------------------------------------------------------- */

#define STEP static __attribute__((noinline)) void

STEP
step_key_package(struct mls_crowd_guest *guest, const struct mls_crowd *crowd)
{
    must(mls_crowd_guest_init(guest, crowd), "key package");
}

STEP
step_join(const struct mls_crowd *crowd, const struct mls_client *self,
          const struct mls_join_params *params, struct mls_crowd_guest *guest)
{
    must(mls_group_join(&crowd->config, self, params, &guest->group), "join");
}

STEP
step_add(struct mls_group *group, const struct mls_commit_options *options, struct mls_buf *commit,
         struct mls_buf *welcome)
{
    must(mls_group_commit(group, options, commit, welcome, NULL), "add");
}

STEP
step_add_with_path(struct mls_group *group, const struct mls_commit_options *options,
                   struct mls_buf *commit, struct mls_buf *welcome)
{
    must(mls_group_commit(group, options, commit, welcome, NULL), "add");
}

STEP
step_commit(struct mls_group *group, struct mls_buf *commit)
{
    must(mls_group_commit(group, NULL, commit, NULL, NULL), "commit");
    must(mls_group_merge_pending(group), "merge");
}

STEP
step_process(struct mls_crowd_guest *guest, const struct mls_buf *commit)
{
    must(mls_crowd_guest_follow(guest, commit), "process");
}

STEP
step_encrypt(struct mls_group *group, struct mls_buf *message)
{
    static const uint8_t text[TEXT_BYTES];

    must(mls_group_encrypt(group, (struct mls_bytes){text, sizeof(text)}, mls_text(""), 0, message),
         "encrypt");
}

STEP
step_decrypt(struct mls_group *group, const struct mls_buf *message)
{
    struct mls_received received = {0};

    must(mls_group_process(group, mls_buf_bytes(message), &received), "decrypt");
    mls_received_fini(&received);
}

STEP
step_save(const struct mls_group *group, struct mls_buf *state)
{
    must(mls_group_save(group, state), "save");
}

/* ---- Ours -------------------------------------------------------------------------------- */

static void
measure_key_packages(const struct mls_crowd *crowd)
{
    double ms[TIMES];

    for (size_t i = 0; i < TIMES; i++) {
        struct mls_crowd_guest guest;
        double begin = now_ms();

        step_key_package(&guest, crowd);
        ms[i] = now_ms() - begin;
        mls_crowd_guest_fini(&guest);
    }
    row("key package", ms, TIMES, "ms");
}

static void
measure_join(const struct mls_counter *c, const struct mls_crowd *crowd,
             struct mls_crowd_guest guests[2])
{
    double ms[2];
    struct mls_buf welcome = {0}, tree = {0};

    read_hex_line(&welcome, "a Welcome");
    read_hex_line(&tree, "a ratchet tree");
    size_t before = c->now.alive;
    for (size_t i = 0; i < 2; i++) {
        const struct mls_join_params params = {
            .welcome = mls_buf_bytes(&welcome),
            .ratchet_tree = mls_buf_bytes(&tree),
            .key_package_private = mls_buf_bytes(&guests[i].secrets),
        };
        const struct mls_client self = {.signature_seed = guests[i].seed};
        double begin = now_ms();

        step_join(crowd, &self, &params, &guests[i]);
        ms[i] = now_ms() - begin;
    }
    row("join by Welcome", ms, 2, "ms");
    single("memory of a member", (double)(c->now.alive - before) / 2, "bytes");
    mls_buf_fini(&welcome);
    mls_buf_fini(&tree);
}

/* Adding one, with the Welcome; not sent, so that the group stays as large. Without a path, which Adds
 * do not ask for, unless the committer wants one. */
static void
measure_add(const struct mls_crowd *crowd, struct mls_group *group, bool with_path)
{
    struct mls_crowd_guest newcomer;
    double ms[TIMES];
    struct mls_buf commit = {0}, welcome = {0};

    must(mls_crowd_guest_init(&newcomer, crowd), "key package");
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&newcomer.package)};
    const struct mls_commit_options options = {
        .proposals = &add, .proposal_count = 1, .force_path = with_path};
    for (size_t i = 0; i < TIMES; i++) {
        double begin = now_ms();

        (with_path ? step_add_with_path : step_add)(group, &options, &commit, &welcome);
        ms[i] = now_ms() - begin;
        mls_group_clear_pending(group);
    }
    row(with_path ? "add one with path" : "add one", ms, TIMES, "ms");
    if (!with_path)
        single("bytes of a Welcome", (double)welcome.len, "bytes");
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_crowd_guest_fini(&newcomer);
}

/* One guest renews its path, the other follows. */
static void
measure_commits(struct mls_crowd_guest guests[2])
{
    double made[TIMES], followed[TIMES];
    struct mls_buf commit = {0};

    for (size_t i = 0; i < TIMES; i++) {
        double begin = now_ms();

        step_commit(guests[0].group, &commit);
        double middle = now_ms();
        step_process(&guests[1], &commit);
        made[i] = middle - begin;
        followed[i] = now_ms() - middle;
    }
    row("commit with path", made, TIMES, "ms");
    row("process a commit", followed, TIMES, "ms");
    single("bytes of a commit", (double)commit.len, "bytes");
    mls_buf_fini(&commit);
}

static void
measure_messages(struct mls_crowd_guest guests[2])
{
    double written[TIMES], read[TIMES];
    struct mls_buf message = {0};

    for (size_t i = 0; i < TIMES; i++) {
        double begin = now_ms();

        step_encrypt(guests[0].group, &message);
        double middle = now_ms();
        step_decrypt(guests[1].group, &message);
        written[i] = middle - begin;
        read[i] = now_ms() - middle;
    }
    row("encrypt 256 bytes", written, TIMES, "ms");
    row("decrypt 256 bytes", read, TIMES, "ms");
    mls_buf_fini(&message);
}

static void
measure_state(const struct mls_group *group)
{
    double ms[TIMES];
    struct mls_buf state = {0};

    for (size_t i = 0; i < TIMES; i++) {
        double begin = now_ms();

        step_save(group, &state);
        ms[i] = now_ms() - begin;
    }
    row("save", ms, TIMES, "ms");
    single("saved state", (double)state.len, "bytes");
    mls_buf_fini(&state);
}

static void
ours(void)
{
    struct mls_counter c;   /* for what a member takes in memory */
    struct mls_crowd alone; /* whose config and suite the guests have, too */
    struct mls_crowd_guest guests[2];

    mls_counter_init(&c);
    must(mls_crowd_init(&alone, &c.table, SUITE, 1), "provider");
    must(mls_crowd_guest_init(&guests[0], &alone), "key package");
    must(mls_crowd_guest_init(&guests[1], &alone), "key package");
    printf("{\"packages\":[\"");
    print_hex(&guests[0].package);
    printf("\",\"");
    print_hex(&guests[1].package);
    printf("\"]}\n");
    fflush(stdout);

    measure_key_packages(&alone);
    measure_join(&c, &alone, guests);
    measure_add(&alone, guests[0].group, false);
    measure_add(&alone, guests[0].group, true);
    measure_commits(guests);
    measure_messages(guests);
    measure_state(guests[0].group);
    printf("{\"end\":true}\n");

    mls_crowd_guest_fini(&guests[0]);
    mls_crowd_guest_fini(&guests[1]);
    mls_crowd_fini(&alone);
}

static int
usage(void)
{
    fprintf(stderr,
            "usage: sotto-mlsbench ours | scene LEAVES full|adds inside|beside, %d to %d leaves\n",
            LEAVES_MIN, MLS_MEMBERS_MAX);
    return 2;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "ours") == 0) {
        ours();
        return 0;
    }
    if (argc != 5 || strcmp(argv[1], "scene") != 0)
        return usage();

    unsigned long leaves = strtoul(argv[2], NULL, 10);
    if (leaves < LEAVES_MIN || leaves > MLS_MEMBERS_MAX)
        return usage();
    scene((uint32_t)leaves, strcmp(argv[3], "full") == 0, strcmp(argv[4], "inside") == 0);
    return 0;
}
