/* SPDX-License-Identifier: MIT */
/*
 * The cache of the writer thread: see chat_writer.h.
 *
 * It is bounded in the simplest way: when a transaction leaves more in it than the bound, all of it is forgotten,
 * and what is needed again is read again.
 */
#include "chat_writer.h"

#include <stdlib.h>

#include "chat_purge.h"

#define HEADS_MAX 65536  /* 5 MiB with the table */
#define WINDOWS_MAX 8192 /* 9 MiB with the table */

struct cache {
    struct chat_map heads;
    struct chat_map windows;
    struct chat_window *dirty;
    uint32_t top_chat; /* highest numbers given out */
    uint32_t top_device;
    bool has_tops;
};

/* ---- life ------------------------------------------------------------------------------------------------ */

static void
forget(struct chat_map *map)
{
    void *object;

    for (size_t i = 0; (object = chat_map_next(map, &i)) != NULL;)
        free(object);
    chat_map_clear(map);
}

static int
writer_open(struct sotto_tx *tx, void **cache_out)
{
    struct cache *cache = calloc(1, sizeof(*cache));

    (void)tx;
    if (cache == NULL)
        return SOTTO_ENOMEM;
    chat_map_init(&cache->heads, sizeof(uint32_t));
    chat_map_init(&cache->windows, sizeof(uint32_t));
    *cache_out = cache;
    return SOTTO_OK;
}

static int
write_window(struct sotto_tx *tx, const struct chat_window *window)
{
    uint8_t answers[CHAT_WINDOW_BYTES_MAX];
    const size_t size = window_pack(window, answers);
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_WINDOW_SET);

    sotto_bind_int(stmt, 1, window->device);
    sotto_bind_int(stmt, 2, (int64_t)window->top);
    sotto_bind_blob(stmt, 3, answers, size);
    return sotto_step(stmt);
}

static int
writer_flush(struct sotto_tx *tx, void *opaque)
{
    struct cache *cache = opaque;

    while (cache->dirty != NULL) {
        struct chat_window *window = cache->dirty;
        const int rc = write_window(tx, window);

        if (rc < 0)
            return rc;
        window->is_dirty = false;
        cache->dirty = window->next_dirty;
    }
    if (cache->windows.count > WINDOWS_MAX)
        forget(&cache->windows);
    if (cache->heads.count > HEADS_MAX)
        forget(&cache->heads);
    return SOTTO_OK;
}

static void
writer_discard(void *opaque)
{
    struct cache *cache = opaque;

    cache->dirty = NULL;
    forget(&cache->heads);
    forget(&cache->windows);
    cache->has_tops = false;
}

static void
writer_close(void *opaque)
{
    struct cache *cache = opaque;

    if (cache == NULL)
        return;
    writer_discard(cache);
    chat_map_fini(&cache->heads);
    chat_map_fini(&cache->windows);
    free(cache);
}

const struct sotto_writer chat_writer = {
    .open = writer_open,
    .flush = writer_flush,
    .discard = writer_discard,
    .close = writer_close,
};

/* ---- heads and windows ----------------------------------------------------------------------------------- */

/* The last entry, whether it is there or was purged. */
static int
read_last(struct sotto_tx *tx, struct chat_head *head)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_LAST);
    struct chat_purged purged;
    int rc;

    sotto_bind_int(stmt, 1, chat_log_id(head->chat, 0));
    sotto_bind_int(stmt, 2, chat_log_id(head->chat, CHAT_SEQ_MAX));
    rc = sotto_step(stmt);
    if (rc == SOTTO_ROW)
        head->seq = (uint32_t)sotto_col_int(stmt, 0);
    if (rc != SOTTO_DONE)
        return rc < 0 ? rc : SOTTO_OK;
    rc = purge_read(tx, head->chat, &purged);
    head->seq = purged.seq;
    return rc;
}

static int
read_tree_hash(struct sotto_tx *tx, struct chat_head *head)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_TREE_HASH);
    struct sotto_view hash;
    int rc;

    sotto_bind_int(stmt, 1, head->chat);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    hash = sotto_col_blob(stmt, 0);
    if (hash.size != MLS_HASH_BYTES)
        return SOTTO_EDATALOSS;
    memcpy(head->tree_hash, hash.data, MLS_HASH_BYTES);
    return SOTTO_OK;
}

static int
read_head(struct sotto_tx *tx, struct chat_head *head)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_CHAT_EPOCH);
    int64_t proposals = 0;
    int rc;

    sotto_bind_int(stmt, 1, head->chat);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_ENOTFOUND;
    head->epoch = (uint64_t)sotto_col_int(stmt, 0);
    head->is_replaced = sotto_col_blob(stmt, 1).size > 0;

    rc = read_tree_hash(tx, head);
    if (rc == SOTTO_OK)
        rc = read_last(tx, head);
    if (rc != SOTTO_OK)
        return rc;
    rc = chat_read_number(tx, CHAT_PROPOSAL_COUNT, head->chat, &proposals);
    head->proposals = (uint32_t)proposals;
    return rc;
}

