/* SPDX-License-Identifier: MIT */
/* See image.h. Offsets of a page are checked where they are read, so every reader below may fail and none may stray. */
#include "ctl/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/page_map.h"
#include "core/page_sum.h"
#include "core/wal.h"

#define FILE_HEADER_BYTES 100
#define PAGE_BYTES_PRESET 4096u
#define PAGE_BYTES_MAX 65536u
#define RESERVED_BYTES_MAX 32u
/* Pages that a damaged header may claim: 256 MiB of ours, mostly untouched. */
#define KNOWN_MAX (1u << 26)

static uint32_t
read_u16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const uint8_t *
page_at(const struct image *image, uint32_t page)
{
    return image->data + (size_t)(page - 1) * image->page_bytes;
}

/* Where the b-tree begins in its page. */
static uint32_t
tree_offset(uint32_t page)
{
    return page == 1 ? FILE_HEADER_BYTES : 0;
}

bool
image_is_damaged(const struct image *image, uint32_t page)
{
    return page <= image->known && image->damaged[page] != 0;
}

static bool
is_readable(const struct image *image, uint32_t page)
{
    return image->takes_damaged || !image_is_damaged(image, page);
}

/* What SQLite's map of parents says of a page. */
static bool
map_entry(const struct image *image, uint32_t page, uint8_t *kind_out, uint32_t *above_out)
{
    size_t at = 0;
    const uint32_t map = page_map_find(page, image->page_bytes, image->usable, &at);
    const uint8_t *entry;

    if (map == 0 || map > image->count || !is_readable(image, map) ||
        read_u32(image->data + PAGE_MAP_ROOT_AT) == 0)
        return false;
    entry = page_at(image, map) + at;
    *kind_out = entry[0];
    *above_out = read_u32(entry + 1);
    return *kind_out >= 1 && *kind_out <= 5;
}

/* ---- Opening ---- */

