/* SPDX-License-Identifier: MIT */
/*
 * The store: sotto.db/1 on SQLite 3.40 (WAL, synchronous=FULL).
 *
 * One writer thread with group commit: everything that was queued while the last commit ran goes into the next
 * transaction, and a job that is refused leaves nothing in it (store_writer.c says how). Reader threads serve reads
 * on snapshots that are at least as new as the last write whose done function ran. done functions run on the loop's
 * thread, in commit order, one wake-up a transaction.
 *
 * What can go wrong, and then: an SQL error or a negative result of a job rolls back that job alone; an I/O
 * error or a full disk rolls back the transaction, every job of it ends with SOTTO_EIO or SOTTO_EUNAVAILABLE and
 * the modules' writer caches are discarded. After some such failures in a row the breaker refuses work at once for
 * a while, then lets one job try (store_breaker.c).
 *
 * Life: store_create, store_add_module and store_migrate for each module, store_start, …, store_stop (queued
 * writes are committed), store_destroy.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <uv.h>

#include "core/log.h"
#include "core/metric.h"
#include "core/settings.h"
#include "sotto/module.h"

#define STORE_ALLOC_BYTES_MAX (32u * 1024 * 1024) /* of one job */
#define STORE_ARG_BYTES_MAX (17u * 1024 * 1024)

struct host_module;
struct store;
struct store_module; /* a module's statements, cache and table prefix; owned by the store */

/* Once a process, before the first store: SQLite without its count of memory, which costs a lock. */
void store_process_setup(void);
/* Opens (makes) the file, checks it, sets the pragmas. Sentences in err name the cure.
 * SOTTO_EDATALOSS: the file is damaged or not a database of ours. */
int store_create(uv_loop_t *loop, const char *path, const struct settings_store *, struct log *,
                 struct metrics *, struct store **store_out, struct sotto_err *);
/* owner: whose state done functions get, NULL in unit tests. name and rows are borrowed. */
struct store_module *store_add_module(struct store *, struct host_module *owner, const char *name,
                                      const struct sotto_table *statements,
                                      const struct sotto_writer *writer);
/* The module cannot run: its statements are not compiled and its writer functions not called. Before
 * store_start; later it does nothing. */
void store_forget_module(struct store_module *);
/* Applies what is missing, one transaction a step. SOTTO_EPRECONDITION: a step that was applied is
 * missing or has another checksum. */
int store_migrate(struct store *, struct store_module *, const struct sotto_table *migrations,
                  struct sotto_err *);
/* The same without changing the file: on a copy in memory. For --check-config. */
int store_check_migrations(const char *path, const char *module,
                           const struct sotto_table *migrations, struct sotto_err *);
/* Prepares every statement on every connection and starts the threads. */
int store_start(struct store *, struct sotto_err *);
/* As in sotto/db.h. done runs between host_enter and host_leave of the owner, with the owner's state; without an
 * owner the state is NULL. */
int store_write(struct store *, struct store_module *, sotto_tx_fn *, const void *arg,
                size_t arg_size, sotto_db_done_fn *done);
int store_read(struct store *, struct store_module *, sotto_tx_fn *, const void *arg,
               size_t arg_size, sotto_db_done_fn *done);
/* Jobs of a module (NULL: all) that are queued, running, or whose done has not run. Loop thread. */
size_t store_open_jobs(const struct store *, const struct store_module *);
/* Runs and commits what is queued, ends the threads; dones that are ready run inside this call.
 * Loop thread, once. */
void store_stop(struct store *);
/* NULL-safe; after store_stop or a failed start. The memory goes with the loop's last close callback. */
void store_destroy(struct store **);
/* The breaker, for /healthz: 0, or SOTTO_EUNAVAILABLE with a sentence. */
int store_health(const struct store *, struct sotto_err *);

extern const struct sotto_db_api store_api;

#endif
