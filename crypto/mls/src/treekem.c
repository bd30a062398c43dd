/* SPDX-License-Identifier: MIT */
/*
 * Making and reading UpdatePaths (RFC 9420 sections 7.4 to 7.6).
 */
#include "treekem.h"

#include <assert.h>
#include <string.h>

#define LABEL_PATH_NODE "UpdatePathNode"

/* A path secret sealed: its bytes and the tag. */
enum { SEALED_BYTES = MLS_HASH_BYTES + MLS_AEAD_TAG_BYTES };

/* ---- Private keys ------------------------------------------------------------------------- */

const uint8_t *
mls_node_keys_find(const struct mls_node_keys *keys, uint32_t node)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->items[i].node == node)
            return keys->items[i].secret;
    }
    return NULL;
}

void
mls_node_keys_set(struct mls_node_keys *keys, uint32_t node,
                  const uint8_t secret[MLS_KEM_SECRET_BYTES])
{
    size_t i = 0;

    while (i < keys->count && keys->items[i].node != node)
        i++;
    assert(i < sizeof(keys->items) / sizeof(keys->items[0]));
    if (i == keys->count)
        keys->count++;
    keys->items[i].node = node;
    memcpy(keys->items[i].secret, secret, MLS_KEM_SECRET_BYTES);
}

void
mls_node_keys_prune(const struct mls_provider *p, struct mls_node_keys *keys,
                    const struct mls_tree *tree)
{
    size_t kept = 0;

    for (size_t i = 0; i < keys->count; i++) {
        if (!mls_tree_is_blank(tree, keys->items[i].node))
            keys->items[kept++] = keys->items[i];
    }
    mls_mem_wipe(p, &keys->items[kept], (keys->count - kept) * sizeof(keys->items[0]));
    keys->count = kept;
}

/* ---- Path secrets ------------------------------------------------------------------------- */

static int
next_path_secret(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES],
                 uint8_t out[MLS_HASH_BYTES])
{
    return mls_derive_secret(c, secret, "path", out);
}

static int
node_key_pair(const struct mls_crypto *c, const uint8_t path_secret[MLS_HASH_BYTES],
              uint8_t secret_out[MLS_KEM_SECRET_BYTES], uint8_t public_out[MLS_KEM_PUBLIC_BYTES])
{
    uint8_t node_secret[MLS_HASH_BYTES];
    int error = mls_derive_secret(c, path_secret, "node", node_secret);

    if (error == 0)
        error = mls_kem_derive_keypair(c, mls_bytes(node_secret, sizeof(node_secret)), secret_out,
                                       public_out);
    mls_mem_wipe(c->p, node_secret, sizeof(node_secret));
    return error;
}

const uint8_t *
mls_path_secret_for(const struct mls_path_secrets *secrets, uint32_t leaf)
{
    for (size_t i = 0; i < secrets->path.count; i++) {
        if (mls_node_in_subtree(mls_leaf_to_node(leaf), secrets->path.nodes[i]))
            return secrets->secrets[i];
    }
    return NULL;
}

/* ---- Making a path ------------------------------------------------------------------------ */

/* Fills the secrets from a fresh one, bottom up, and sets the keys of the nodes. */
static int
renew_parents(struct mls_tree *tree, struct mls_node_keys *keys, struct mls_path_secrets *secrets)
{
    const struct mls_crypto *c = &tree->c;
    uint8_t at[MLS_HASH_BYTES];
    int error = mls_random(c, at, sizeof(at));

    for (size_t i = 0; error == 0 && i < secrets->path.count; i++) {
        uint8_t secret[MLS_KEM_SECRET_BYTES], public_key[MLS_KEM_PUBLIC_BYTES];

        memcpy(secrets->secrets[i], at, sizeof(at));
        error = node_key_pair(c, at, secret, public_key);
        if (error == 0)
            error = mls_tree_set_parent(tree, secrets->path.nodes[i],
                                        mls_bytes(public_key, sizeof(public_key)),
                                        mls_bytes_empty(), NULL, 0);
        if (error == 0)
            mls_node_keys_set(keys, secrets->path.nodes[i], secret);
        mls_mem_wipe(c->p, secret, sizeof(secret));
        if (error == 0)
            error = next_path_secret(c, at, at);
    }
    if (error == 0)
        memcpy(secrets->commit_secret, at, sizeof(at));
    mls_mem_wipe(c->p, at, sizeof(at));
    return error;
}

