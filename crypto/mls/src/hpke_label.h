/* SPDX-License-Identifier: MIT */
/*
 * LabeledExtract and LabeledExpand (RFC 9180, section 4), shared by the KEM and the key schedule of
 * HPKE, which differ in the suite identifier they put in.
 */
#ifndef MLS_HPKE_LABEL_H
#define MLS_HPKE_LABEL_H

#include "crypto.h"

/* "KEM" and one identifier, or "HPKE" and three. */
struct hpke_suite {
    uint8_t id[10];
    size_t len;
};

/* The keying material is a list of at most 5 parts (MLS_HPKE_INFO_PARTS_MAX). */
int hpke_labeled_extract(const struct mls_crypto *c, const struct hpke_suite *suite,
                         struct mls_bytes salt, const char *label, const struct mls_bytes *ikm,
                         size_t ikm_count, uint8_t out[MLS_HASH_BYTES]);

int hpke_labeled_expand(const struct mls_crypto *c, const struct hpke_suite *suite,
                        const uint8_t prk[MLS_HASH_BYTES], const char *label, struct mls_bytes info,
                        uint8_t *out, size_t len);

#endif
