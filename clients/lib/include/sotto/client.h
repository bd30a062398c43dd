/* SPDX-License-Identifier: MIT */
/*
 * The Sotto client library: an account, its chats and their messages, end-to-end encrypted.
 *
 * A struct sotto_client is one profile (a folder) and at most one connection. Every call that needs
 * the server connects by itself, renews the login if it is due, finishes what an earlier run left
 * half done, and returns when the server has made the effect durable. Nothing runs in the
 * background; several processes may use one profile at a time.
 *
 *     struct sotto_client *client;
 *     struct sotto_client_error error;
 *     if (sotto_client_open(&(struct sotto_client_options){.profile = "/home/ann/sotto"}, &client,
 *                           &error) == 0) {
 *         sotto_client_send(client, "bob", "hello", on_sent, NULL);
 *         sotto_client_close(&client);
 *     }
 *
 * Return values are 0 or one of enum sotto_client_status; sotto_client_last_error() then has a code
 * and a sentence that names the cure. Strings are UTF-8. Ids are 16 bytes, printed as 32 hex
 * digits. Pointers given to a callback are borrowed until it returns; a callback that returns
 * something other than 0 ends the call early, which is no error. A client object is used by one
 * thread at a time, and not from within its own callbacks. When memory runs out the program ends.
 */
#ifndef SOTTO_CLIENT_H
#define SOTTO_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOTTO_CLIENT_ID_BYTES 16
#define SOTTO_CLIENT_HEX_BYTES 33    /* an id in hex with its final zero */
#define SOTTO_CLIENT_NAME_BYTES 33   /* a user name with its final zero */
#define SOTTO_CLIENT_TITLE_CHARS 64  /* of a chat's title */
#define SOTTO_CLIENT_TEXT_CHARS 4000 /* of a message */

/* The negatives of the exit codes of the program `sotto`. */
enum sotto_client_status {
    SOTTO_CLIENT_OK = 0,
    SOTTO_CLIENT_EFAILED = -1,  /* the server or the library refused */
    SOTTO_CLIENT_EUSAGE = -2,   /* an argument cannot be right */
    SOTTO_CLIENT_EAUTH = -3,    /* not logged in, or the password is wrong */
    SOTTO_CLIENT_ENETWORK = -4, /* no connection, or no answer in time */
    SOTTO_CLIENT_EBLOCKED =
        -5, /* an identity key changed and was not accepted, or is not verified where that is asked for
               (sotto_client_verified_only), or a removed device still reads along */
};

struct sotto_client_error {
    int status;        /* enum sotto_client_status */
    char code[32];     /* a Connect code (not_found, ...), or network, blocked, profile */
    char message[512]; /* one sentence, in the language that SOTTO_LANG names (en, ru) */
};

struct sotto_client_options {
    const char *profile; /* folder; made with mode 0700 if it is missing */
    const char *server; /* tcp://host:port, ws://host:port/path; NULL: what the profile remembers */
    const char *passphrase; /* opens a profile that has one, gives one to a new profile; or NULL */
    const char *user_agent; /* program and version, shown in the list of logins; or NULL */
    unsigned timeout_ms;    /* for connecting and for each answer; 0: 15000 */
};

struct sotto_client;

/* ---- Life ------------------------------------------------------------------------------------ */

/* Opens a profile, making it if need be; does not connect. error_out is filled on failure. */
int sotto_client_open(const struct sotto_client_options *options, struct sotto_client **client_out,
                      struct sotto_client_error *error_out);

/* Ends the connection, wipes and frees. Accepts NULL and a pointer to NULL. */
void sotto_client_close(struct sotto_client **client);

/* What the last failed call of this client had to say; valid until the next call. */
const struct sotto_client_error *sotto_client_last_error(const struct sotto_client *client);

/* Makes a sotto_client_listen of this client try to connect, and send what waits, at once; or end
 * once and for all, as soon as it does not wait for an answer. The two functions that another thread
 * may call meanwhile; both are safe in a signal handler. */
void sotto_client_wake(struct sotto_client *client);
void sotto_client_stop(struct sotto_client *client);

