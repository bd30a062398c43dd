/* SPDX-License-Identifier: MIT */
/*
 * A client of the library without a server: a profile in a folder of its own that vanishes with the
 * test.
 */
#ifndef CLIENT_KIT_H
#define CLIENT_KIT_H

#include "state.h"
#include "test_folder.h"

struct kit {
    char folder[TEST_FOLDER_BYTES]; /* made fresh, mode 0700 */
    char profile[TEST_PATH_BYTES];  /* inside folder, not made yet */
};

/* cmocka setup and teardown: *state is a struct kit. */
int kit_setup(void **state);
int kit_teardown(void **state);

/* An open client with an account named ann, whose id is 16 times 0xaa; close it with
 * sotto_client_close. */
struct sotto_client *kit_client(const struct kit *kit);

#endif
