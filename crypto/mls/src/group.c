/* SPDX-License-Identifier: MIT */
/*
 * Groups: creation, end, what is true now, and the swap of epochs (RFC 9420 sections 8, 11).
 */
#include "group.h"
#include "own_leaf.h"

#include <assert.h>
#include <string.h>

/* ---- Life -------------------------------------------------------------------------------- */

int
mls_group_new(const struct mls_config *config, uint16_t suite, struct mls_bytes id,
              const uint8_t seed[MLS_ED25519_SEED_BYTES], struct mls_group **group_out)
{
    struct mls_crypto c;

    assert(config->provider != NULL && config->check_credential != NULL && config->now != NULL);
    int error = mls_crypto_init(&c, config->provider, suite);
    if (error != 0)
        return error;
    if (id.len == 0 || id.len > MLS_GROUP_ID_BYTES_MAX)
        return MLS_EARG;

    struct mls_group *group = mls_mem_alloc(c.p, 1, sizeof(*group));
    if (group == NULL)
        return MLS_ENOMEM;
    group->config = *config;
    group->c = c;
    group->active = true;
    memcpy(group->seed, seed, sizeof(group->seed));
    error = mls_buf_set(&group->id, c.p, id);
    if (error == 0)
        *group_out = group;
    else
        mls_group_destroy(&group);
    return error;
}

void
mls_group_destroy(struct mls_group **group)
{
    if (group == NULL || *group == NULL)
        return;

    struct mls_group *g = *group;
    const struct mls_provider *p = g->c.p;

    mls_group_drop_kept(g, 0);
    mls_mem_free(p, g->kept, g->kept_cap * sizeof(*g->kept));
    mls_epoch_destroy(p, &g->pending);
    mls_epoch_destroy(p, &g->staged);
    mls_epoch_destroy(p, &g->epoch);
    mls_buf_fini(&g->id);
    mls_mem_free(p, g, sizeof(*g)); /* wipes the seed and the resumption secrets */
    *group = NULL;
}

/* Signs the creator's leaf and puts it at leaf 0 of a new tree. */
static int
plant_creator(struct mls_epoch *epoch, const struct mls_group *group,
              const struct mls_client *client)
{
    const struct mls_crypto *c = &group->c;
    uint8_t secret[MLS_KEM_SECRET_BYTES], public_key[MLS_KEM_PUBLIC_BYTES];
    struct mls_own_leaf own;
    struct mls_writer w;

    mls_writer_init(&w, c->p, 0);
    int error = mls_own_leaf_init(&own, c, &group->config, client);
    if (error == 0)
        error = mls_kem_keygen(c, secret, public_key);
    if (error == 0) {
        own.leaf.encryption_key = mls_bytes(public_key, sizeof(public_key));
        mls_leaf_write_signed(&w, c, client->signature_seed, &own.leaf, NULL);
        error = mls_writer_error(&w);
    }
    if (error == 0)
        error = mls_tree_init(&epoch->tree, c, 1);
    if (error == 0)
        error = mls_tree_set_leaf(&epoch->tree, 0, mls_writer_bytes(&w));
    if (error == 0)
        mls_node_keys_set(&epoch->keys, 0, secret);
    mls_mem_wipe(c->p, secret, sizeof(secret));
    mls_writer_fini(&w);
    mls_own_leaf_fini(&own);
    return error;
}

/* Encodes the extensions of epoch 0, and reads them back so that doubles are refused. */
static int
encode_extensions(const struct mls_provider *p, const struct mls_group_params *params,
                  struct mls_buf *out)
{
    struct mls_writer w;
    struct mls_reader r;

    mls_writer_init(&w, p, 0);
    size_t mark = mls_write_vector(&w);
    for (size_t i = 0; i < params->extension_count; i++)
        mls_extension_write(&w, params->extensions[i].type, params->extensions[i].data);
    mls_write_vector_end(&w, mark);
    mls_reader_init(&r, mls_writer_bytes(&w));
    struct mls_bytes list = mls_extensions_read(&r);
    int error = mls_writer_error(&w);
    if (error == 0 && mls_reader_finish(&r) != 0)
        error = MLS_EARG;
    if (error == 0)
        error = mls_buf_set(out, p, list);
    mls_writer_fini(&w);
    return error;
}

