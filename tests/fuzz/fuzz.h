/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: one reader of outside bytes. fuzz_<name>.c defines `fuzz_target` and nothing else that is visible;
 * it is linked twice, with libFuzzer (fuzz_main.c, `make fuzz`) and with a driver that replays its corpus as a test
 * (fuzz_replay.c, in every build).
 */
#ifndef SOTTO_FUZZ_H
#define SOTTO_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes one seed of the target; name is the file it becomes. */
typedef void fuzz_seed_fn(const char *name, const uint8_t *data, size_t size, void *arg);

struct fuzz_target {
    const char *name; /* also of its folder in corpus/ */
    /* Once, before the first input: keys, groups, whatever must not be in the loop. The other two get what it
     * returns, which lives as long as the process. May be NULL. */
    void *(*setup)(void);
    /* Tries one input: whether the reader accepted it. What the reader must not do is an assert. */
    bool (*one)(void *state, const uint8_t *data, size_t size);
    /* Gives the seeds that a program makes (keys and signatures, not text); the same ones at each run. They are
     * written into the corpus with `fuzz_<name> --seeds FOLDER`. NULL: all seeds were written by hand. */
    void (*seeds)(void *state, fuzz_seed_fn *give, void *arg);
};

extern const struct fuzz_target fuzz_target;

/* Randomness for seeds: a stream that is the same at each run. fuzz_random_start begins it anew. It replaces the
 * generator of libsodium, so it must come before everything else that uses libsodium. */
void fuzz_random_start(void);

#endif
