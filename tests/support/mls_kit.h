/* SPDX-License-Identifier: MIT */
/*
 * People for tests of MLS groups: each has a signature key, a key package on demand and at most one
 * group. Functions named kit_* fail the running cmocka test when something does not work, so that a
 * test reads as what happens between the people.
 */
#ifndef SOTTO_TEST_MLS_KIT_H
#define SOTTO_TEST_MLS_KIT_H

#include <stdbool.h>
#include <stddef.h>

#include "mls/mls.h"

enum {
    KIT_NOW = 1700000000,       /* what the clock of everybody shows unless a test moves it */
    KIT_APP_EXTENSION = 0xf001, /* an extension type that kit persons understand */
};

struct kit_person {
    const char *name;
    uint16_t suite;
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    struct mls_config config;
    struct mls_group *group;
    struct mls_group *earlier; /* the one other group that find_group knows; NULL: none */
    struct mls_buf bundle;     /* private half of the last key package */

    bool plain; /* does not understand KIT_APP_EXTENSION */

    /* What the callbacks answer. */
    uint64_t now;
    const char *distrusts; /* identity that check_credential refuses; NULL: nobody */
    bool keeps_names;      /* check_credential refuses that a leaf takes another name's place */
    bool admits;           /* check_outsider lets newcomers ask to be added */
    const char *psk_id;    /* the one external PSK this person knows; NULL: none */
    const char *psk;
};

/* Makes a person with a random signature key. End it with kit_person_fini(). */
void kit_person_init(struct kit_person *person, const char *name, uint16_t suite);
void kit_person_fini(struct kit_person *person);

/* Who the person says that it is; borrowed. */
struct mls_client kit_client(const struct kit_person *person);

/* A fresh key package; the private half stays with the person. */
void kit_key_package(struct kit_person *person, struct mls_buf *message_out);

/* The group becomes the earlier one. */
void kit_step_aside(struct kit_person *person);

/* The person creates a group named "group". */
void kit_create(struct kit_person *person);

/* Commits with the given options and keeps it pending. Any output may be NULL. */
void kit_commit(struct kit_person *person, const struct mls_commit_options *options,
                struct mls_buf *commit_out, struct mls_buf *welcome_out);

/* The person joins from a Welcome with its last key package. */
void kit_join(struct kit_person *person, const struct mls_buf *welcome);

/* The person joins by its own commit with what `host` exports; `old_leaf` is removed with it
 * (MLS_LEAF_NONE: none). The commit is pending. */
void kit_join_external(struct kit_person *person, const struct kit_person *host, uint32_t old_leaf,
                       struct mls_buf *commit_out);

/* `adder` adds `added` by value; the `others` follow. Everybody is then in the new epoch. */
void kit_add(struct kit_person *adder, struct kit_person *added, struct kit_person *const *others,
             size_t count);

/* A group of `count` people, the first its creator, each added by the one before. */
void kit_group(struct kit_person *people, size_t count, uint16_t suite);

/* The fixture of many tests: a group of three in either suite, and behind them Emil, who is no member. */
enum { KIT_TRIO = 3, KIT_EMIL = KIT_TRIO };
struct kit_trio {
    uint16_t suite;
    struct kit_person people[KIT_TRIO + 1];
};
int kit_trio_suite_1(void **state);
int kit_trio_suite_3(void **state);
int kit_trio_end(void **state);

/* Entries of a table of tests: one in either suite, with the setups setup_suite_1 and setup_suite_3. */
#define KIT_IN_BOTH_SUITES(test, setup, teardown)                 \
    {#test " (suite 1)", test, setup##_suite_1, teardown, NULL},  \
    {                                                             \
#test " (suite 3)", test, setup##_suite_3, teardown, NULL \
    }

/* A ReInit to the group "successor" with one extension of its own; and the suite that is not this one. */
struct mls_proposal kit_reinit(uint16_t suite);
uint16_t kit_other_suite(uint16_t suite);

/* A commit of `by` that everybody else in the list processes and merges. */
void kit_commit_to_all(struct kit_person *by, const struct mls_commit_options *options,
                       struct kit_person *people, size_t count);

/* Processes a message that must be a proposal; a commit, which is merged. */
void kit_take_proposal(struct kit_person *person, const struct mls_buf *message);
void kit_take_commit(struct kit_person *person, const struct mls_buf *message);

/* One sends a text, another reads it. */
void kit_say(struct kit_person *from, struct kit_person *to, const char *text);

/* All have the same epoch, authenticator and tree hash. Those without a group are left out. */
void kit_agree(const struct kit_person *people, size_t count);

/* Saves, destroys and loads the group of a person; the state must be the same bytes again. */
void kit_reload(struct kit_person *person);

/* The state as bytes, and that it is still the same. */
void kit_state(const struct kit_person *person, struct mls_buf *state_out);
bool kit_state_is(const struct kit_person *person, const struct mls_buf *state);

/* Processing a message fails with this error, or with any when it is 0, and the state stays the same bytes. */
void kit_refuse(struct kit_person *person, struct mls_bytes message, int error, const char *what);

/* Fails with both names unless they are the same error. */
void kit_expect(int got, int want, const char *what);

#endif
