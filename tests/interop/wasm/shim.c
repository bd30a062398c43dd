/* SPDX-License-Identifier: MIT */
/*
 * What stands under the vector tests of crypto/mls when they run as WebAssembly: tests in a row,
 * texts to the host, the first failure thrown. The tests themselves, and what reads a vector's
 * members, are the files that the native build compiles.
 */
#include "sotto_test.h"

#include "vectors.h"

enum { TEXT_BYTES_MAX = 4096 };

#define TEST(name) __attribute__((import_module("test"), import_name(#name)))

TEST(print) void host_print(const char *text);
TEST(fail) _Noreturn void host_fail(const char *file, int line);

static void
print(const char *format, va_list arguments)
{
    char text[TEXT_BYTES_MAX];

    vsnprintf(text, sizeof(text), format, arguments);
    host_print(text);
}

void
print_message(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
}

void
print_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
}

void
_fail(const char *file, int line)
{
    host_fail(file, line);
}

int
shim_run(const struct CMUnitTest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *state = tests[i].initial_state;

        print_message("%s\n", tests[i].name);
        tests[i].run(&state);
    }
    return (int)count;
}

json_t *
vectors_load(const char *name)
{
    return json_load(name);
}

/* main() of the test, renamed by the build: a number of tests that passed. */
int wasm_test_main(void);

__attribute__((export_name("run"))) int
shim_main(void)
{
    return wasm_test_main();
}

__attribute__((export_name("alloc"))) void *
shim_alloc(size_t len)
{
    return malloc(len);
}