/* A whole file in private memory with room for `extra` bytes and a page behind it; NULL: not readable. */
static uint8_t *
map_file(const char *path, size_t extra, size_t *size_out, size_t *mapped_out)
{
    struct stat stat;
    uint8_t *data = MAP_FAILED;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &stat) == 0) {
        *size_out = (size_t)stat.st_size;
        *mapped_out = *size_out + extra + PAGE_BYTES_MAX;
        data = mmap(NULL, *mapped_out, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (data != MAP_FAILED && *size_out > 0 &&
            mmap(data, *size_out, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
                MAP_FAILED) {
            munmap(data, *mapped_out);
            data = MAP_FAILED;
        }
    }
    if (fd >= 0)
        close(fd);
    return data == MAP_FAILED ? NULL : data;
}

static bool
is_page_size(uint32_t bytes)
{
    return bytes >= 512 && bytes <= PAGE_BYTES_MAX && (bytes & (bytes - 1)) == 0;
}

/* From the file's header, from the log's, or what SQLite makes of a new file. */
static void
find_page_size(struct image *image, size_t size, uint32_t log_page_bytes)
{
    const bool sound = size >= FILE_HEADER_BYTES && memcmp(image->data, "SQLite format 3", 16) == 0;
    const uint32_t told = sound ? read_u16(image->data + 16) : 0;
    const uint32_t reserved = sound ? image->data[20] : 0;

    image->page_bytes = told == 1 ? PAGE_BYTES_MAX : told;
    if (!is_page_size(image->page_bytes))
        image->page_bytes = is_page_size(log_page_bytes) ? log_page_bytes : PAGE_BYTES_PRESET;
    image->usable = image->page_bytes - (reserved <= RESERVED_BYTES_MAX ? reserved : 0);
}

static void
on_log_page(void *arg, uint32_t page, const uint8_t *data)
{
    struct image *image = arg;

    if (page == 0 || page > image->count)
        return;
    memcpy(image->data + (size_t)(page - 1) * image->page_bytes, data, image->page_bytes);
    image->damaged[page] = 0;
}

/* Pages of zeros that are as they should be: free ones that another program copied there, and the one of the locks. */
static void
forgive_zeros(struct image *image, uint32_t whole)
{
    for (uint32_t page = 1; page <= whole; page++) {
        uint8_t kind;
        uint32_t above;

        if (image->damaged[page] &&
            page_sum_check(page_at(image, page), image->page_bytes, page) == PAGE_ZEROS &&
            (page_is_lock(page, image->page_bytes) ||
             (map_entry(image, page, &kind, &above) && kind == PAGE_MAP_FREE)))
            image->damaged[page] = 0;
    }
}

/* Of what stands in the file itself, before the log is laid over it. One page with the right checksum tells that all
 * have some, whatever is left of the header. */
static void
find_damaged(struct image *image, size_t size)
{
    const size_t bytes = image->page_bytes;
    const uint32_t whole = (uint32_t)(size / bytes);

    for (uint32_t page = 1; page <= whole; page++) {
        const enum page_state state = page_sum_check(page_at(image, page), bytes, page);

        image->has_sums = image->has_sums || state == PAGE_SOUND;
        image->damaged[page] = state >= PAGE_ZEROS;
    }
    if (image->has_sums) {
        image->usable = image->page_bytes - PAGE_SUM_BYTES;
        forgive_zeros(image, whole);
    } else {
        memset(image->damaged, 0, (size_t)whole + 1);
    }
    /* The page that the end of the file cuts, and those that are not there. */
    for (uint32_t page = whole + 1; page <= image->known; page++)
        image->damaged[page] = 1;
}

static void
claim(struct image *image, uint32_t above, uint32_t page)
{
    if (page > 1 && page <= image->known)
        image->above[page] = image->above[page] ? IMAGE_DISPUTED : above;
}

/* The offset of a cell in its page; 0: it lies outside. */
static uint32_t
cell_offset(const struct image *image, uint32_t page, uint32_t cell)
{
    const uint8_t *data = page_at(image, page);
    const uint32_t header = tree_offset(page), kind = data[header];
    const uint32_t inner = kind == IMAGE_INDEX_INNER || kind == IMAGE_TABLE_INNER ? 12 : 8;
    const uint32_t first = header + inner + 2 * read_u16(data + header + 3);
    const uint32_t at = read_u16(data + header + inner + 2 * cell);

    return at >= first && at + 4 <= image->usable ? at : 0;
}

static void
claim_children(struct image *image, uint32_t page)
{
    const uint8_t *data = page_at(image, page);
    const enum image_kind kind = image_kind(image, page);

    if (kind != IMAGE_INDEX_INNER && kind != IMAGE_TABLE_INNER)
        return;
    claim(image, page, read_u32(data + tree_offset(page) + 8));
    for (uint32_t i = 0; i < image_cells(image, page); i++) {
        const uint32_t at = cell_offset(image, page, i);

        if (at)
            claim(image, page, read_u32(data + at));
    }
}

/* Lays the log over the file; its last transaction says how many pages there are. */
static void
add_log(struct image *image, const uint8_t *log, size_t log_size)
{
    struct wal wal;

    if (!wal_read(log, log_size, NULL, NULL, &wal))
        return;
    image->log_damaged = wal.bad_frame || wal.bad_header;
    if (wal.page_bytes != image->page_bytes || wal.transactions == 0 || wal.page_count > KNOWN_MAX)
        return;
    image->count = wal.page_count;
    wal_read(log, log_size, on_log_page, image, &wal);
}

static int
make_tables(struct image *image, size_t size)
{
    image->known = size >= FILE_HEADER_BYTES ? read_u32(image->data + 28) : 0;
    if (image->known < image->count || image->known > KNOWN_MAX)
        image->known = image->count;
    image->above = calloc((size_t)image->known + 1, sizeof(*image->above));
    image->damaged = calloc((size_t)image->known + 1, 1);
    return image->above && image->damaged ? 0 : -1;
}

static int
read_files(struct image *image, const char *path, const uint8_t *log, size_t log_size)
{
    struct wal wal = {0};
    size_t size, extra = 0;

    if (log)
        wal_read(log, log_size, NULL, NULL, &wal);
    if (wal.page_count <= KNOWN_MAX)
        extra = (size_t)wal.page_count * wal.page_bytes; /* however much of the file was cut off */
    image->data = map_file(path, extra, &size, &image->mapped);
    if (!image->data)
        return -1;
    find_page_size(image, size, wal.page_bytes);
    image->count = (uint32_t)((size + image->page_bytes - 1) / image->page_bytes);
    if (wal.page_bytes == image->page_bytes && wal.page_count <= KNOWN_MAX &&
        wal.page_count > image->count)
        image->count = wal.page_count;
    if (make_tables(image, size) != 0)
        return -1;
    find_damaged(image, size);
    if (log)
        add_log(image, log, log_size);
    for (uint32_t page = 1; page <= image->count; page++)
        claim_children(image, page);
    return 0;
}

int
image_open(struct image *image, const char *path)
{
    char name[4096 + 8];
    size_t log_size = 0, log_mapped = 0;
    uint8_t *log;
    int error;

    *image = (struct image){0};
    snprintf(name, sizeof(name), "%s-wal", path);
    log = map_file(name, 0, &log_size, &log_mapped);
    error = read_files(image, path, log, log_size);
    if (log)
        munmap(log, log_mapped);
    if (error) {
        fprintf(stderr, "sottoctl: %s cannot be read\n", path);
        image_close(image);
    }
    return error;
}

void
image_close(struct image *image)
{
    if (image->data)
        munmap(image->data, image->mapped);
    free(image->above);
    free(image->damaged);
    *image = (struct image){0};
}

/* ---- Pages ---- */

enum image_kind
image_kind(const struct image *image, uint32_t page)
{
    const uint8_t *data = page_at(image, page) + tree_offset(page);
    const uint32_t kind = data[0], cells = read_u16(data + 3);
    const uint32_t start = read_u16(data + 5);
    uint32_t header = tree_offset(page) + 2 * cells;

    if (!is_readable(image, page))
        return IMAGE_OTHER;
    switch (kind) {
    case IMAGE_INDEX_INNER:
    case IMAGE_TABLE_INNER: header += 12; break;
    case IMAGE_INDEX_LEAF:
    case IMAGE_TABLE_LEAF: header += 8; break;
    default: return IMAGE_OTHER;
    }
    /* A content start of 0 stands for 65536. */
    return header <= image->usable && (start == 0 || start >= header) &&
                   (start == 0 || start <= image->usable)
               ? (enum image_kind)kind
               : IMAGE_OTHER;
}

uint32_t
image_cells(const struct image *image, uint32_t page)
{
    return read_u16(page_at(image, page) + tree_offset(page) + 3);
}

uint32_t
image_root(const struct image *image, uint32_t page,
           bool (*is_root)(const void *arg, uint32_t page), const void *arg)
{
    for (int level = 0; level < IMAGE_DEPTH_MAX; level++) {
        uint32_t above;
        uint8_t kind;

        if (is_root(arg, page))
            return page;
        /* A page that was cut off is still pointed to, and stands in the map. */
        above = page <= image->known ? image->above[page] : 0;
        if (above == 0 || above == IMAGE_DISPUTED) {
            if (!map_entry(image, page, &kind, &above) || kind == PAGE_MAP_FREE)
                return 0;
        }
        if (above == 0 || above == page)
            return 0;
        page = above;
    }
    return 0;
}

/* ---- Rows ---- */

/* Reads SQLite's varint; 0: it ends outside. Returns its length. */
static uint32_t
read_varint(const uint8_t *p, const uint8_t *end, uint64_t *value_out)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < 9 && p + i < end; i++) {
        if (i == 8) {
            *value_out = value << 8 | p[i];
            return 9;
        }
        value = value << 7 | (p[i] & 0x7f);
        if (!(p[i] & 0x80)) {
            *value_out = value;
            return i + 1;
        }
    }
    return 0;
}

