/* SPDX-License-Identifier: MIT */
/*
 * What the operations of an MLS group cost, for job B7 of `tests/bench/run`:
 *
 *     sotto-mlsbench ours LEAVES full|adds   one line of JSON for each row, as it is measured
 *     sotto-mlsbench scene LEAVES full|adds  makes the same group for somebody else: reads two key
 *                                            packages in hex from stdin, a line each, and prints
 *                                            the Welcome for both and the ratchet tree, likewise
 *
 * A scene is a group to which two guests are added; the guests join by the same Welcome, with the tree
 * beside it, one makes what is measured, the other takes it. Ours and others so do the same in the
 * same tree, one after the other and not in the same process. It has LEAVES - 1 members, so that
 * whoever is added fills a group of LEAVES, of which 5,000 is the limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mls_crowd.h"

enum {
    SUITE = 3,
    TIMES = 9,         /* repetitions of a row; the median counts */
    LINE_BYTES = 8192, /* of a key package in hex */
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

/* ---- Memory ------------------------------------------------------------------------------ */

/* Over the default provider; counts what is alive. */
struct counted {
    struct mls_provider table;
    size_t alive;
};

static void *
counted_alloc(void *ctx, size_t len)
{
    max_align_t *block = malloc(sizeof(max_align_t) + len);

    if (block == NULL)
        return NULL;
    memcpy(block, &len, sizeof(len));
    ((struct counted *)ctx)->alive += len;
    return block + 1;
}

static void
counted_release(void *ctx, void *ptr)
{
    size_t len;

    if (ptr == NULL)
        return;
    memcpy(&len, (max_align_t *)ptr - 1, sizeof(len));
    ((struct counted *)ctx)->alive -= len;
    free((max_align_t *)ptr - 1);
}

static void
counted_init(struct counted *c)
{
    *c = (struct counted){.table = *mls_provider_default()};
    c->table.ctx = c; /* the other functions of the default provider do not look at it */
    c->table.alloc = counted_alloc;
    c->table.release = counted_release;
}

/* ---- Scenes ------------------------------------------------------------------------------ */

struct scene {
    struct mls_crowd crowd;
    struct mls_buf welcome, tree;
};

static void
make_crowd(struct mls_crowd *crowd, const struct mls_provider *p, uint32_t leaves, bool full)
{
    must(mls_crowd_init(crowd, p, SUITE, leaves - NOT_IN_CROWD), "crowd");
    if (full)
        must(mls_crowd_fill(crowd), "full tree");
}

static void
welcome_two(struct scene *s, const struct mls_buf packages[2])
{
    const struct mls_proposal adds[2] = {
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&packages[0])},
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&packages[1])},
    };
    const struct mls_commit_options options = {
        .proposals = adds, .proposal_count = 2, .force_path = true, .welcome_without_tree = true};
    struct mls_buf commit = {0};

    must(mls_group_commit(s->crowd.group, &options, &commit, &s->welcome, NULL), "welcome");
    must(mls_group_merge_pending(s->crowd.group), "merge");
    must(mls_group_ratchet_tree(s->crowd.group, &s->tree), "tree");
    mls_buf_fini(&commit);
}

static void
scene_fini(struct scene *s)
{
    mls_buf_fini(&s->welcome);
    mls_buf_fini(&s->tree);
    mls_crowd_fini(&s->crowd);
}

static int
hex_value(char c)
{
    const char *digits = "0123456789abcdef", *found = c != '\0' ? strchr(digits, c) : NULL;

    return found == NULL ? -1 : (int)(found - digits);
}

static void
read_hex_line(struct mls_buf *out)
{
    char line[LINE_BYTES];
    uint8_t bytes[LINE_BYTES / 2];
    size_t len = 0;

    if (fgets(line, sizeof(line), stdin) == NULL)
        must(MLS_EARG, "two key packages in hex are expected");
    for (; hex_value(line[2 * len]) >= 0 && hex_value(line[2 * len + 1]) >= 0; len++)
        bytes[len] = (uint8_t)(hex_value(line[2 * len]) << 4 | hex_value(line[2 * len + 1]));
    must(mls_buf_set(out, mls_provider_default(), (struct mls_bytes){bytes, len}), "key package");
}

static void
print_hex_line(const struct mls_buf *bytes)
{
    for (size_t i = 0; i < bytes->len; i++)
        printf("%02x", bytes->data[i]);
    printf("\n");
}

static void
scene(uint32_t leaves, bool full)
{
    struct scene s = {.welcome = {0}};
    struct mls_buf packages[2] = {{0}};

    read_hex_line(&packages[0]);
    read_hex_line(&packages[1]);
    make_crowd(&s.crowd, mls_provider_default(), leaves, full);
    welcome_two(&s, packages);
    print_hex_line(&s.welcome);
    print_hex_line(&s.tree);
    mls_buf_fini(&packages[0]);
    mls_buf_fini(&packages[1]);
    scene_fini(&s);
}

/* ---- Ours -------------------------------------------------------------------------------- */

static void
measure_key_packages(const struct mls_crowd *crowd)
{
    double ms[TIMES];

    for (size_t i = 0; i < TIMES; i++) {
        struct mls_crowd_guest guest;
        double begin = now_ms();

        must(mls_crowd_guest_init(&guest, crowd), "key package");
        ms[i] = now_ms() - begin;
        mls_crowd_guest_fini(&guest);
    }
    row("key package", ms, TIMES, "ms");
}

