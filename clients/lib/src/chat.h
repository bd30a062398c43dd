/* SPDX-License-Identifier: MIT */
/*
 * Making chats, and keeping our own devices in them.
 */
#ifndef CLIENT_CHAT_H
#define CLIENT_CHAT_H

#include "store.h"

#include "chat.pb-c.h"

#define CHAT_NAMES_MAX 499 /* of one new or add, in commits of ADDS_PER_COMMIT */

/* Repeats the Create of chats whose answer was lost. Attached. */
int chat_finish_creations(struct sotto_client *client);

/* Finds the chat a person named, catching up with the server once when the profile does not know
 * it. */
int chat_resolve(struct sotto_client *client, const char *text, struct chat *chat_out);

/* A chat to be made. */
struct chat_plan {
    int type;
    int mode;
    const char *title;     /* NULL: none */
    const uint8_t *resets; /* the chat that it takes the place of (offer.h); NULL: none */
    size_t count;          /* of users, ourselves last */
    uint8_t users[CHAT_NAMES_MAX + 1][ID_BYTES];
};

/* Makes it and tells the members its title. existing_out (may be NULL): the direct chat that the pair has already; the
 * status is EFAILED then. Attached. */
int chat_make(struct sotto_client *client, const struct chat_plan *plan, struct chat *chat_out,
              uint8_t existing_out[ID_BYTES]);

/* Sends a title to the members, as a message. told: for those of them who have none yet; else the
 * chat is renamed for all. */
int chat_send_title(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], const char *title,
                    bool told);

/* Only puts it into the queue. Inside a transaction. */
int chat_queue_title(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                     const char *title, bool told);

/* Hands a chat out. server: its row of ListChats, or NULL. */
int chat_show(struct sotto_client *client, const struct chat *chat,
              const Sotto__Chat__V1__Chat *server, sotto_client_chat_fn each, void *arg);

/* Before sending on a new connection: looks at the keys of members (trust_check_chat), and takes
 * out devices that they removed. EBLOCKED: see chat_gate_readers. */
int chat_check_readers(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* The same without asking for the keys. */
int chat_drop_and_gate(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* Whether messages may go out, as far as the profile knows, without a connection. EBLOCKED: the key of a member
 * changed, or a device reads along that is known to be removed. */
int chat_gate_readers(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* Takes devices out of all chats that their users removed from their accounts, ours and others'. */
int chat_drop_gone_everywhere(struct sotto_client *client);

/* Adds our own other devices to chats they are not in. first_only: only where this device has
 * the lowest leaf of ours, so that of several devices one does it. missing_out counts chats that
 * still lack a device because it has no KeyPackage yet. */
int chat_add_own_devices(struct sotto_client *client, bool first_only, size_t *missing_out);

#endif
