/* SPDX-License-Identifier: MIT */
/*
 * The end of the account. The password proves it to the server, the identity key's signature to everybody else. The
 * profile is wiped when the server has it on its disk and not before: when the answer is lost, the next look at the
 * server finds out, by the very deletion that we signed, and the same call wipes then.
 */
#include "account.h"

#include "own_devices.h"
#include "text.h"

#include <string.h>

static int
ask_deletion(struct sotto_client *client, const uint8_t start_id[ID_BYTES],
             const struct opaque_login *login)
{
    const struct account *account = &client->account;
    struct verify_deletion deletion = {.deleted_at = (uint64_t)wall_ms()};
    Sotto__Auth__V1__DeleteAccountRequest request = SOTTO__AUTH__V1__DELETE_ACCOUNT_REQUEST__INIT;
    Sotto__Auth__V1__DeleteAccountReply *reply = NULL;
    memcpy(deletion.user_id, account->user_id, ID_BYTES);
    memcpy(deletion.by_device, account->device_id, ID_BYTES);
    request.login_start_id = view(start_id, ID_BYTES);
    request.ke3 = view(login->ke3, OPAQUE_KE3_BYTES);
    request.deleted_ms = (int64_t)deletion.deleted_at;
    /* Before its identity key is published an account has none that anybody knows. */
    if (account->steps_done & STEP_IDENTITY) {
        verify_deletion_sign(account->identity_seed, &deletion);
        request.signature = view(deletion.signature, VERIFY_SIGNATURE_BYTES);
    }
    int status = rpc(client, AUTH_METHOD("DeleteAccount"), &request.base,
                     &sotto__auth__v1__delete_account_reply__descriptor, &reply, NULL);
    pb_free(reply);
    return status;
}

/* The answer was lost: whether it is done, the server tells with our own signature. */
static int
look_again(struct sotto_client *client)
{
    struct sotto_client_error kept = client->error;
    session_drop(client);
    session_attached(client);
    if (client->account.deleted)
        return SOTTO_CLIENT_OK;
    client->error = kept;
    return kept.status;
}

static int
delete_at_server(struct sotto_client *client, const char *password)
{
    struct opaque_login login = {0};
    uint8_t start_id[ID_BYTES];
    int status = account_prove(client, client->account.name, password, start_id, &login);
    if (status == SOTTO_CLIENT_OK)
        status = ask_deletion(client, start_id, &login);
    opaque_client_login_fini(&login);
    return status == SOTTO_CLIENT_ENETWORK ? look_again(client) : status;
}

int
sotto_client_delete_account(struct sotto_client *client, const char *password)
{
    int status = session_attached(client);
    if (status == SOTTO_CLIENT_OK)
        status = delete_at_server(client, password);
    else if (client->account.deleted)
        status = SOTTO_CLIENT_OK;
    session_drop(client);
    return status ? status : profile_wipe(&client->profile, &client->error);
}
