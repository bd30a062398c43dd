/* SPDX-License-Identifier: MIT */
/* See reserve.h. A timer asks the file system; what the disk answers to a write comes too late to keep room. */
#include "core/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/log.h"
#include "core/metric.h"
#include "core/settings.h"

#define LOOK_MS 250
#define PATH_BYTES 4200

struct reserve {
    const struct core *core;
    uv_timer_t timer;
    char path[PATH_BYTES];
    int64_t bytes;
    int64_t free_bytes; /* as of the last look */
    bool low;
};

/* Whether the file is there with its whole size. */
static bool
take_room(struct reserve *reserve)
{
    const int fd = open(reserve->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool taken = fd >= 0 && posix_fallocate(fd, 0, reserve->bytes) == 0;

    if (fd >= 0)
        close(fd);
    if (!taken)
        unlink(reserve->path);
    return taken;
}

static int64_t
free_room(const struct reserve *reserve)
{
    struct statvfs disk;

    if (statvfs(reserve->core->settings->store.file, &disk) != 0)
        return INT64_MAX; /* then only the writes themselves can tell */
    return (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

static void
give_room(struct reserve *reserve)
{
    unlink(reserve->path);
    reserve->low = true;
    log_error(
        reserve->core->log,
        "the disk of %s is full: messages are refused, logins go on in a reserve of %lld KiB; free some space",
        reserve->core->settings->store.file, (long long)(reserve->bytes / 1024));
}

/* Half of the reserve is what is left between "full" and the reserve; twice of it is enough to take it again. */
static void
look(struct reserve *reserve)
{
    reserve->free_bytes = free_room(reserve);
    if (!reserve->low && reserve->free_bytes < reserve->bytes / 2) {
        give_room(reserve);
    } else if (reserve->low && reserve->free_bytes >= 2 * reserve->bytes && take_room(reserve)) {
        reserve->low = false;
        log_info(reserve->core->log, "the disk has room again: messages are accepted");
    }
}

static void
on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

static void
render(void *arg, struct buf *out)
{
    const struct reserve *reserve = arg;

    buf_printf(
        out,
        "# HELP sotto_disk_full Whether messages are refused because the disk is full.\n"
        "# TYPE sotto_disk_full gauge\n"
        "sotto_disk_full %d\n"
        "# HELP sotto_disk_free_bytes Room on the disk of the database, without the reserve.\n"
        "# TYPE sotto_disk_free_bytes gauge\n"
        "sotto_disk_free_bytes %lld\n",
        reserve->low, (long long)reserve->free_bytes);
}

int
reserve_create(struct core *core, uv_loop_t *loop, struct reserve **reserve_out)
{
    struct reserve *reserve = calloc(1, sizeof(*reserve));

    if (!reserve)
        return SOTTO_ENOMEM;
    reserve->core = core;
    reserve->bytes = core->settings->store.reserve_bytes;
    snprintf(reserve->path, sizeof(reserve->path), "%s-reserve", core->settings->store.file);
    uv_timer_init(loop, &reserve->timer);
    reserve->timer.data = reserve;
    *reserve_out = reserve;
    if (reserve->bytes == 0) {
        unlink(reserve->path);
        return 0;
    }
    if (!take_room(reserve))
        give_room(reserve);
    look(reserve);
    uv_timer_start(&reserve->timer, on_timer, LOOK_MS, LOOK_MS);
    uv_unref((uv_handle_t *)&reserve->timer);
    return metrics_add_source(core->metrics, render, reserve);
}

static void
on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void
reserve_destroy(struct reserve **take_reserve)
{
    struct reserve *reserve = *take_reserve;

    *take_reserve = NULL;
    if (reserve)
        uv_close((uv_handle_t *)&reserve->timer, on_closed);
}

int
reserve_health(const struct reserve *reserve, struct sotto_err *err)
{
    if (!reserve || !reserve->low)
        return 0;
    return sotto_err_set(err, SOTTO_EUNAVAILABLE,
                         "the disk is full; messages are refused until there is room");
}
