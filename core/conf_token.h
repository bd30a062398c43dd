/* SPDX-License-Identifier: MIT */
/* The lower half of the conf reader: characters become tokens. Used by conf_parse.c alone. */
#ifndef CORE_CONF_TOKEN_H
#define CORE_CONF_TOKEN_H

#include "core/conf_parse.h"

enum conf_token_kind {
    TOKEN_END = 0,
    TOKEN_WORD,   /* bare */
    TOKEN_STRING, /* quoted */
    TOKEN_MARK,   /* one of = { } [ ] , ; */
    TOKEN_WRONG,  /* reported already */
};

struct conf_token {
    enum conf_token_kind kind;
    unsigned line;
    char mark;
    const char *text; /* WORD, STRING */
};

/* One file that is being read. */
struct conf_reader {
    struct conf_tree *tree;
    struct conf_errors *errors;
    const char *file;
    const char *at, *end;
    unsigned line;
    int depth; /* of blocks and includes together with those of the including files */
    bool out_of_memory;
    struct conf_token token; /* the one that is looked at */
};

/* Looks at the next token; mistakes are reported and give TOKEN_WRONG. */
void conf_token_next(struct conf_reader *);
/* Whether the token that is looked at is this mark. */
bool conf_token_is(const struct conf_reader *, char mark);
/* Leaves the rest of the line unread. */
void conf_token_skip_line(struct conf_reader *);

#endif
