/* SPDX-License-Identifier: MIT */
/*
 * Where the vectors lie: see vectors.h. The build hands in the project's root, so that a test finds
 * the folder from whichever directory it is started in. Apart from vectors.c because a test that is
 * compiled to WebAssembly has no files and is handed its vectors.
 */
#include "vectors.h"

#include "sotto_test.h"

#include <stdbool.h>

#include <sys/stat.h>

#ifndef SOTTO_PROJECT_ROOT
#define SOTTO_PROJECT_ROOT "."
#endif

enum { PATH_BYTES_MAX = 1024 };

static bool
folder_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *
folder(void)
{
    const char *from_env = getenv("SOTTO_VECTORS");

    return from_env && *from_env ? from_env : SOTTO_PROJECT_ROOT "/../shared/vectors";
}

/* Says whether a missing folder is a failure. */
static bool
vectors_required(void)
{
    const char *value = getenv("SOTTO_REQUIRE_VECTORS");

    return value && strcmp(value, "1") == 0;
}

json_t *
vectors_load(const char *name)
{
    char path[PATH_BYTES_MAX];
    json_error_t error;

    if (!folder_exists(folder())) {
        if (vectors_required())
            fail_msg("no test vectors in %s", folder());
        print_message("# %s: no test vectors in %s, skipped\n", name, folder());
        skip();
    }
    if (snprintf(path, sizeof path, "%s/%s", folder(), name) >= (int)sizeof path)
        fail_msg("path of %s is too long", name);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s: line %d: %s", name, error.line, error.text);
    return root;
}