/* Ends the connection; the next call that needs one connects again. For a client that will be idle
 * and does not listen. */
void sotto_client_disconnect(struct sotto_client *client);

/* ---- Account --------------------------------------------------------------------------------- */

struct sotto_client_account {
    const char *user;
    char user_id[SOTTO_CLIENT_HEX_BYTES];
    char device_id[SOTTO_CLIENT_HEX_BYTES];
    char login_id[SOTTO_CLIENT_HEX_BYTES];
    const char *server;
    int64_t expires; /* of the login, seconds since 1970, unless it is used before */
    bool keys_ready; /* identity, device and backup are with the server */
};

struct sotto_client_login {
    char id[SOTTO_CLIENT_HEX_BYTES];
    char device_id[SOTTO_CLIENT_HEX_BYTES];
    const char *label;
    const char *user_agent;
    const char *address;
    int64_t created;
    int64_t last_used;
    int64_t expires;
    bool current;
};
typedef int (*sotto_client_login_fn)(const struct sotto_client_login *login, void *arg);

/* A device of the account. */
struct sotto_client_device {
    char id[SOTTO_CLIENT_HEX_BYTES];
    const char *label; /* as its owner called it; others never see it */
    int64_t added;     /* seconds since 1970 */
    int64_t last_seen; /* when its login was used or renewed last; 0: it is not logged in */
    bool current;      /* this one */
    bool verified;     /* the account's identity key certified it, and the key log says so */
    /* When it renewed its keys. Of this one: in the chat where that is longest ago; 0: not yet in one, or there is no
     * chat. Of others: the last time that this one saw, in any chat; 0: none. */
    int64_t renewed;
    uint32_t key_packages; /* with which it can be added to chats, waiting at the server */
    uint32_t chats;        /* that it is in */
    uint32_t waiting;      /* chats of the account that it is not in yet */
};
typedef int (*sotto_client_device_fn)(const struct sotto_client_device *device, void *arg);

/* Whether an account may be made here, as far as can be told without the server: the profile has none, the name and
 * the password (NULL: not known yet) are such as are possible. For whoever asks a person for them. */
int sotto_client_may_register(struct sotto_client *client, const char *name, const char *password);

/* Makes an account: password (8 to 72 characters, a letter and a digit) stays here, the server gets
 * an OPAQUE record. label names this device for its owner; NULL: the host's name. */
int sotto_client_register(struct sotto_client *client, const char *name, const char *password,
                          const char *label);

/* Logs in. A profile without account becomes a new device of the account; one that has it keeps its
 * device, its chats and its history. */
int sotto_client_login(struct sotto_client *client, const char *name, const char *password,
                       const char *label);

/* Ends this login, or all of the account. The profile keeps its keys and messages. */
int sotto_client_logout(struct sotto_client *client, bool all, unsigned *ended_out);

/* Who the server says we are. Strings are valid until the client's next call. */
int sotto_client_whoami(struct sotto_client *client, struct sotto_client_account *account_out);

int sotto_client_logins(struct sotto_client *client, sotto_client_login_fn each, void *arg);

/* Deletes the account for good, with the password: all its devices and logins end, it leaves every chat, its name
 * is never given out again. Messages stay with those who have them. When the server has it on its disk, this
 * profile is wiped, and the client can only be closed. Called again after an answer that was lost it finds out and
 * wipes. Our other devices keep what they have read, and lose their keys. */
int sotto_client_delete_account(struct sotto_client *client, const char *password);

/* Ends one login by its id in hex. */
int sotto_client_revoke(struct sotto_client *client, const char *login_id);

int sotto_client_devices(struct sotto_client *client, sotto_client_device_fn each, void *arg);

/* Takes a device out of the account for good, by its id in hex or a unique beginning of it (4
 * digits or more): its logins end at once, its keys are with nobody any more, and it is removed from
 * the chats. When this device names itself, its profile keeps the messages and loses its keys. */
int sotto_client_device_remove(struct sotto_client *client, const char *device,
                               char id_out[SOTTO_CLIENT_HEX_BYTES]);

/* ---- Chats ----------------------------------------------------------------------------------- */

