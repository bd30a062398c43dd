/* SPDX-License-Identifier: MIT */
/*
 * What the files of exports share. What is exported, and how it is called: exports.c.
 */
#ifndef MLS_WASM_EXPORTS_H
#define MLS_WASM_EXPORTS_H

#include "host.h"

#define EXPORT(name) __attribute__((export_name(#name)))

/* A list of extensions, as extensions_new makes it. */
struct wasm_extensions {
    size_t count;
    struct mls_extension items[MLS_EXTENSIONS_MAX];
};

/* Extension types, as types_new makes the list. */
struct wasm_types {
    size_t count;
    uint16_t items[MLS_CAPABILITIES_MAX];
};

/* What is proposed or committed, as proposals_new makes the list. */
struct wasm_proposals {
    size_t count;
    struct mls_proposal items[MLS_PROPOSALS_MAX];
};

/* The config of a group whose questions go to this owner. */
struct mls_config wasm_config(uint32_t owner);

int wasm_buf_set(struct mls_buf *buf, const uint8_t *data, size_t len);

/* What is told of a member. */
int wasm_tell_member(const struct mls_member *member, struct mls_buf *identity_out,
                     struct mls_buf *key_out);

/* What a ReInit asks for: its id and extensions, the latter encoded. MLS_ENOTFOUND: the group is not closed. */
int wasm_tell_reinit(bool closed, const struct mls_reinit_view *view, struct mls_buf *id_out,
                     struct mls_buf *extensions_out);

static inline struct mls_bytes
bytes(const uint8_t *data, size_t len)
{
    return (struct mls_bytes){data, len};
}

#endif
