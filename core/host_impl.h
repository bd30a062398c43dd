/* SPDX-License-Identifier: MIT */
/* What host.c, host_api.c and host_stop.c share. */
#ifndef CORE_HOST_IMPL_H
#define CORE_HOST_IMPL_H

#include <uv.h>

#include "core/host.h"
#include "core/settings.h"

struct host {
    struct core *core;
    uv_thread_t logic_thread;
    struct host_module *modules[SETTINGS_MODULES_MAX]; /* in start order */
    size_t count;
};

#endif