/* A chat is named by its id in hex, a unique beginning of it (4 digits or more), its title, or, for
 * a chat of two, the other one's user name. The name of a known user means the chat of two only. */

struct sotto_client_chat {
    char id[SOTTO_CLIENT_HEX_BYTES];
    const char *title; /* "" when it has none; the other's name in a chat of two */
    const char *type;  /* direct, group */
    const char *mode;  /* archive, relay */
    /* ready; waiting: this device is not in it yet; broken; reset: a member started it anew, which waits to
     * be confirmed; left; gone: the other one of a chat of two deleted the account */
    const char *state;
    const char *role; /* owner, admin, member; "" when not known */
    uint64_t epoch;
    uint64_t last_seq;
    int64_t last_ts; /* milliseconds */
    uint64_t unread;
    const char *last_text; /* NULL: none */
    /* Waiting, broken, reset: what to do, why it failed before, or why a reset is refused; else NULL. */
    const char *cure;
    const char *const *members; /* user names */
    size_t member_count;
    /* state left: left (we went), removed (a commit signed by `left_by`), deleted (for everybody by `left_by`, says
     * the server), replaced (`left_by` started it anew, and we are in the new one), or unproven (the server says so
     * and showed no such commit); else NULL. */
    const char *left_how;
    const char *left_by;                      /* NULL when unproven */
    int64_t left_ts;                          /* milliseconds; the server's clock */
    char replaced_by[SOTTO_CLIENT_HEX_BYTES]; /* left_how replaced: the new one; else "" */
};
typedef int (*sotto_client_chat_fn)(const struct sotto_client_chat *chat, void *arg);

struct sotto_client_member {
    const char *user;
    char user_id[SOTTO_CLIENT_HEX_BYTES];
    const char *role;
    const char *trust; /* self, unverified, verified, changed */
    size_t devices;
};
typedef int (*sotto_client_member_fn)(const struct sotto_client_member *member, void *arg);

struct sotto_client_new {
    const char *const *names; /* of the others, 1 or more */
    size_t name_count;
    const char *title; /* NULL: none; one name without title is a chat of two */
    const char *mode;  /* NULL: archive */
};

/* Makes a chat and hands it to `each`. A chat of two that exists already is handed out as it is. */
int sotto_client_new(struct sotto_client *client, const struct sotto_client_new *what,
                     sotto_client_chat_fn each, void *arg);

/* All chats, the latest first. type: direct, group or NULL. */
int sotto_client_chats(struct sotto_client *client, bool unread_only, const char *type,
                       sotto_client_chat_fn each, void *arg);

/* Hands out the chat that sotto_client_delete_chat would delete: left and reset go here only, waiting is none that this
 * device is in. */
int sotto_client_deletable(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                           void *arg);

/* Deletes the chat for everybody, a group if we own it, and whatever this profile has of it. One that we are not in
 * any more is deleted here only. Hands it out before it goes. */
int sotto_client_delete_chat(struct sotto_client *client, const char *chat,
                             sotto_client_chat_fn each, void *arg);

int sotto_client_members(struct sotto_client *client, const char *chat, sotto_client_member_fn each,
                         void *arg);

/* The following change a group and hand it out as it is then. A chat of two cannot be changed.
 * Who may do what: any member adds, owner and admins remove and rename, the owner gives roles. */

/* Adds users, 1 or more, with all their devices. Who is in the chat already is passed over;
 * already_exists when all of them are. */
int sotto_client_add(struct sotto_client *client, const char *chat, const char *const *names,
                     size_t name_count, sotto_client_chat_fn each, void *arg);

/* Removes another user with all devices, from the keys of the group as well. */
int sotto_client_remove(struct sotto_client *client, const char *chat, const char *name,
                        sotto_client_chat_fn each, void *arg);

/* Leaves with all our devices. The last owner and the last member cannot. A chat that was left
 * before is no error. */
int sotto_client_leave(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                       void *arg);

/* Gives the chat another title; it travels encrypted, like a message. */
int sotto_client_rename(struct sotto_client *client, const char *chat, const char *title,
                        sotto_client_chat_fn each, void *arg);