int
writer_head(struct sotto_tx *tx, uint32_t chat, struct chat_head **head_out)
{
    struct cache *cache = sotto_tx_cache(tx);
    struct chat_head *head = chat_map_find(&cache->heads, &chat);
    int rc;

    if (head != NULL) {
        *head_out = head;
        return head->is_deleted ? SOTTO_ENOTFOUND : SOTTO_OK;
    }
    head = calloc(1, sizeof(*head));
    if (head == NULL)
        return SOTTO_ENOMEM;
    head->chat = chat;
    rc = read_head(tx, head);
    if (rc == SOTTO_OK)
        rc = chat_map_add(&cache->heads, head);
    if (rc != SOTTO_OK) {
        free(head);
        return rc;
    }
    *head_out = head;
    return SOTTO_OK;
}

int
writer_head_add(struct sotto_tx *tx, uint32_t chat, const uint8_t tree_hash[MLS_HASH_BYTES])
{
    struct cache *cache = sotto_tx_cache(tx);
    struct chat_head *head = calloc(1, sizeof(*head));

    if (head == NULL)
        return SOTTO_ENOMEM;
    *head = (struct chat_head){.chat = chat, .seq = 1, .epoch = 1};
    memcpy(head->tree_hash, tree_hash, MLS_HASH_BYTES);
    if (chat_map_add(&cache->heads, head) != SOTTO_OK) {
        free(head);
        return SOTTO_ENOMEM;
    }
    return SOTTO_OK;
}

static int
read_window(struct sotto_tx *tx, struct chat_window *window)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_WINDOW_GET);
    struct sotto_view answers;
    int rc;

    sotto_bind_int(stmt, 1, window->device);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    answers = sotto_col_blob(stmt, 1);
    if (!window_unpack(window, (uint64_t)sotto_col_int(stmt, 0), answers.data, answers.size))
        return SOTTO_EDATALOSS;
    return SOTTO_OK;
}

int
writer_window(struct sotto_tx *tx, uint32_t device, struct chat_window **window_out)
{
    struct cache *cache = sotto_tx_cache(tx);
    struct chat_window *window = chat_map_find(&cache->windows, &device);
    int rc;

    if (window != NULL) {
        *window_out = window;
        return SOTTO_OK;
    }
    window = calloc(1, sizeof(*window));
    if (window == NULL)
        return SOTTO_ENOMEM;
    window->device = device;
    rc = read_window(tx, window);
    if (rc == SOTTO_OK)
        rc = chat_map_add(&cache->windows, window);
    if (rc != SOTTO_OK) {
        free(window);
        return rc;
    }
    *window_out = window;
    return SOTTO_OK;
}

void
writer_window_note(struct sotto_tx *tx, struct chat_window *window, uint64_t counter,
                   struct chat_answer answer)
{
    struct cache *cache = sotto_tx_cache(tx);

    window_note(window, counter, answer);
    if (window->is_dirty)
        return;
    window->is_dirty = true;
    window->next_dirty = cache->dirty;
    cache->dirty = window;
}

/* ---- numbers ----------------------------------------------------------------------------------------------- */

static int
read_top(struct sotto_tx *tx, uint32_t statement, uint32_t *top_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, statement);
    const int rc = sotto_step(stmt);

    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EIO;
    *top_out = (uint32_t)sotto_col_int(stmt, 0);
    return SOTTO_OK;
}

/* The counters in memory run ahead of the tables when a job rolls back; that only skips numbers. */
static int
need_tops(struct sotto_tx *tx, struct cache *cache)
{
    int rc;

    if (cache->has_tops)
        return SOTTO_OK;
    rc = read_top(tx, CHAT_CHAT_TOP, &cache->top_chat);
    if (rc == SOTTO_OK)
        rc = read_top(tx, CHAT_DEVICE_TOP, &cache->top_device);
    cache->has_tops = rc == SOTTO_OK;
    return rc;
}

int
writer_next_chat(struct sotto_tx *tx, uint32_t *num_out)
{
    struct cache *cache = sotto_tx_cache(tx);
    const int rc = need_tops(tx, cache);

    if (rc != SOTTO_OK)
        return rc;
    if (cache->top_chat == INT32_MAX)
        return SOTTO_EEXHAUSTED;
    *num_out = ++cache->top_chat;
    return SOTTO_OK;
}

int
writer_device(struct sotto_tx *tx, const uint8_t *user, const uint8_t *device, uint32_t *num_out)
{
    struct cache *cache = sotto_tx_cache(tx);
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_DEVICE_FIND);
    int rc;

    sotto_bind_blob(stmt, 1, user, CHAT_ID_BYTES);
    sotto_bind_blob(stmt, 2, device, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    if (rc == SOTTO_ROW) {
        *num_out = (uint32_t)sotto_col_int(stmt, 0);
        return SOTTO_OK;
    }
    rc = need_tops(tx, cache);
    if (rc != SOTTO_OK)
        return rc;
    if (cache->top_device == INT32_MAX)
        return SOTTO_EEXHAUSTED;

    stmt = sotto_stmt(tx, CHAT_DEVICE_ADD);
    sotto_bind_int(stmt, 1, ++cache->top_device);
    sotto_bind_blob(stmt, 2, user, CHAT_ID_BYTES);
    sotto_bind_blob(stmt, 3, device, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    *num_out = cache->top_device;
    return SOTTO_OK;
}
