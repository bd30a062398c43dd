/* SPDX-License-Identifier: MIT */
/*
 * The smallest use of the client library: log in, say hello, print what has come.
 *
 *     hello PROFILE SERVER NAME PASSWORD-FILE CHAT
 */
#include "sotto/client.h"

#include <stdio.h>
#include <string.h>

static int
print(const struct sotto_client_message *message, void *arg)
{
    (void)arg;
    printf("%s: %s\n", message->from, message->text);
    return 0;
}

int
main(int argc, char **argv)
{
    struct sotto_client *client = NULL;
    struct sotto_client_error error;
    char password[128] = "";
    FILE *file = argc == 6 ? fopen(argv[4], "r") : NULL;
    if (!file || !fgets(password, sizeof(password), file))
        return 2;
    fclose(file);
    password[strcspn(password, "\n")] = 0;

    struct sotto_client_options options = {.profile = argv[1], .server = argv[2]};
    int status = sotto_client_open(&options, &client, &error);
    if (status == 0) {
        status = sotto_client_login(client, argv[3], password, "hello");
        if (status == 0)
            status = sotto_client_send(client, argv[5], "hello", print, NULL);
        if (status == 0)
            status = sotto_client_read(client, argv[5], 0, 10, print, NULL);
        error = *sotto_client_last_error(client);
        sotto_client_close(&client);
    }
    if (status)
        fprintf(stderr, "hello: %s\n", error.message);
    return -status;
}
