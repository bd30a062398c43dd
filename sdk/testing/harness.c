/* SPDX-License-Identifier: MIT */
/*
 * The test host's life and queue, and the interfaces that are small enough to stand here: log, post, jobs, metrics.
 *
 * There is one queue. post, jobs, facts and answers append to it; harness_run takes them one by one, and when it is
 * empty commits the writes that have gathered, as the server's writer does with what queued up during the
 * last commit.
 */
#include "harness_internal.h"

#include <assert.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define STEPS_MAX 100000

/*---- Memory and queues ----*/

struct harness_chunk {
    struct harness_chunk *next;
    max_align_t data[];
};

void *
harness_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    assert(memory);
    return memory;
}

char *
harness_strdup(const char *text)
{
    char *copy = harness_alloc(strlen(text) + 1);

    memcpy(copy, text, strlen(text));
    return copy;
}

void *
harness_arena_alloc(struct harness_arena *arena, size_t size)
{
    struct harness_chunk *chunk = harness_alloc(sizeof(*chunk) + size);

    chunk->next = arena->first;
    arena->first = chunk;
    arena->used += size;
    return chunk->data;
}

struct sotto_view
harness_arena_copy(struct harness_arena *arena, const void *data, size_t size)
{
    uint8_t *copy = harness_arena_alloc(arena, size);

    if (size > 0)
        memcpy(copy, data, size);
    return (struct sotto_view){copy, size};
}

void
harness_arena_free(struct harness_arena *arena)
{
    while (arena->first) {
        struct harness_chunk *chunk = arena->first;

        arena->first = chunk->next;
        free(chunk);
    }
    arena->used = 0;
}

void
harness_queue_init(struct harness_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

void
harness_queue_push(struct harness_queue *queue, struct harness_task *task)
{
    task->next = NULL;
    *queue->last = task;
    queue->last = &task->next;
}

struct harness_task *
harness_queue_pop(struct harness_queue *queue)
{
    struct harness_task *task = queue->first;

    if (task) {
        queue->first = task->next;
        if (!queue->first)
            queue->last = &queue->first;
    }
    return task;
}

struct sotto_view
harness_encode(struct harness *h, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = harness_arena_alloc(&h->arena, size);

    protobuf_c_message_pack(message, data);
    return (struct sotto_view){data, size};
}

static void *
decode_alloc(void *arena, size_t size)
{
    return harness_arena_alloc(arena, size);
}

static void
decode_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

ProtobufCMessage *
harness_decode(struct harness *h, const ProtobufCMessageDescriptor *descriptor,
               struct sotto_view bytes)
{
    ProtobufCAllocator allocator = {
        .alloc = decode_alloc,
        .free = decode_free,
        .allocator_data = &h->arena,
    };
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &allocator, bytes.size, bytes.data);

    assert(message && "a message that does not decode");
    return message;
}

struct harness_answer *
harness_answer_new(struct harness *h, const char *method)
{
    struct harness_answer *answer = harness_arena_alloc(&h->arena, sizeof(*answer));

    answer->method = method;
    return answer;
}

void
harness_check_logic(const struct harness *h)
{
    assert(!h->db.in_tx && "a transaction function called the host");
}

/*---- What every module gets ----*/