/* role: owner, admin or member. */
int sotto_client_set_role(struct sotto_client *client, const char *chat, const char *name,
                          const char *role, sotto_client_chat_fn each, void *arg);

/* A change of a group (a commit) that members could not follow, as the server keeps it on record. */
struct sotto_client_report {
    char chat[SOTTO_CLIENT_HEX_BYTES];
    uint64_t seq; /* of the change */
    uint64_t epoch;
    const char *from; /* who made it */
    char from_id[SOTTO_CLIENT_HEX_BYTES];
    char from_device[SOTTO_CLIENT_HEX_BYTES];
    const char *reason;   /* confirmation_tag, membership_tag, path, other: the first reporter's */
    const char *sentence; /* the same in words */
    size_t users;         /* who reported it */
    const char *reporter; /* the first of them */
    int64_t ts;           /* milliseconds; of the first report */
    bool proved; /* this device refused it as well, and it bore the signature of from_device */
};
typedef int (*sotto_client_report_fn)(const struct sotto_client_report *report, void *arg);

/* The changes of a chat that members reported, the last 16, oldest first. */
int sotto_client_reports(struct sotto_client *client, const char *chat, sotto_client_report_fn each,
                         void *arg);

/* A chat that is, or would be, started anew: a new group of the same members, for one that cannot be repaired. */
struct sotto_client_reset {
    char chat[SOTTO_CLIENT_HEX_BYTES];      /* the old one */
    char successor[SOTTO_CLIENT_HEX_BYTES]; /* "" when it is not made yet */
    const char *title;                      /* as in struct sotto_client_chat */
    const char *by;                         /* who starts it */
    int64_t ts;                             /* milliseconds; 0: not yet */
    const char *const *members; /* who would be in it; none: there is nothing to judge by */
    size_t member_count;
    const char *const *missing; /* members of the old one who would not */
    size_t missing_count;
    const char *refused; /* why this device does not enter it; NULL: it does when it is confirmed */
};
typedef int (*sotto_client_reset_fn)(const struct sotto_client_reset *reset, void *arg);

struct sotto_client_resetting {
    const char *chat;
    const char *const *without; /* members who are left out; may be NULL with count 0 */
    size_t without_count;
};

/* What the next function would make. */
int sotto_client_reset_plan(struct sotto_client *client, const struct sotto_client_resetting *what,
                            sotto_client_reset_fn each, void *arg);

/* Starts a chat anew and hands the new one out. An owner or admin of a group may, either of a chat of two, when a
 * member reported a change that could not be followed. Title, name and roles move along; the old chat takes nothing
 * more and stays readable. Every other member has to confirm. */
int sotto_client_reset(struct sotto_client *client, const struct sotto_client_resetting *what,
                       sotto_client_chat_fn each, void *arg);

/* Shows the reset that waits for this chat; failed_precondition: there is none. */
int sotto_client_offer(struct sotto_client *client, const char *chat, sotto_client_reset_fn each,
                       void *arg);

/* Enters the chat that takes this one's place, and hands it out. Refused, with the reason, when somebody is in it
 * who was not in the old one, or under another identity key (SOTTO_CLIENT_EBLOCKED). */
int sotto_client_confirm(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                         void *arg);

/* ---- Messages -------------------------------------------------------------------------------- */

/* A message, or an event in a chat. Kinds: text (a message); events: joined (`from` added us), repaired (we lost
 * track and are in it again), member_added, member_removed, member_left, role_changed (to `users`, by `from`),
 * renamed (text is the title), title (the one we were told when we came), key_changed, undecryptable, not_kept, gap
 * (text says what happened or is NULL; of a gap, which sequence numbers), untrusted (a text under another identity
 * key than the one that is known), device_added and device_removed (a device of `from` came or went while the user
 * stays; from_device is the device), device_gone and device_disputed (the server asks to take out a device that
 * `from` has removed, or has not), bad_commit (`from` signed a change of the group that this device cannot follow;
 * text is why) and commit_reported (`from` cannot follow a change by the user in `users`, says the server), reset
 * (`from` started the chat anew, says the server), account_deleted (by `from`; text is NULL when the identity key
 * that we know signed it). */
