/* SPDX-License-Identifier: MIT */
/*
 * The leaf by which a client shows itself (struct mls_client): what is in it is the same in a key package, in a
 * group it creates and in one it joins by itself; keys of the tree and the place come from whoever plants it.
 */
#ifndef MLS_OWN_LEAF_H
#define MLS_OWN_LEAF_H

#include "leaf.h"

/* A leaf and what it borrows from; not to be copied. */
struct mls_own_leaf {
    struct mls_leaf leaf; /* of source key_package, without encryption key */
    uint8_t signature_key[MLS_ED25519_PUBLIC_BYTES];
    struct mls_writer types; /* private: the extension types it understands */
};

/*
 * Fills the leaf; mls_own_leaf_fini() ends it, also after a failure. Borrows the client's identity. MLS_EARG: what the
 * client says is out of its range.
 */
int mls_own_leaf_init(struct mls_own_leaf *own, const struct mls_crypto *c,
                      const struct mls_config *config, const struct mls_client *client);
void mls_own_leaf_fini(struct mls_own_leaf *own);

#endif
