/* SPDX-License-Identifier: MIT */
/* The process around the server: how long its end may take. */
#include "sotto_test.h"

#include "core/process.h"

#include <sys/wait.h>
#include <unistd.h>

static void
an_end_that_takes_too_long_is_cut_off_with_a_line(void **state)
{
    char text[128] = {0};
    int pipes[2], status;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        process_end_within(1);
        for (;;)
            pause();
    }
    close(pipes[1]);
    assert_true(read(pipes[0], text, sizeof(text) - 1) > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(pipes[0]);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(text, "took too long"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_end_that_takes_too_long_is_cut_off_with_a_line),
};

SOTTO_TEST_MAIN(tests)
