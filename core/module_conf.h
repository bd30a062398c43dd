/* SPDX-License-Identifier: MIT */
/* sotto.conf/1: conf/modules/<name>.conf checked against the module's own rows. */
#ifndef CORE_MODULE_CONF_H
#define CORE_MODULE_CONF_H

#include "core/conf_parse.h"
#include "sotto/module.h"

struct settings;
struct settings_module;

/* Reads the file (missing: all defaults) and checks every key; all errors go to errors. The returned object is
 * a struct sotto_conf, complete or not. NULL: out of memory. Secrets in it are wiped by module_conf_destroy. */
struct sotto_conf *module_conf_create(const struct settings *, const struct settings_module *,
                                      const struct sotto_module *, struct conf_errors *errors);
/* After configure: the module may no longer report errors. */
void module_conf_configured(struct sotto_conf *);
void module_conf_destroy(struct sotto_conf **);
/* Values in force, in the syntax of the file; secrets show as their reference. */
void module_conf_dump(const struct sotto_conf *, struct buf *out);
/* The commented file with every key and its default. */
void module_conf_document(const struct sotto_module *, struct buf *out);

extern const struct sotto_conf_api module_conf_api;

#endif
