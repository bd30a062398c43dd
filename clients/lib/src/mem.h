/* SPDX-License-Identifier: MIT */
/*
 * Memory of the client library: an owned byte string that is wiped when it goes, and an arena with
 * a ceiling for what protobuf-c decodes. A client cannot do anything sensible without memory, so
 * the allocating functions end the program when there is none and their callers need no error path.
 */
#ifndef CLIENT_MEM_H
#define CLIENT_MEM_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* calloc that ends the program when memory runs out; count * size is checked for overflow. */
void *mem_alloc(size_t count, size_t size);

struct buf {
    uint8_t *data; /* NULL when empty */
    size_t len;
    size_t cap;
};

/* Wipes and frees; the buffer is empty again. */
void buf_fini(struct buf *buf);

/* Makes room for `more` bytes behind the content; the old block is wiped when it moves. */
void buf_reserve(struct buf *buf, size_t more);

void buf_append(struct buf *buf, const void *data, size_t len);

/* Replaces the content. */
void buf_set(struct buf *buf, const void *data, size_t len);

/* Replaces the content with an encoded message. */
void buf_pack(struct buf *buf, const ProtobufCMessage *message);

/*
 * Decodes a message into memory of its own with a ceiling: protobuf-c turns two bytes of an empty
 * sub-message into a hundred, which a hostile server could use. NULL when the bytes do not decode
 * or the ceiling (64 KiB and 16 times the input) is reached. Free with pb_free.
 */
void *pb_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len);

/* Wipes and frees what pb_unpack returned. Accepts NULL. */
void pb_free(void *message);

/* Moves the messages of one decoded array behind those of another, also decoded. Afterwards *more_count is 0. */
void pb_move(void ***items, size_t *count, void **more, size_t *more_count);

#endif
