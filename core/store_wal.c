/* SPDX-License-Identifier: MIT */
/*
 * What is done before SQLite sees the files: it would drop the rest of a damaged log without a word, and with it
 * transactions that were acknowledged (wal.h).
 */
#include "core/store_impl.h"

#include "core/wal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int
check(const uint8_t *data, size_t size, const char *path, struct sotto_err *err)
{
    struct wal wal;

    if (!wal_read(data, size, NULL, NULL, &wal) || (!wal.bad_header && !wal.bad_frame))
        return 0;
    return sotto_err_set(
        err, SOTTO_EDATALOSS,
        "%s-wal is damaged (frame %u), and acknowledged changes are in it; restore "
        "a backup, or save what is left with `" STORE_CURE "`",
        path, wal.bad_frame);
}

int
store_check_wal(const char *path, struct sotto_err *err)
{
    char name[4096 + 8];
    struct stat stat;
    void *data;
    int fd, error = 0;

    snprintf(name, sizeof(name), "%s-wal", path);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* none, or SQLite says why */
    if (fstat(fd, &stat) == 0 && stat.st_size > 0) {
        data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            error = sotto_err_set(err, SOTTO_EIO, "%s cannot be read", name);
        else
            error = check(data, (size_t)stat.st_size, path, err);
        if (data != MAP_FAILED)
            munmap(data, (size_t)stat.st_size);
    }
    close(fd);
    return error;
}
