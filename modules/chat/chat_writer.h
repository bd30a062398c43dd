/* SPDX-License-Identifier: MIT */
/*
 * What the writer thread keeps in memory: the head of each chat and the window of each sending device.
 *
 * A head (epoch, tree hash, last seq, waiting proposals) is never written by itself: the epoch stands in the chat's
 * row and the hash beside its tree, which only commits change, the seq is that of the last row of the log (or in
 * chat_purges when none is left), and the proposals have rows. A window is written once a transaction, however many
 * messages of the device it holds. Both are read from the tables when they are first needed.
 *
 * Rule for transactions: change these only after the last statement that can fail, since a rolled-back job leaves
 * the cache as it is; after a rolled-back transaction the whole cache is forgotten.
 */
#ifndef CHAT_WRITER_H
#define CHAT_WRITER_H

#include "chat.h"

#define CHAT_WINDOW 128

struct chat_head {
    uint32_t chat; /* first: the key */
    uint32_t seq;
    bool is_deleted;
    bool is_replaced; /* the chat is closed; its log is only read */
    uint64_t epoch;
    uint8_t tree_hash[MLS_HASH_BYTES]; /* of the followed group; zero: the chat is not followed */
    uint32_t proposals;                /* stored in this epoch, to be committed next */
};

/* Where a message went; chat 0: no message with that counter. */
struct chat_answer {
    uint32_t chat;
    uint32_t seq;
};

struct chat_window {
    uint32_t device; /* first: the key */
    bool is_dirty;   /* in the list of those to be written */
    struct chat_window *next_dirty;
    uint64_t top;                            /* highest counter seen; 0: none */
    struct chat_answer answers[CHAT_WINDOW]; /* of counter c at c % CHAT_WINDOW */
};

/* A window as it is stored: at most 16 bytes an answer. */
#define CHAT_WINDOW_BYTES_MAX (CHAT_WINDOW * 16)

extern const struct sotto_writer chat_writer;

/* Both: SOTTO_OK and a pointer that is valid until the transaction ends, or an error. SOTTO_ENOTFOUND: the chat is
 * not there (any more). */
int writer_head(struct sotto_tx *, uint32_t chat, struct chat_head **head_out);
int writer_window(struct sotto_tx *, uint32_t device, struct chat_window **window_out);

/* Notes the head of a new chat: epoch 1, one entry. SOTTO_ENOMEM. */
int writer_head_add(struct sotto_tx *, uint32_t chat, const uint8_t tree_hash[MLS_HASH_BYTES]);

/* The next free number of a chat. */
int writer_next_chat(struct sotto_tx *, uint32_t *num_out);

/* The device's number; makes its row if there is none. */
int writer_device(struct sotto_tx *, const uint8_t *user, const uint8_t *device, uint32_t *num_out);

enum window_verdict {
    WINDOW_NEW = 0,
    WINDOW_REPEAT, /* answer_out is set */
    WINDOW_OLD,    /* further back than the window reaches */
};
enum window_verdict window_look(const struct chat_window *, uint64_t counter,
                                struct chat_answer *answer_out);
void window_note(struct chat_window *, uint64_t counter, struct chat_answer answer);
/* The same, and the window is written before the transaction commits. */
void writer_window_note(struct sotto_tx *, struct chat_window *, uint64_t counter,
                        struct chat_answer answer);

/* Compact form, and back. pack returns the length. unpack: false for bytes that pack did not make. */
size_t window_pack(const struct chat_window *, uint8_t out[CHAT_WINDOW_BYTES_MAX]);
bool window_unpack(struct chat_window *, uint64_t top, const uint8_t *data, size_t size);

#endif
