/* SPDX-License-Identifier: MIT */
/* See chat_tree.h. From the cache or the store to the pool and back; what is verified there is the owners'. */
#include "chat_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "verify/verify.h"

/* Clients refuse KeyPackages that live longer, too. */
#define LIFETIME_S_MAX (400u * 86400)

/* Of a group of one, and its context: a tree of thousands would be verified first and counted then. */
#define START_BYTES_MAX (2 * CHAT_GROUP_INFO_BYTES_MAX)

/* ---- what the library asks -------------------------------------------------------------------------------- */

/* Whose key it is decides the certificate; whether the device is registered decides keyx, who is asked later. */
static int
check_credential(void *arg, const struct mls_credential_view *credential)
{
    struct verify_cert cert;

    (void)arg;
    if (credential->signature_key.len != VERIFY_KEY_BYTES ||
        verify_cert_parse(credential->identity.data, credential->identity.len, &cert) !=
            VERIFY_OK ||
        verify_cert_check(&cert, credential->signature_key.data) != VERIFY_OK)
        return MLS_ECREDENTIAL;
    return MLS_OK;
}

static uint64_t
now_s(void *arg)
{
    struct sotto_host *host = arg;

    return (uint64_t)host->api->now_ms(host) / 1000;
}

bool
tree_is_device(const struct mls_credential_view *credential, const uint8_t *user,
               const uint8_t *device)
{
    struct verify_cert cert;

    return verify_cert_parse(credential->identity.data, credential->identity.len, &cert) ==
               VERIFY_OK &&
           memcmp(cert.user_id, user, CHAT_ID_BYTES) == 0 &&
           memcmp(cert.device_id, device, CHAT_ID_BYTES) == 0;
}

int
tree_refuse(struct tree_check *check, const char *what, int mls_error)
{
    if (mls_error == MLS_ENOMEM)
        return SOTTO_ENOMEM;
    if (mls_error == MLS_EEPOCH)
        return SOTTO_EABORTED;
    snprintf(check->why, sizeof(check->why), "members would refuse the %s: %s (%s)", what,
             mls_error_text(mls_error), mls_error_name(mls_error));
    check->text = check->why;
    return SOTTO_EINVALID;
}

/* ---- cache, on the logic thread ----------------------------------------------------------------------------- */

struct chat_trees *
trees_create(struct sotto_host *host, const struct mls_provider *provider)
{
    struct chat_trees *trees = calloc(1, sizeof(*trees));

    if (trees == NULL)
        return NULL;
    trees->config = (struct mls_config){
        .provider = provider,
        .check_credential = check_credential,
        .now = now_s,
        .lifetime_max = LIFETIME_S_MAX,
        .leaf_bytes_max = CHAT_LEAF_BYTES_MAX,
        .arg = host,
    };
    return trees;
}

static void
drop(struct chat_trees *trees, struct chat_tree *tree)
{
    trees->bytes -= tree->bytes;
    mls_public_group_destroy(&tree->group);
    *tree = trees->trees[--trees->count];
}

void
trees_destroy(struct chat_trees **trees)
{
    if (*trees == NULL)
        return;
    while ((*trees)->count > 0)
        drop(*trees, &(*trees)->trees[0]);
    free(*trees);
    *trees = NULL;
}

static struct chat_tree *
find(struct chat_trees *trees, uint32_t chat)
{
    for (size_t i = 0; i < trees->count; i++)
        if (trees->trees[i].chat == chat)
            return &trees->trees[i];
    return NULL;
}

/* Whether the group is the chat's as it is now. Accepted proposals are all that a group keeps, so equal counts are
 * equal proposals. */
static bool
is_current(const struct chat *chat, const struct mls_public_group *group)
{
    return mls_public_group_epoch(group) == chat->epoch &&
           mls_public_group_proposal_count(group) == chat->proposal_count;
}

static struct mls_public_group *
take(struct chat_trees *trees, const struct chat *chat)
{
    struct chat_tree *tree = find(trees, chat->num);
    struct mls_public_group *group;

    if (tree == NULL)
        return NULL;
    group = tree->group;
    tree->group = NULL;
    drop(trees, tree);
    if (!is_current(chat, group))
        mls_public_group_destroy(&group);
    return group;
}

static void
make_room(struct chat_trees *trees, size_t bytes)
{
    while (trees->count == CHAT_TREES_MAX ||
           (trees->count > 0 && trees->bytes + bytes > CHAT_TREES_BYTES_MAX)) {
        struct chat_tree *oldest = &trees->trees[0];

        for (size_t i = 1; i < trees->count; i++)
            if (trees->trees[i].used < oldest->used)
                oldest = &trees->trees[i];
        drop(trees, oldest);
    }
}

