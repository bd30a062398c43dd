/* SPDX-License-Identifier: MIT */
/*
 * profile_peek FOLDER: prints the private keys that a client's profile keeps sealed, as one line of JSON, for tests
 * that search the wire and the server for them. It opens the profile with the library's own files and connects to
 * nobody.
 */
#include "state.h"

#include <stdio.h>

static void
print_hex(const char *name, const uint8_t *bytes, size_t size, const char *after)
{
    printf("\"%s\":\"", name);
    for (size_t i = 0; i < size; i++)
        printf("%02x", bytes[i]);
    printf("\"%s", after);
}

int
main(int argc, char **argv)
{
    struct sotto_client_options options = {.profile = argc == 2 ? argv[1] : ""};
    struct sotto_client *client = NULL;
    struct sotto_client_error error = {.message = "there is no account in it"};
    int status = sotto_client_open(&options, &client, &error);

    if (status == SOTTO_CLIENT_OK && client->account.has_identity) {
        printf("{");
        print_hex("identity_seed", client->account.identity_seed, VERIFY_SEED_BYTES, ",");
        print_hex("device_seed", client->account.device_seed, VERIFY_SEED_BYTES, "}\n");
    } else {
        fprintf(stderr, "profile_peek: %s\n", error.message);
        status = 1;
    }
    sotto_client_close(&client);
    return status ? 1 : 0;
}
