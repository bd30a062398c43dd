/* SPDX-License-Identifier: MIT */
/*
 * The send queue of a profile. A message gets its number (client_msg_id), is encrypted and stored
 * before it is sent, and is sent again under the same number until the server has answered; the
 * server answers a repeat like the first. When the chat's epoch went on meanwhile, the same content
 * is encrypted anew for the new one.
 */
#ifndef CLIENT_OUTBOX_H
#define CLIENT_OUTBOX_H

#include "store.h"

#include "content.pb-c.h"

#define OUTBOX_BATCH 64 /* sent at a time; no more than CONN_CALLS_MAX */

/* Puts contents into the queue, in one transaction. numbers_out gets their client_msg_ids. Each
 * content must have its id and time. */
int outbox_add(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
               const struct buf *contents, size_t count, uint64_t *numbers_out);

/* Sends what is in the queue, reconnecting up to three times. SOTTO_CLIENT_ENETWORK: the rest
 * stays and goes out with the next call. A message that the server refuses for good is taken
 * out, and that refusal is returned. Chats with a blocked member are left alone. */
int outbox_flush(struct sotto_client *client);

/* Fills in a content with a fresh id and the time. */
void outbox_content(Sotto__Content__V1__Content *content, uint8_t id[ID_BYTES]);

/* Where the sealed content of a queued message is bound to. */
struct vault_place outbox_content_place(const uint64_t *number);

/* Hands out the messages that wait for one chat, with seq 0. */
int outbox_show(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                sotto_client_message_fn each, void *arg);

/* Records that our message was accepted: from the outbox into the archive. Inside a transaction. */
int outbox_record_sent(struct sotto_client *client, uint64_t client_msg_id, uint64_t seq,
                       uint64_t epoch, int64_t ts_ms);

#endif
