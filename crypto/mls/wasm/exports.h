/* SPDX-License-Identifier: MIT */
/*
 * What the files of exports share. What is exported, and how it is called: exports.c.
 */
#ifndef MLS_WASM_EXPORTS_H
#define MLS_WASM_EXPORTS_H

#include "host.h"

#define EXPORT(name) __attribute__((export_name(#name)))

static inline struct mls_bytes
bytes(const uint8_t *data, size_t len)
{
    return (struct mls_bytes){data, len};
}

#endif
