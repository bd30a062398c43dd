/* SPDX-License-Identifier: MIT */
/* See secret/secret_file.h. */
#include "secret/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "secrets"

static int __attribute__((format(printf, 3, 4)))
refuse(struct secret_file *file, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(file->why, sizeof(file->why), format, args);
    va_end(args);
    return error;
}

static int
set_path(struct secret_file *file, const char *data_dir, const char *name)
{
    const int length = snprintf(file->path, sizeof(file->path), "%s/" FOLDER "/%s", data_dir, name);

    if (length < 0 || (size_t)length >= sizeof(file->path))
        return refuse(file, SECRET_EUNFIT,
                      "the path of the data folder is too long; move it to a shorter one");
    return SECRET_OK;
}

/* Reads an open file whole. A file that fills the buffer is too long for a secret. */
static int
read_all(int fd, struct secret_file *file)
{
    ssize_t got;

    file->size = 0;
    while ((got = read(fd, file->data + file->size, sizeof(file->data) - file->size)) > 0)
        file->size += (size_t)got;
    if (got < 0)
        return refuse(file, SECRET_EIO, "%s cannot be read: %s", file->path, strerror(errno));
    if (file->size == sizeof(file->data))
        return refuse(file, SECRET_EUNFIT, "%s is too long; restore it from a backup", file->path);
    return SECRET_OK;
}

/* SECRET_EABSENT when there is no such file. */
static int
read_file(struct secret_file *file)
{
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    int rc = SECRET_OK;

    if (fd < 0 && errno == ENOENT)
        return SECRET_EABSENT;
    if (fd < 0)
        return refuse(file, SECRET_EIO, "%s cannot be opened: %s", file->path, strerror(errno));
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        rc = refuse(file, SECRET_EUNFIT, "%s is no regular file", file->path);
    else if ((status.st_mode & 077) != 0)
        rc = refuse(file, SECRET_EUNFIT,
                    "%s may be read by others; if nobody did, run: chmod 600 %s; if somebody "
                    "may have, make a new one",
                    file->path, file->path);
    else
        rc = read_all(fd, file);
    close(fd);
    return rc;
}

static int
write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t put = write(fd, data, size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        data += put;
        size -= (size_t)put;
    }
    return fsync(fd);
}

void
secret_folder_sync(const char *data_dir)
{
    char path[SECRET_PATH_BYTES_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/" FOLDER, data_dir);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

int
secret_file_make(struct secret_file *file)
{
    char fresh[SECRET_PATH_BYTES_MAX + 16];
    int fd;
    int rc = SECRET_OK;

    snprintf(fresh, sizeof(fresh), "%s.XXXXXX", file->path);
    fd = mkostemp(fresh, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return refuse(file, SECRET_EIO, "%s cannot be made: %s; is the data folder writable?",
                      file->path, strerror(errno));
    if (write_all(fd, file->data, file->size) != 0)
        rc = refuse(file, SECRET_EIO, "%s cannot be written: %s", file->path, strerror(errno));
    else if (link(fresh, file->path) != 0)
        rc = errno == EEXIST
                 ? read_file(file)
                 : refuse(file, SECRET_EIO, "%s cannot be made: %s", file->path, strerror(errno));
    close(fd);
    (void)unlink(fresh);
    return rc;
}

int
secret_folder_make(struct secret_file *file, const char *data_dir)
{
    char path[SECRET_PATH_BYTES_MAX];
    const int length = snprintf(path, sizeof(path), "%s/" FOLDER, data_dir);

    if (length < 0 || (size_t)length >= sizeof(path))
        return refuse(file, SECRET_EUNFIT,
                      "the path of the data folder is too long; move it to a shorter one");
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return refuse(file, SECRET_EIO, "%s cannot be made: %s; is the data folder writable?", path,
                      strerror(errno));
    return SECRET_OK;
}

int
secret_file_read(struct secret_file *file, const char *data_dir, const char *name)
{
    const int rc = set_path(file, data_dir, name);

    return rc == SECRET_OK ? read_file(file) : rc;
}

int
secret_file_random(struct secret_file *file, const char *data_dir, const char *name, size_t size)
{
    int rc = secret_file_read(file, data_dir, name);

    if (rc == SECRET_EABSENT) {
        if (getentropy(file->data, size) != 0)
            return refuse(file, SECRET_EIO, "there is no randomness for %s: %s", file->path,
                          strerror(errno));
        file->size = size;
        rc = secret_file_make(file);
    }
    if (rc == SECRET_OK && file->size != size)
        rc = refuse(file, SECRET_EUNFIT,
                    "%s is damaged; restore it from a backup, or remove it to have a new one",
                    file->path);
    return rc;
}
