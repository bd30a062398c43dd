/* SPDX-License-Identifier: MIT */
/*
 * From a file name to a checked descriptor: paths, dlopen, the frozen head, the tables, and the order in which
 * modules start. Nothing of a module runs here but its entry function.
 *
 * A shared object is opened RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE and never closed. Before that, a forked child
 * opens it and calls the entry: one that crashes there is reported, not suffered.
 */
#ifndef CORE_LOADER_H
#define CORE_LOADER_H

#include "core/conf_parse.h"
#include "sotto/module.h"

struct loaded; /* the normalised copy of one descriptor, and the handle */

/* Loads <dir>/<name>.so. The sentence in err names both sides of a mismatch and the cure. */
int loader_open(const char *dir, const char *name, struct loaded **loaded_out, struct sotto_err *);
/* Frees the copy; the object stays mapped. NULL-safe. */
void loader_close(struct loaded **);
const struct sotto_module *loaded_descriptor(const struct loaded *);

/* Copies a descriptor into this build's shape and checks it (head, name, tables, life functions). file is for
 * the sentences. */
int loader_normalise(const struct sotto_module *, const char *file, const char *name,
                     struct loaded **loaded_out, struct sotto_err *);

/* Whether the module provides the capability: one of its rows says so, or it is "<name>/1". */
bool loader_provides(const struct sotto_module *, const char *what);

/* What the order is made from; where names the module's block for errors. */
struct loader_node {
    const struct sotto_module *descriptor;
    const char *file;
    unsigned line;
    bool required;
    bool dropped; /* out: an optional module whose needs are not met */
};

/* Writes the start order (indices into nodes, without the dropped ones) to order_out (room for count). Missing
 * capabilities, doubled providers, conflicts and cycles are all reported; an optional module is dropped
 * instead, with a line in warnings. Ties: the order of the conf file. Returns how many, or SOTTO_EPRECONDITION. */
int loader_order(struct loader_node *nodes, size_t count, size_t *order_out,
                 struct conf_errors *errors, struct conf_errors *warnings);

#endif