static int
start_first_epoch(struct mls_group *group, const struct mls_client *client,
                  struct mls_bytes extensions)
{
    struct mls_epoch *epoch = group->epoch;
    uint8_t epoch_secret[MLS_HASH_BYTES];
    int error = plant_creator(epoch, group, client);

    if (error == 0)
        error = mls_check_context_extensions(extensions);
    if (error == 0)
        error = mls_buf_set(&epoch->extensions, group->c.p, extensions);
    if (error == 0)
        error = mls_check_tree_fits(&epoch->tree, mls_buf_bytes(&epoch->extensions));
    if (error == 0)
        error = mls_epoch_hash_tree(epoch);
    if (error == 0)
        error = mls_random(&group->c, epoch_secret, sizeof(epoch_secret));
    if (error == 0)
        error = mls_epoch_start_first(epoch, epoch_secret);
    if (error == 0)
        error = mls_epoch_confirm(epoch);
    mls_mem_wipe(group->c.p, epoch_secret, sizeof(epoch_secret));
    return error;
}

int
mls_group_start(const struct mls_config *config, const struct mls_client *client,
                const struct mls_start *start, struct mls_group **group_out)
{
    struct mls_group *group;
    int error =
        mls_group_new(config, start->suite, start->group_id, client->signature_seed, &group);

    if (error != 0)
        return error;
    group->epoch = mls_epoch_new(group->c.p);
    error = group->epoch == NULL ? MLS_ENOMEM : start_first_epoch(group, client, start->extensions);
    if (error != 0) {
        mls_group_destroy(&group);
        return error;
    }
    mls_group_remember_resumption(group);
    *group_out = group;
    return 0;
}

int
mls_group_create(const struct mls_config *config, const struct mls_client *client,
                 const struct mls_group_params *params, struct mls_group **group_out)
{
    struct mls_buf extensions = {0};

    assert(config != NULL && params != NULL && group_out != NULL);
    assert(client != NULL && client->signature_seed != NULL);
    int error = encode_extensions(config->provider, params, &extensions);
    if (error == 0)
        error = mls_group_start(
            config, client,
            &(struct mls_start){params->suite, params->group_id, mls_buf_bytes(&extensions)},
            group_out);
    mls_buf_fini(&extensions);
    return error;
}

/* ---- From epoch to epoch ------------------------------------------------------------------ */

void
mls_group_remember_resumption(struct mls_group *group)
{
    struct mls_resumption *items = group->resumption;

    if (group->resumption_count == MLS_RESUMPTION_MAX) {
        memmove(&items[0], &items[1], (MLS_RESUMPTION_MAX - 1) * sizeof(items[0]));
        group->resumption_count--;
    }
    struct mls_resumption *entry = &items[group->resumption_count++];
    entry->epoch = group->epoch->number;
    memcpy(entry->psk, group->epoch->secrets.resumption_psk, sizeof(entry->psk));
}

/* Enters an epoch: the old one, kept proposals and everything that waited are wiped. */
static void
enter(struct mls_group *group, struct mls_epoch *take_epoch)
{
    const struct mls_provider *p = group->c.p;

    mls_epoch_destroy(p, &group->epoch);
    group->epoch = take_epoch;
    mls_epoch_destroy(p, &group->pending);
    mls_epoch_destroy(p, &group->staged);
    mls_mem_wipe(p, group->pending_hash, sizeof(group->pending_hash));
    mls_group_drop_kept(group, 0);
    mls_group_remember_resumption(group);
}

int
mls_group_require_active(const struct mls_group *group)
{
    if (group->joining)
        return MLS_EPENDING;
    return group->active ? 0 : MLS_EREMOVED;
}

int
mls_group_require_open(const struct mls_group *group)
{
    int error = mls_group_require_active(group);

    return error == 0 && mls_group_is_closed(group, NULL) ? MLS_ECLOSED : error;
}

bool
mls_group_has_pending(const struct mls_group *group)
{
    return group->pending != NULL;
}

int
mls_group_merge_pending(struct mls_group *group)
{
    struct mls_epoch *next = group->pending;

    if (next == NULL)
        return MLS_EPENDING;
    if (mls_group_has_staged(group))
        return MLS_ESTAGED;
    group->pending = NULL;
    group->joining = false;
    group->active = true;
    enter(group, next);
    return 0;
}