/* How much of a payload lies in its cell; the rest is on overflow pages. */
static uint32_t
local_bytes(const struct image *image, enum image_kind kind, uint64_t payload)
{
    const uint32_t u = image->usable, least = (u - 12) * 32 / 255 - 23;
    const uint32_t most = kind == IMAGE_TABLE_LEAF ? u - 35 : (u - 12) * 64 / 255 - 23;
    const uint32_t local = least + (uint32_t)((payload - least) % (u - 4));

    return payload <= most ? (uint32_t)payload : local <= most ? local : least;
}

/* Copies the payload out of the cell and its overflow pages. */
static bool
read_payload(const struct image *image, const uint8_t *p, const uint8_t *end, uint32_t local,
             uint64_t size, struct image_row *row)
{
    uint64_t have = local;
    uint32_t next;

    if (size > IMAGE_ROW_BYTES_MAX || (size_t)(end - p) < local + (local < size ? 4u : 0u))
        return false;
    if (size + 1 > row->capacity) {
        free(row->payload);
        row->payload = malloc((size_t)size + 1);
        row->capacity = row->payload ? (size_t)size + 1 : 0;
        if (!row->payload)
            return false;
    }
    memcpy(row->payload, p, local);
    for (next = have < size ? read_u32(p + local) : 0; have < size;
         next = read_u32(page_at(image, next))) {
        const uint64_t room = image->usable - 4, left = size - have;
        const size_t part = (size_t)(left < room ? left : room);

        if (next < 2 || next > image->count || !is_readable(image, next))
            return false;
        memcpy(row->payload + have, page_at(image, next) + 4, part);
        have += part;
    }
    row->payload[size] = '\0';
    return true;
}

