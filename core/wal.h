/* SPDX-License-Identifier: MIT */
/*
 * SQLite's write-ahead log, read from outside of SQLite (format: sqlite.org/fileformat2.html, section 4).
 *
 * SQLite ends its reading of the log at the first frame whose checksum is wrong, without a word: that is right for the
 * torn end of a transaction that nobody was told of, and wrong for damage further in, where it would drop
 * transactions that were acknowledged. The two can be told apart: a transaction is only begun when the one before it
 * is on the disk, so a bad frame that is followed by a whole transaction and one more frame is damage.
 */
#ifndef CORE_WAL_H
#define CORE_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_HEADER_BYTES 32 /* of the log; frames follow */

struct wal {
    uint32_t page_bytes;
    bool bad_header;     /* the log's own first bytes are damaged */
    uint32_t bad_frame;  /* number (from 1) of the frame that is damaged, the first; 0: none is */
    uint32_t page_count; /* of the database after the last transaction; 0: no transaction */
    uint64_t transactions;
};

/* A page of a committed transaction, in the order in which they were written. */
typedef void wal_page_fn(void *arg, uint32_t number, const uint8_t *page);

/* Reads a log that is held in memory. Damaged frames are left out, and those after them are still read. on_page may be
 * NULL. false: the log was never written. */
bool wal_read(const uint8_t *data, size_t size, wal_page_fn *on_page, void *arg,
              struct wal *wal_out);

/* ---- One frame, as SQLite reads it while it works ---- */

/* The part of the log that tells whether the page of a frame is as it was written: the checksum before it (with the
 * whole frame that it stands in), the frame's header, the page. */
struct wal_frame_place {
    int64_t offset;
    size_t bytes, before; /* before: up to the frame's header */
    uint32_t page_bytes;
};

/* Whether a read or write of so many bytes is one of the page of a frame. */
bool wal_is_page(int size, int64_t offset);
struct wal_frame_place wal_frame_place(int page_bytes, int64_t offset_of_page);
/* data: what stands at the place. */
bool wal_frame_is_sound(const uint8_t *data, const struct wal_frame_place *);
/* The number of the page that the frame holds. */
uint32_t wal_frame_page(const uint8_t *data, const struct wal_frame_place *);

#endif
