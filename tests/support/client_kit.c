/* SPDX-License-Identifier: MIT */
/*
 * See client_kit.h.
 */
#include "client_kit.h"

#include <dirent.h>
#include <unistd.h>

int
kit_setup(void **state)
{
    struct kit *kit = mem_alloc(1, sizeof(*kit));
    if (test_folder_make("client", kit->folder) != 0) {
        free(kit);
        return -1;
    }
    snprintf(kit->profile, sizeof(kit->profile), "%s/profile", kit->folder);
    *state = kit;
    return 0;
}

int
kit_teardown(void **state)
{
    struct kit *kit = *state;
    DIR *folder = opendir(kit->profile);
    if (folder) {
        for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
            unlinkat(dirfd(folder), entry->d_name, 0);
        closedir(folder);
    }
    rmdir(kit->profile);
    rmdir(kit->folder);
    free(kit);
    return 0;
}

struct sotto_client *
kit_client(const struct kit *kit)
{
    struct sotto_client *client = NULL;
    struct sotto_client_error error;
    assert_ok(sotto_client_open(&(struct sotto_client_options){.profile = kit->profile}, &client,
                                &error));
    struct account *account = &client->account;
    memset(account->user_id, 0xaa, ID_BYTES);
    memset(account->device_id, 0xad, ID_BYTES);
    memset(account->identity_seed, 1, VERIFY_SEED_BYTES);
    memset(account->device_seed, 2, VERIFY_SEED_BYTES);
    verify_public_key(account->identity_seed, account->identity_key);
    verify_public_key(account->device_seed, account->device_key);
    verify_cert_make(account->identity_seed, account->user_id, account->device_id,
                     account->device_key, 1, account->certificate);
    snprintf(account->name, sizeof(account->name), "ann");
    account->has_identity = true;
    assert_ok(account_store(client));
    return client;
}