struct sotto_client_message {
    char chat[SOTTO_CLIENT_HEX_BYTES];
    char id[SOTTO_CLIENT_HEX_BYTES]; /* "" for events */
    uint64_t seq;                    /* 0: not sent yet */
    uint64_t epoch;
    const char *from; /* user name */
    char from_id[SOTTO_CLIENT_HEX_BYTES];
    char from_device[SOTTO_CLIENT_HEX_BYTES];
    int64_t ts; /* milliseconds since 1970, the server's clock */
    const char *kind;
    const char *text;
    bool own;                 /* from this user */
    const char *state;        /* sent; pending: waits in the profile; failed: waits for a person */
    const char *reason;       /* failed: a sentence of why; else NULL */
    const char *const *users; /* events: names of those to whom it happened */
    size_t user_count;
    const char *role; /* role_changed: owner, admin or member; else NULL */
    bool about_own;   /* this user is one of `users` */
};
typedef int (*sotto_client_message_fn)(const struct sotto_client_message *message, void *arg);

/* Sends a text and hands it to `each` once the server has made it durable. A text that could not be
 * sent for lack of a connection stays in the profile, and goes out with the next call. */
int sotto_client_send(struct sotto_client *client, const char *chat, const char *text,
                      sotto_client_message_fn each, void *arg);

/* The same for up to 64 texts in one go, which is much faster than one by one. */
int sotto_client_send_many(struct sotto_client *client, const char *chat, const char *const *texts,
                           size_t count, sotto_client_message_fn each, void *arg);

/* Messages after `since` (0: from the start), oldest first; with limit > 0 at most so many: the
 * first after `since` when that is given, else the last ones. Marks them read. Shows what the
 * profile has when there is no connection, and returns SOTTO_CLIENT_ENETWORK after it. */
int sotto_client_read(struct sotto_client *client, const char *chat, uint64_t since, size_t limit,
                      sotto_client_message_fn each, void *arg);

/* Whether there is a connection. Connections are tried for ever: after 1 s, doubling to 30 s. */
struct sotto_client_link {
    bool connected;
    unsigned retry_ms; /* not connected: until the next try */
    const char *why;   /* not connected: a sentence */
};
typedef int (*sotto_client_link_fn)(const struct sotto_client_link *link, void *arg);

struct sotto_client_listening {
    const char *chat;     /* NULL: all */
    unsigned duration_ms; /* 0: until a callback ends it */
    /* false: messages of others, beginning with the unread ones, which are read then; what comes
     * after the call is handed out even if another process of the profile reads it first. true: all
     * that changes from now on, our own messages as they are sent or fail among it, for a program
     * that shows the profile; nothing is marked as read. */
    bool follow;
    sotto_client_message_fn each;
    sotto_client_link_fn link; /* told of every change; may be NULL */
    void *arg;                 /* of both */
};

/* Hands out what comes, sends what waits, and reconnects when the connection breaks. Ends when a
 * callback returns other than 0, when the time is over, or with an error that waiting does not
 * cure, such as a login that has ended. */
int sotto_client_listen(struct sotto_client *client, const struct sotto_client_listening *how);

/* ---- Messages of a program with a screen: none of these needs a connection ------------------ */

/* Stores a text to be sent by the next listen or command, and hands it to `each`, pending. One that
 * the server refuses is tried three times, 5 s apart; then it waits as failed. */
int sotto_client_queue(struct sotto_client *client, const char *chat, const char *text,
                       sotto_client_message_fn each, void *arg);

/* Hands out what waits to be sent, oldest first. chat NULL: of all. */
int sotto_client_waiting(struct sotto_client *client, const char *chat, bool failed_only,
                         sotto_client_message_fn each, void *arg);

/* Sends failed messages once more, or takes them out. id: of one message, or a beginning of it, 4
 * digits or more; NULL: of all. count_out gets how many. */
int sotto_client_retry(struct sotto_client *client, const char *id, size_t *count_out);
int sotto_client_drop(struct sotto_client *client, const char *id, size_t *count_out);

