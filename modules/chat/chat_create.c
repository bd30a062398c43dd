/* SPDX-License-Identifier: MIT */
/*
 * Create: a chat and its first commit in one step.
 *
 * Epoch 0 exists on the creator's device only: its one member is the creator on leaf 0. The server's chat begins
 * with the first commit, so it never has a chat that nobody but its creator has heard of half-made. For a direct chat
 * the pair of users is unique; of two who create it at once, one is told the other's chat.
 */
#include "chat_purge.h"
#include "chat_step.h"
#include "chat_writer.h"

/* Whether the chat's first entry is this commit. One that is purged was acknowledged by its maker, so that only
 * a client that lost its memory asks again: it is told about the chat that it made. */
static int
is_first_commit(struct sotto_tx *tx, struct chat_step *step, uint32_t num, bool *is_out)
{
    const ProtobufCBinaryData *commit = &step->plan.bundle->commit;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_GET);
    struct chat_purged purged;
    int rc;

    sotto_bind_int(stmt, 1, chat_log_id(num, 1));
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    if (rc == SOTTO_ROW) {
        const struct sotto_view stored = sotto_col_blob(stmt, 2);

        step->ts_ms = sotto_col_int(stmt, 0);
        *is_out = stored.size == commit->len && memcmp(stored.data, commit->data, commit->len) == 0;
        return SOTTO_OK;
    }
    rc = purge_read(tx, num, &purged);
    step->ts_ms = purged.ts_ms;
    *is_out = true;
    return rc == SOTTO_OK && purged.seq == 0 ? SOTTO_EDATALOSS : rc;
}

static bool
is_same_link(const struct chat_link *a, const struct chat_link *b)
{
    return a->is_set == b->is_set && (!a->is_set || memcmp(a->id, b->id, CHAT_ID_BYTES) == 0);
}

/* A chat with this id: the same request again, or somebody else's. 0: there is none. */
static int
find_chat(struct sotto_tx *tx, struct chat_step *step)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_CHAT_FIND);
    bool is_same = false, is_deleted;
    struct chat_link resets;
    int64_t creator;
    uint32_t num;
    int rc;

    sotto_bind_blob(stmt, 1, step->plan.chat_id.data, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    num = (uint32_t)sotto_col_int(stmt, 0);
    creator = sotto_col_int(stmt, 1);
    is_deleted = sotto_col_int(stmt, 2) != 0;
    if (!chat_copy_link(sotto_col_blob(stmt, 3), &resets))
        return SOTTO_EDATALOSS;

    rc = is_first_commit(tx, step, num, &is_same);
    if (rc != SOTTO_OK)
        return rc;
    if (creator != step->device || !is_same || is_deleted ||
        !is_same_link(&resets, &step->reset.link)) {
        step->text = "the chat id is taken";
        return SOTTO_EEXISTS;
    }
    step->seq = 1;
    step->is_repeat = true;
    return SOTTO_OK;
}

static void
bind_pair(struct sotto_stmt *stmt, const struct chat_step *step)
{
    const bool is_first = memcmp(step->plan.user, step->other, CHAT_ID_BYTES) < 0;

    sotto_bind_blob(stmt, 1, is_first ? step->plan.user : step->other, CHAT_ID_BYTES);
    sotto_bind_blob(stmt, 2, is_first ? step->other : step->plan.user, CHAT_ID_BYTES);
}

/* The chat that the pair has already, unless it is the one that is replaced. */
static int
find_pair(struct sotto_tx *tx, struct chat_step *step)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_PAIR_FIND);
    int rc;

    bind_pair(stmt, step);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    if (step->reset.is_asked && sotto_col_int(stmt, 1) == step->reset.chat)
        return SOTTO_OK;
    if (!chat_copy_id(sotto_col_blob(stmt, 0), step->conflict))
        return SOTTO_EDATALOSS;
    step->has_conflict = true;
    return SOTTO_EEXISTS;
}

static int
write_chat(struct sotto_tx *tx, const struct chat_step *step)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_CHAT_ADD);

    sotto_bind_int(stmt, 1, step->num);
    sotto_bind_blob(stmt, 2, step->plan.chat_id.data, CHAT_ID_BYTES);
    sotto_bind_int(stmt, 3, step->type);
    sotto_bind_int(stmt, 4, step->mode);
    sotto_bind_int(stmt, 5, step->plan.suite);
    sotto_bind_int(stmt, 6, 1);
    sotto_bind_int(stmt, 7, step->device);
    sotto_bind_int(stmt, 8, step->ts_ms);
    if (step->reset.is_asked)
        sotto_bind_blob(stmt, 9, step->reset.link.id, CHAT_ID_BYTES);
    return sotto_step(stmt);
}

