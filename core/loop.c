/* SPDX-License-Identifier: MIT */
/*
 * See loop.h. The watchdog is a thread that looks every half second at three atomics: which module runs, in
 * which entry, since when. It never touches anything else, so it works when everything else hangs.
 */
#include "core/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_CAPACITY 8192
#define BUDGET_MS 5
#define STUCK_MS 2000
#define ABORT_MS 30000
#define WATCH_EVERY_MS 500
/* Slow callbacks are logged one by one up to this many in a second; a loaded machine makes all of them slow. */
#define SLOW_LINES_PER_SECOND 5
/* rpc -> hook -> hook …: more than the broker ever nests */
#define DEPTH_MAX 32
/* Deferred items of one go; what they defer themselves waits for the next turn beyond that. */
#define DEFERRED_MAX 8192

struct frame {
    const char *module, *entry;
    uint64_t start_ns;
    uint64_t inner_ns; /* spent in callbacks inside this one */
};

struct loop {
    uv_loop_t *uv;
    uv_thread_t thread;
    struct queue queue;
    struct wheel wheel;
    uv_prepare_t prepare;
    struct queue_batch deferred;
    struct loop_hook *hooks;
    bool running_deferred;
    int depth;
    struct frame frames[DEPTH_MAX];
    uint64_t budget_ns;
    unsigned stuck_looks, abort_looks; /* of the watchdog at one and the same callback */
    uint64_t slow;
    uint64_t slow_since_ns; /* of this second's lines */
    unsigned slow_lines;
    struct log *log;
    struct metric *slow_metric, *depth_metric;

    /* for the watchdog */
    _Atomic(const char *) now_module, now_entry;
    atomic_uint_fast64_t since_ns; /* 0: no callback runs */
    uv_thread_t watchdog;
    uv_mutex_t watch_lock;
    uv_cond_t watch_cond;
    bool watch_end; /* under watch_lock */
};

/* ---- the watchdog's thread ---- */

/* What it has seen, by its own looks: a process that was stopped as a whole has no stuck callback. */
struct watched {
    uint64_t since_ns;
    unsigned looks;
};

static void
watch_once(struct loop *loop, struct watched *watched)
{
    uint64_t since = atomic_load(&loop->since_ns);
    const char *module = atomic_load(&loop->now_module);
    const char *entry = atomic_load(&loop->now_entry);

    if (since != watched->since_ns)
        *watched = (struct watched){.since_ns = since};
    if (!since)
        return;
    if (++watched->looks == loop->stuck_looks)
        log_write(loop->log, SOTTO_LOG_ERROR, module, NULL,
                  "stuck: %s has kept the logic loop for %u ms", entry,
                  watched->looks * WATCH_EVERY_MS);
    if (watched->looks < loop->abort_looks)
        return;
    log_write(loop->log, SOTTO_LOG_ERROR, module, NULL,
              "%s does not come back; the server ends so that its supervisor restarts it", entry);
    abort();
}

static void
watch(void *arg)
{
    struct loop *loop = arg;
    struct watched watched = {.looks = 0};

    pthread_setname_np(pthread_self(), "watchdog");
    uv_mutex_lock(&loop->watch_lock);
    while (!loop->watch_end) {
        uv_cond_timedwait(&loop->watch_cond, &loop->watch_lock, WATCH_EVERY_MS * 1000000ull);
        watch_once(loop, &watched);
    }
    uv_mutex_unlock(&loop->watch_lock);
}

/* ---- deferred work ---- */

static struct queue_item *
next_deferred(struct loop *loop)
{
    struct queue_item *item = loop->deferred.first;

    if (!item)
        return NULL;
    loop->deferred.first = item->next;
    loop->deferred.count--;
    if (!item->next)
        loop->deferred.last = NULL;
    return item;
}

/* For the outermost caller only: nested calls do nothing. */
static void
run_deferred(struct loop *loop)
{
    struct queue_item *item;

    if (loop->depth || loop->running_deferred)
        return;
    loop->running_deferred = true;
    for (int ran = 0; ran < DEFERRED_MAX && (item = next_deferred(loop)); ran++)
        item->run(item);
    loop->running_deferred = false;
}