/* Signs and sets the own leaf with a fresh key. */
static int
renew_leaf(struct mls_tree *tree, const struct mls_path_maker *maker, struct mls_bytes parent_hash,
           struct mls_node_keys *keys)
{
    const struct mls_crypto *c = &tree->c;
    uint8_t secret[MLS_KEM_SECRET_BYTES], public_key[MLS_KEM_PUBLIC_BYTES];
    struct mls_leaf leaf = *maker->leaf;
    struct mls_leaf_place place = {.group_id = maker->group_id, .index = maker->leaf_index};
    struct mls_writer w;
    int error = mls_kem_keygen(c, secret, public_key);

    if (error != 0)
        return error;
    leaf.source = MLS_LEAF_COMMIT;
    leaf.encryption_key = mls_bytes(public_key, sizeof(public_key));
    leaf.parent_hash = parent_hash;
    mls_writer_init(&w, c->p, 0);
    mls_leaf_write_signed(&w, c, maker->signature_seed, &leaf, &place);
    error = mls_writer_error(&w);
    if (error == 0)
        error = mls_tree_set_leaf(tree, maker->leaf_index, mls_writer_bytes(&w));
    if (error == 0)
        mls_node_keys_set(keys, mls_leaf_to_node(maker->leaf_index), secret);
    mls_writer_fini(&w);
    mls_mem_wipe(c->p, secret, sizeof(secret));
    return error;
}

int
mls_treekem_renew(struct mls_tree *tree, const struct mls_path_maker *maker,
                  struct mls_node_keys *keys, struct mls_path_secrets *secrets)
{
    uint8_t parent_hash[MLS_HASH_BYTES];
    size_t parent_hash_len = 0;

    mls_tree_blank_path(tree, maker->leaf_index);
    mls_tree_filtered_path(tree, maker->leaf_index, &secrets->path);
    int error = renew_parents(tree, keys, secrets);
    if (error == 0)
        error = mls_tree_chain_path(tree, &secrets->path, parent_hash, &parent_hash_len);
    if (error == 0)
        error = renew_leaf(tree, maker, mls_bytes(parent_hash, parent_hash_len), keys);
    if (error == 0)
        mls_node_keys_prune(tree->c.p, keys, tree);
    return error;
}

/* Seals a path secret to one node and writes the HPKECiphertext. */
static int
write_sealed(const struct mls_tree *tree, uint32_t node, const uint8_t path_secret[MLS_HASH_BYTES],
             const struct mls_hpke_context *context, struct mls_writer *w)
{
    uint8_t kem_output[MLS_KEM_OUTPUT_BYTES], cipher[SEALED_BYTES];
    int error = mls_encrypt_in_context(&tree->c, mls_tree_public_key(tree, node), context,
                                       mls_bytes(path_secret, MLS_HASH_BYTES), kem_output, cipher);

    if (error != 0)
        return error;
    mls_write_opaque(w, mls_bytes(kem_output, sizeof(kem_output)));
    mls_write_opaque(w, mls_bytes(cipher, sizeof(cipher)));
    return mls_writer_error(w);
}

static int
write_path_node(const struct mls_tree *tree, const struct mls_path_secrets *secrets, size_t i,
                const struct mls_index_list *added, const struct mls_hpke_context *context,
                struct mls_writer *w)
{
    struct mls_index_list resolution;

    mls_index_list_init(&resolution, tree->c.p);
    int error = mls_tree_resolution(tree, secrets->path.copath[i], added, &resolution);
    mls_write_opaque(w, mls_tree_public_key(tree, secrets->path.nodes[i]));
    size_t mark = mls_write_vector(w);
    for (size_t k = 0; error == 0 && k < resolution.count; k++)
        error = write_sealed(tree, resolution.items[k], secrets->secrets[i], context, w);
    mls_write_vector_end(w, mark);
    mls_index_list_fini(&resolution);
    return error;
}