static int64_t
read_int(const uint8_t *p, uint32_t bytes)
{
    uint64_t value = bytes && p[0] & 0x80 ? UINT64_MAX : 0;

    for (uint32_t i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return (int64_t)value;
}

/* One value by its serial type; false: there is no such type, or it ends outside. */
static bool
read_value(uint64_t type, const uint8_t **p, const uint8_t *end, struct image_value *value_out)
{
    static const uint8_t widths[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    const uint64_t size = type < 10 ? widths[type] : (type - 12) / 2;
    struct image_value value = {.data = *p, .size = (size_t)size};

    if (type == 10 || type == 11 || size > (uint64_t)(end - *p))
        return false;
    if (type == 0) {
        value.type = IMAGE_NULL;
    } else if (type == 7) {
        const int64_t bits = read_int(*p, 8);

        value.type = IMAGE_REAL;
        memcpy(&value.real, &bits, sizeof(bits));
    } else if (type < 10) {
        value.type = IMAGE_INT;
        value.number = type == 9 ? 1 : read_int(*p, (uint32_t)size);
    } else {
        value.type = type & 1 ? IMAGE_TEXT : IMAGE_BYTES;
    }
    *p += size;
    *value_out = value;
    return true;
}

static bool
read_record(const uint8_t *p, uint64_t size, struct image_row *row)
{
    const uint8_t *end = p + size, *values, *types;
    uint64_t header, type;
    uint32_t length = read_varint(p, end, &header);

    if (length == 0 || header < length || header > size)
        return false;
    values = p + header;
    for (types = p + length; types < p + header; types += length) {
        length = read_varint(types, p + header, &type);
        if (length == 0 || row->columns == IMAGE_COLUMNS_MAX ||
            !read_value(type, &values, end, &row->values[row->columns]))
            return false;
        row->columns++;
    }
    return values == end;
}

bool
image_row(const struct image *image, uint32_t page, uint32_t cell, struct image_row *row)
{
    const enum image_kind kind = image_kind(image, page);
    const uint32_t at = cell_offset(image, page, cell);
    const uint8_t *p = page_at(image, page) + at, *end = page_at(image, page) + image->usable;
    uint64_t size, rowid = 0;
    uint32_t length;

    row->columns = 0;
    if (at == 0)
        return false;
    p += kind == IMAGE_INDEX_INNER ? 4 : 0;
    length = read_varint(p, end, &size);
    p += length;
    if (length == 0 || size == 0)
        return false;
    if (kind == IMAGE_TABLE_LEAF) {
        length = read_varint(p, end, &rowid);
        p += length;
        if (length == 0)
            return false;
    }
    row->rowid = (int64_t)rowid;
    return read_payload(image, p, end, local_bytes(image, kind, size), size, row) &&
           read_record(row->payload, size, row);
}

void
image_row_fini(struct image_row *row)
{
    free(row->payload);
    *row = (struct image_row){0};
}
