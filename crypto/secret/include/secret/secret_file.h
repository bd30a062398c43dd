/* SPDX-License-Identifier: MIT */
/*
 * Files with secrets of a server: DATA/secrets/NAME, folder 0700, files 0600, never in the database.
 *
 * A file is made whole or not at all: written beside its place, synced, then linked to its name, so
 * that two servers that start at once end up with one file. A file that others may read is refused:
 * whatever could have read it is unknown. Everything here blocks on the disk.
 */
#ifndef SECRET_FILE_H
#define SECRET_FILE_H

#include <stddef.h>
#include <stdint.h>

#define SECRET_PATH_BYTES_MAX 1024
#define SECRET_BYTES_MAX 512
#define SECRET_WHY_BYTES 1280

enum secret_error {
    SECRET_OK = 0,
    SECRET_EABSENT, /* there is no such file */
    SECRET_EUNFIT,  /* what is there will not do; why names the cure */
    SECRET_EIO,     /* the disk says no; likewise */
};

/* The caller wipes it. */
struct secret_file {
    char path[SECRET_PATH_BYTES_MAX];
    uint8_t data[SECRET_BYTES_MAX];
    size_t size;
    char why[SECRET_WHY_BYTES]; /* a sentence, after SECRET_EUNFIT and SECRET_EIO */
};

/* Makes the folder unless it is there. Only file->why is used. */
int secret_folder_make(struct secret_file *, const char *data_dir);

/* Makes new names in the folder durable, as far as the disk can. */
void secret_folder_sync(const char *data_dir);

/* Reads data_dir/secrets/name whole. */
int secret_file_read(struct secret_file *, const char *data_dir, const char *name);

/* After SECRET_EABSENT: writes file->data to a new file. When somebody else made one meanwhile, that
 * one is kept and read. */
int secret_file_make(struct secret_file *);

/* A key that is nothing but random: reads data_dir/secrets/name, of this size, or makes it. */
int secret_file_random(struct secret_file *, const char *data_dir, const char *name, size_t size);

#endif
