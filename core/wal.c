/* SPDX-License-Identifier: MIT */
/* See wal.h. A frame's checksum continues the one that stands in the frame before it. */
#include "core/wal.h"

#include <endian.h>
#include <string.h>

#define FRAME_HEADER_BYTES 24
#define MAGIC 0x377f0682u /* with the lowest bit: checksums over big-endian words */
#define PAGE_BYTES_MIN 512u
#define PAGE_BYTES_MAX 65536u
#define PAGE_BYTES_PRESET 4096u
#define SUM_IN_HEADER 24 /* of the log */
#define SUM_IN_FRAME 16

struct sum {
    uint32_t first, second;
};

struct log {
    const uint8_t *data;
    const uint8_t *salts; /* 8 bytes that every frame of the present use repeats */
    uint32_t page_bytes;
    uint32_t frames; /* that fit into the file */
    bool big_endian;
};

static uint32_t
read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
word(const uint8_t *p, bool big_endian)
{
    uint32_t word;

    memcpy(&word, p, sizeof(word));
    return big_endian ? be32toh(word) : le32toh(word);
}

static void
sum_add(struct sum *sum, const uint8_t *data, size_t size, bool big_endian)
{
    uint32_t first = sum->first, second = sum->second;

    for (size_t i = 0; i + 8 <= size; i += 8) {
        first += word(data + i, big_endian) + second;
        second += word(data + i + 4, big_endian) + first;
    }
    *sum = (struct sum){first, second};
}

static struct sum
sum_read(const uint8_t *p)
{
    return (struct sum){read_u32(p), read_u32(p + 4)};
}

static bool
sum_equals(struct sum a, struct sum b)
{
    return a.first == b.first && a.second == b.second;
}

/* Frames are numbered from 1. */
static const uint8_t *
frame_at(const struct log *log, uint32_t number)
{
    return log->data + WAL_HEADER_BYTES +
           (size_t)(number - 1) * (FRAME_HEADER_BYTES + (size_t)log->page_bytes);
}

/* Whether the frame's checksum is the one before it with the frame added. */
static bool
continues(const uint8_t *before, const uint8_t *frame, size_t page_bytes, bool big_endian)
{
    struct sum sum = sum_read(before);

    sum_add(&sum, frame, 8, big_endian);
    sum_add(&sum, frame + FRAME_HEADER_BYTES, page_bytes, big_endian);
    return sum_equals(sum, sum_read(frame + SUM_IN_FRAME));
}

/* Whether the frame is of this log's present use and its checksum continues the one stored before it. */
static bool
frame_is_good(const struct log *log, uint32_t number)
{
    const uint8_t *frame;

    if (number > log->frames)
        return false;
    frame = frame_at(log, number);
    if (memcmp(frame + 8, log->salts, 8) != 0 || read_u32(frame) == 0)
        return false;
    return continues(number == 1 ? log->data + SUM_IN_HEADER
                                 : frame_at(log, number - 1) + SUM_IN_FRAME,
                     frame, log->page_bytes, log->big_endian);
}

/* The database's size in pages when the frame ends a transaction, else 0. */
static uint32_t
commits(const struct log *log, uint32_t number)
{
    return read_u32(frame_at(log, number) + 4);
}

/* SQLite repeats the last frame of a transaction up to the end of a sector. What lies behind the end that it has
 * synced is nothing that anybody was told of. */
static bool
repeats(const struct log *log, uint32_t number)
{
    return number > 1 && commits(log, number) &&
           memcmp(frame_at(log, number), frame_at(log, number - 1), 8) == 0;
}

/* The first frame from here on that cannot be read. */
static uint32_t
first_bad(const struct log *log, uint32_t number)
{
    while (frame_is_good(log, number))
        number++;
    return number;
}

/* The end (exclusive) of what was written after the bad frame; 0: nothing that tells damage from a torn end. A run of
 * frames whose checksums continue one another tells it when it goes on after the end of a transaction. */
static uint32_t
damage_end(const struct log *log, uint32_t bad)
{
    uint32_t found = 0;

    for (uint32_t start = bad, end; start < log->frames; start = end) {
        bool ended = false; /* a transaction, in this run */

        end = first_bad(log, start + 1);
        for (uint32_t number = start; number < end; number++) {
            if (repeats(log, number))
                continue;
            if (ended)
                found = end;
            ended = ended || commits(log, number);
        }
    }
    return found;
}

/* Whether the frame's page can be taken: it is good, or it follows one whose checksum is lost and those after it
 * continue it. */
