/* SPDX-License-Identifier: MIT */
/* Ada makes a group and adds Ben; he joins, and both talk. */
#include <err.h>
#include <stdio.h>
#include <string.h>

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

static void
say(struct mls_group *from, const char *text, struct mls_group *to)
{
    struct mls_buf message = {0};
    struct mls_received got = {0};

    must(mls_group_encrypt(from, mls_text(text), mls_text(""), 256, &message));
    must(mls_group_process(to, mls_buf_bytes(&message), &got));
    printf("%.*s: %.*s\n", (int)got.sender.identity.len, got.sender.identity.data,
           (int)got.plaintext.len, got.plaintext.data);
    mls_received_fini(&got);
    mls_buf_fini(&message);
}

int
main(void)
{
    const struct mls_provider *p = mls_provider_default();
    const struct mls_config config = {
        .provider = p, .check_credential = trust_everybody, .now = mls_clock_default};
    uint8_t ada_key[MLS_ED25519_SEED_BYTES], ben_key[MLS_ED25519_SEED_BYTES];
    const struct mls_client ada = {.signature_seed = ada_key, .identity = mls_text("ada")};
    const struct mls_client ben = {.signature_seed = ben_key, .identity = mls_text("ben")};
    const struct mls_group_params start = {.suite = 3, .group_id = mls_text("16 random bytes!")};
    struct mls_buf package = {0}, secrets = {0}, commit = {0}, welcome = {0};
    struct mls_group *adas = NULL, *bens = NULL;
    uint8_t seen[2][MLS_HASH_BYTES];

    if (p->random(p->ctx, ada_key, sizeof(ada_key)) || p->random(p->ctx, ben_key, sizeof(ben_key)))
        errx(1, "no random bytes");
    /* Ben publishes a key package; Ada adds him to a new group; he joins by her Welcome. */
    must(mls_key_package_create(&config, &ben, start.suite, &package, &secrets));
    must(mls_group_create(&config, &ada, &start, &adas));
    must(mls_group_add(adas, mls_buf_bytes(&package), &commit, &welcome));
    must(mls_group_merge_pending(adas)); /* the server took the commit */
    const struct mls_join_params join = {.welcome = mls_buf_bytes(&welcome),
                                         .key_package_private = mls_buf_bytes(&secrets)};
    must(mls_group_join(&config, &ben, &join, &bens));

    say(adas, "hello, Ben", bens); /* a real client saves its group before it sends */
    say(bens, "hello, Ada", adas);
    mls_group_epoch_authenticator(adas, seen[0]);
    mls_group_epoch_authenticator(bens, seen[1]);
    if (memcmp(seen[0], seen[1], MLS_HASH_BYTES) != 0)
        errx(1, "they do not agree");

    mls_group_destroy(&adas);
    mls_group_destroy(&bens);
    mls_buf_fini(&package);
    mls_buf_fini(&secrets);
    mls_buf_fini(&commit);
    mls_buf_fini(&welcome);
    return 0;
}
