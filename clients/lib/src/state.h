/* SPDX-License-Identifier: MIT */
/*
 * The client object as the files of the library see it, and the account that a profile holds.
 */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include "conn.h"
#include "fail.h"
#include "mem.h"
#include "profile.h"

#include "verify/verify.h"

#include <stdatomic.h>

#define ID_BYTES SOTTO_CLIENT_ID_BYTES
#define KEY_BYTES VERIFY_KEY_BYTES
#define LABEL_CHARS 64

/* Steps that bring a new account's keys to the server; bits of account.steps_done. */
enum account_step {
    STEP_IDENTITY = 1 << 0,
    STEP_DEVICE = 1 << 1,
    STEP_BACKUP = 1 << 2,
    STEP_KEY_PACKAGES = 1 << 3,
    STEPS_ALL = (1 << 4) - 1,
};

/* Who this profile is. Secret: wipe with account_fini. */
struct account {
    bool exists;
    bool has_identity;
    uint8_t user_id[ID_BYTES];
    uint8_t device_id[ID_BYTES];
    char name[SOTTO_CLIENT_NAME_BYTES];
    char label[LABEL_CHARS * 4 + 1];
    uint8_t identity_seed[VERIFY_SEED_BYTES];
    uint8_t identity_key[KEY_BYTES];
    uint8_t device_seed[VERIFY_SEED_BYTES];
    uint8_t device_key[KEY_BYTES];
    uint8_t certificate[VERIFY_CERT_BYTES];
    uint32_t steps_done;
    struct buf backup; /* a container that the server does not have yet */
    uint64_t backup_counter;
    int64_t removed_ms; /* when another device removed this one; 0: it did not */
    uint8_t removed_by[ID_BYTES];
    bool deleted; /* with the whole account */
};

/* A claim of KeyPackages whose answer was lost: asked again for the same users it takes nothing more (claim.c). */
struct open_claim {
    bool open;
    uint8_t users[KEY_BYTES]; /* a hash of whom it was for */
    uint8_t request_id[ID_BYTES];
};

struct sotto_client {
    struct sotto_client_error error;
    struct profile profile;
    struct account account;
    struct conn *conn;
    bool attached;
    bool caught_up;         /* a Sync succeeded on this connection */
    int64_t access_expires; /* of the token that the connection was attached with */
    char server[300];
    bool new_server; /* another one than the profile remembers */
    char user_agent[129];
    int timeout_ms;
    atomic_bool stopped; /* sotto_client_stop was called */
    int wake_fd;         /* an eventfd: sotto_client_wake writes, the listener reads */
    struct open_claim claim;
    bool own_devices_stale; /* a device of ours came or went; see own_devices.h */
    uint64_t mls_now;       /* the time that MLS lifetimes are judged against */
    char text[256];         /* strings handed out by whoami */
};

void id_hex(const uint8_t id[ID_BYTES], char hex_out[SOTTO_CLIENT_HEX_BYTES]);
bool id_from_hex(const char *hex, uint8_t id_out[ID_BYTES]);
bool id_equal(const uint8_t a[ID_BYTES], const uint8_t b[ID_BYTES]);

/* Copies bytes of exactly `size` from a decoded message; false when it has another length. */
bool take_bytes(ProtobufCBinaryData from, void *out, size_t size);

/* A view for a request; protobuf-c takes it without const but does not write. */
ProtobufCBinaryData view(const void *data, size_t len);

/* Seconds, and milliseconds, since 1970. */
int64_t wall_seconds(void);
int64_t wall_ms(void);

/* Pauses for a random time between the two bounds. */
void pause_jitter(unsigned least_ms, unsigned most_ms);
/* The same after somebody else's commit was faster, so that not all who lost try again at once. */
void pause_after_race(void);
/* Of n members who change a group at once the last one loses n - 1 races. More than these are not meant to be won. */
#define RACE_TRIES_MAX 64
#define RACE_IDLE_MAX 8 /* tries in a row, while nothing changes in the chat */

/* Whether status is a refusal, and not trouble of the connection, the login or the profile: what nobody asked for may
 * go without. */
bool is_refused(const struct sotto_client *client, int status);

/* Reads the account of the profile into client->account; exists is false when there is none. */
int account_load(struct sotto_client *client);
/* Writes client->account. Inside a transaction or alone. */
int account_store(struct sotto_client *client);
void account_fini(struct account *account);

/* Name, title and password as the server and the conventions want them; SOTTO_CLIENT_EUSAGE says
 * why not. */
int check_name(const char *name, struct sotto_client_error *error);
int check_password(const char *password, struct sotto_client_error *error);
int check_text(const char *what, const char *text, size_t chars_max,
               struct sotto_client_error *error);

#endif
