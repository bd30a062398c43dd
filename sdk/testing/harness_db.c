/* SPDX-License-Identifier: MIT */
/*
 * The store of the test host: one SQLite database in memory, one connection, and the order of things as in the
 * server. Writes that were queued together are one transaction, each in its own savepoint; then the module's
 * writer flushes, the transaction commits, and the done functions run.
 */
#include "harness_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*---- The connection ----*/

static void
run_sql(struct harness *h, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(h->db.sqlite, sql, NULL, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "# %s: %s\n", sql, message);
        abort();
    }
}

/* The tables of another module are out of reach, as in the server. */
static int
authorize(void *arg, int action, const char *first, const char *second, const char *database,
          const char *trigger)
{
    struct harness *h = arg;
    size_t size = strlen(h->module->name);
    const char *table =
        action == SQLITE_CREATE_INDEX || action == SQLITE_DROP_INDEX ? second : first;

    (void)database;
    (void)trigger;
    switch (action) {
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        if (h->db.in_migration && strncmp(table, "sqlite_", 7) == 0)
            return SQLITE_OK;
        break;
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_INDEX:
    case SQLITE_ALTER_TABLE:
        if (!h->db.in_migration)
            return SQLITE_DENY;
        table = action == SQLITE_ALTER_TABLE ? second : table;
        break;
    case SQLITE_ATTACH:
    case SQLITE_PRAGMA: return SQLITE_DENY;
    default: return SQLITE_OK;
    }
    return strncmp(table, h->module->name, size) == 0 && table[size] == '_' ? SQLITE_OK
                                                                            : SQLITE_DENY;
}

void
harness_db_init(struct harness *h)
{
    harness_queue_init(&h->db.writes);
    assert(sqlite3_open_v2(":memory:", &h->db.sqlite,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY,
                           NULL) == SQLITE_OK);
    run_sql(h, "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;");
    run_sql(h, "CREATE TABLE harness_migrations (number INTEGER PRIMARY KEY)");
}

void
harness_db_fini(struct harness *h)
{
    assert(sqlite3_close(h->db.sqlite) == SQLITE_OK);
}

