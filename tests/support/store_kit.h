/* SPDX-License-Identifier: MIT */
/*
 * A store with one small module, "demo", in a folder of its own, for unit tests: jobs that insert rows, a loop that
 * is turned until their done functions ran, and what those were told.
 */
#ifndef SOTTO_STORE_KIT_H
#define SOTTO_STORE_KIT_H

#include "test_folder.h"

#include "core/store_impl.h"

#define STORE_SEEN_MAX 4096

/* Statements of the module demo. */
enum {
    DEMO_INSERT,
    DEMO_COUNT,
    DEMO_GET,
    DEMO_UPDATE_ALL,
    DEMO_SPOIL,
    DEMO_SELECT_HEAD,
    DEMO_WRITE_HEAD,
    DEMO_ADOPT,
    DEMO_DELETE_ALL,
};

struct store_kit {
    uv_loop_t loop;
    struct settings_store settings;
    struct metrics *metrics;
    struct store *store;
    struct store_module *module;
    struct sotto_err err;
    char dir[TEST_FOLDER_BYTES], path[TEST_PATH_BYTES];
};

/* What done functions leave behind for the test. */
struct store_seen {
    size_t count;
    int64_t order[STORE_SEEN_MAX];
    int status[STORE_SEEN_MAX];
    int64_t value;
};

struct store_test_job {
    struct store_seen *seen;
    int64_t id;
    int result; /* what the job returns after its write */
    int64_t value;
};

/* Settings that no test meets by accident; change kit->settings before store_kit_open. */
struct settings_store store_kit_settings(void);
/* For cmocka_unit_test_setup_teardown: *state becomes the struct store_kit, whose store is not open. */
int store_kit_setup(void **state);
int store_kit_teardown(void **state);
/* Opens, migrates and starts; the test fails with the store's sentence. */
void store_kit_open(struct store_kit *, const struct sotto_writer *);
/* The same with the store's error and its sentence in kit->err. */
int store_kit_try_open(struct store_kit *, const struct sotto_writer *);
void store_kit_close(struct store_kit *);
/* Turns the loop until n done functions have run. */
void store_kit_wait(struct store_kit *, const struct store_seen *, size_t n);
/* A job that inserts the row `id` and then returns `result`; as store_write. */
int store_kit_write(struct store_kit *, struct store_seen *, int64_t id, int result);
/* How many rows a query sees now. */
int64_t store_kit_rows(struct store_kit *);

/* For jobs of a test's own: the argument is a struct store_test_job. */
int store_kit_insert(struct sotto_tx *, void *arg);
int store_kit_count(struct sotto_tx *, void *arg);
void store_kit_note(void *state, int status, void *arg);

#endif
