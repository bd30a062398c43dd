/* SPDX-License-Identifier: MIT */
/*
 * Rows of the send queue, for the files that work on them: outbox.c and flush.c.
 */
#ifndef CLIENT_OUTBOX_ROWS_H
#define CLIENT_OUTBOX_ROWS_H

#include "outbox.h"

/* Rows that go out by themselves, and are due. A message does not overtake an earlier one of its
 * chat that waits for its next try. */
#define OUTBOX_IS_DUE                                                              \
    " retry_ms <= ?1 AND tries < ?2 AND NOT EXISTS(SELECT 1 FROM outbox o"         \
    " WHERE o.chat_id = outbox.chat_id AND o.client_msg_id < outbox.client_msg_id" \
    " AND o.retry_ms > ?1 AND o.tries < ?2) "
#define OUTBOX_DUE_BINDS bind_int(wall_ms()), bind_int(RETRY_TRIES_MAX)

/* Encrypts all rows anew whose epoch was over. A row whose chat we are not in any more is refused
 * for good; in a broken chat it waits. */
int outbox_renew_stale(struct sotto_client *client, struct sotto_client_error *refusal);

/* What becomes of a refused row: its writer waits and is told, or it is kept for another try.
 * tries: how many of them this refusal counts for. Inside a transaction. */
int outbox_note_refusal(struct sotto_client *client, uint64_t number, int64_t tries,
                        const struct sotto_client_error *refusal);

#endif
