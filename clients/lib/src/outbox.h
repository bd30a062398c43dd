/* SPDX-License-Identifier: MIT */
/*
 * The send queue of a profile. A message gets its number (client_msg_id), is encrypted and stored
 * before it is sent, and is sent again under the same number until the server has answered; the
 * server answers a repeat like the first. When the chat's epoch went on meanwhile, the same content
 * is encrypted anew for the new one. Nothing goes out on a connection before a Sync on it (copies.h).
 */
#ifndef CLIENT_OUTBOX_H
#define CLIENT_OUTBOX_H

#include "store.h"

#include "content.pb-c.h"

#define OUTBOX_BATCH 64       /* sent at a time; no more than CONN_CALLS_MAX */
#define OUTBOX_ROWS_MAX 10000 /* more would not be typed, and a script should notice */

/* What becomes of a message that the server refuses. */
enum outbox_refused {
    OUTBOX_DROP, /* it is taken out: its writer waits for the answer and is told */
    OUTBOX_KEEP, /* tried again after RETRY_AFTER_MS, in all RETRY_TRIES_MAX times, then kept */
};

/* Puts contents into the queue, in one transaction. numbers_out gets their client_msg_ids. Each
 * content must have its id and time. */
int outbox_add(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
               const struct buf *contents, size_t count, enum outbox_refused refused,
               uint64_t *numbers_out);

/* The same inside the caller's transaction. */
int outbox_add_within(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                      const struct buf *contents, size_t count, enum outbox_refused refused,
                      uint64_t *numbers_out);

/* Sends what is in the queue, reconnecting up to three times. SOTTO_CLIENT_ENETWORK: the rest
 * stays and goes out with the next call. A message that the server refuses for good is taken
 * out, and that refusal is returned. Chats with a blocked member are left alone. */
int outbox_flush(struct sotto_client *client);

/* Fills in a content with a fresh id and the time. */
void outbox_content(Sotto__Content__V1__Content *content, uint8_t id[ID_BYTES]);

/* Where the sealed content, and the refusal, of a queued message are bound to. */
struct vault_place outbox_content_place(const uint64_t *number);
struct vault_place outbox_refusal_place(const uint64_t *number);

/* Which of the waiting messages are meant. */
struct outbox_choice {
    const uint8_t *chat_id; /* NULL: all chats */
    bool failed_only;       /* those that a person must decide on */
    uint64_t after;         /* with a greater number than this */
};

/* Hands out the messages that wait, with seq 0, oldest first. last_out (may be NULL) gets the
 * number of the last one. */
int outbox_show(struct sotto_client *client, const struct outbox_choice *choice,
                sotto_client_message_fn each, void *arg, uint64_t *last_out);

/* When the next refused message is tried again, in milliseconds since 1970; 0: none waits. */
int outbox_next_retry(struct sotto_client *client, int64_t *retry_ms_out);

/* Of one failed message, inside a transaction. It goes out once more: behind all others and under a
 * number of its own, because the server forgets numbers that are far behind. Or it is taken out. */
int outbox_renumber(struct sotto_client *client, uint64_t number);
int outbox_remove(struct sotto_client *client, uint64_t number);

/* Records that our message to this chat was accepted: from the outbox into the archive. Does nothing when no
 * such message waits there. Inside a transaction. */
int outbox_record_sent(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                       uint64_t client_msg_id, uint64_t seq, uint64_t epoch, int64_t ts_ms);

/* sent.c: this profile may be an old copy, and the next numbers of messages used: the server would answer as if it had
 * the new ones already. Goes on behind the milliseconds since 1970, which no copy reached by counting, and behind
 * `least`. Inside a transaction. */
int outbox_skip_numbers(struct sotto_client *client, uint64_t least);

#endif
