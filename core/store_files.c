/* SPDX-License-Identifier: MIT */
/*
 * What is looked at before SQLite sees the files, because it would go on without a word:
 *
 *     the log     a damaged frame ends it for SQLite, and with it go transactions that were acknowledged (wal.h)
 *     the end     a last page that is cut off is read as one that ends in zeros, which are rows without values.
 *                 A log that still holds the page makes good for it, as after a power cut
 */
#include "core/store_impl.h"

#include "core/wal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE_AT 16 /* in the file's header: 2 bytes, 1 stands for 65536 */

struct mapped {
    uint8_t *data; /* NULL: no such file, or an empty one */
    size_t size;
};

static int
map(const char *path, struct mapped *mapped_out, struct sotto_err *err)
{
    struct stat stat;
    void *data = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    *mapped_out = (struct mapped){0};
    if (fd < 0)
        return 0; /* none, or SQLite says why */
    if (fstat(fd, &stat) == 0 && stat.st_size > 0)
        data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (data == MAP_FAILED)
        return sotto_err_set(err, SOTTO_EIO, "%s cannot be read", path);
    if (data)
        *mapped_out = (struct mapped){.data = data, .size = (size_t)stat.st_size};
    return 0;
}

static void
unmap(struct mapped *mapped)
{
    if (mapped->data)
        munmap(mapped->data, mapped->size);
}

/* The page that the end of the file cuts. */
struct cut {
    uint32_t page;
    bool in_log;
};

static void
on_log_page(void *arg, uint32_t number, const uint8_t *page)
{
    struct cut *cut = arg;

    (void)page;
    cut->in_log = cut->in_log || number == cut->page;
}

static struct cut
find_cut(const struct mapped *file)
{
    struct cut cut = {0};
    size_t page_bytes = 0;

    if (file->size > PAGE_SIZE_AT + 2)
        page_bytes = (size_t)file->data[PAGE_SIZE_AT] << 8 | file->data[PAGE_SIZE_AT + 1];
    if (page_bytes == 1)
        page_bytes = 65536;
    if (page_bytes >= 512 && file->size % page_bytes != 0)
        cut.page = (uint32_t)(file->size / page_bytes + 1);
    return cut;
}

static int
check(const struct mapped *file, const struct mapped *log, const char *path, struct sotto_err *err)
{
    struct cut cut = find_cut(file);
    struct wal wal = {0};

    if (log->data)
        wal_read(log->data, log->size, on_log_page, &cut, &wal);
    if (wal.bad_header || wal.bad_frame)
        return sotto_err_set(err, SOTTO_EDATALOSS,
                             "%s-wal is damaged (frame %u), and acknowledged changes are in it; "
                             "restore a backup, or save what is left with `" STORE_CURE "`",
                             path, wal.bad_frame);
    if (cut.page && !cut.in_log)
        return sotto_err_set(err, SOTTO_EDATALOSS,
                             "%s is damaged (its end is cut off within page %u); restore a backup, "
                             "or save what is left with `" STORE_CURE "`",
                             path, cut.page);
    return 0;
}

int
store_check_files(const char *path, struct sotto_err *err)
{
    char name[4096 + 8];
    struct mapped file, log = {0};
    int error;

    snprintf(name, sizeof(name), "%s-wal", path);
    error = map(path, &file, err);
    if (!error)
        error = map(name, &log, err);
    if (!error)
        error = check(&file, &log, path, err);
    unmap(&file);
    unmap(&log);
    return error;
}