static bool
frame_is_usable(const struct log *log, uint32_t number)
{
    return frame_is_good(log, number) ||
           (number > 1 && !frame_is_good(log, number - 1) && frame_is_good(log, number + 1) &&
            memcmp(frame_at(log, number) + 8, log->salts, 8) == 0);
}

static bool
header_is_good(const uint8_t *data, uint32_t page_bytes, bool big_endian)
{
    struct sum sum = {0};

    sum_add(&sum, data, 24, big_endian);
    return (read_u32(data) & ~1u) == MAGIC && page_bytes >= PAGE_BYTES_MIN &&
           page_bytes <= PAGE_BYTES_MAX && (page_bytes & (page_bytes - 1)) == 0 &&
           sum_equals(sum, sum_read(data + 24));
}

/* With a damaged header the log is read as this server writes it, and the frames say what they belong to. */
static bool
open_log(const uint8_t *data, size_t size, struct log *log_out, bool *bad_header_out)
{
    static const uint8_t nothing[WAL_HEADER_BYTES];
    struct log log = {.data = data};

    if (size < WAL_HEADER_BYTES + FRAME_HEADER_BYTES ||
        memcmp(data, nothing, WAL_HEADER_BYTES) == 0)
        return false;
    log.big_endian = read_u32(data) == (MAGIC | 1u);
    log.page_bytes = read_u32(data + 8);
    log.salts = data + 16;
    *bad_header_out = !header_is_good(data, log.page_bytes, log.big_endian);
    if (*bad_header_out) {
        log.big_endian = false;
        log.page_bytes = PAGE_BYTES_PRESET;
        log.salts = data + WAL_HEADER_BYTES + 8;
    }
    log.frames = (uint32_t)((size - WAL_HEADER_BYTES) / (FRAME_HEADER_BYTES + log.page_bytes));
    *log_out = log;
    return true;
}

bool
wal_read(const uint8_t *data, size_t size, wal_page_fn *on_page, void *arg, struct wal *wal_out)
{
    struct log log;
    uint32_t end, last = 0;
    bool bad_header;

    if (!open_log(data, size, &log, &bad_header))
        return false;
    *wal_out = (struct wal){.page_bytes = log.page_bytes, .bad_header = bad_header};
    end = first_bad(&log, 1);
    if (damage_end(&log, end)) {
        wal_out->bad_frame = end;
        end = damage_end(&log, end);
    }
    for (uint32_t number = 1; number < end; number++) {
        if (!frame_is_usable(&log, number) || !commits(&log, number))
            continue;
        last = number;
        wal_out->page_count = commits(&log, number);
        wal_out->transactions++;
    }
    for (uint32_t number = 1; on_page && number <= last; number++)
        if (frame_is_usable(&log, number))
            on_page(arg, read_u32(frame_at(&log, number)),
                    frame_at(&log, number) + FRAME_HEADER_BYTES);
    return true;
}

/* ---- One frame ------------------------------------------------------------------------------------- */

bool
wal_is_page(int size, int64_t offset)
{
    return size >= (int)PAGE_BYTES_MIN && size <= (int)PAGE_BYTES_MAX && (size & (size - 1)) == 0 &&
           offset >= WAL_HEADER_BYTES + FRAME_HEADER_BYTES &&
           (offset - WAL_HEADER_BYTES - FRAME_HEADER_BYTES) % (size + FRAME_HEADER_BYTES) == 0;
}

struct wal_frame_place
wal_frame_place(int page_bytes, int64_t offset_of_page)
{
    const size_t frame_bytes = FRAME_HEADER_BYTES + (size_t)page_bytes;
    const int64_t frame = offset_of_page - FRAME_HEADER_BYTES;
    const size_t before =
        frame == WAL_HEADER_BYTES ? WAL_HEADER_BYTES - SUM_IN_HEADER : frame_bytes;

    return (struct wal_frame_place){.offset = frame - (int64_t)before,
                                    .bytes = before + frame_bytes,
                                    .before = before,
                                    .page_bytes = (uint32_t)page_bytes};
}

/* Words are summed in the order of the machine that made the log: nearly always this one's. */
bool
wal_frame_is_sound(const uint8_t *data, const struct wal_frame_place *place)
{
    const uint8_t *frame = data + place->before;
    const uint8_t *before = place->offset < WAL_HEADER_BYTES ? data : data + SUM_IN_FRAME;

    return continues(before, frame, place->page_bytes, false) ||
           continues(before, frame, place->page_bytes, true);
}

uint32_t
wal_frame_page(const uint8_t *data, const struct wal_frame_place *place)
{
    return read_u32(data + place->before);
}
