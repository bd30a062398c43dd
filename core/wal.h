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

#endif
