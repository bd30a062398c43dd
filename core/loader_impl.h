/* SPDX-License-Identifier: MIT */
/* What loader.c, loader_check.c and loader_order.c share. */
#ifndef CORE_LOADER_IMPL_H
#define CORE_LOADER_IMPL_H

#include "core/loader.h"

#define LOADER_ROWS_MAX 4096 /* of one table */

#endif
