/* SPDX-License-Identifier: MIT */
/* sotto_test.h includes it for the real cmocka. wasi-libc has none, and the shim needs none. */
