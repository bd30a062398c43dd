/* SPDX-License-Identifier: MIT */
/* Writing the conf language: what --dump-config and --config-doc are made of. */
#ifndef CORE_CONF_TEXT_H
#define CORE_CONF_TEXT_H

#include "core/conf_parse.h"

/* What the key is for, its range, and its preset as a commented line. */
void conf_text_row(struct buf *out, int indent, const struct sotto_conf_row *row);
/* key = value. A text of NULL prints nothing. */
void conf_text_value(struct buf *out, int indent, const struct sotto_conf_row *row, int64_t number,
                     const char *text);

#endif
