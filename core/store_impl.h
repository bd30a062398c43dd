/* SPDX-License-Identifier: MIT */
/*
 * What the files of the store share:
 *
 *   store.c          life, jobs, done functions
 *   store_queue.c    lists of jobs, and the queues to the threads
 *   store_metrics.c  what /metrics tells
 *   store_breaker.c  what is refused after failures, and what the log hears of them
 *   store_conn.c     one connection: open, pragmas, limits, authorizer
 *   store_files.c    a look at the files before SQLite opens them
 *   store_vfs.c      between SQLite and the file: checksums of pages; store_vfs_log.c, the log's side
 *   store_stmt.c     transactions and statements as modules see them (sotto.db/1)
 *   store_writer.c   the writer thread: group commit
 *   store_reader.c   the reader threads
 *   store_tidy.c     giving the space of deleted rows back
 *   store_migrate.c  migrations and their checksums
 */
#ifndef CORE_STORE_IMPL_H
#define CORE_STORE_IMPL_H

#include <stdalign.h>
#include <stdatomic.h>

#include <sqlite3.h>

#include "core/store.h"
#include "core/wake.h"

#define STORE_MODULES_MAX (SETTINGS_MODULES_MAX + 1)
#define STORE_NAME_MAX SETTINGS_MODULE_NAME_MAX
#define STORE_READ_BATCH 32    /* reads that share one snapshot */
#define STORE_DONES_A_TURN 256 /* done functions between two looks at other work of the loop */
/* What the refusals of a damaged database tell to run. */
#define STORE_CURE "sottoctl --data DIR db recover FILE"
#define STORE_APPLICATION_ID 0x534f5454 /* "SOTT": the file is ours */

struct store_conn;

struct store_module {
    struct store *store;
    struct host_module *owner;
    char name[STORE_NAME_MAX + 1];
    char prefix[STORE_NAME_MAX + 2]; /* name and "_" */
    uint32_t index;
    struct sotto_table statements;
    const struct sotto_writer *writer;
    void *cache; /* what writer->open made; writer thread */
    bool cache_open;
    bool touched;     /* a job of the module is in the running transaction; writer thread */
    size_t open_jobs; /* loop thread */
};

/* One piece of memory of a job, from tx->alloc. */
struct store_block {
    struct store_block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

/* A queued write or read: one allocation with its argument behind it, and for a write the argument as it came, since a
 * transaction may run again. */
struct store_job {
    struct store_job *next;
    struct store_module *module;
    sotto_tx_fn *fn;
    sotto_db_done_fn *done;
    struct store_block *blocks;
    size_t alloc_bytes;
    size_t arg_size;
    void *original; /* of arg, in the same allocation; NULL for a read */
    int status;
    alignas(max_align_t) unsigned char arg[];
};

struct store_list {
    struct store_job *first, *last;
    size_t count, bytes;
};

/* Jobs on their way to the writer or to the readers. */
struct store_queue {
    uv_mutex_t lock;
    uv_cond_t wake;
    struct store_list list; /* under lock */
    unsigned waiting;       /* threads in uv_cond_wait; under lock */
    unsigned consumers;     /* threads that share what is queued */
    bool stopping;          /* under lock */
};

struct store_stmt {
    struct sotto_stmt base; /* first: what the module holds */
    sqlite3_stmt *raw;
    struct store_conn *conn;
    struct store_stmt *next_used;
    bool used;    /* stepped or bound since the last reset */
    bool deletes; /* a DELETE */
};

struct store_tx {
    struct sotto_tx base; /* first: what the module holds */
    struct store_conn *conn;
    struct store_module *module;
    struct store_job *job;      /* whose memory tx->alloc takes; NULL in writer functions */
    struct store_block *blocks; /* of writer functions */
    int64_t now_ms;
    bool careful;       /* a savepoint before the first write */
    bool has_savepoint; /* it is open */
    bool wrote;         /* a statement has changed something */
    int fatal;          /* SQLite's code once the whole transaction is lost */
};

/* SQL of the store's own, prepared on every connection. */
enum store_own {
    STORE_BEGIN,
    STORE_COMMIT,
    STORE_ROLLBACK,
    STORE_SAVEPOINT,
    STORE_RELEASE,
    STORE_ROLLBACK_TO,
    STORE_OWN_COUNT,
};

struct store_conn {
    sqlite3 *db;
    bool is_writer;
    bool deleted;                       /* rows were deleted since store_tidy_note */
    bool rearranged;                    /* at its opening, since the file was of an earlier kind */
    bool migrating;                     /* the authorizer lets the current module define tables */
    const struct store_module *current; /* for whom SQL is compiled; NULL: the store itself */
    sqlite3_stmt *own[STORE_OWN_COUNT];
    struct store_stmt *statements[STORE_MODULES_MAX];
    uint32_t counts[STORE_MODULES_MAX];
    struct store_stmt *used; /* to be reset at the end of the job */
    struct store_tx tx;
};

struct store_reader {
    struct store *store;
    struct store_conn conn;
    uv_thread_t thread;
    bool started;
};

struct store_metrics {
    struct metric *batch, *commits, *sync_seconds, *jobs, *failures, *refused, *read_failures;
    struct metric *released, *repeated;
};

struct store {
    uv_loop_t *loop;
    struct log *log;
    struct settings_store settings;
    char *path;
    struct store_metrics metrics;
    struct store_module *modules[STORE_MODULES_MAX];
    uint32_t module_count;

