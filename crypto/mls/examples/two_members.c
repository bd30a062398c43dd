/* SPDX-License-Identifier: MIT */
/* Ada makes a group, adds Ben, and Ben reads what she writes. Buffers stand in for the network. */
#include <stdio.h>
#include <time.h>

#include "mls/mls.h"

static int
trust_everybody(void *arg, const struct mls_credential_view *credential)
{
    (void)arg;
    printf("somebody says to be %.*s\n", (int)credential->identity.len, credential->identity.data);
    return 0; /* a real client compares signature_key with what it knows of that identity */
}

static uint64_t
now(void *arg)
{
    (void)arg;
    return (uint64_t)time(NULL);
}

#define TEXT(s) ((struct mls_bytes){(const uint8_t *)(s), sizeof(s) - 1})
#define CHECK(call)            \
    if ((error = (call)) != 0) \
    goto done

int
main(void)
{
    const struct mls_provider *p = mls_provider_default();
    const struct mls_config config = {
        .provider = p, .check_credential = trust_everybody, .now = now};
    const struct mls_lifetime lifetime = {now(NULL) - 3600, now(NULL) + 90 * 86400};
    uint8_t ada_seed[MLS_ED25519_SEED_BYTES], ben_seed[MLS_ED25519_SEED_BYTES];
    struct mls_buf package = {0}, secrets = {0}, commit = {0}, welcome = {0}, message = {0};
    struct mls_group *ada = NULL, *ben = NULL;
    struct mls_received received = {0};
    int error;

    CHECK(p->random(p->ctx, ada_seed, sizeof(ada_seed)));
    CHECK(p->random(p->ctx, ben_seed, sizeof(ben_seed)));

    /* Ben publishes a key package and keeps its private half. */
    CHECK(mls_key_package_create(
        p,
        &(struct mls_key_package_params){
            .suite = 3, .signature_seed = ben_seed, .identity = TEXT("ben"), .lifetime = lifetime},
        &package, &secrets));

    /* Ada creates a group and adds Ben. The commit is hers alone until the server has taken it. */
    CHECK(mls_group_create(&config,
                           &(struct mls_group_params){.suite = 3,
                                                      .group_id = TEXT("16 random bytes!"),
                                                      .signature_seed = ada_seed,
                                                      .identity = TEXT("ada"),
                                                      .lifetime = lifetime},
                           &ada));
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    CHECK(mls_group_commit(ada, &options, &commit, &welcome, NULL));
    CHECK(mls_group_merge_pending(ada));

    /* Ben joins from the Welcome. */
    CHECK(mls_group_join(&config,
                         &(struct mls_join_params){.welcome = mls_buf_bytes(&welcome),
                                                   .key_package_private = mls_buf_bytes(&secrets),
                                                   .signature_seed = ben_seed},
                         &ben));

    /* Ada writes, Ben reads. */
    CHECK(mls_group_encrypt(ada, TEXT("hello, Ben"), TEXT(""), 256, &message));
    CHECK(mls_group_process(ben, mls_buf_bytes(&message), &received));
    printf("%.*s: %.*s\n", (int)received.sender.identity.len, received.sender.identity.data,
           (int)received.plaintext.len, received.plaintext.data);
done:
    if (error != 0)
        fprintf(stderr, "%s\n", mls_error_text(error));
    mls_received_fini(&received);
    mls_group_destroy(&ben);
    mls_group_destroy(&ada);
    mls_buf_fini(&message);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&secrets);
    mls_buf_fini(&package);
    return error != 0;
}