static void
put(struct chat_trees *trees, const struct chat *chat, struct mls_public_group **take_group)
{
    const size_t bytes = mls_public_group_memory(*take_group);
    struct chat_tree *old = find(trees, chat->num);

    if (!is_current(chat, *take_group)) {
        mls_public_group_destroy(take_group);
        return;
    }
    if (old != NULL)
        drop(trees, old);
    make_room(trees, bytes);
    trees->trees[trees->count++] = (struct chat_tree){
        .chat = chat->num, .group = *take_group, .bytes = bytes, .used = ++trees->serial};
    trees->bytes += bytes;
    *take_group = NULL;
}

/* ---- store, on a reader thread ------------------------------------------------------------------------------ */

static void
stored_fini(struct tree_stored *stored)
{
    free(stored->state.data);
    free(stored->group_info.data);
    for (size_t i = 0; i < stored->proposal_count; i++)
        free(stored->proposals[i].data);
    free(stored->proposals);
    *stored = (struct tree_stored){0};
}

static int
copy(struct sotto_view view, ProtobufCBinaryData *out)
{
    out->data = malloc(view.size + 1);
    if (out->data == NULL)
        return SOTTO_ENOMEM;
    if (view.size > 0)
        memcpy(out->data, view.data, view.size);
    out->len = view.size;
    return SOTTO_OK;
}

static int
read_proposals(struct sotto_tx *tx, uint32_t chat, struct tree_stored *stored)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_PROPOSAL_MESSAGES);
    int rc;

    stored->proposals = calloc(CHAT_REMOVES_MAX, sizeof(*stored->proposals));
    if (stored->proposals == NULL)
        return SOTTO_ENOMEM;
    sotto_bind_int(stmt, 1, chat);
    sotto_bind_int(stmt, 2, CHAT_REMOVES_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && stored->proposal_count < CHAT_REMOVES_MAX) {
        rc = copy(sotto_col_blob(stmt, 0), &stored->proposals[stored->proposal_count]);
        if (rc != SOTTO_OK)
            return rc;
        stored->proposal_count++;
    }
    return rc < 0 ? rc : SOTTO_OK;
}

static int
read_column(struct sotto_tx *tx, uint32_t statement, uint32_t chat, ProtobufCBinaryData *out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, statement);
    int rc;

    sotto_bind_int(stmt, 1, chat);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    return copy(sotto_col_blob(stmt, 0), out);
}

/* In the snapshot that is read: whoever asked may have been taken out since. */
static int
check_reader(struct sotto_tx *tx, const struct tree_check *check)
{
    Sotto__Chat__V1__Role role;
    const int rc = chat_find_role(tx, check->chat->num, check->reader, &role);

    return rc == SOTTO_OK && role == SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED ? SOTTO_ENOTFOUND : rc;
}

static int
read_tx(struct sotto_tx *tx, void *arg)
{
    struct tree_check *check = *(struct tree_check **)arg;
    struct tree_stored *stored = &check->stored;
    int rc = check->reader != NULL ? check_reader(tx, check) : SOTTO_OK;

    stored_fini(stored); /* it may run again */
    if (rc == SOTTO_OK)
        rc = read_column(tx, CHAT_TREE_GET, check->chat->num, &stored->state);
    if (rc == SOTTO_OK)
        rc = read_proposals(tx, check->chat->num, stored);
    if (rc == SOTTO_OK && (stored->state.data == NULL || check->wants_stored))
        rc = read_column(tx, CHAT_GROUP_INFO_GET, check->chat->num, &stored->group_info);
    return rc;
}

/* ---- pool thread -------------------------------------------------------------------------------------------- */

/* Proposals that were verified when they came. */
static int
keep_proposals(struct tree_check *check)
{
    for (size_t i = 0; i < check->stored.proposal_count; i++) {
        struct mls_received received = {0};
        const int rc = mls_public_group_take_proposal(
            check->group, chat_mls(check->stored.proposals[i]), &received);

        mls_received_fini(&received);
        if (rc != MLS_OK)
            return rc == MLS_ENOMEM ? SOTTO_ENOMEM : SOTTO_EDATALOSS;
    }
    return SOTTO_OK;
}

/* What the bundle shows must be what the last commit's GroupInfo says, when there was one. */
static int
open_start(struct tree_check *check)
{
    const struct mls_bytes start = chat_mls(check->start), none = {0};
    int rc;

    if (start.len == 0 && check->chat == NULL) {
        check->text = "the first bundle of a chat shows its group: start is missing";
        return SOTTO_EINVALID;
    }
    if (start.len == 0) {
        check->is_wanted = true;
        check->text = "the server does not follow this chat yet: show the group in start";
        return SOTTO_EPRECONDITION;
    }
    if (check->chat == NULL && start.len > START_BYTES_MAX) {
        check->text =
            "a new chat begins with its creator alone, which start shows in 32 KiB at most";
        return SOTTO_EINVALID;
    }
    check->is_new = true;
    rc = mls_public_group_open(&check->ds->trees->config, start, none, &check->group);
    if (rc == MLS_OK && check->chat != NULL)
        rc = mls_public_group_check_info(check->group, chat_mls(check->stored.group_info), NULL);
    return rc == MLS_OK ? SOTTO_OK : tree_refuse(check, "group that start shows", rc);
}