/* The last `limit` messages before `before` (0: the end) that the profile has, oldest first. */
int sotto_client_archive(struct sotto_client *client, const char *chat, uint64_t before,
                         size_t limit, sotto_client_message_fn each, void *arg);

/* Messages up to seq are read. */
int sotto_client_mark_read(struct sotto_client *client, const char *chat, uint64_t seq);

/* The chats as the profile has them: sotto_client_chats without roles and waiting ones. */
int sotto_client_known_chats(struct sotto_client *client, sotto_client_chat_fn each, void *arg);

/* Names of the users that the profile knows, in alphabetical order. */
typedef int (*sotto_client_name_fn)(const char *name, void *arg);
int sotto_client_known_users(struct sotto_client *client, sotto_client_name_fn each, void *arg);

/* Hands out the chat of this name, as the profile has it. */
int sotto_client_find(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                      void *arg);

/* The server that the profile talks to. */
const char *sotto_client_server(const struct sotto_client *client);

/* The name of the account in the profile, or NULL; valid until the client's next call. */
const char *sotto_client_user(struct sotto_client *client);

/* ---- Verification ---------------------------------------------------------------------------- */

struct sotto_client_key_change {
    char sha256[65];
    int64_t seen;     /* seconds since 1970 */
    const char *what; /* first contact, changed, accepted, verified, device added, device removed,
                         account deleted */
    char device[SOTTO_CLIENT_HEX_BYTES]; /* device ...: which; else "" */
};

struct sotto_client_trust {
    const char *user;
    char user_id[SOTTO_CLIENT_HEX_BYTES];
    const char *state;   /* unverified, verified, changed (blocked until accepted) */
    char sha256[65];     /* of the identity key that is pinned */
    char new_sha256[65]; /* state changed: of the key the server shows now; else "" */
    char digits[61];     /* safety number of the two users */
    const char *emoji[16];
    const char *emoji_names[16];
    int64_t first_seen;
    int64_t deleted; /* seconds: when the user deleted the account, signed by this key; 0: not */
    const struct sotto_client_key_change *history; /* oldest first */
    size_t history_count;
};
typedef int (*sotto_client_trust_fn)(const struct sotto_client_trust *trust, void *arg);

enum sotto_client_verify {
    SOTTO_CLIENT_VERIFY_SHOW = 0,
    SOTTO_CLIENT_VERIFY_MARK = 1,   /* the user compared the numbers: verified */
    SOTTO_CLIENT_VERIFY_ACCEPT = 2, /* the user accepts the changed key */
};

/* Fetches the user's identity, compares it with what is pinned, and shows both. flags: of enum
 * sotto_client_verify. A changed key that is not accepted gives SOTTO_CLIENT_EBLOCKED after `each`
 * was called. */
int sotto_client_verify(struct sotto_client *client, const char *name, unsigned flags,
                        sotto_client_trust_fn each, void *arg);

struct sotto_client_group_number {
    char chat[SOTTO_CLIENT_HEX_BYTES];
    const char *title; /* as in struct sotto_client_chat */
    uint64_t epoch;
    char digits
        [61]; /* equal for all members of this epoch, unless the server shows them different groups */
};
typedef int (*sotto_client_group_number_fn)(const struct sotto_client_group_number *number,
                                            void *arg);

/* Catches up with the server and hands out the number of the chat as this device has it, for people to compare: other
 * digits in the same epoch mean that the chat was split. SOTTO_CLIENT_EFAILED when this device is not in it. */
int sotto_client_verify_chat(struct sotto_client *client, const char *chat,
                             sotto_client_group_number_fn each, void *arg);

/* Verified only: nothing is sent to a chat in which a user is who is not verified, and nobody is added or written to who
 * is not (SOTTO_CLIENT_EBLOCKED); what waits to be sent waits. A setting of this profile, off at first, in force for
 * other processes at once. Needs no connection. */
int sotto_client_verified_only(struct sotto_client *client, bool *only_out);
int sotto_client_set_verified_only(struct sotto_client *client, bool only);

#endif