/* The creator's membership and seat, and the pair of a direct chat. */
static int
write_creator(struct sotto_tx *tx, const struct chat_step *step)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_MEMBER_ADD);
    int rc;

    sotto_bind_int(stmt, 1, step->num);
    sotto_bind_blob(stmt, 2, step->plan.user, CHAT_ID_BYTES);
    sotto_bind_int(stmt, 3, step->role);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;

    stmt = sotto_stmt(tx, CHAT_SEAT_TAKE);
    sotto_bind_int(stmt, 1, step->device);
    sotto_bind_int(stmt, 2, step->num);
    sotto_bind_int(stmt, 3, 0);
    sotto_bind_int(stmt, 4, 0);
    sotto_bind_int(stmt, 5, 0);
    rc = sotto_step(stmt);
    if (rc < 0 || step->other == NULL)
        return rc;

    stmt = sotto_stmt(tx, CHAT_PAIR_ADD);
    bind_pair(stmt, step);
    sotto_bind_int(stmt, 3, step->num);
    return sotto_step(stmt);
}

int
chat_create_tx(struct sotto_tx *tx, void *arg)
{
    struct chat_step *step = *(struct chat_step **)arg;
    struct chat_head *old = NULL;
    int rc;

    /* It may run again. */
    step->is_repeat = step->has_conflict = false;
    rc = writer_device(tx, step->plan.user, step->plan.device, &step->device);
    if (rc == SOTTO_OK)
        rc = find_chat(tx, step);
    if (rc < 0 || step->is_repeat)
        return rc;
    if (step->reset.is_asked)
        rc = reset_judge(tx, step, &old);
    if (rc >= 0 && step->other != NULL)
        rc = find_pair(tx, step);
    if (rc >= 0)
        rc = writer_next_chat(tx, &step->num);
    if (rc < 0)
        return rc;

    step->seq = 1;
    step->ts_ms = tx->api->now_ms(tx);
    rc = write_chat(tx, step);
    if (rc >= 0)
        rc = write_creator(tx, step);
    if (rc >= 0)
        rc = step_write(tx, step);
    if (rc >= 0 && old != NULL)
        rc = reset_write(tx, step, old);
    if (rc >= 0)
        rc = writer_head_add(tx, step->num, step->verified.tree_hash);
    if (rc == SOTTO_OK && old != NULL)
        reset_close_head(old);
    return rc;
}

/* NULL, or why the request is malformed. */
static const char *
check_create(const Sotto__Chat__V1__CreateRequest *in)
{
    if (in->chat_id.len != CHAT_ID_BYTES)
        return "chat_id has 16 bytes";
    if (in->type != SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT &&
        in->type != SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_GROUP)
        return "the type is CHAT_TYPE_DIRECT or CHAT_TYPE_GROUP";
    if (in->suite != MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519 &&
        in->suite != MLS_SUITE_X25519_AES128GCM_SHA256_ED25519)
        return "the suite is 3 or 1";
    if (in->first == NULL)
        return "the first bundle is missing";
    if (in->mode < SOTTO__CHAT__V1__MODE__MODE_ARCHIVE ||
        in->mode > SOTTO__CHAT__V1__MODE__MODE_EPHEMERAL)
        return "the mode is missing";
    return NULL;
}

void
chat_on_create(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__CreateRequest *request = (const void *)in;
    struct chat_step step = {
        .ds = ds, .req = req, .is_create = true, .role = SOTTO__CHAT__V1__ROLE__ROLE_OWNER};
    const char *text;

    if (!chat_is_ready(ds, req, in, chat_on_create))
        return;
    text = check_create(request);
    if (text == NULL)
        text = reset_read(ds, req->caller, request, &step.reset);
    if (text != NULL) {
        sotto_fail(req, SOTTO_EINVALID, text);
        return;
    }
    /* A chat that exists may go on in its mode. */
    if ((ds->modes & 1u << request->mode) == 0 && step.reset.old == NULL) {
        modes_refuse(ds, req);
        return;
    }
    step.type = request->type;
    step.mode = request->mode;
    step_start(&step, request->first, request->chat_id, (uint16_t)request->suite);
}
