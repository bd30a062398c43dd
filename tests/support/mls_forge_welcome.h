/* SPDX-License-Identifier: MIT */
/*
 * Welcomes of a malicious inviter: one is taken apart by the person it is for, its contents are changed by the test,
 * signed anew by the inviter's real key and sealed again. For Welcomes of one newcomer without pre-shared keys.
 * Functions fail the running cmocka test when the forging itself does not work.
 */
#ifndef SOTTO_TEST_MLS_FORGE_WELCOME_H
#define SOTTO_TEST_MLS_FORGE_WELCOME_H

#include "group.h"
#include "mls_kit.h"

struct forge_welcome {
    struct mls_buf secrets; /* GroupSecrets, encoded */
    struct mls_buf info;    /* GroupInfo, encoded */
    const uint8_t *signer_seed;

    /* What it takes to seal them again. */
    struct mls_crypto c;
    struct mls_key_package_secrets bundle; /* of the newcomer; borrows from its person */
    struct mls_key_package package;
    struct mls_welcome welcome; /* borrows from the Welcome */
    uint8_t ref[MLS_REF_BYTES];
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX], nonce[MLS_AEAD_NONCE_BYTES];
};

/* Person and Welcome must outlive it; `signer_seed` is the inviter's. End it with forge_welcome_fini(). */
void forge_welcome_open(struct forge_welcome *o, const struct kit_person *person,
                        const struct mls_buf *welcome, const uint8_t *signer_seed);
void forge_welcome_fini(struct forge_welcome *o);

/* Writes a GroupInfo with the tree hash that fits its tree and a signature that fits all, where that is possible; what
 * does not decode, as it is. */
void forge_welcome_info(const struct forge_welcome *o, struct mls_bytes broken,
                        struct mls_writer *out);

/* Writes the whole MLSMessage(Welcome) of a GroupInfo and GroupSecrets. */
void forge_welcome_seal(const struct forge_welcome *o, struct mls_bytes info,
                        struct mls_bytes secrets, struct mls_writer *out);

#endif
