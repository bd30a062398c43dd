/* SPDX-License-Identifier: MIT */
/* Ada makes a group and adds Ben; both talk; Ada removes him. */
#include <err.h>
#include <stdio.h>
#include <time.h>

#include "mls/mls.h"

static void
must(int error)
{
    if (error != 0)
        errx(1, "%s", mls_error_text(error));
}

static int
trust_everybody(void *arg, const struct mls_credential_view *credential)
{
    (void)arg, (void)credential;
    return 0; /* a real client compares signature_key with what it knows of that identity */
}

static uint64_t
now(void *arg)
{
    (void)arg;
    return (uint64_t)time(NULL);
}

/* What the server delivers: a text is shown, a commit followed. */
static void
take(struct mls_group *group, const struct mls_buf *message)
{
    struct mls_received got = {0};

    must(mls_group_process(group, mls_buf_bytes(message), &got));
    if (got.kind == MLS_RECEIVED_COMMIT)
        must(mls_group_merge_staged(group)); /* a real client first looks at got.changes */
    else
        printf("%.*s: %.*s\n", (int)got.sender.identity.len, got.sender.identity.data,
               (int)got.plaintext.len, got.plaintext.data);
    mls_received_fini(&got);
}

int
main(void)
{
    const struct mls_provider *p = mls_provider_default();
    const struct mls_config config = {
        .provider = p, .check_credential = trust_everybody, .now = now};
    const struct mls_lifetime quarter = {now(NULL) - 3600, now(NULL) + 90 * 86400};
    uint8_t ada_key[MLS_ED25519_SEED_BYTES], ben_key[MLS_ED25519_SEED_BYTES];
    struct mls_buf package = {0}, secrets = {0}, message = {0}, welcome = {0};
    struct mls_group *ada = NULL, *ben = NULL;

    /* Ben publishes a key package; Ada makes a group and adds him; he joins by her Welcome. */
    must(p->random(p->ctx, ada_key, sizeof(ada_key)));
    must(p->random(p->ctx, ben_key, sizeof(ben_key)));
    const struct mls_key_package_params his = {
        .suite = 3, .signature_seed = ben_key, .identity = mls_text("ben"), .lifetime = quarter};
    must(mls_key_package_create(p, &his, &package, &secrets));
    const struct mls_group_params hers = {.suite = 3,
                                          .group_id = mls_text("16 random bytes!"),
                                          .signature_seed = ada_key,
                                          .identity = mls_text("ada"),
                                          .lifetime = quarter};
    must(mls_group_create(&config, &hers, &ada));
    must(mls_group_add(ada, mls_buf_bytes(&package), &message, &welcome));
    must(mls_group_merge_pending(ada)); /* the server took it */
    const struct mls_join_params join = {.welcome = mls_buf_bytes(&welcome),
                                         .key_package_private = mls_buf_bytes(&secrets),
                                         .signature_seed = ben_key};
    must(mls_group_join(&config, &join, &ben));

    must(mls_group_encrypt(ada, mls_text("hello, Ben"), mls_text(""), 256, &message));
    take(ben, &message); /* a real client saves its group before it sends */
    must(mls_group_encrypt(ben, mls_text("hello, Ada"), mls_text(""), 256, &message));
    take(ada, &message);
    must(mls_group_remove(ada, mls_group_own_leaf(ben), &message));
    must(mls_group_merge_pending(ada));
    take(ben, &message);
    printf("ben is %s\n", mls_group_is_active(ben) ? "still here" : "gone");

    mls_group_destroy(&ada);
    mls_group_destroy(&ben);
    mls_buf_fini(&package);
    mls_buf_fini(&secrets);
    mls_buf_fini(&message);
    mls_buf_fini(&welcome);
    return 0;
}