static void SOTTO_PRINTF(3, 4) api_log(struct sotto_host *host, int level, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    va_list args;

    /* A comment line, so that the test program's output stays TAP. */
    fprintf(stderr, "# %s %s: ", harness_of(host)->module->name, names[level & 3]);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

struct post_task {
    struct harness_task task;
    void (*fn)(void *state, void *arg);
    void *arg;
};

static void
run_post(struct harness *h, struct harness_task *task)
{
    struct post_task *post = (struct post_task *)task;

    post->fn(h->state, post->arg);
    free(post);
}

static int
api_post(struct sotto_host *host, void (*fn)(void *state, void *arg), void *arg)
{
    struct post_task *post = harness_alloc(sizeof(*post));

    *post = (struct post_task){.task = {.run = run_post}, .fn = fn, .arg = arg};
    harness_queue_push(&harness_of(host)->tasks, &post->task);
    return 0;
}

static const void *
api_get_iface(struct sotto_host *host, const char *name, uint16_t major, uint16_t min_minor)
{
    (void)host;
    (void)name;
    (void)major;
    (void)min_minor;
    return NULL;
}

static int64_t
api_now_ms(struct sotto_host *host)
{
    return harness_of(host)->now_ms;
}

static int64_t
api_mono_ms(struct sotto_host *host)
{
    return harness_of(host)->now_ms - FIRST_MS + 1;
}

static const char *
api_data_dir(struct sotto_host *host)
{
    return harness_of(host)->data_dir;
}

static const char *
api_server_name(struct sotto_host *host)
{
    (void)host;
    return "harness";
}

static const struct sotto_api api = {
    .struct_size = sizeof(api),
    .log = api_log,
    .post = api_post,
    .get_iface = api_get_iface,
    .now_ms = api_now_ms,
    .mono_ms = api_mono_ms,
    .data_dir = api_data_dir,
    .server_name = api_server_name,
};

/*---- Jobs ----*/

struct job_task {
    struct harness_task task;
    sotto_work_fn *work;
    sotto_work_done_fn *done;
    size_t size;
    max_align_t arg[];
};

static void
run_job(struct harness *h, struct harness_task *task)
{
    struct job_task *job = (struct job_task *)task;
    int status;

    h->db.in_tx = true; /* a worker may not call the host either */
    status = job->work(job->arg);
    h->db.in_tx = false;
    job->done(h->state, status, job->arg);
    memset(job->arg, 0, job->size);
    free(job);
}

static int
job_run(struct sotto_host *host, sotto_work_fn *work, const void *arg, size_t size,
        sotto_work_done_fn *done)
{
    struct job_task *job = harness_alloc(sizeof(*job) + size);

    harness_check_logic(harness_of(host));
    job->task.run = run_job;
    job->work = work;
    job->done = done;
    job->size = size;
    if (size > 0)
        memcpy(job->arg, arg, size);
    harness_queue_push(&harness_of(host)->tasks, &job->task);
    return 0;
}

static const struct sotto_job_api job_api = {.struct_size = sizeof(job_api), .run = job_run};

/*---- Metrics ----*/

static void
metric_add(struct sotto_host *host, uint32_t row, uint32_t value, double amount)
{
    struct harness *h = harness_of(host);
    const struct sotto_metric_row *metric;

    assert(row < h->module->metrics.count && value < HARNESS_METRIC_VALUES);
    metric = harness_row(&h->module->metrics, row);
    h->metrics[row * HARNESS_METRIC_VALUES + value] +=
        metric->type == SOTTO_METRIC_HISTOGRAM ? 1 : amount;
}

static const struct sotto_metric_api metric_api = {
    .struct_size = sizeof(metric_api),
    .add = metric_add,
};

double
harness_metric(const struct harness *h, const char *name, uint32_t value)
{
    for (uint32_t row = 0; row < h->module->metrics.count; row++) {
        const struct sotto_metric_row *metric = harness_row(&h->module->metrics, row);

        if (strcmp(metric->name, name) == 0)
            return h->metrics[row * HARNESS_METRIC_VALUES + value];
    }
    assert(!"the module has no such metric");
    return 0;
}

/*---- Life ----*/

static void
check_descriptor(const struct sotto_module *module)
{
    assert(module->magic == SOTTO_MODULE_MAGIC);
    assert(module->abi_major == SOTTO_ABI_MAJOR);
    assert(module->abi_minor_required <= SOTTO_ABI_MINOR);
    assert(module->struct_size == sizeof(struct sotto_module));
    assert(module->name && module->version && module->init && module->fini);
}

/* Below TMPDIR, without one below /tmp. */
static void
make_data_dir(struct harness *h)
{
    const char *base = getenv("TMPDIR");
    int size = snprintf(h->data_dir, sizeof(h->data_dir), "%s/sotto-harness-XXXXXX",
                        base && base[0] ? base : "/tmp");

    assert(size > 0 && (size_t)size < sizeof(h->data_dir));
    assert(mkdtemp(h->data_dir));
}

struct harness *
harness_create(const struct sotto_module *module)
{
    struct harness *h = harness_alloc(sizeof(*h));

    check_descriptor(module);
    h->host = (struct sotto_host){
        .api = &api,
        .conf = &harness_conf_api,
        .rpc = &harness_rpc_api,
        .session = &harness_session_api,
        .broker = &harness_broker_api,
        .db = &harness_db_api,
        .job = &job_api,
        .timer = &harness_timer_api,
        .metric = &metric_api,
    };
    h->module = module;
    h->now_ms = FIRST_MS;
    h->metrics =
        harness_alloc((module->metrics.count + 1) * HARNESS_METRIC_VALUES * sizeof(double));
    harness_queue_init(&h->tasks);
    make_data_dir(h);
    harness_conf_init(h);
    harness_db_init(h);
    return h;
}

/* The steps of a start; the first that refuses ends it. */
static int
start_steps(struct harness *h)
{
    const struct sotto_module *module = h->module;
    int rc = module->configure ? module->configure(&h->host, &h->conf) : 0;

    if (rc == 0 && h->error.text[0]) /* configure reported errors and returned 0 */
        rc = SOTTO_EINVALID;
    if (rc == 0)
        rc = harness_db_start(h);
    if (rc == 0)
        rc = module->init(&h->host, &h->conf, &h->state, &h->error);
    if (rc == 0 && module->start)
        rc = module->start(h->state, &h->error);
    return rc;
}

int
harness_start(struct harness *h)
{
    int rc;

    assert(!h->started);
    h->error.text[0] = '\0';
    rc = start_steps(h);
    if (rc != 0) {
        if (h->state)
            h->module->fini(h->state);
        h->state = NULL;
        harness_timers_fini(h);
        harness_db_stop(h);
        return rc;
    }
    h->started = true;
    harness_run(h);
    return 0;
}

const char *
harness_error(const struct harness *h)
{
    return h->error.text;
}

static void
on_stopped(void *arg)
{
    struct harness *h = arg;

    h->stop_done = true;
}

void
harness_stop(struct harness *h)
{
    assert(h->started);
    if (h->module->quiesce)
        h->module->quiesce(h->state);
    harness_run(h);
    h->stop_done = h->module->stop == NULL;
    if (h->module->stop)
        h->module->stop(h->state, on_stopped, h);
    harness_run(h);
    assert(h->stop_done && "stop did not call done");
    assert(!h->requests && "a request was never answered");
    harness_timers_fini(h);
    h->module->fini(h->state);
    h->state = NULL;
    h->started = false;
    harness_sessions_fini(h);
    harness_db_stop(h);
}

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

void
harness_destroy(struct harness **harness)
{
    struct harness *h = *harness;

    if (!h)
        return;
    if (h->started)
        harness_stop(h);
    harness_forget(h);
    harness_broker_fini(h);
    harness_db_fini(h);
    harness_conf_fini(h);
    harness_arena_free(&h->arena);
    nftw(h->data_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(h->metrics);
    free(h);
    *harness = NULL;
}

void *
harness_state(const struct harness *h)
{
    return h->state;
}

struct sotto_host *
harness_host(struct harness *h)
{
    return &h->host;
}

int
harness_health(struct harness *h)
{
    h->error.text[0] = '\0';
    return h->module->health ? h->module->health(h->state, &h->error) : 0;
}

void
harness_run(struct harness *h)
{
    for (int step = 0; step < STEPS_MAX; step++) {
        struct harness_task *task = harness_queue_pop(&h->tasks);

        if (task)
            task->run(h, task);
        else if (!harness_db_step(h))
            return;
    }
    assert(!"the queue never empties: something feeds itself");
}
