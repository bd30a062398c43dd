/* SPDX-License-Identifier: MIT */
/* GET /api/schema: the descriptor sets of all modules as one. */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include "core/buf.h"
#include "sotto/types.h"

struct host;

/* Appends a serialized google.protobuf.FileDescriptorSet in which every file stands once. Logic thread. */
void schema_collect(const struct host *, struct buf *out);
/* The same for one set after others: files whose name is in out already are left out. A malformed set adds
 * what stands before the mistake. */
void schema_add(struct sotto_view set, struct buf *out);

#endif