int
mls_treekem_write_path(const struct mls_tree *tree, uint32_t own_leaf,
                       const struct mls_path_secrets *secrets, const struct mls_index_list *added,
                       struct mls_bytes context, struct mls_writer *w)
{
    struct mls_hpke_context hpke;
    int error = mls_encrypt_context(&tree->c, LABEL_PATH_NODE, context, &hpke);

    mls_write_raw(w, mls_tree_leaf(tree, own_leaf)->encoded);
    size_t mark = mls_write_vector(w);
    for (size_t i = 0; error == 0 && i < secrets->path.count; i++)
        error = write_path_node(tree, secrets, i, added, &hpke, w);
    mls_write_vector_end(w, mark);
    return error != 0 ? error : mls_writer_error(w);
}

/* ---- Reading a path ----------------------------------------------------------------------- */

int
mls_treekem_merge(struct mls_tree *tree, uint32_t sender, const struct mls_update_path *path,
                  struct mls_filtered_path *filtered_out)
{
    struct mls_reader r;
    struct mls_path_node node;
    uint8_t parent_hash[MLS_HASH_BYTES];
    size_t parent_hash_len = 0;
    int error = 0;

    mls_tree_blank_path(tree, sender);
    mls_tree_filtered_path(tree, sender, filtered_out);
    if (path->node_count != filtered_out->count)
        return MLS_EPATH;
    mls_reader_init(&r, path->nodes);
    for (size_t i = 0; error == 0 && i < filtered_out->count; i++) {
        mls_path_node_read(&r, &node);
        if (!mls_kem_public_key_valid(&tree->c, node.encryption_key))
            return MLS_EPATH;
        error = mls_tree_set_parent(tree, filtered_out->nodes[i], node.encryption_key,
                                    mls_bytes_empty(), NULL, 0);
    }
    if (error == 0)
        error = mls_tree_chain_path(tree, filtered_out, parent_hash, &parent_hash_len);
    if (error == 0 &&
        !mls_mem_equal(tree->c.p, mls_bytes(parent_hash, parent_hash_len), path->leaf.parent_hash))
        error = MLS_EPARENT_HASH;
    if (error == 0)
        error = mls_tree_set_leaf(tree, sender, path->leaf.encoded);
    return error;
}

int
mls_treekem_implant(const struct mls_tree *tree, uint32_t start,
                    const uint8_t path_secret[MLS_HASH_BYTES], struct mls_node_keys *keys,
                    uint8_t commit_secret_out[MLS_HASH_BYTES])
{
    const struct mls_crypto *c = &tree->c;
    uint8_t at[MLS_HASH_BYTES];
    int error = 0;

    memcpy(at, path_secret, sizeof(at));
    for (uint32_t node = start; error == 0 && node != MLS_NODE_NONE;
         node = mls_node_parent(node, tree->n_leaves)) {
        uint8_t secret[MLS_KEM_SECRET_BYTES], public_key[MLS_KEM_PUBLIC_BYTES];

        if (mls_tree_is_blank(tree, node))
            continue;
        error = node_key_pair(c, at, secret, public_key);
        if (error == 0 &&
            memcmp(public_key, mls_tree_public_key(tree, node).data, sizeof(public_key)) != 0)
            error = MLS_EPATH;
        if (error == 0)
            mls_node_keys_set(keys, node, secret);
        mls_mem_wipe(c->p, secret, sizeof(secret));
        if (error == 0)
            error = next_path_secret(c, at, at);
    }
    if (error == 0)
        memcpy(commit_secret_out, at, sizeof(at));
    mls_mem_wipe(c->p, at, sizeof(at));
    return error;
}

/* The ciphertext at one place of a list; the list was checked when it was read. */
static bool
ciphertext_at(struct mls_bytes list, size_t place, struct mls_hpke_ciphertext *out)
{
    struct mls_reader r;

    mls_reader_init(&r, list);
    for (size_t i = 0; mls_reader_more(&r); i++) {
        mls_hpke_ciphertext_read(&r, out);
        if (i == place)
            return true;
    }
    return false;
}

