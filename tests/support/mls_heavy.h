/* SPDX-License-Identifier: MIT */
/* KeyPackages that are larger than anybody needs, for tests of bounds. */
#ifndef SOTTO_TEST_MLS_HEAVY_H
#define SOTTO_TEST_MLS_HEAVY_H

#include "mls_peer.h"

/* One whose leaf has this many bytes, 600 to 4000: a name of the application's fills it up. Right in everything
 * else. */
void mls_heavy_package(struct mls_peer *, size_t leaf_bytes, struct mls_buf *message_out);

#endif