    struct store_conn writer;
    uv_thread_t writer_thread;
    bool writer_started;
    unsigned careful;    /* batches left to run with savepoints; writer thread */
    uint64_t tidy_at_ns; /* uv_hrtime of the next store_tidy; 0: nothing to do; writer thread */
    struct store_queue writes;
    struct store_reader *readers;
    size_t reader_count;
    struct store_queue reads;

    struct wake wake; /* done functions are ready */
    bool wake_open;
    uv_mutex_t ready_lock;
    struct store_list ready; /* under ready_lock */
    bool stopped;            /* loop thread: no more jobs are taken */

    atomic_uint failures;              /* transactions that failed in a row */
    atomic_int_fast64_t open_until;    /* monotonic ms; 0: the breaker is closed */
    atomic_bool probing;               /* half open: one job is on its way */
    atomic_int_fast64_t complained_ms; /* when a failed write was last logged; 0: never */
    atomic_int_fast64_t read_complained_ms;
    bool ack_early; /* fault switch */
};

/* ---- store.c ---- */

/* Hands finished jobs to the loop thread. Any thread. */
void store_deliver(struct store *, struct store_list *take_finished);

/* ---- store_queue.c ---- */

/* Wipes and frees a job and all its memory. */
void store_job_free(struct store_job *);
void store_list_add(struct store_list *, struct store_job *);
/* Appends all of take_more, which is empty afterwards. */
void store_list_join(struct store_list *, struct store_list *take_more);
/* The first, taken off the list; NULL: the list is empty. */
struct store_job *store_list_shift(struct store_list *);
/* consumers: threads that will take. SOTTO_ENOMEM. */
int store_queue_init(struct store_queue *, unsigned consumers);
/* Frees what is still queued. No thread uses it any more. */
void store_queue_fini(struct store_queue *);
/* Queues the job; SOTTO_EUNAVAILABLE: the queue is full, and the job is still the caller's. Loop thread. */
int store_queue_put(struct store_queue *, const struct settings_store *bounds, struct store_job *);
/* Waits for jobs and takes its share of them, at most max; false: stopping and nothing left. With wait_ns it
 * waits no longer than that, and the list may be empty; 0: as long as it takes. */
bool store_queue_take(struct store_queue *, size_t max, uint64_t wait_ns,
                      struct store_list *list_out);
/* Lets the threads come to an end when nothing is left. */
void store_queue_stop(struct store_queue *);
size_t store_queue_depth(struct store_queue *);

/* ---- store_metrics.c ---- */

/* metrics may be NULL. */
void store_metrics_add(struct store *, struct metrics *);

/* ---- store_breaker.c ---- */

/* Whether a write may be queued now; in the half-open state the caller has then the only one. Loop thread. */
bool store_breaker_admits(struct store *);
/* A write that was let through could not be queued. */
void store_breaker_unprobed(struct store *);
/* Whether what is still queued is to end unrun. Writer thread. */
bool store_breaker_is_open(const struct store *);
/* The books after a transaction. Writer thread. */
void store_succeeded(struct store *);
void store_failed(struct store *, int code, const char *what);
/* A query failed on the disk's account. The thread of the connection. */
void store_read_failed(struct store *, const struct store_conn *, int code);

/* ---- store_conn.c ---- */

int store_conn_open(struct store_conn *, const char *path, const struct settings_store *,
                    bool writer, struct sotto_err *);
void store_conn_close(struct store_conn *);
/* Compiles a module's table. */
int store_conn_prepare(struct store_conn *, const struct store_module *, struct sotto_err *);
/* Runs one of the store's own statements; SQLite's result code. */
int store_conn_run(struct store_conn *, enum store_own);
/* The first integer of the first row, or fallback. */
int64_t store_conn_int(struct store_conn *, const char *sql, int64_t fallback);
/* Sets the sentence for an SQLite result: EDATALOSS for damage, EIO otherwise. */
int store_conn_error(struct store_conn *, const char *path, struct sotto_err *);
/* Whether an SQLite result means that the whole transaction is lost. */
bool store_is_fatal(int code);
/* What a client of the store hears about it: SOTTO_EUNAVAILABLE or SOTTO_EIO. */
int store_status(int code);

/* ---- store_files.c ---- */

/* SOTTO_EDATALOSS: the file at this path or its log lost what was acknowledged, and SQLite would not tell. */
int store_check_files(const char *path, struct sotto_err *);

/* ---- store_stmt.c ---- */

/* Begins the use of the connection's transaction by a job or (job NULL) a writer function. */
struct store_tx *store_tx_begin(struct store_conn *, struct store_module *, struct store_job *,
                                int64_t now_ms);
/* Resets what the job used. */
void store_tx_end(struct store_tx *);
/* Wipes and frees a list of blocks. */
void store_blocks_free(struct store_block *);

/* ---- store_writer.c, store_reader.c ---- */

int store_writer_open_caches(struct store *, struct sotto_err *);
void store_writer_close_caches(struct store *);
void store_writer_main(void *store);
void store_reader_main(void *reader);

/* ---- store_tidy.c: writer thread ---- */

/* After a transaction: remembers that rows were deleted. */
void store_tidy_note(struct store *);
/* Nanoseconds until store_tidy has something to do; 0: nothing to wait for. */
uint64_t store_tidy_wait(const struct store *);
/* Does one slice of what is due. Outside a transaction. */
void store_tidy(struct store *);

#endif
