/* SPDX-License-Identifier: MIT */
/*
 * A group as bytes and back (mls_group_save, mls_group_load): our own format, in the same encoding
 * as the protocol. It ends with a hash of everything before it, so that a damaged file is noticed
 * when it is read and not when the group has drifted away from the others. The hash has no key:
 * who can write the file can forge it, and sealing it is the caller's.
 *
 * Layout, version 1: magic, version, suite, group id, seed, phase, epoch, kept proposals,
 * resumption secrets, optional pending commit (hash and epoch), the ReInit of each of the two epochs
 * when there is one, hash.
 */
#include <assert.h>
#include <string.h>

#include "group_state.h"

static const struct mls_state_form FORM = {.magic = 0x6d6c7367 /* "mlsg" */, .version = 1};

/* Where in its life a group is. */
enum phase { PHASE_GONE = 0, PHASE_MEMBER = 1, PHASE_JOINING = 2 };

/* ---- Epoch ------------------------------------------------------------------------------- */

/* The secrets in the order they are stored; encryption_secret is gone by then. */
enum { STORED_SECRETS = 8 };

static void
list_secrets(struct mls_epoch_secrets *s, uint8_t *out[STORED_SECRETS])
{
    uint8_t *const all[STORED_SECRETS] = {
        s->sender_data_secret, s->exporter_secret, s->external_secret,     s->confirmation_key,
        s->membership_key,     s->resumption_psk,  s->epoch_authenticator, s->init_secret,
    };

    for (size_t i = 0; i < STORED_SECRETS; i++)
        out[i] = all[i];
}

static void
write_secrets(struct mls_writer *w, const struct mls_epoch *epoch)
{
    struct mls_epoch_secrets copy = epoch->secrets;
    uint8_t *secrets[STORED_SECRETS];

    list_secrets(&copy, secrets);
    for (size_t i = 0; i < STORED_SECRETS; i++)
        mls_write_raw(w, mls_bytes(secrets[i], MLS_HASH_BYTES));
    mls_mem_wipe(w->p, &copy, sizeof(copy));
}

static void
write_epoch(struct mls_writer *w, const struct mls_epoch *epoch, bool active)
{
    mls_write_u64(w, epoch->number);
    mls_write_u32(w, epoch->own_leaf);
    mls_tree_write(&epoch->tree, w);
    mls_write_u8(w, (uint8_t)epoch->keys.count);
    for (size_t i = 0; i < epoch->keys.count; i++) {
        mls_write_u32(w, epoch->keys.items[i].node);
        mls_write_raw(w, mls_bytes(epoch->keys.items[i].secret, MLS_KEM_SECRET_BYTES));
    }
    mls_state_write_context(w, epoch);
    write_secrets(w, epoch);
    if (active)
        mls_secret_tree_write(&epoch->secret_tree, w);
}

static void
read_keys(struct mls_reader *r, struct mls_epoch *epoch)
{
    uint8_t count = mls_read_u8(r);

    if (count > MLS_PATH_MAX + 1)
        mls_reader_fail(r, MLS_EDECODE);
    for (uint8_t i = 0; i < count && mls_reader_more(r); i++) {
        uint8_t secret[MLS_KEM_SECRET_BYTES];
        uint32_t node = mls_read_u32(r);

        mls_read_array(r, secret, sizeof(secret));
        mls_node_keys_set(&epoch->keys, node, secret);
        mls_mem_wipe(epoch->tree.c.p, secret, sizeof(secret));
    }
}

/* Private keys stand on our own path, at nodes that have a key, and our leaf is one of them. */
static bool
keys_have_places(const struct mls_epoch *epoch)
{
    uint32_t own = mls_leaf_to_node(epoch->own_leaf);

    for (size_t i = 0; i < epoch->keys.count; i++) {
        uint32_t node = epoch->keys.items[i].node;

        if (mls_tree_is_blank(&epoch->tree, node) || !mls_node_in_subtree(own, node))
            return false;
    }
    return mls_node_keys_find(&epoch->keys, own) != NULL;
}

