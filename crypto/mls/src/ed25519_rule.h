/* SPDX-License-Identifier: MIT */
/* The part of the Ed25519 rule that every provider gets from us; docs/e2ee.md has all of it. */
#ifndef MLS_ED25519_RULE_H
#define MLS_ED25519_RULE_H

#include <stdbool.h>

#include "mls/provider.h"

/*
 * True when a signature may be put to the equation at all: the public key A and R are encoded
 * canonically (y < p) and not of small order, and S is below the group order (RFC 8032 section
 * 5.1.7 and stricter). Whether A and R lie on the curve is the equation's business. Reads both as
 * they came from the wire; no secret, no memory, any thread.
 */
bool mls_ed25519_is_fit(const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES],
                        const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES]);

#endif