void
mls_group_clear_pending(struct mls_group *group)
{
    mls_epoch_destroy(group->c.p, &group->pending);
    mls_mem_wipe(group->c.p, group->pending_hash, sizeof(group->pending_hash));
}

/* We are no member any more: nothing that opens a message or names a key stays. What can be looked
 * at (tree, epoch number) does. */
static void
retire(struct mls_group *group)
{
    const struct mls_provider *p = group->c.p;
    struct mls_epoch *epoch = group->epoch;

    group->active = false;
    group->staged_removal = false;
    mls_group_clear_pending(group);
    mls_group_drop_kept(group, 0);
    mls_secret_tree_fini(&epoch->secret_tree);
    mls_epoch_secrets_wipe(p, &epoch->secrets);
    mls_mem_wipe(p, &epoch->keys, sizeof(epoch->keys));
    mls_mem_wipe(p, group->resumption, sizeof(group->resumption));
    group->resumption_count = 0;
    mls_mem_wipe(p, group->seed, sizeof(group->seed));
}

int
mls_group_merge_staged(struct mls_group *group)
{
    struct mls_epoch *next = group->staged;

    if (!mls_group_has_staged(group))
        return MLS_ESTAGED;
    if (next == NULL) {
        retire(group);
        return 0;
    }
    group->staged = NULL;
    enter(group, next);
    return 0;
}

void
mls_group_drop_staged(struct mls_group *group)
{
    mls_epoch_destroy(group->c.p, &group->staged);
    group->staged_removal = false;
}

/* ---- What is true now --------------------------------------------------------------------- */

struct mls_bytes
mls_group_id(const struct mls_group *group)
{
    return mls_buf_bytes(&group->id);
}

uint64_t
mls_group_epoch(const struct mls_group *group)
{
    return group->epoch->number;
}

uint16_t
mls_group_suite(const struct mls_group *group)
{
    return group->c.suite->id;
}

uint32_t
mls_group_own_leaf(const struct mls_group *group)
{
    return group->epoch->own_leaf;
}

bool
mls_group_is_active(const struct mls_group *group)
{
    return group->active;
}

int
mls_group_member(const struct mls_group *group, uint32_t leaf, struct mls_member *member_out)
{
    const struct mls_leaf *node = mls_tree_leaf(&group->epoch->tree, leaf);

    if (node == NULL)
        return MLS_ENOTFOUND;
    *member_out = (struct mls_member){.leaf = leaf, .credential = mls_leaf_view(node)};
    return 0;
}

bool
mls_group_next_member(const struct mls_group *group, uint32_t *cursor,
                      struct mls_member *member_out)
{
    while (*cursor < group->epoch->tree.n_leaves) {
        if (mls_group_member(group, (*cursor)++, member_out) == 0)
            return true;
    }
    return false;
}

uint32_t
mls_group_member_count(const struct mls_group *group)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < group->epoch->tree.n_leaves; i++)
        count += mls_tree_leaf(&group->epoch->tree, i) != NULL;
    return count;
}

void
mls_group_epoch_authenticator(const struct mls_group *group, uint8_t out[MLS_HASH_BYTES])
{
    memcpy(out, group->epoch->secrets.epoch_authenticator, MLS_HASH_BYTES);
}

void
mls_group_tree_hash(const struct mls_group *group, uint8_t out[MLS_HASH_BYTES])
{
    memcpy(out, group->epoch->tree_hash, MLS_HASH_BYTES);
}

int
mls_group_export(const struct mls_group *group, const char *label, struct mls_bytes context,
                 uint8_t *out, size_t size)
{
    int error = mls_group_require_active(group);

    if (error != 0)
        return error;
    return mls_schedule_export(&group->c, group->epoch->secrets.exporter_secret, label, context,
                               out, size);
}

int
mls_group_extension(const struct mls_group *group, uint16_t type, struct mls_bytes *data_out)
{
    struct mls_bytes list = mls_buf_bytes(&group->epoch->extensions);

    return mls_extensions_find(list, type, data_out) ? 0 : MLS_ENOTFOUND;
}

int
mls_group_ratchet_tree(const struct mls_group *group, struct mls_buf *tree_out)
{
    struct mls_writer w;

    mls_writer_init(&w, group->c.p, 0);
    mls_tree_write(&group->epoch->tree, &w);
    int error = mls_buf_take(tree_out, &w);
    mls_writer_fini(&w);
    return error;
}