/* What the rest of the library takes for granted: a state whose hash is right can still come from
 * somebody else's hands. */
static int
check_epoch(const struct mls_epoch *epoch, enum phase phase)
{
    if (mls_tree_check_form(&epoch->tree) != 0 ||
        (phase != PHASE_JOINING && mls_tree_leaf(&epoch->tree, epoch->own_leaf) == NULL))
        return MLS_EDECODE;
    if (phase != PHASE_MEMBER)
        return epoch->keys.count == 0 ? 0 : MLS_EDECODE;
    if (!keys_have_places(epoch) || epoch->secret_tree.n_leaves != epoch->tree.n_leaves)
        return MLS_EDECODE;
    return 0;
}

/* Reads into a new epoch; on failure the caller destroys it. */
static int
read_epoch(struct mls_reader *r, const struct mls_crypto *c, enum phase phase,
           struct mls_epoch *epoch)
{
    uint8_t *secrets[STORED_SECRETS];

    epoch->number = mls_read_u64(r);
    epoch->own_leaf = mls_read_u32(r);
    int error = mls_tree_read(&epoch->tree, c, r);
    if (error != 0)
        return error;
    read_keys(r, epoch);
    error = mls_state_read_context(r, epoch);
    if (error != 0)
        return error;
    list_secrets(&epoch->secrets, secrets);
    for (size_t i = 0; i < STORED_SECRETS; i++)
        mls_read_array(r, secrets[i], MLS_HASH_BYTES);
    error = mls_reader_error(r);
    if (error == 0 && phase == PHASE_MEMBER)
        error = mls_secret_tree_read(&epoch->secret_tree, c, r);
    return error != 0 ? error : check_epoch(epoch, phase);
}

static int
read_new_epoch(struct mls_reader *r, const struct mls_crypto *c, enum phase phase,
               struct mls_epoch **epoch_out)
{
    *epoch_out = mls_epoch_new(c->p);
    if (*epoch_out == NULL)
        return MLS_ENOMEM;
    (*epoch_out)->tree.c = *c;
    return read_epoch(r, c, phase, *epoch_out);
}

/* ---- Resumption secrets -------------------------------------------------------------------- */

static void
write_resumption(struct mls_writer *w, const struct mls_group *group)
{
    mls_write_u8(w, (uint8_t)group->resumption_count);
    for (size_t i = 0; i < group->resumption_count; i++) {
        mls_write_u64(w, group->resumption[i].epoch);
        mls_write_raw(w, mls_bytes(group->resumption[i].psk, MLS_HASH_BYTES));
    }
}

static void
read_resumption(struct mls_reader *r, struct mls_group *group)
{
    uint8_t count = mls_read_u8(r);

    if (count > MLS_RESUMPTION_MAX)
        mls_reader_fail(r, MLS_EDECODE);
    for (uint8_t i = 0; i < count && mls_reader_more(r); i++) {
        group->resumption[i].epoch = mls_read_u64(r);
        mls_read_array(r, group->resumption[i].psk, MLS_HASH_BYTES);
        group->resumption_count = i + 1u;
    }
}

/* ---- ReInit ------------------------------------------------------------------------------ */

static void
write_reinits(struct mls_writer *w, const struct mls_group *group)
{
    struct mls_bytes now = mls_buf_bytes(&group->epoch->reinit), pending = {0};

    if (group->pending != NULL)
        pending = mls_buf_bytes(&group->pending->reinit);
    if (now.len == 0 && pending.len == 0)
        return;
    mls_write_opaque(w, now);
    mls_write_opaque(w, pending);
}

