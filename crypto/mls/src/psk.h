/* SPDX-License-Identifier: MIT */
/*
 * Pre-shared keys (RFC 9420, section 8.4): the identifier as it travels in proposals and in a
 * Welcome, and the one secret that a list of keys adds to the key schedule.
 */
#ifndef MLS_PSK_H
#define MLS_PSK_H

#include "codec.h"
#include "crypto.h"

enum mls_psk_type {
    MLS_PSK_EXTERNAL = 1,
    MLS_PSK_RESUMPTION = 2,
};

enum mls_psk_usage {
    MLS_PSK_USAGE_APPLICATION = 1,
    MLS_PSK_USAGE_REINIT = 2,
    MLS_PSK_USAGE_BRANCH = 3,
};

/* Slices are borrowed: from the message it was read from, or from the caller. */
struct mls_psk_id {
    uint8_t type;              /* enum mls_psk_type */
    struct mls_bytes psk_id;   /* external */
    uint8_t usage;             /* resumption: enum mls_psk_usage */
    struct mls_bytes group_id; /* resumption */
    uint64_t epoch;            /* resumption */
    struct mls_bytes nonce;    /* 32 bytes where the standard is kept; read does not insist */
};

/* Reads a PreSharedKeyID. An unknown type or usage is MLS_EDECODE in the reader. */
void mls_psk_id_read(struct mls_reader *r, struct mls_psk_id *out);

void mls_psk_id_write(struct mls_writer *w, const struct mls_psk_id *id);

/* True when both name one key in one way, the nonce included. */
bool mls_psk_id_same(const struct mls_provider *p, const struct mls_psk_id *a,
                     const struct mls_psk_id *b);

struct mls_psk {
    struct mls_psk_id id;
    struct mls_bytes secret; /* the key itself, any length */
};

/* psk_secret over the keys in their order in the Commit or the Welcome; all zero for none.
 * MLS_EARG for more than 65,535. */
int mls_psk_secret(const struct mls_crypto *c, const struct mls_psk *psks, size_t count,
                   uint8_t out[MLS_HASH_BYTES]);

#endif
