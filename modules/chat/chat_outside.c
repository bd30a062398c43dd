/* SPDX-License-Identifier: MIT */
/* See chat_outside.h. */
#include "chat_outside.h"

#include <sodium.h>

#include "secret/secret_file.h"

#define FILE_NAME "chat"

/* ---- key ------------------------------------------------------------------------------------------------------ */

/* ExternalSender external_senders<V>, with one entry: key and basic credential. Every length fits one byte. */
static void
write_senders(const uint8_t key[MLS_ED25519_PUBLIC_BYTES], uint8_t out[OUTSIDE_SENDERS_BYTES])
{
    const size_t name_bytes = sizeof(OUTSIDE_NAME) - 1;
    uint8_t *at = out;

    *at++ = OUTSIDE_SENDERS_BYTES - 1;
    *at++ = MLS_ED25519_PUBLIC_BYTES;
    memcpy(at, key, MLS_ED25519_PUBLIC_BYTES);
    at += MLS_ED25519_PUBLIC_BYTES;
    *at++ = 0;
    *at++ = MLS_CREDENTIAL_BASIC;
    *at++ = (uint8_t)name_bytes;
    memcpy(at, OUTSIDE_NAME, name_bytes);
}

int
outside_create(const char *data_dir, struct outside **outside_out, struct sotto_err *err)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
    struct outside *outside = sodium_malloc(sizeof(*outside));
    struct secret_file file = {.size = 0};
    int rc;

    if (outside == NULL)
        return sotto_err_set(err, SOTTO_ENOMEM, "no memory for the key of chat");
    rc = secret_folder_make(&file, data_dir);
    if (rc == SECRET_OK)
        rc = secret_file_random(&file, data_dir, FILE_NAME, sizeof(outside->seed));
    secret_folder_sync(data_dir);
    if (rc == SECRET_OK) {
        memcpy(outside->seed, file.data, sizeof(outside->seed));
        crypto_sign_seed_keypair(public_key, secret_key, outside->seed);
        write_senders(public_key, outside->senders);
        sodium_memzero(secret_key, sizeof(secret_key));
        *outside_out = outside;
    } else {
        sodium_free(outside);
        rc = sotto_err_set(err, rc == SECRET_EIO ? SOTTO_EIO : SOTTO_EPRECONDITION, "%s", file.why);
    }
    sodium_memzero(&file, sizeof(file));
    return rc;
}

void
outside_destroy(struct outside **outside)
{
    sodium_free(*outside);
    *outside = NULL;
}

/* ---- groups --------------------------------------------------------------------------------------------------- */

/* len 0: the group lists nobody. */
static struct mls_bytes
senders_of(const struct mls_public_group *group)
{
    struct mls_bytes senders = {0};

    if (mls_public_group_extension(group, MLS_EXTENSION_EXTERNAL_SENDERS, &senders) != MLS_OK)
        senders = (struct mls_bytes){0};
    return senders;
}

static bool
is_equal(struct mls_bytes a, struct mls_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool
outside_is_listed(const struct outside *outside, const struct mls_public_group *group)
{
    return is_equal(senders_of(group),
                    (struct mls_bytes){outside->senders, sizeof(outside->senders)});
}

const char *
outside_refuse(const struct outside *outside, const struct mls_public_group *before,
               const struct mls_public_group *group)
{
    if (before != NULL && !is_equal(senders_of(before), senders_of(group)))
        return "the external senders of a chat stay what they were at its creation";
    if (before == NULL && senders_of(group).len > 0 && !outside_is_listed(outside, group))
        return "the group lists external senders; a chat lists the one of GetExternalSender or "
               "none";
    return NULL;
}

int
outside_propose(const struct outside *outside, const struct mls_provider *mls,
                struct mls_public_group *group, uint32_t leaf, struct mls_buf *message_out,
                uint8_t ref_out[MLS_REF_BYTES])
{
    const struct mls_outside_params params = {
        .suite = mls_public_group_suite(group),
        .group_id = mls_public_group_id(group),
        .epoch = mls_public_group_epoch(group),
        .sender_type = MLS_SENDER_EXTERNAL,
        .signature_seed = outside->seed,
        .proposal = {.type = MLS_PROPOSAL_REMOVE, .leaf = leaf},
    };
    struct mls_received received = {0};
    int rc = mls_propose_from_outside(mls, &params, message_out);

    if (rc == MLS_OK)
        rc = mls_proposal_ref(mls, mls_buf_bytes(message_out), ref_out);
    if (rc == MLS_OK)
        rc = mls_public_group_take_proposal(group, mls_buf_bytes(message_out), &received);
    mls_received_fini(&received);
    return rc;
}

/* ---- method --------------------------------------------------------------------------------------------------- */

void
chat_on_get_external_sender(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    const struct delivery *ds = state;
    Sotto__Chat__V1__GetExternalSenderReply reply =
        SOTTO__CHAT__V1__GET_EXTERNAL_SENDER_REPLY__INIT;

    (void)in;
    reply.external_senders = chat_bytes(ds->outside->senders, sizeof(ds->outside->senders));
    sotto_reply(req, &reply.base);
}
