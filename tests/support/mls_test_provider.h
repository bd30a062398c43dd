/* SPDX-License-Identifier: MIT */
/*
 * A provider for MLS tests over the default one: it fails the n-th allocation or the n-th call of a primitive,
 * counts blocks that are still alive, and notices a block that comes back with anything but zeros in it, because
 * the library wipes whatever it frees. Its random bytes can be made to repeat.
 *
 *     struct mls_test_provider tp;
 *     mls_test_provider_init(&tp);
 *     tp.fail_at = 3;                     the third allocation from now fails, once
 *     call(&tp.table, ...);
 *     mls_test_provider_check(&tp);       nothing alive, nothing unwiped
 */
#ifndef SOTTO_MLS_TEST_PROVIDER_H
#define SOTTO_MLS_TEST_PROVIDER_H

#include <stdbool.h>

#include "mls/provider.h"

struct mls_test_block;

struct mls_test_provider {
    struct mls_provider table;     /* hand &tp.table to the library; the struct must not move */
    size_t calls;                  /* allocations asked for */
    size_t fail_at;                /* 0: none; counted from 1 */
    size_t primitive_calls;        /* of everything that computes or draws randomness */
    size_t break_at;               /* which of them fails, once; 0: none; counted from 1 */
    size_t live;                   /* blocks not freed */
    size_t bytes;                  /* bytes alive */
    size_t unwiped;                /* blocks freed with content */
    struct mls_test_block *blocks; /* the blocks alive */
    bool fixed_random;             /* random bytes come from `counter` */
    uint64_t counter;
};

void mls_test_provider_init(struct mls_test_provider *tp);

/* Fails the running test when a block is alive or one was freed with content. */
void mls_test_provider_check(const struct mls_test_provider *tp);

/* Says whether the bytes stand in any block that is alive: a deleted secret must not. */
bool mls_test_provider_holds(const struct mls_test_provider *tp, const void *bytes, size_t len);

#endif
