/* SPDX-License-Identifier: MIT */
/*
 * Into a module and back: host_enter and host_leave of host.h. The logic loop keeps the breadcrumb and the
 * clock; this file adds the module's own histogram.
 */
#include "core/host.h"
#include "core/loop.h"
#include "core/metric.h"

#include <assert.h>

void
host_enter(struct host_call *call, struct host_module *module, const char *what)
{
    *call = (struct host_call){.module = module, .what = what};
    if (module->core->logic)
        loop_enter(module->core->logic, module->name, what);
}

void
host_leave(struct host_call *call)
{
    /* --check-config configures modules without a loop. */
    if (call->module->core->logic)
        metric_add(call->module->callback_seconds, 0,
                   (double)loop_leave(call->module->core->logic) / 1e9);
}

void
host_assert_logic(const struct host_module *module)
{
    assert(module && module->core && module->core->logic);
    loop_assert(module->core->logic);
}
