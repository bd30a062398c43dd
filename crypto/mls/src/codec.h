/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing of the TLS presentation language as RFC 9420 section 2.1 uses it: big-endian
 * integers, and vectors whose length is a variable-size integer in its shortest form.
 *
 * Both directions are sticky: after the first error every further call does nothing (a read gives
 * 0 or an empty slice) and the error is fetched once at the end. A decoder is therefore a straight
 * list of reads, but a loop over elements must run on `mls_reader_more`, which is false after an
 * error, and a value that sizes an allocation must be checked before it is used.
 *
 * A reader borrows: slices point into the bytes it was given. A writer owns its buffer, never grows
 * past its bound, and wipes whatever it gives up.
 */
#ifndef MLS_CODEC_H
#define MLS_CODEC_H

#include <stdbool.h>

#include "mem.h"
#include "mls/mls.h"

enum {
    /* Largest length a variable-size integer can carry: 30 bits. */
    MLS_VARINT_MAX = 0x3fffffff,
};

struct mls_reader {
    const uint8_t *data;
    size_t len;
    size_t pos;
    int error;
};

/* Starts at the first of the given bytes, which must outlive the reader and every slice from it. */
void mls_reader_init(struct mls_reader *r, struct mls_bytes bytes);

uint8_t mls_read_u8(struct mls_reader *r);
uint16_t mls_read_u16(struct mls_reader *r);
uint32_t mls_read_u32(struct mls_reader *r);
uint64_t mls_read_u64(struct mls_reader *r);

/* Reads the presence octet of optional<T>: 0 or 1, anything else is MLS_EDECODE. */
bool mls_read_optional(struct mls_reader *r);

/* Reads a variable-size length (section 2.1.2). A longer form than needed, and the prefix 11, are
 * MLS_EDECODE. The value is not compared with what is left. */
uint32_t mls_read_varint(struct mls_reader *r);

/* Reads exactly `len` bytes. */
struct mls_bytes mls_read_fixed(struct mls_reader *r, size_t len);

/* Reads exactly `len` bytes into `out`, which is zeroed on error. */
void mls_read_array(struct mls_reader *r, uint8_t *out, size_t len);

/* Reads opaque<V>: a length and that many bytes. */
struct mls_bytes mls_read_opaque(struct mls_reader *r);

/* Opens a vector T<V>: `sub_out` reads its bytes. On error `sub_out` is empty and carries the same
 * error. Close it with mls_read_vector_end. */
void mls_read_vector(struct mls_reader *r, struct mls_reader *sub_out);

/* Closes a vector: an error in it, or bytes left over in it, become the error of `r`. */
void mls_read_vector_end(struct mls_reader *r, struct mls_reader *sub);

/* True while there is no error and there are bytes left. */
bool mls_reader_more(const struct mls_reader *r);

/* Bytes not yet read; 0 after an error. */
size_t mls_reader_left(const struct mls_reader *r);

/* Bytes between an earlier value of `r->pos` and now: how a signed part is cut out of a message
 * without encoding it again. Empty after an error. */
struct mls_bytes mls_reader_since(const struct mls_reader *r, size_t pos);

/* Records an error found by the caller (an unknown type, a broken rule). The first one stays. */
void mls_reader_fail(struct mls_reader *r, int error);

/* The error so far, 0 for none. */
int mls_reader_error(const struct mls_reader *r);

/* The error so far, or MLS_EDECODE when bytes are left over, or 0. */
int mls_reader_finish(const struct mls_reader *r);

struct mls_writer {
    const struct mls_provider *p;
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    int error;
};

/* Starts empty and allocates nothing. More than `max` bytes is MLS_ESIZE; 0 means
 * MLS_MESSAGE_BYTES_MAX. */
void mls_writer_init(struct mls_writer *w, const struct mls_provider *p, size_t max);

/* Wipes and frees. Leaves a writer that only init may follow; calling it twice is harmless. */
void mls_writer_fini(struct mls_writer *w);

void mls_write_u8(struct mls_writer *w, uint8_t value);
void mls_write_u16(struct mls_writer *w, uint16_t value);
void mls_write_u32(struct mls_writer *w, uint32_t value);
void mls_write_u64(struct mls_writer *w, uint64_t value);

/* Writes the presence octet of optional<T>. */
void mls_write_optional(struct mls_writer *w, bool present);

/* Writes a length in its shortest form; more than MLS_VARINT_MAX is MLS_ESIZE. */
void mls_write_varint(struct mls_writer *w, size_t value);

/* Writes bytes as they are. */
void mls_write_raw(struct mls_writer *w, struct mls_bytes bytes);

/* Writes opaque<V>. */
void mls_write_opaque(struct mls_writer *w, struct mls_bytes bytes);

/* Opens a vector T<V> of a length known only later; returns the mark its end needs. They nest. */
size_t mls_write_vector(struct mls_writer *w);

/* Closes the vector opened at `mark`: puts the length in front of everything written since. */
void mls_write_vector_end(struct mls_writer *w, size_t mark);

/* Records an error found by the caller. The first one stays. */
void mls_writer_fail(struct mls_writer *w, int error);

/* The error so far, 0 for none. */
int mls_writer_error(const struct mls_writer *w);

/* What was written, borrowed until the next write; empty after an error. */
struct mls_bytes mls_writer_bytes(const struct mls_writer *w);

/* Hands the buffer over: the caller frees it with mls_mem_free(p, *data_out, *len_out). Returns the
 * sticky error and hands over nothing when there is one. Nothing written gives NULL and 0. The
 * writer is empty afterwards and may be used again. */
int mls_writer_take(struct mls_writer *w, uint8_t **data_out, size_t *len_out);

/* Length of the length: 1, 2 or 4 bytes for a variable-size integer of this value. */
size_t mls_varint_bytes(size_t value);

/* Encodes a variable-size integer into `out` and returns its length; `value` <= MLS_VARINT_MAX. */
size_t mls_varint_put(uint8_t out[4], size_t value);

#endif
