/* SPDX-License-Identifier: MIT */
/*
 * The server as an external sender (RFC 9420 section 12.1.8.1): a key that groups may list in their external_senders,
 * and the one thing that it signs, a Remove.
 *
 * The key is in DATA/secrets/chat, never in the database. A group lists it from its creation on, or never. With it the
 * server can propose and nothing else: a member commits, and clients do so only for a device that its user's signed key
 * log shows as removed. Lost: groups that list the old key get no proposals any more, and their members take gone
 * devices out as they find them.
 */
#ifndef CHAT_OUTSIDE_H
#define CHAT_OUTSIDE_H

#include "chat.h"
#include "mls/public_group.h"

#define OUTSIDE_NAME "sottod" /* identity of the basic credential */
#define OUTSIDE_SENDERS_BYTES (1 + 1 + MLS_ED25519_PUBLIC_BYTES + 2 + 1 + sizeof(OUTSIDE_NAME) - 1)

/* In memory of its own that is locked and wiped (sodium_malloc). Constant after loading: any thread reads it. */
struct outside {
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    uint8_t senders[OUTSIDE_SENDERS_BYTES]; /* the extension's data, this key alone */
};

/* Loads the key, or makes it at the first start. Blocks on the disk, so it belongs into init. An error with a sentence
 * that names the cure. */
int outside_create(const char *data_dir, struct outside **outside_out, struct sotto_err *);

/* Wipes and frees. NULL-safe. */
void outside_destroy(struct outside **);

/* Whether the group lists this key and no other. Any thread. */
bool outside_is_listed(const struct outside *, const struct mls_public_group *);

/* NULL, or why a group may not come to be from the one before it (NULL: it is new to the server): its external senders
 * are ours alone, or none, and stay what they are. Any thread. */
const char *outside_refuse(const struct outside *, const struct mls_public_group *before,
                           const struct mls_public_group *group);

/* MLSMessage(PublicMessage(Remove of the leaf)) for the group's epoch, with its reference, and the group takes it in.
 * An error of mls/error.h; the message may be there nonetheless. Any thread. */
int outside_propose(const struct outside *, const struct mls_provider *, struct mls_public_group *,
                    uint32_t leaf, struct mls_buf *message_out, uint8_t ref_out[MLS_REF_BYTES]);

#endif
