/* SPDX-License-Identifier: MIT */
/* --config-doc and --dump-config: conf files made from the rows of the server and of its modules. */
#ifndef CORE_CONFIG_DOC_H
#define CORE_CONFIG_DOC_H

#include "core/buf.h"

struct core;

/* What is in force: the server's settings and, as comments named after their files, those of each module. */
void config_dump(const struct core *, struct buf *out);
/* Writes <dir>/sotto.conf and <dir>/modules/<name>.conf for each loaded module. SOTTO_EIO with a sentence. */
int config_write_docs(const struct core *, const char *dir, struct sotto_err *err);

#endif
