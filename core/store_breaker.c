/* SPDX-License-Identifier: MIT */
/*
 * The store's circuit breaker: what happens to writes when the disk or the database fails.
 *
 *     closed      every write is queued; a transaction that is lost whole counts as one failure, one that
 *                 commits sets the count back to 0
 *     open        after store.breaker_failures failures in a row, for store.breaker_reset: writes are refused at
 *                 once, and what was still queued is ended unrun, so that nobody waits store.busy_timeout for a
 *                 database that is locked
 *     half open   then one write is let through, and no second one before it has ended: it closes the breaker or
 *                 opens it for another store.breaker_reset
 *
 * A full disk does not open it: that fails at once and works again at once when there is room. Reads have none:
 * they wait for nobody, and each says for itself whether its pages can be read.
 */
#include "core/store_impl.h"

#include "core/clock.h"
#include "core/store_vfs.h"

/* Between two lines of the log: a full disk fails a thousand times a second. */
#define COMPLAINT_MS 1000
#define ADVICE_BYTES 192

bool
store_breaker_admits(struct store *store)
{
    const int64_t open_until = atomic_load(&store->open_until);

    if (open_until != 0 && clock_mono_ms() < open_until)
        return false;
    return open_until == 0 || !atomic_exchange(&store->probing, true);
}

void
store_breaker_unprobed(struct store *store)
{
    atomic_store(&store->probing, false);
}

bool
store_breaker_is_open(const struct store *store)
{
    return clock_mono_ms() < atomic_load(&store->open_until);
}

void
store_succeeded(struct store *store)
{
    metric_add(store->metrics.commits, 0, 1);
    if (atomic_load_explicit(&store->failures, memory_order_relaxed) == 0)
        return;
    log_info(store->log, "store: writes work again");
    atomic_store(&store->failures, 0);
    atomic_store(&store->open_until, 0);
    atomic_store(&store->probing, false);
}

/* Whether a failure may be told now. */
static bool
may_complain(atomic_int_fast64_t *complained_ms)
{
    const int64_t now = clock_mono_ms(), last = atomic_load(complained_ms);

    if (last != 0 && now - last < COMPLAINT_MS)
        return false;
    atomic_store(complained_ms, now);
    return true;
}

/* What an operator is told besides SQLite's words, in a buffer of the caller. */
static const char *
advice(const struct store_conn *conn, int code, char *text, size_t size)
{
    char damage[STORE_VFS_SENTENCE_MAX] = "";
    const bool is_damage = code == SQLITE_IOERR_DATA || (code & 0xff) == SQLITE_CORRUPT;

    if (is_damage && store_vfs_damage(conn->db, damage))
        snprintf(text, size, "; %s, stop the server and run `sottoctl db check`", damage);
    else
        snprintf(text, size, "%s",
                 is_damage ? "; stop the server and run `sottoctl db check`" : "");
    return text;
}

void
store_failed(struct store *store, int code, const char *what)
{
    const bool complain = may_complain(&store->complained_ms);
    const unsigned failures = atomic_fetch_add(&store->failures, 1) + 1;
    char text[ADVICE_BYTES];

    metric_add(store->metrics.failures, 0, 1);
    if (complain)
        log_error(store->log,
                  "store: %s failed: %s (%d); nothing of this transaction was acknowledged%s", what,
                  sqlite3_errstr(code), code, advice(&store->writer, code, text, sizeof(text)));
    if (failures >= (unsigned)store->settings.breaker_failures && (code & 0xff) != SQLITE_FULL) {
        log_error(store->log, "store: %u failures in a row, writes are refused for %lld ms",
                  failures, (long long)store->settings.breaker_reset_ms);
        atomic_store(&store->open_until, clock_mono_ms() + store->settings.breaker_reset_ms);
    }
    atomic_store(&store->probing, false);
}

void
store_read_failed(struct store *store, const struct store_conn *conn, int code)
{
    char text[ADVICE_BYTES];

    metric_add(store->metrics.read_failures, 0, 1);
    if (may_complain(&store->read_complained_ms))
        log_error(store->log, "store: a query failed: %s (%d)%s", sqlite3_errstr(code), code,
                  advice(conn, code, text, sizeof(text)));
}

int
store_health(const struct store *store, struct sotto_err *err)
{
    if (atomic_load(&store->failures) < (unsigned)store->settings.breaker_failures)
        return 0;
    return sotto_err_set(err, SOTTO_EUNAVAILABLE,
                         "the disk or the database fails; writes are refused until it works again");
}