static int
read_reinits(struct mls_reader *r, struct mls_group *group)
{
    if (mls_reader_error(r) != 0 || !mls_reader_more(r))
        return 0;
    int error = mls_state_read_reinit(r, group->epoch);
    if (error == 0)
        error = mls_state_read_reinit(r, group->pending);
    if (error == 0 && group->epoch->reinit.len > 0 && group->pending != NULL)
        error = MLS_EDECODE;
    if (error == 0 && group->epoch->reinit.len == 0 &&
        (group->pending == NULL || group->pending->reinit.len == 0))
        error = MLS_EDECODE;
    return error;
}

/* ---- Save -------------------------------------------------------------------------------- */

static uint8_t
phase_of(const struct mls_group *group)
{
    if (group->joining)
        return PHASE_JOINING;
    return group->active ? PHASE_MEMBER : PHASE_GONE;
}

static void
write_state(struct mls_writer *w, const struct mls_group *group)
{
    mls_state_begin(w, group, FORM);
    mls_write_raw(w, mls_bytes(group->seed, sizeof(group->seed)));
    mls_write_u8(w, phase_of(group));
    write_epoch(w, group->epoch, group->active);
    mls_state_write_kept(w, group);
    write_resumption(w, group);
    mls_write_optional(w, group->pending != NULL);
    if (group->pending != NULL) {
        mls_write_raw(w, mls_bytes(group->pending_hash, MLS_HASH_BYTES));
        write_epoch(w, group->pending, true);
    }
    write_reinits(w, group);
}

int
mls_group_save(const struct mls_group *group, struct mls_buf *state_out)
{
    struct mls_writer w;

    assert(group != NULL && state_out != NULL);
    write_state(&w, group);
    return mls_state_close(&w, &group->c, state_out);
}

/* ---- Load -------------------------------------------------------------------------------- */

/* Everything after the head. */
static int
read_body(struct mls_reader *r, struct mls_group *group)
{
    uint8_t phase = mls_read_u8(r);
    if (phase > PHASE_JOINING)
        mls_reader_fail(r, MLS_EDECODE);
    group->active = phase == PHASE_MEMBER;
    group->joining = phase == PHASE_JOINING;
    int error = mls_reader_error(r);
    if (error == 0)
        error = read_new_epoch(r, &group->c, (enum phase)phase, &group->epoch);
    if (error == 0)
        error = mls_state_read_kept(r, group);
    if (error != 0)
        return error;
    read_resumption(r, group);
    if (mls_read_optional(r)) {
        mls_read_array(r, group->pending_hash, MLS_HASH_BYTES);
        error = read_new_epoch(r, &group->c, PHASE_MEMBER, &group->pending);
    }
    if (error == 0)
        error = read_reinits(r, group);
    if (error == 0)
        error = mls_reader_finish(r);
    if (error == 0 && !group->active && group->kept_count > 0)
        error = MLS_EDECODE;
    if (error == 0 && phase == PHASE_GONE && group->pending != NULL)
        error = MLS_EDECODE;
    if (error == 0 && group->pending != NULL && group->pending->number != group->epoch->number + 1)
        error = MLS_EDECODE;
    return error;
}

int
mls_group_load(const struct mls_config *config, struct mls_bytes state,
               struct mls_group **group_out)
{
    struct mls_reader r;
    struct mls_state_head head;
    struct mls_group *group = NULL;
    uint8_t seed[MLS_ED25519_SEED_BYTES];

    assert(config != NULL && config->provider != NULL && group_out != NULL);
    int error = mls_state_open(config->provider, state, FORM, &r, &head);
    if (error != 0)
        return error;
    mls_read_array(&r, seed, sizeof(seed));
    error = mls_reader_error(&r);
    if (error == 0)
        error = mls_group_new(config, head.suite, head.id, seed, &group);
    if (error == 0)
        error = read_body(&r, group);
    mls_mem_wipe(config->provider, seed, sizeof(seed));
    if (error != 0) {
        mls_group_destroy(&group);
        return error;
    }
    *group_out = group;
    return 0;
}
