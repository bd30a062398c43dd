/* SPDX-License-Identifier: MIT */
/*
 * Where a test that works with files has them: in a folder of its own, below the temporary folder of the run.
 */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include "sotto_test.h"

#define TEST_FOLDER_BYTES 256 /* of the path of a test's own folder */
#define TEST_PATH_BYTES 384   /* and of a file in it */

/* Makes a fresh folder with mode 0700 below TMPDIR, without one below /tmp, and writes its path into
 * TEST_FOLDER_BYTES at path_out. 0, or -1 after a line that says so. */
static inline int
test_folder_make(const char *name, char *path_out)
{
    const char *base = getenv("TMPDIR");
    const int size = snprintf(path_out, TEST_FOLDER_BYTES, "%s/sotto-%s-XXXXXX",
                              base != NULL && base[0] != '\0' ? base : "/tmp", name);

    if (size < TEST_FOLDER_BYTES && mkdtemp(path_out) != NULL)
        return 0;
    print_error("no folder for this test: %s\n", path_out);
    return -1;
}

#endif
