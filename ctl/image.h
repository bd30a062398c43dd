/* SPDX-License-Identifier: MIT */
/*
 * The pages of a damaged SQLite database, read without SQLite (format: sqlite.org/fileformat2.html): the file with
 * the committed transactions of its log laid over it, in private memory. Nothing that stands in a page is believed
 * before it was checked against the page, and nothing of a page whose checksum is wrong; the file is never written.
 */
#ifndef CTL_IMAGE_H
#define CTL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_COLUMNS_MAX 100
#define IMAGE_ROW_BYTES_MAX (64u * 1024 * 1024)
#define IMAGE_DEPTH_MAX 20 /* of a b-tree; one of 2^32 pages has fewer levels */

enum image_kind {
    IMAGE_OTHER = 0, /* free, overflow, or damaged */
    IMAGE_INDEX_INNER = 2,
    IMAGE_TABLE_INNER = 5,
    IMAGE_INDEX_LEAF = 10,
    IMAGE_TABLE_LEAF = 13,
};

struct image {
    uint8_t *data;
    size_t mapped;       /* bytes */
    uint32_t page_bytes; /* of a page */
    uint32_t usable;     /* of them, for b-trees */
    uint32_t count;      /* pages, numbered from 1 */
    bool log_damaged;    /* frames of the log were left out */
    bool has_sums;       /* the pages have checksums (page_sum.h) */
    bool takes_damaged;  /* the readers below read damaged pages, too; unset at first */
    uint8_t *damaged;    /* by known page: 1 when it is not as it was written */
    uint32_t known;      /* pages that there once were, some of them perhaps cut off */
    uint32_t *above; /* by known page: the one that points to it; IMAGE_DISPUTED when several do */
};
#define IMAGE_DISPUTED UINT32_MAX

enum image_type { IMAGE_NULL, IMAGE_INT, IMAGE_REAL, IMAGE_BYTES, IMAGE_TEXT };

struct image_value {
    enum image_type type;
    int64_t number;
    double real;
    const uint8_t *data; /* in the row's own memory */
    size_t size;
};

struct image_row {
    int64_t rowid; /* of tables that have one */
    uint32_t columns;
    struct image_value values[IMAGE_COLUMNS_MAX];
    uint8_t *payload; /* the row's memory, reused by the next one */
    size_t capacity;
};

/* 0, or -1 with a line on stderr. */
int image_open(struct image *, const char *path);
void image_close(struct image *);

/* Whether the page is not as it was written, as its checksum tells. */
bool image_is_damaged(const struct image *, uint32_t page);

/* What the page is, as far as its header holds what it says. */
enum image_kind image_kind(const struct image *, uint32_t page);
uint32_t image_cells(const struct image *, uint32_t page);
/* Reads the row of a cell of a leaf, or of an inner page of an index. false: the cell is damaged. */
bool image_row(const struct image *, uint32_t page, uint32_t cell, struct image_row *);
void image_row_fini(struct image_row *);
/* The root of the tree that the page belongs to, as far as pages above it and SQLite's own map of parents tell;
 * is_root says which pages are roots. 0: nobody knows. */
uint32_t image_root(const struct image *, uint32_t page,
                    bool (*is_root)(const void *arg, uint32_t page), const void *arg);

#endif