/* Counts the ciphertexts of one node, and that each could be one for the key it is meant for. */
static int
count_sealed(const struct mls_crypto *c, struct mls_bytes list, size_t *count_out)
{
    struct mls_reader r;
    struct mls_hpke_ciphertext sealed;

    *count_out = 0;
    mls_reader_init(&r, list);
    while (mls_reader_more(&r)) {
        mls_hpke_ciphertext_read(&r, &sealed);
        if (sealed.ciphertext.len != SEALED_BYTES ||
            !mls_kem_public_key_valid(c, sealed.kem_output))
            return MLS_EPATH;
        (*count_out)++;
    }
    return 0;
}

int
mls_treekem_check_sealed(const struct mls_tree *tree, const struct mls_filtered_path *filtered,
                         const struct mls_update_path *path, const struct mls_index_list *added)
{
    struct mls_index_list resolution;
    struct mls_path_node node;
    struct mls_reader r;
    int error = 0;

    mls_index_list_init(&resolution, tree->c.p);
    mls_reader_init(&r, path->nodes);
    for (size_t i = 0; error == 0 && i < filtered->count; i++) {
        size_t count = 0;

        mls_path_node_read(&r, &node);
        resolution.count = 0;
        error = mls_tree_resolution(tree, filtered->copath[i], added, &resolution);
        if (error == 0)
            error = count_sealed(&tree->c, node.ciphertexts, &count);
        if (error == 0 && count != resolution.count)
            error = MLS_EPATH;
    }
    mls_index_list_fini(&resolution);
    return error;
}

/* Finds the ciphertext that one of our keys opens and opens it. */
static int
open_for_us(const struct mls_tree *tree, const struct mls_index_list *resolution,
            const struct mls_path_node *node, const struct mls_path_reader *reader,
            uint8_t path_secret_out[MLS_HASH_BYTES])
{
    struct mls_hpke_ciphertext sealed;

    for (size_t i = 0; i < resolution->count; i++) {
        const uint8_t *secret = mls_node_keys_find(reader->keys, resolution->items[i]);

        if (secret == NULL || !ciphertext_at(node->ciphertexts, i, &sealed))
            continue;
        return mls_decrypt_with_label(&tree->c, secret, LABEL_PATH_NODE, reader->context,
                                      sealed.kem_output, sealed.ciphertext, path_secret_out);
    }
    return MLS_EPATH;
}

int
mls_treekem_open_secret(const struct mls_tree *tree, const struct mls_filtered_path *filtered,
                        const struct mls_update_path *path, const struct mls_path_reader *reader,
                        uint32_t *node_out, uint8_t path_secret_out[MLS_HASH_BYTES])
{
    struct mls_index_list resolution;
    struct mls_path_node node;
    struct mls_reader r;
    uint32_t own = mls_leaf_to_node(reader->own_leaf);
    int error = 0;

    *node_out = MLS_NODE_NONE;
    mls_index_list_init(&resolution, tree->c.p);
    mls_reader_init(&r, path->nodes);
    for (size_t i = 0; error == 0 && *node_out == MLS_NODE_NONE && i < filtered->count; i++) {
        mls_path_node_read(&r, &node);
        if (!mls_node_in_subtree(own, filtered->nodes[i]))
            continue;
        *node_out = filtered->nodes[i];
        error = mls_tree_resolution(tree, filtered->copath[i], reader->added, &resolution);
        if (error == 0)
            error = open_for_us(tree, &resolution, &node, reader, path_secret_out);
    }
    mls_index_list_fini(&resolution);
    if (error == 0 && *node_out == MLS_NODE_NONE)
        error = MLS_EPATH;
    return error;
}

int
mls_treekem_open_path(const struct mls_tree *tree, const struct mls_filtered_path *filtered,
                      const struct mls_update_path *path, const struct mls_path_reader *reader,
                      uint8_t commit_secret_out[MLS_HASH_BYTES])
{
    uint8_t path_secret[MLS_HASH_BYTES];
    uint32_t node;
    int error = mls_treekem_open_secret(tree, filtered, path, reader, &node, path_secret);

    if (error == 0)
        error = mls_treekem_implant(tree, node, path_secret, reader->keys, commit_secret_out);
    if (error == 0)
        mls_node_keys_prune(tree->c.p, reader->keys, tree);
    mls_mem_wipe(tree->c.p, path_secret, sizeof(path_secret));
    return error;
}
