/* SPDX-License-Identifier: MIT */
/* Writing the conf language: what --dump-config and --config-doc are made of. */
#ifndef CORE_CONF_TEXT_H
#define CORE_CONF_TEXT_H

#include "core/conf_parse.h"

/* text in quotes, escaped. */
void conf_text_quote(struct buf *out, const char *text);
/* Lines "# …" of at most 98 columns. */
void conf_text_comment(struct buf *out, int indent, const char *text);
/* What the key is for, its range, and its preset as a commented line. */
void conf_text_row(struct buf *out, int indent, const struct sotto_conf_row *row);
/* key = value. A text of NULL prints nothing. */
void conf_text_value(struct buf *out, int indent, const struct sotto_conf_row *row, int64_t number,
                     const char *text);

#endif