/* ---- life ---- */

static void
run_turn(void *arg)
{
    struct loop *loop = arg;

    run_deferred(loop);
    for (struct loop_hook *hook = loop->hooks; hook; hook = hook->next)
        hook->fn(hook->arg);
    metric_set(loop->depth_metric, 0, (double)queue_depth(&loop->queue));
}

static void
on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;

    run_turn(loop);
    if (loop->deferred.first) /* more than one go's worth: come back at once */
        wake_raise(&loop->queue.wake);
}

static const struct sotto_metric_row slow_row = {
    .name = "loop_slow_callbacks_total",
    .type = SOTTO_METRIC_COUNTER,
    .help = "Callbacks of modules that took longer than limits.callback_warn_ms",
};

static const struct sotto_metric_row depth_row = {
    .name = "loop_queue_items",
    .type = SOTTO_METRIC_GAUGE,
    .help = "Items that wait for the logic loop",
};

static int
start_watchdog(struct loop *loop)
{
    if (uv_mutex_init(&loop->watch_lock))
        return SOTTO_ENOMEM;
    if (uv_cond_init(&loop->watch_cond)) {
        uv_mutex_destroy(&loop->watch_lock);
        return SOTTO_ENOMEM;
    }
    if (uv_thread_create(&loop->watchdog, watch, loop)) {
        uv_cond_destroy(&loop->watch_cond);
        uv_mutex_destroy(&loop->watch_lock);
        return SOTTO_ENOMEM;
    }
    return 0;
}

static void
stop_watchdog(struct loop *loop)
{
    uv_mutex_lock(&loop->watch_lock);
    loop->watch_end = true;
    uv_cond_signal(&loop->watch_cond);
    uv_mutex_unlock(&loop->watch_lock);
    uv_thread_join(&loop->watchdog);
    uv_cond_destroy(&loop->watch_cond);
    uv_mutex_destroy(&loop->watch_lock);
}

static unsigned
looks_in(uint32_t ms, uint32_t preset)
{
    return (ms ? ms : preset) / WATCH_EVERY_MS + 1;
}

int
loop_create(uv_loop_t *uv, const struct loop_options *options, struct loop **loop_out)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return SOTTO_ENOMEM;
    loop->uv = uv;
    loop->thread = uv_thread_self();
    loop->log = options->log;
    loop->budget_ns = (options->budget_ms ? options->budget_ms : BUDGET_MS) * 1000000ull;
    loop->stuck_looks = looks_in(options->stuck_ms, STUCK_MS);
    loop->abort_looks = looks_in(options->abort_ms, ABORT_MS);
    if (start_watchdog(loop)) {
        free(loop);
        return SOTTO_ENOMEM;
    }
    if (queue_init(&loop->queue, uv,
                   options->queue_capacity ? options->queue_capacity : QUEUE_CAPACITY)) {
        stop_watchdog(loop);
        free(loop);
        return SOTTO_ENOMEM;
    }
    queue_on_turn(&loop->queue, run_turn, loop);
    wheel_init(&loop->wheel, uv);
    uv_prepare_init(uv, &loop->prepare);
    loop->prepare.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    if (options->metrics) {
        loop->slow_metric = metrics_add(options->metrics, NULL, &slow_row);
        loop->depth_metric = metrics_add(options->metrics, NULL, &depth_row);
    }
    *loop_out = loop;
    return 0;
}

static void
on_prepare_closed(uv_handle_t *handle)
{
    bool *closed = handle->data;

    *closed = true;
}

void
loop_destroy(struct loop **loop_ptr)
{
    struct loop *loop = *loop_ptr;
    bool closed = false;

    if (!loop)
        return;
    stop_watchdog(loop);
    queue_close(&loop->queue);
    run_deferred(loop);
    wheel_close(&loop->wheel);
    /* All close callbacks run in one pass, so one of them tells for all. */
    loop->prepare.data = &closed;
    uv_close((uv_handle_t *)&loop->prepare, on_prepare_closed);
    while (!closed)
        uv_run(loop->uv, UV_RUN_NOWAIT);
    free(loop);
    *loop_ptr = NULL;
}

