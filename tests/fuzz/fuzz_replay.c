/* SPDX-License-Identifier: MIT */
/*
 * Replays the corpus of a target as a test, without a fuzzer:
 *
 *     fuzz_<name>                   every file of corpus/<name>, and every beginning of it
 *     fuzz_<name> FILE...           these files, for whoever looks into one
 *     fuzz_<name> --seeds FOLDER    writes the seeds that the target makes into the folder
 *
 * An input stands in memory of exactly its size, so that a sanitizer sees the first byte read beyond it. The corpus
 * must reach acceptance: one that the reader refuses from end to end tests little.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (256 * 1024)
#define PREFIX_BYTES_MAX 4096 /* longer inputs are cut at fewer places, to keep a replay short */
#define PREFIX_CUTS 512

struct replay {
    void *state; /* of the target */
    size_t files;
    size_t accepted;
};

static uint8_t *
read_file(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(FILE_BYTES_MAX);
    size_t size = 0;

    if (file == NULL || data == NULL) {
        fprintf(stderr, "# %s: %s\n", path, strerror(errno));
        exit(1);
    }
    size = fread(data, 1, FILE_BYTES_MAX, file);
    fclose(file);
    *size_out = size;
    return data;
}

static bool
try_exact(const struct replay *replay, const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    bool accepted;

    if (exact == NULL)
        exit(1);
    memcpy(exact, data, size);
    accepted = fuzz_target.one(replay->state, exact, size);
    free(exact);
    return accepted;
}

static void
replay_file(struct replay *replay, const char *path)
{
    size_t size;
    uint8_t *data = read_file(path, &size);
    const size_t step = size > PREFIX_BYTES_MAX ? size / PREFIX_CUTS : 1;

    for (size_t cut = 0; cut < size; cut += step)
        try_exact(replay, data, cut);
    replay->accepted += try_exact(replay, data, size);
    replay->files++;
    free(data);
}

static void
replay_folder(struct replay *replay, const char *folder)
{
    DIR *dir = opendir(folder);
    char path[4096];

    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        replay_file(replay, path);
    }
    if (dir)
        closedir(dir);
}

static void
write_seed(const char *name, const uint8_t *data, size_t size, void *arg)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", (const char *)arg, name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
}

static int
report(const struct replay *replay)
{
    printf("1..1\n# %zu inputs, %zu accepted\n", replay->files, replay->accepted);
    if (replay->accepted > 0) {
        printf("ok 1 - the_corpus_is_replayed_and_reaches_acceptance\n");
        return 0;
    }
    printf("not ok 1 - the_corpus_is_replayed_and_reaches_acceptance\n");
    if (fuzz_target.seeds)
        printf("# nothing is accepted: write the seeds anew with fuzz_%s --seeds %s/%s\n",
               fuzz_target.name, FUZZ_CORPUS, fuzz_target.name);
    return 1;
}

int
main(int argc, char **argv)
{
    /* Static, so that what the target made is still referred to when leaks are looked for at the exit. */
    static struct replay replay;

    if (fuzz_target.setup)
        replay.state = fuzz_target.setup();
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        if (fuzz_target.seeds)
            fuzz_target.seeds(replay.state, write_seed, argv[2]);
        return 0;
    }
    for (int i = 1; i < argc; i++)
        replay_file(&replay, argv[i]);
    if (argc == 1)
        replay_folder(&replay, FUZZ_CORPUS "/" FUZZ_NAME);
    return report(&replay);
}