int64_t
harness_sql(struct harness *h, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = 0;
    int rc;

    sqlite3_set_authorizer(h->db.sqlite, NULL, NULL);
    if (sqlite3_prepare_v2(h->db.sqlite, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fprintf(stderr, "# %s: %s\n", sql, sqlite3_errmsg(h->db.sqlite));
        abort();
    }
    rc = sqlite3_step(stmt);
    assert(rc == SQLITE_ROW || rc == SQLITE_DONE);
    if (rc == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_set_authorizer(h->db.sqlite, authorize, h);
    return value;
}

void
harness_fail_commits(struct harness *h, unsigned count)
{
    h->db.fail_commits = count;
}

void
harness_refuse_store(struct harness *h, bool refuse)
{
    h->db.refuse = refuse;
}

void
harness_run_writes_twice(struct harness *h, bool twice)
{
    h->db.twice = twice;
}

/*---- Start and stop ----*/

static int
apply_migration(struct harness *h, const struct sotto_migration_row *row)
{
    char record[96];
    char *message = NULL;
    int rc;

    snprintf(record, sizeof(record), "SELECT count(*) FROM harness_migrations WHERE number = %u",
             row->number);
    if (harness_sql(h, record) > 0)
        return 0;
    run_sql(h, "BEGIN");
    h->db.in_migration = true;
    rc = sqlite3_exec(h->db.sqlite, row->sql, NULL, NULL, &message);
    h->db.in_migration = false;
    if (rc != SQLITE_OK) {
        sotto_err_set(&h->error, SOTTO_EPRECONDITION, "migration %u (%s): %s", row->number,
                      row->name, message);
        sqlite3_free(message);
        run_sql(h, "ROLLBACK");
        return SOTTO_EPRECONDITION;
    }
    snprintf(record, sizeof(record), "INSERT INTO harness_migrations VALUES (%u)", row->number);
    harness_sql(h, record);
    run_sql(h, "COMMIT");
    return 0;
}

static int
prepare_statements(struct harness *h)
{
    const struct sotto_table *table = &h->module->statements;

    h->db.statements = harness_alloc((table->count + 1) * sizeof(*h->db.statements));
    for (uint32_t index = 0; index < table->count; index++) {
        const struct sotto_stmt_row *row = harness_row(table, index);
        struct harness_stmt *stmt = &h->db.statements[index];

        stmt->stmt.api = &harness_db_api;
        stmt->harness = h;
        if (sqlite3_prepare_v3(h->db.sqlite, row->sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->sqlite,
                               NULL) != SQLITE_OK)
            return sotto_err_set(&h->error, SOTTO_EPRECONDITION, "statement %u (%s): %s", index,
                                 row->sql, sqlite3_errmsg(h->db.sqlite));
    }
    return 0;
}

static void
reset_statements(struct harness *h)
{
    for (uint32_t index = 0; index < h->module->statements.count; index++)
        sqlite3_reset(h->db.statements[index].sqlite);
}

/* Calls one of the writer's functions inside the open transaction. */
static int
call_writer(struct harness *h, bool open)
{
    struct harness_tx tx = {.tx = {.api = &harness_db_api}, .harness = h};
    int rc;

    h->db.in_tx = true;
    rc = open ? h->module->writer->open(&tx.tx, &h->db.cache)
              : h->module->writer->flush(&tx.tx, h->db.cache);
    h->db.in_tx = false;
    reset_statements(h);
    return rc;
}

int
harness_db_start(struct harness *h)
{
    int rc = 0;

    sqlite3_set_authorizer(h->db.sqlite, authorize, h);
    for (uint32_t index = 0; rc == 0 && index < h->module->migrations.count; index++) {
        const struct sotto_migration_row *row = harness_row(&h->module->migrations, index);

        assert(row->number == index + 1 && "migrations are numbered 1, 2, 3 ... without gaps");
        rc = apply_migration(h, row);
    }
    if (rc == 0)
        rc = prepare_statements(h);
    if (rc == 0 && h->module->writer && h->module->writer->open) {
        run_sql(h, "BEGIN");
        rc = call_writer(h, true);
        run_sql(h, rc == 0 ? "COMMIT" : "ROLLBACK");
    }
    return rc;
}

void
harness_db_stop(struct harness *h)
{
    assert(!h->db.writes.first);
    if (h->module->writer && h->module->writer->close)
        h->module->writer->close(h->db.cache);
    h->db.cache = NULL;
    for (uint32_t index = 0; h->db.statements && index < h->module->statements.count; index++)
        sqlite3_finalize(h->db.statements[index].sqlite);
    free(h->db.statements);
    h->db.statements = NULL;
}

/*---- Jobs ----*/

static struct harness_job *
job_new(struct harness *h, sotto_tx_fn *fn, const void *arg, size_t size, sotto_db_done_fn *done)
{
    struct harness_job *job = harness_alloc(sizeof(*job) + size);

    harness_check_logic(h);
    job->fn = fn;
    job->done = done;
    job->size = size;
    if (size > 0)
        memcpy(job->arg, arg, size);
    return job;
}

static int
call_job(struct harness *h, struct harness_job *job, bool reader)
{
    struct harness_tx tx = {
        .tx = {.api = &harness_db_api}, .harness = h, .job = job, .reader = reader};
    int status;

    h->db.in_tx = true;
    status = job->fn(&tx.tx, job->arg);
    h->db.in_tx = false;
    reset_statements(h);
    return status;
}

static void
finish_job(struct harness *h, struct harness_job *job)
{
    if (job->done)
        job->done(h->state, job->status, job->arg);
    harness_arena_free(&job->arena);
    free(job);
}

static void
run_read(struct harness *h, struct harness_task *task)
{
    struct harness_job *job = (struct harness_job *)task;

    run_sql(h, "BEGIN");
    job->status = call_job(h, job, true);
    run_sql(h, "COMMIT");
    finish_job(h, job);
}

int
harness_db_read(struct sotto_host *host, sotto_tx_fn *fn, const void *arg, size_t size,
                sotto_db_done_fn *done)
{
    struct harness *h = harness_of(host);
    struct harness_job *job;

    if (h->db.refuse)
        return SOTTO_EUNAVAILABLE;
    job = job_new(h, fn, arg, size, done);
    job->task.run = run_read;
    harness_queue_push(&h->tasks, &job->task);
    return 0;
}

int
harness_db_write(struct sotto_host *host, sotto_tx_fn *fn, const void *arg, size_t size,
                 sotto_db_done_fn *done)
{
    struct harness *h = harness_of(host);

    if (h->db.refuse)
        return SOTTO_EUNAVAILABLE;
    harness_queue_push(&h->db.writes, &job_new(h, fn, arg, size, done)->task);
    return 0;
}

static void
run_group(struct harness *h, struct harness_job *jobs)
{
    for (struct harness_job *job = jobs; job; job = job->next) {
        run_sql(h, "SAVEPOINT job");
        job->status = call_job(h, job, false);
        run_sql(h, job->status < 0 ? "ROLLBACK TO job; RELEASE job" : "RELEASE job");
    }
}

static int
flush(struct harness *h)
{
    return h->module->writer && h->module->writer->flush ? call_writer(h, false) : 0;
}

static void
roll_back(struct harness *h)
{
    run_sql(h, "ROLLBACK");
    if (h->module->writer && h->module->writer->discard)
        h->module->writer->discard(h->db.cache);
}

/* One transaction for all jobs; returns 0 or what keeps it from being durable. */
static int
commit_group(struct harness *h, struct harness_job *jobs)
{
    int rc;

    if (h->db.twice) {
        run_sql(h, "BEGIN");
        run_group(h, jobs);
        (void)flush(h);
        roll_back(h);
    }
    run_sql(h, "BEGIN");
    run_group(h, jobs);
    rc = flush(h);
    if (rc == 0 && h->db.fail_commits > 0) {
        h->db.fail_commits--;
        rc = SOTTO_EIO;
    }
    if (rc != 0) {
        roll_back(h);
        return SOTTO_EIO;
    }
    run_sql(h, "COMMIT");
    return 0;
}

bool
harness_db_step(struct harness *h)
{
    struct harness_job *jobs = NULL, **last = &jobs;
    struct harness_task *task;
    int rc;

    while ((task = harness_queue_pop(&h->db.writes)) != NULL) {
        *last = (struct harness_job *)task;
        last = &(*last)->next;
    }
    if (!jobs)
        return false;
    rc = commit_group(h, jobs);
    while (jobs) {
        struct harness_job *job = jobs;

        jobs = job->next;
        if (rc != 0)
            job->status = rc;
        finish_job(h, job);
    }
    return true;
}
