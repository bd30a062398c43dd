/* SPDX-License-Identifier: MIT */
/*
 * What we believe of other users: trust on first use.
 *
 * The first identity key seen for a user is pinned. Any other key that the server shows, or that a
 * member's certificate carries, marks the contact as changed: nothing is encrypted to a chat with
 * that user until a person accepts the new key. Keys are looked at wherever they come by: with
 * every claimed KeyPackage, every certificate in a Welcome or commit, every identity that is
 * fetched, and before sending.
 *
 * The server keeps a hash chain of each user's key changes, our own included. Its last known head is
 * pinned as well, so that a server cannot show a past that differs from the one it showed before.
 * Devices that come and go are lines of the history; a new one that the pinned key certified changes
 * nothing in what we believe of the user.
 */
#ifndef CLIENT_TRUST_H
#define CLIENT_TRUST_H

#include "session.h"

#include "keyx.pb-c.h"

struct contact {
    bool exists;
    uint8_t user_id[ID_BYTES];
    char name[SOTTO_CLIENT_NAME_BYTES]; /* "" while unknown */
    bool pinned;                        /* identity_key holds a key */
    bool changed;                       /* changed_key holds one that nobody accepted */
    bool verified;
    bool accepted_unproven; /* a person accepted a key without a good signature and key log */
    uint8_t identity_key[KEY_BYTES];
    uint8_t changed_key[KEY_BYTES];
    int64_t first_seen; /* seconds */
    int64_t deleted_ms; /* when the user deleted the account; 0: not, as far as is proved */
    uint32_t log_number;
    uint8_t log_head[VERIFY_HASH_BYTES];
};

/* Reads a contact; exists is false when there is none (user_id is set all the same). */
int contact_load(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                 struct contact *contact_out);
int contact_store(struct sotto_client *client, const struct contact *contact);

/* The name to show for a user: its own, a contact's, or the id in hex. */
int contact_show_name(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                      char name_out[SOTTO_CLIENT_NAME_BYTES]);
/* Those of several users in alphabetical order, in memory of their own (free). */
int contact_show_names(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES],
                       size_t count, char (**names_out)[SOTTO_CLIENT_NAME_BYTES]);
void contact_sort_names(char (*names)[SOTTO_CLIENT_NAME_BYTES], size_t count);
/* Pointers to them, as a caller of the library is given them; likewise (free). */
const char **contact_name_list(char (*names)[SOTTO_CLIENT_NAME_BYTES], size_t count);

/* Finds a user by name: ourselves, a contact, else the server is asked. A name once learned
 * stays with its id. */
int contact_find(struct sotto_client *client, const char *name, struct contact *contact_out);

/* Asks the server for all of these names at once, so that contact_find need not ask for each. */
int contact_look_up(struct sotto_client *client, const char *const *names, size_t count);

/* Whether a name is our own or a contact's, without case. */
int contact_has_name(struct sotto_client *client, const char *name, bool *has_out);

/* Keeps a name that the server says, unless the contact has one or the name is somebody else's.
 * Inside a transaction. */
int contact_learn_name(struct sotto_client *client, const Sotto__Auth__V1__User *user);

/* Remembers that there may be members without a name here, until contact_fill_names had an answer: the connection may
 * be lost before. Inside a transaction. */
int contact_names_due(struct sotto_client *client);

/* Asks the server for the names of members that have none here, when that is due. */
int contact_fill_names(struct sotto_client *client);

/* Compares a key of a user with the pinned one: pins it at first contact; marks the contact as
 * changed when it is neither the pinned one nor one that was accepted earlier and is shown by an
 * old certificate. */
int trust_observe(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                  const uint8_t identity_key[KEY_BYTES]);

/* Compares what the server says of a user. reply's key must be the pinned one and continue the
 * known key log; a contradiction marks the contact as changed and is no error here, except for
 * ourselves (SOTTO_CLIENT_EBLOCKED). Notes devices that came and went. Inside a transaction. */
int trust_observe_identity(struct sotto_client *client,
                           const Sotto__Keyx__V1__GetIdentityReply *reply);

/* The user deleted the account, if the deletion is signed by the key that is pinned: remembers it, and that all devices
 * are gone. proven_out: it is. Inside a transaction. */
int trust_take_deletion(struct sotto_client *client, const struct verify_deletion *deletion,
                        bool *proven_out);

/* Fetches identities from the server and compares them. */
int trust_fetch(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count);

/* ---- the gate before sending (trust_gate.c) -------------------------------------------------- */

/* SOTTO_CLIENT_EBLOCKED when the user's key changed. */
int trust_gate_user(struct sotto_client *client, const uint8_t user_id[ID_BYTES]);

/* SOTTO_CLIENT_EBLOCKED when one of these users is not verified and this profile sends to verified people only
 * (sotto_client_verified_only). Ourselves are. */
int trust_gate_verified(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES],
                        size_t count);

/* Both, of the members of a chat. */
int trust_gate_chat(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* Before sending: fetches the members that were not looked at for the longest time (at most 16),
 * then gates. */
int trust_check_chat(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* ---- certificates in MLS --------------------------------------------------------------------- */

/* Checks a member's credential for MLS: the certificate's chain, then trust_observe. 0 or
 * MLS_ECREDENTIAL. */
int trust_check_credential(struct sotto_client *client, const uint8_t *identity,
                           size_t identity_len, const uint8_t *signature_key,
                           const uint8_t *replaced, size_t replaced_len);

/* Whether a member's words may be shown as theirs: the key is our own, the pinned one, or one that was accepted. */
int trust_is_known(struct sotto_client *client, const struct verify_cert *cert, bool *known_out);

/* ---- history of a user's keys; lines are only ever added ------------------------------------ */

struct key_change {
    uint8_t identity_key[KEY_BYTES];
    int64_t seen;      /* seconds */
    char what[16];     /* first contact, changed, accepted, verified, device added, device removed,
                      account deleted */
    bool about_device; /* device ... */
    uint8_t device_id[ID_BYTES];
};

int trust_note(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
               const uint8_t identity_key[KEY_BYTES], const char *what);

/* Adds a line about one of the user's devices. */
int trust_note_device(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                      const uint8_t identity_key[KEY_BYTES], const char *what,
                      const uint8_t device_id[ID_BYTES]);

/* True when the user's key log said that the device was removed; it never comes back. */
int trust_device_is_gone(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                         const uint8_t device_id[ID_BYTES], bool *gone_out);

/* All lines, oldest first, in memory of its own (free). */
int trust_history(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                  struct key_change **lines_out, size_t *count_out);

/* True when the key was pinned at some time, at first contact or by a person. */
int trust_was_accepted(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                       const uint8_t identity_key[KEY_BYTES], bool *accepted_out);

#endif
