/* SPDX-License-Identifier: MIT */
/* libFuzzer's side of a target. At the end it says how many inputs were accepted, for tests/fuzz/run. */
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer and atexit() call without a context. */
static void *state;
static uint64_t accepted;

static void
tell(void)
{
    fprintf(stderr, "accepted_inputs: %" PRIu64 "\n", accepted);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    if (fuzz_target.setup)
        state = fuzz_target.setup();
    atexit(tell);
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    accepted += fuzz_target.one(state, data, size);
    return 0;
}