static int
open_group(struct tree_check *check)
{
    int rc;

    if (check->group != NULL)
        return SOTTO_OK;
    if (check->stored.state.data == NULL)
        return open_start(check);
    rc = mls_public_group_load(&check->ds->trees->config, chat_mls(check->stored.state),
                               &check->group);
    if (rc != MLS_OK)
        return rc == MLS_ENOMEM ? SOTTO_ENOMEM : SOTTO_EDATALOSS;
    return keep_proposals(check);
}

static int
pool_work(void *arg)
{
    struct tree_check *check = *(struct tree_check **)arg;
    int rc = open_group(check);

    if (rc != SOTTO_OK)
        return rc;
    check->kept_before = mls_public_group_proposal_count(check->group);
    if (!check->is_new)
        mls_public_group_tree_hash(check->group, check->base_hash);
    if (!check->wants_stored && mls_public_group_epoch(check->group) != check->epoch)
        return SOTTO_EABORTED;
    return check->work(check);
}

/* ---- logic thread ------------------------------------------------------------------------------------------- */

/* Everybody whom the group shows sits where the roster says, and nobody else does. */
static bool
agrees(const struct chat *chat, const struct mls_public_group *group)
{
    struct mls_member member;
    uint32_t cursor = 0, count = 0;

    while (mls_public_group_next_member(group, &cursor, &member)) {
        const struct chat_seat *seat =
            member.leaf < chat->leaf_capacity ? chat->leaves[member.leaf] : NULL;

        if (seat == NULL || (seat->user != NULL &&
                             !tree_is_device(&member.credential, seat->user->id, seat->device->id)))
            return false;
        count++;
    }
    return count == chat->seat_count;
}

static bool
is_there(const struct tree_check *check)
{
    return check->chat != NULL &&
           roster_chat(check->ds, chat_bytes(check->chat_id, CHAT_ID_BYTES)) == check->chat;
}

static void
on_worked(void *state, int status, void *arg)
{
    struct tree_check *check = *(struct tree_check **)arg;

    (void)state;
    if (status == SOTTO_OK && check->is_new && is_there(check) &&
        !agrees(check->chat, check->group)) {
        check->text = "the group that start shows has other members than the chat";
        status = SOTTO_EINVALID;
    }
    check->done(check, status);
}

static void
begin_work(struct tree_check *check)
{
    struct sotto_host *host = check->ds->host;
    const int rc = host->job->run(host, pool_work, &check, sizeof(check), on_worked);

    if (rc != SOTTO_OK)
        check->done(check, rc);
}

static void
on_read(void *state, int status, void *arg)
{
    struct tree_check *check = *(struct tree_check **)arg;

    (void)state;
    if (status != SOTTO_OK)
        check->done(check, status);
    else
        begin_work(check);
}

void
tree_check_proposals(struct tree_check *check, struct delivery *ds, struct chat *chat, void *owner,
                     tree_work_fn *work, tree_done_fn *done)
{
    *check = (struct tree_check){
        .ds = ds,
        .owner = owner,
        .chat = chat,
        .epoch = chat->epoch,
        .keeps = true,
        .work = work,
        .done = done,
    };
    memcpy(check->chat_id, chat->id, CHAT_ID_BYTES);
}

void
tree_check_start(struct tree_check *check)
{
    struct sotto_host *host = check->ds->host;
    int rc;

    if (check->chat != NULL && !check->wants_stored)
        check->group = take(check->ds->trees, check->chat);
    if (check->chat == NULL || check->group != NULL) {
        begin_work(check);
        return;
    }
    rc = host->db->read(host, read_tx, &check, sizeof(check), on_read);
    if (rc != SOTTO_OK)
        check->done(check, rc);
}

void
tree_check_end(struct tree_check *check, bool is_written)
{
    struct chat_trees *trees = check->ds->trees;
    struct mls_public_group **ours =
        is_written && check->next != NULL ? &check->next : &check->group;

    if (!is_written && check->keeps && check->group != NULL)
        mls_public_group_forget_proposals(check->group, check->kept_before);
    /* The chat may be gone by now. Without the writing, a group that the store does not have is nobody's. */
    if (*ours != NULL && is_there(check) && (is_written || !check->is_new))
        put(trees, check->chat, ours);
    mls_public_group_destroy(&check->next);
    mls_public_group_destroy(&check->group);
    stored_fini(&check->stored);
}
