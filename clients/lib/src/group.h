/* SPDX-License-Identifier: MIT */
/*
 * The MLS group of a chat: from the profile and back, its roster in terms of users and devices
 * (group.c), and the commits that change it (commit.c).
 *
 * A commit of ours goes through three states, each durable: made (MLS state with the pending commit
 * and the encoded call, one transaction), sent, merged. A commit is merged when the server said
 * yes, or when it is found in the chat's log; it is dropped when another commit won. In between
 * nothing else is committed: the same call is repeated, byte for byte, so that it cannot be made
 * twice.
 */
#ifndef CLIENT_GROUP_H
#define CLIENT_GROUP_H

#include "store.h"

#include "chat.pb-c.h"
#include "mls/mls.h"
#include "mls/view.h"
#include "keyx.pb-c.h"

#define GROUP_SUITE MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519 /* of groups of ours */
#define ADDS_PER_COMMIT 200
#define GROUP_LEAF_BYTES_MAX 1024 /* servers refuse larger ones, too (docs/protocol.md) */

/* Loads the group of a chat; *group_out is NULL when the chat has none. */
int group_load(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
               struct mls_group **group_out);

/* The same from the bytes of a saved group. */
int group_read(struct sotto_client *client, const struct buf *state, struct mls_group **group_out);

/* Writes the MLS state (of a chat that is left: nothing of it), the epoch and the roster. Inside a transaction. */
int group_save(struct sotto_client *client, struct chat *chat, const struct mls_group *group);

/* The callbacks and primitives for a group of this client. */
void group_config(struct sotto_client *client, struct mls_config *config_out);

/* Who this device is in key packages and groups; borrowed from its account. The lifetime is the caller's to say. */
struct mls_client group_mls_client(const struct sotto_client *client);

/* The certificate behind a credential; false when it is none. */
bool group_certificate(const struct mls_credential_view *credential, struct verify_cert *cert_out);

/* The user who sits on a leaf; false when nobody does. */
bool group_user_of_leaf(const struct mls_group *group, uint32_t leaf, uint8_t user_out[ID_BYTES]);

/* The users in the group, each once, in memory of their own (free). Returns how many. */
size_t group_users(const struct mls_group *group, uint8_t (**user_ids_out)[ID_BYTES]);

/* True when the device is a leaf of the group. */
bool group_has_device(const struct mls_group *group, const uint8_t user_id[ID_BYTES],
                      const uint8_t device_id[ID_BYTES]);

/* True when there is another user besides ourselves and one other. */
bool group_has_third(struct sotto_client *client, const struct mls_group *group);

/* True when this device has the lowest leaf of our user's devices. */
bool group_is_first_of_user(struct sotto_client *client, const struct mls_group *group);

/* An MLS error as an error of the client. */
int group_trouble(struct sotto_client *client, const char *what, int problem);

/* ---- KeyPackages of others ------------------------------------------------------------------- */

/* Claims one KeyPackage of every device of the users, in as many requests as it takes, and checks all of it:
 * identities against what is pinned (SOTTO_CLIENT_EBLOCKED when one changed), certificates, lifetimes. Free with
 * pb_free. */
int group_claim(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count,
                Sotto__Keyx__V1__ClaimKeyPackagesReply **reply_out);

/* Views of the claimed packages, in memory of their own (free). */
ProtobufCBinaryData *group_packages(const Sotto__Keyx__V1__ClaimKeyPackagesReply *claim);

/* ---- commits --------------------------------------------------------------------------------- */

/* Makes a commit that adds the packages, and the bundle for the server in three buffers. Changes
 * the group in memory only. */
struct group_bundle {
    struct mls_buf commit;
    struct mls_buf welcome;
    struct mls_buf group_info;
    struct mls_buf start; /* the group before its first commit; else empty */
};
int group_make_commit(struct sotto_client *client, struct mls_group *group,
                      const ProtobufCBinaryData *packages, size_t count,
                      struct group_bundle *bundle_out);
void group_bundle_fini(struct group_bundle *bundle);

/* Fills a request's Bundle with views of the buffers. */
void group_bundle_view(const struct group_bundle *bundle, Sotto__Chat__V1__Bundle *out);

/* What one commit is to do; all-zero: only what members who leave have proposed, which goes into
 * every commit anyway. To take a lost device out of a chat: its user and itself. */
struct group_change {
    const ProtobufCBinaryData *packages; /* devices that come, at most ADDS_PER_COMMIT */
    size_t count;
    const uint8_t *user;   /* whose leaves go; NULL: nobody's. Never our own leaf */
    const uint8_t *device; /* only this one of the user's; NULL: all */
    bool renew;            /* our own keys become new, whatever else is to do (upkeep.h) */
};

/* Makes the change, unless it is made already, and catches up with the chat; retries lost races.
 * Takes the profile's lock for the time of each try. SOTTO_CLIENT_EFAILED with permission_denied:
 * our role does not allow it. */
int group_change(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                 const struct group_change *change);

/* Adds devices to an existing chat, in as many commits as it takes. */
int group_add(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
              const ProtobufCBinaryData *packages, size_t count);

/* The server accepted the chat's pending commit: enters its epoch, in one transaction with what `entered` does,
 * which is given the group in the new epoch and the chat with its cursor moved and saves both. Does
 * nothing when entries before the commit are still unread: the log does it later. */
typedef int group_entered_fn(struct sotto_client *client, struct chat *chat,
                             const struct mls_group *group,
                             const Sotto__Chat__V1__CommitReply *reply);
int group_accepted(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                   const Sotto__Chat__V1__CommitReply *reply, group_entered_fn *entered);

/* Whether a refused commit may be taken at another try, or be in the log already. */
bool group_may_pass(const struct sotto_client_error *error);

#endif