uv_loop_t *
loop_uv(struct loop *loop)
{
    return loop->uv;
}

void
loop_assert(const struct loop *loop)
{
    uv_thread_t self = uv_thread_self();

    assert(uv_thread_equal(&self, &loop->thread));
}

/* ---- handing over ---- */

struct post {
    struct queue_item item;
    void (*fn)(void *arg);
    void *arg;
};

static void
run_post(struct queue_item *item)
{
    struct post post = *(struct post *)item;

    free(item);
    post.fn(post.arg);
}

int
loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct post *post = malloc(sizeof(*post));
    int rc;

    if (!post)
        return SOTTO_ENOMEM;
    post->fn = fn;
    post->arg = arg;
    rc = queue_try(&loop->queue, &post->item, run_post);
    if (rc)
        free(post);
    return rc;
}

void
loop_post_item(struct loop *loop, struct queue_item *item, queue_fn *run)
{
    queue_push_one(&loop->queue, item, run);
}

struct queue *
loop_queue(struct loop *loop)
{
    return &loop->queue;
}

/* ---- the turn ---- */

void
loop_defer(struct loop *loop, struct queue_item *item, queue_fn *run)
{
    queue_batch_add(&loop->deferred, item, run);
}

void
loop_on_turn(struct loop *loop, struct loop_hook *hook)
{
    hook->next = loop->hooks;
    loop->hooks = hook;
}

void
loop_off_turn(struct loop *loop, struct loop_hook *hook)
{
    struct loop_hook **link = &loop->hooks;

    while (*link && *link != hook)
        link = &(*link)->next;
    if (*link)
        *link = hook->next;
}

struct wheel *
loop_wheel(struct loop *loop)
{
    return &loop->wheel;
}

uint64_t
loop_now(const struct loop *loop)
{
    return uv_now(loop->uv);
}

/* ---- callbacks ---- */

static void
leave_crumb(struct loop *loop, const struct frame *frame)
{
    atomic_store_explicit(&loop->now_module, frame->module, memory_order_relaxed);
    atomic_store_explicit(&loop->now_entry, frame->entry, memory_order_relaxed);
}

void
loop_enter(struct loop *loop, const char *module, const char *entry)
{
    struct frame *frame = &loop->frames[loop->depth];

    assert(loop->depth < DEPTH_MAX);
    *frame = (struct frame){.module = module, .entry = entry, .start_ns = uv_hrtime()};
    leave_crumb(loop, frame);
    if (loop->depth++ == 0)
        atomic_store_explicit(&loop->since_ns, frame->start_ns, memory_order_release);
}

static void
report_slow(struct loop *loop, const struct frame *frame, uint64_t own_ns)
{
    uint64_t now = uv_hrtime();

    loop->slow++;
    metric_add(loop->slow_metric, 0, 1);
    if (now - loop->slow_since_ns > 1000000000ull) {
        loop->slow_since_ns = now;
        loop->slow_lines = 0;
    }
    if (loop->slow_lines++ >= SLOW_LINES_PER_SECOND)
        return;
    log_write(loop->log, SOTTO_LOG_WARN, frame->module, NULL,
              "slow callback: %s took %llu.%03llu ms", frame->entry,
              (unsigned long long)(own_ns / 1000000), (unsigned long long)(own_ns / 1000 % 1000));
}

uint64_t
loop_leave(struct loop *loop)
{
    struct frame *frame = &loop->frames[loop->depth - 1];
    uint64_t took, own;

    assert(loop->depth > 0);
    took = uv_hrtime() - frame->start_ns;
    own = took > frame->inner_ns ? took - frame->inner_ns : 0;
    loop->depth--;
    if (own > loop->budget_ns)
        report_slow(loop, frame, own);
    if (loop->depth) {
        frame[-1].inner_ns += took;
        leave_crumb(loop, &frame[-1]);
        return took;
    }
    atomic_store_explicit(&loop->since_ns, 0, memory_order_release);
    run_deferred(loop);
    return took;
}

uint64_t
loop_slow_count(const struct loop *loop)
{
    return loop->slow;
}
