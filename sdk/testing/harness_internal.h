/* SPDX-License-Identifier: MIT */
/*
 * The inside of the test host: one struct, and the functions by which its files know one another. The
 * files follow the interfaces: harness.c (life, queue), harness_clock.c (timers), harness_conf.c, harness_rpc.c
 * (sessions, requests), harness_db.c and harness_tx.c (the store), harness_broker.c.
 */
#ifndef HARNESS_INTERNAL_H
#define HARNESS_INTERNAL_H

#include <sqlite3.h>

#include "sotto/harness.h"

/* Something that runs later on the logic thread. Stands first in the structs of those who queue. */
struct harness_task {
    struct harness_task *next;
    void (*run)(struct harness *, struct harness_task *); /* frees the task */
};

struct harness_queue {
    struct harness_task *first, **last;
};

/* Memory that dies together. */
struct harness_arena {
    struct harness_chunk *first;
    size_t used;
};

struct sotto_timer {
    struct sotto_timer *next;
    struct harness *harness;
    int64_t due_ms;
    uint32_t repeat_ms;
    sotto_timer_fn *fn;
    void *arg;
    bool stopped;
};

struct sotto_conf {
    struct harness *harness;
    char **text; /* one for each row; NULL: neither value nor default */
};

struct harness_session {
    struct harness_session *next;
    uint64_t id;
    bool attached;
    int closed; /* the code; 0: open */
    struct sotto_identity identity;
    char address[64];
};

struct harness_request {
    struct sotto_req req;
    struct sotto_caller caller;
    char address[64];
    struct harness_request *next;
    struct harness *harness;
    const struct sotto_rpc_row *row;
    const ProtobufCMethodDescriptor *method;
    ProtobufCMessage *in;
    struct harness_answer *answer;
    struct harness_arena arena;
};

struct harness_provider {
    struct harness_provider *next;
    char *name;
    harness_provider_fn *fn;
    void *arg;
};

struct harness_verdict {
    struct harness_verdict *next;
    char *point;
    int status;
    char *text;
};

struct harness_stmt {
    struct sotto_stmt stmt; /* first: the module's pointer is ours */
    struct harness *harness;
    sqlite3_stmt *sqlite;
};

struct harness_job {
    struct harness_task task;
    struct harness_job *next;
    sotto_tx_fn *fn;
    sotto_db_done_fn *done;
    int status;
    struct harness_arena arena;
    size_t size;
    max_align_t arg[];
};

struct harness_tx {
    struct sotto_tx tx; /* first: the module's pointer is ours */
    struct harness *harness;
    struct harness_job *job; /* NULL inside writer functions */
    bool reader;
};

struct harness_db {
    sqlite3 *sqlite;
    struct harness_stmt *statements; /* one for each row of the module's table */
    struct harness_queue writes;
    void *cache;
    /* The module may make and change tables. */
    bool in_migration;
    bool in_tx; /* a function off the logic thread runs */
    bool refuse, twice;
    unsigned fail_commits;
};

struct harness {
    struct sotto_host host; /* first: the module's pointer is ours */
    const struct sotto_module *module;
    void *state;
    bool started, stop_done;
    struct sotto_err error;
    struct sotto_conf conf;
    int64_t now_ms;
    char data_dir[256];
    struct harness_arena arena; /* answers and their bytes */

    struct harness_queue tasks;
    struct sotto_timer *timers;

    struct harness_session *sessions;
    uint64_t last_session;
    struct harness_request *requests; /* open ones */

    struct harness_push *pushes;
    size_t push_count;
    struct harness_publish *publishes;
    size_t publish_count;
    double *metrics; /* HARNESS_METRIC_VALUES for each row */

    struct harness_provider *providers;
    struct harness_verdict *verdicts;
    struct harness_deferral *deferrals;
    uint64_t last_deferral;
    uint32_t hook_depth;

    struct harness_db db;
};

#define HARNESS_METRIC_VALUES 64

static inline struct harness *
harness_of(struct sotto_host *host)
{
    return (struct harness *)host;
}

/* Row number index of a table, whatever the stride of the module that wrote it. */
static inline const void *
harness_row(const struct sotto_table *table, uint32_t index)
{
    return (const char *)table->items + (size_t)index * table->item_size;
}

/* harness.c: zeroed memory or an abort; a test that runs out of memory has nothing left to say. */
void *harness_alloc(size_t size);
char *harness_strdup(const char *text);
void *harness_arena_alloc(struct harness_arena *, size_t size);
struct sotto_view harness_arena_copy(struct harness_arena *, const void *data, size_t size);
void harness_arena_free(struct harness_arena *);
void harness_queue_init(struct harness_queue *);
void harness_queue_push(struct harness_queue *, struct harness_task *);
struct harness_task *harness_queue_pop(struct harness_queue *);
/* Encodes into the harness' own arena; decodes with all memory from it. */
struct sotto_view harness_encode(struct harness *, const ProtobufCMessage *);
ProtobufCMessage *harness_decode(struct harness *, const ProtobufCMessageDescriptor *,
                                 struct sotto_view);
struct harness_answer *harness_answer_new(struct harness *, const char *method);
/* Asserts that the module does not call the host from inside a transaction. */
void harness_check_logic(const struct harness *);

/* harness_clock.c */
extern const struct sotto_timer_api harness_timer_api;
void harness_timers_fini(struct harness *);

/* harness_conf.c */
extern const struct sotto_conf_api harness_conf_api;
void harness_conf_init(struct harness *);
void harness_conf_fini(struct harness *);

/* harness_rpc.c */
extern const struct sotto_rpc_api harness_rpc_api;
extern const struct sotto_session_api harness_session_api;
void harness_sessions_fini(struct harness *);

/* harness_tx.c */
extern const struct sotto_db_api harness_db_api;

/* harness_db.c */
int harness_db_write(struct sotto_host *, sotto_tx_fn *, const void *arg, size_t size,
                     sotto_db_done_fn *);
int harness_db_read(struct sotto_host *, sotto_tx_fn *, const void *arg, size_t size,
                    sotto_db_done_fn *);
void harness_db_init(struct harness *);
int harness_db_start(struct harness *); /* migrations, statements, the writer's cache */
void harness_db_stop(struct harness *);
void harness_db_fini(struct harness *);
bool harness_db_step(struct harness *); /* one group commit; false: nothing was queued */

/* harness_broker.c */
extern const struct sotto_broker_api harness_broker_api;
void harness_broker_fini(struct harness *);

#endif
