/* SPDX-License-Identifier: MIT */
/* Ada makes a group and adds Ben; both talk, Ben renews his keys, Ada removes him. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mls/mls.h"

struct person {
    uint8_t seed[MLS_ED25519_SEED_BYTES]; /* the private signature key */
    struct mls_group *group;
};

static struct mls_bytes
text(const char *string)
{
    return (struct mls_bytes){(const uint8_t *)string, strlen(string)};
}

static void
must(int error)
{
    if (error == 0)
        return;
    fprintf(stderr, "%s\n", mls_error_text(error));
    exit(1);
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

/* One writes, the other reads. A real client saves its group before it sends. */
static void
say(struct person *from, struct person *to, const char *words)
{
    struct mls_buf message = {0};
    struct mls_received got = {0};

    must(mls_group_encrypt(from->group, text(words), text(""), 256, &message));
    must(mls_group_process(to->group, mls_buf_bytes(&message), &got));
    printf("%.*s: %.*s\n", (int)got.sender.identity.len, got.sender.identity.data,
           (int)got.plaintext.len, got.plaintext.data);
    mls_received_fini(&got);
    mls_buf_fini(&message);
}

/* One commits, the server takes it, the other follows (or has no group yet: NULL). */
static void
commit(struct person *by, const struct mls_proposal *proposal, struct person *follower,
       struct mls_buf *welcome)
{
    const struct mls_commit_options options = {
        .proposals = proposal, .proposal_count = proposal != NULL, .force_path = true};
    struct mls_buf message = {0};
    struct mls_received got = {0};

    must(mls_group_commit(by->group, &options, &message, welcome, NULL));
    must(mls_group_merge_pending(by->group));
    if (follower != NULL) {
        must(mls_group_process(follower->group, mls_buf_bytes(&message), &got));
        must(mls_group_merge_staged(follower->group)); /* a real client first reads got.changes */
        mls_received_fini(&got);
    }
    mls_buf_fini(&message);
}

int
main(void)
{
    const struct mls_provider *p = mls_provider_default();
    const struct mls_config config = {
        .provider = p, .check_credential = trust_everybody, .now = now};
    const struct mls_lifetime quarter = {now(NULL) - 3600, now(NULL) + 90 * 86400};
    struct person ada = {.group = NULL}, ben = {.group = NULL};
    struct mls_buf package = {0}, secrets = {0}, welcome = {0};

    must(p->random(p->ctx, ada.seed, sizeof(ada.seed)));
    must(p->random(p->ctx, ben.seed, sizeof(ben.seed)));

    /* Ben publishes a key package; Ada creates a group and adds him; he joins by her Welcome. */
    const struct mls_key_package_params own = {
        .suite = 3, .signature_seed = ben.seed, .identity = text("ben"), .lifetime = quarter};
    must(mls_key_package_create(p, &own, &package, &secrets));
    const struct mls_group_params first = {.suite = 3,
                                           .group_id = text("16 random bytes!"),
                                           .signature_seed = ada.seed,
                                           .identity = text("ada"),
                                           .lifetime = quarter};
    must(mls_group_create(&config, &first, &ada.group));
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    commit(&ada, &add, NULL, &welcome);
    const struct mls_join_params join = {.welcome = mls_buf_bytes(&welcome),
                                         .key_package_private = mls_buf_bytes(&secrets),
                                         .signature_seed = ben.seed};
    must(mls_group_join(&config, &join, &ben.group));

    say(&ada, &ben, "hello, Ben");
    say(&ben, &ada, "hello, Ada");
    commit(&ben, NULL, &ada, &welcome); /* a commit of nothing renews the keys of who makes it */
    say(&ada, &ben, "fresh keys");
    const struct mls_proposal out = {.type = MLS_PROPOSAL_REMOVE,
                                     .leaf = mls_group_own_leaf(ben.group)};
    commit(&ada, &out, &ben, &welcome);
    printf("ben is %s\n", mls_group_is_active(ben.group) ? "still here" : "gone");

    mls_group_destroy(&ada.group);
    mls_group_destroy(&ben.group);
    mls_buf_fini(&package);
    mls_buf_fini(&secrets);
    mls_buf_fini(&welcome);
    return 0;
}