static void
measure_join(struct counted *c, const struct scene *s, struct mls_crowd_guest guests[2])
{
    double ms[2];
    size_t before = c->alive;

    for (size_t i = 0; i < 2; i++) {
        const struct mls_join_params params = {
            .welcome = mls_buf_bytes(&s->welcome),
            .ratchet_tree = mls_buf_bytes(&s->tree),
            .key_package_private = mls_buf_bytes(&guests[i].secrets),
            .signature_seed = guests[i].seed,
        };
        double begin = now_ms();

        must(mls_group_join(&s->crowd.config, &params, &guests[i].group), "join");
        ms[i] = now_ms() - begin;
    }
    row("join by Welcome", ms, 2, "ms");
    single("memory of a member", (double)(c->alive - before) / 2, "bytes");
}

/* One guest renews its path, the other follows. */
static void
measure_commits(struct mls_crowd_guest guests[2])
{
    const struct mls_commit_options options = {.force_path = true};
    double made[TIMES], followed[TIMES];
    size_t bytes = 0;

    for (size_t i = 0; i < TIMES; i++) {
        struct mls_buf commit = {0}, welcome = {0};
        double begin = now_ms();

        must(mls_group_commit(guests[0].group, &options, &commit, &welcome, NULL), "commit");
        must(mls_group_merge_pending(guests[0].group), "merge");
        double middle = now_ms();
        must(mls_crowd_guest_follow(&guests[1], &commit), "process");
        made[i] = middle - begin;
        followed[i] = now_ms() - middle;
        bytes = commit.len;
        mls_buf_fini(&commit);
    }
    row("commit with path", made, TIMES, "ms");
    row("process a commit", followed, TIMES, "ms");
    single("bytes of a commit", (double)bytes, "bytes");
}

/* Adding one, with the Welcome; not sent, so that the group stays as large. Without a path, which Adds
 * do not ask for, unless the committer wants one. */
static void
measure_add(const struct mls_crowd *crowd, struct mls_crowd_guest *by, bool with_path)
{
    struct mls_crowd_guest newcomer;
    double ms[TIMES];
    size_t bytes = 0;

    must(mls_crowd_guest_init(&newcomer, crowd), "key package");
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&newcomer.package)};
    const struct mls_commit_options options = {
        .proposals = &add, .proposal_count = 1, .force_path = with_path};
    for (size_t i = 0; i < TIMES; i++) {
        struct mls_buf commit = {0}, welcome = {0};
        double begin = now_ms();

        must(mls_group_commit(by->group, &options, &commit, &welcome, NULL), "add");
        ms[i] = now_ms() - begin;
        bytes = welcome.len;
        mls_group_clear_pending(by->group);
        mls_buf_fini(&welcome);
        mls_buf_fini(&commit);
    }
    row(with_path ? "add one with path" : "add one", ms, TIMES, "ms");
    if (!with_path)
        single("bytes of a Welcome", (double)bytes, "bytes");
    mls_crowd_guest_fini(&newcomer);
}

static void
measure_messages(struct mls_crowd_guest guests[2])
{
    const uint8_t text[TEXT_BYTES] = {0};
    double written[TIMES], read[TIMES];

    for (size_t i = 0; i < TIMES; i++) {
        struct mls_buf message = {0};
        struct mls_received received = {0};
        double begin = now_ms();

        must(mls_group_encrypt(guests[0].group, (struct mls_bytes){text, sizeof(text)},
                               (struct mls_bytes){NULL, 0}, 0, &message),
             "encrypt");
        double middle = now_ms();
        must(mls_group_process(guests[1].group, mls_buf_bytes(&message), &received), "decrypt");
        written[i] = middle - begin;
        read[i] = now_ms() - middle;
        mls_received_fini(&received);
        mls_buf_fini(&message);
    }
    row("encrypt 256 bytes", written, TIMES, "ms");
    row("decrypt 256 bytes", read, TIMES, "ms");
}

static void
measure_state(const struct mls_crowd_guest *guest)
{
    double ms[TIMES];
    size_t bytes = 0;

    for (size_t i = 0; i < TIMES; i++) {
        struct mls_buf state = {0};
        double begin = now_ms();

        must(mls_group_save(guest->group, &state), "save");
        ms[i] = now_ms() - begin;
        bytes = state.len;
        mls_buf_fini(&state);
    }
    row("save", ms, TIMES, "ms");
    single("saved state", (double)bytes, "bytes");
}

static void
ours(uint32_t leaves, bool full)
{
    struct counted c;
    struct scene s = {.welcome = {0}};
    struct mls_crowd_guest guests[2];

    counted_init(&c);
    make_crowd(&s.crowd, &c.table, leaves, full);
    must(mls_crowd_guest_init(&guests[0], &s.crowd), "key package");
    must(mls_crowd_guest_init(&guests[1], &s.crowd), "key package");
    const struct mls_buf packages[2] = {guests[0].package, guests[1].package};
    welcome_two(&s, packages);

    measure_key_packages(&s.crowd);
    measure_join(&c, &s, guests);
    measure_add(&s.crowd, &guests[0], false);
    measure_add(&s.crowd, &guests[0], true);
    measure_commits(guests);
    measure_messages(guests);
    measure_state(&guests[0]);

    mls_crowd_guest_fini(&guests[0]);
    mls_crowd_guest_fini(&guests[1]);
    scene_fini(&s);
}

int
main(int argc, char **argv)
{
    uint32_t leaves = argc == 4 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;

    if (leaves < LEAVES_MIN || leaves > MLS_MEMBERS_MAX) {
        fprintf(stderr, "usage: sotto-mlsbench ours|scene LEAVES full|adds, with %d to %d leaves\n",
                LEAVES_MIN, MLS_MEMBERS_MAX);
        return 2;
    }
    bool full = strcmp(argv[3], "full") == 0;
    if (strcmp(argv[1], "scene") == 0)
        scene(leaves, full);
    else
        ours(leaves, full);
    return 0;
}
