/* SPDX-License-Identifier: MIT */
/*
 * One user on the way out of one chat, after the account was deleted: from the roster to the proposals, the
 * transaction and back. What is written is in chat_depart.h; nothing of it is if a commit came between, and the
 * walk tries again.
 */
#include "chat_depart.h"

#include <stdlib.h>

#include "chat_outside.h"
#include "chat_purge.h"
#include "chat_tree.h"
#include "chat_writer.h"

#define PROOF_BYTES_MAX 160 /* an encoded AccountDeleted */
#define ROLE_BYTES_MAX 32   /* an encoded UserRole */
#define LEAVES_MAX 128 /* of a user, who has about a hundred devices in the life of an account */
#define ENTRIES_MAX (2 + LEAVES_MAX)

struct departing_leaf {
    uint32_t leaf;
    uint32_t device;
    uint8_t device_id[CHAT_ID_BYTES];
    struct mls_buf message; /* its Remove */
    uint8_t ref[MLS_REF_BYTES];
};

/* One user on the way out of one chat. */
struct departure {
    struct delivery *ds;
    struct chat_deletion deletion;
    struct tree_check check;
    uint32_t chat;
    bool is_group;
    bool proposes; /* the leaves below */
    size_t count;
    struct departing_leaf leaves[LEAVES_MAX];
    size_t proof_size, role_size;
    uint8_t proof[PROOF_BYTES_MAX];
    uint8_t role[ROLE_BYTES_MAX];

    /* from the transaction */
    uint64_t epoch;
    uint32_t first_seq, seq; /* of the entries, in their order: proof, role, proposals */
    int64_t ts_ms;
    bool has_heir;   /* a new owner */
    bool is_deleted; /* nobody is left, and the chat is gone */
    bool is_silent;  /* the chat was reset: its log is closed */
    uint8_t heir[CHAT_ID_BYTES];
};

/* ---- writer thread: one departure ----------------------------------------------------------------------------- */

static int
run(struct sotto_tx *tx, uint32_t statement, const struct departure *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, statement);

    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_blob(stmt, 2, op->deletion.user, CHAT_ID_BYTES);
    return sotto_step(stmt);
}

/* Who is left, and whether somebody of them must become owner. */
static int
find_heir(struct sotto_tx *tx, struct departure *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_DEPARTURE_HEIR);
    int rc;

    sotto_bind_int(stmt, 1, op->chat);
    rc = sotto_step(stmt);
    op->is_deleted = rc == SOTTO_DONE;
    op->has_heir = false;
    if (rc != SOTTO_ROW)
        return rc;
    if (!chat_copy_id(sotto_col_blob(stmt, 0), op->heir))
        return SOTTO_EDATALOSS;
    op->has_heir = op->is_group && sotto_col_int(stmt, 1) != SOTTO__CHAT__V1__ROLE__ROLE_OWNER;
    return SOTTO_OK;
}

static int
write_proof(struct sotto_tx *tx, struct departure *op, struct chat_row *row)
{
    row->kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ACCOUNT_DELETED;
    row->message = chat_bytes(op->proof, op->proof_size);
    row->seq = ++op->seq;
    return chat_write_row(tx, row);
}

static int
write_heir(struct sotto_tx *tx, struct departure *op, struct chat_row *row)
{
    Sotto__Chat__V1__UserRole role = SOTTO__CHAT__V1__USER_ROLE__INIT;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_MEMBER_SET_ROLE);
    int rc;

    sotto_bind_int(stmt, 1, SOTTO__CHAT__V1__ROLE__ROLE_OWNER);
    sotto_bind_int(stmt, 2, op->chat);
    sotto_bind_blob(stmt, 3, op->heir, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    role.user_id = chat_bytes(op->heir, CHAT_ID_BYTES);
    role.role = SOTTO__CHAT__V1__ROLE__ROLE_OWNER;
    op->role_size = sotto__chat__v1__user_role__pack(&role, op->role);
    row->kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ROLE;
    row->message = chat_bytes(op->role, op->role_size);
    row->seq = ++op->seq;
    return chat_write_row(tx, row);
}

/* Each stands in the log as from the device that it is to remove. */
static int
write_proposals(struct sotto_tx *tx, struct departure *op, struct chat_row *row)
{
    const uint32_t last_seq = op->seq + (uint32_t)op->count;
    int rc = SOTTO_OK;

    for (size_t i = 0; i < op->count && rc >= 0; i++) {
        const struct departing_leaf *leaf = &op->leaves[i];
        const struct chat_leaf_end end = {
            .leaf = leaf->leaf, .device = leaf->device, .until_seq = last_seq};

        row->kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_PROPOSAL;
        row->message = chat_bytes(leaf->message.data, leaf->message.len);
        row->device = leaf->device;
        row->seq = ++op->seq;
        rc = chat_write_proposal(tx, row, &end, leaf->ref);
    }
    return rc;
}

static int
write_rest(struct sotto_tx *tx, const struct departure *op)
{
    int rc = run(tx, CHAT_DEPARTURE_SEATS, op);

    if (rc >= 0)
        rc = run(tx, CHAT_DEPARTURE_INVITATIONS, op);
    if (rc >= 0 && op->proposes)
        rc = run(tx, CHAT_MEMBER_REMOVE, op);
    return rc < 0 ? rc : run(tx, CHAT_DEPARTURE_REMOVE, op);
}

/* Whether the chat is still as it was looked at, and takes the entries. */
static int
compare(const struct departure *op, const struct chat_head *head)
{
    if (head->seq > CHAT_SEQ_MAX - ENTRIES_MAX)
        return SOTTO_EEXHAUSTED;
    if (op->proposes && (head->is_replaced || head->epoch != op->check.epoch ||
                         head->proposals + op->count > CHAT_REMOVES_MAX ||
                         memcmp(head->tree_hash, op->check.base_hash, MLS_HASH_BYTES) != 0))
        return SOTTO_EABORTED;
    return SOTTO_OK;
}

static int
write_entries(struct sotto_tx *tx, struct departure *op)
{
    struct chat_row row = {.chat = op->chat, .epoch = op->epoch, .ts_ms = op->ts_ms};
    int rc;

    if (op->is_silent)
        return write_rest(tx, op);
    rc = writer_device(tx, op->deletion.user, op->deletion.by_device, &row.device);
    if (rc == SOTTO_OK)
        rc = write_proof(tx, op, &row);
    if (rc >= 0 && op->has_heir)
        rc = write_heir(tx, op, &row);
    if (rc >= 0 && op->proposes)
        rc = write_proposals(tx, op, &row);
    return rc < 0 ? rc : write_rest(tx, op);
}

static int
depart_tx(struct sotto_tx *tx, void *arg)
{
    struct departure *op = *(struct departure **)arg;
    struct chat_head *head;
    int rc = writer_head(tx, op->chat, &head);

    if (rc == SOTTO_OK)
        rc = compare(op, head);
    if (rc == SOTTO_OK)
        rc = find_heir(tx, op);
    if (rc < 0)
        return rc;
    op->is_silent = head->is_replaced;
    op->ts_ms = tx->api->now_ms(tx);
    op->epoch = head->epoch;
    op->seq = head->seq;
    op->first_seq = head->seq + 1;
    rc = op->is_deleted ? chat_take_rows(tx, op->chat, op->ts_ms) : write_entries(tx, op);
    if (rc < 0)
        return rc;
    head->is_deleted = op->is_deleted;
    head->proposals += op->proposes && !op->is_deleted ? (uint32_t)op->count : 0;
    head->seq = op->seq;
    return SOTTO_OK;
}

/* ---- pool thread: the proposals ------------------------------------------------------------------------------- */

static int
propose(struct tree_check *check, struct departing_leaf *leaf)
{
    const struct departure *op = check->owner;
    const int rc = outside_propose(op->ds->outside, op->ds->mls, check->group, leaf->leaf,
                                   &leaf->message, leaf->ref);

    return rc == MLS_OK ? SOTTO_OK : tree_refuse(check, "removal of a deleted user", rc);
}

static int
make_proposals(struct tree_check *check)
{
    struct departure *op = check->owner;
    int rc = outside_is_listed(op->ds->outside, check->group) ? SOTTO_OK : SOTTO_EPRECONDITION;

    for (size_t i = 0; i < op->count && rc == SOTTO_OK; i++)
        rc = propose(check, &op->leaves[i]);
    return rc;
}

/* ---- logic thread: afterwards --------------------------------------------------------------------------------- */

static Sotto__Chat__V1__Entry
entry_of(const struct departure *op, const struct chat *chat, const uint8_t *device,
         Sotto__Chat__V1__EntryKind kind, ProtobufCBinaryData message)
{
    const struct chat_row row = {
        .kind = kind, .epoch = op->epoch, .ts_ms = op->ts_ms, .message = message};

    return chat_entry(&row, chat->id, op->deletion.user, device);
}

static void
push_entries(const struct departure *op, const struct chat *chat)
{
    Sotto__Chat__V1__Entry entries[ENTRIES_MAX], *pointers[ENTRIES_MAX];
    size_t count = 0;

    entries[count++] = entry_of(op, chat, op->deletion.by_device,
                                SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ACCOUNT_DELETED,
                                chat_bytes(op->proof, op->proof_size));
    if (op->has_heir)
        entries[count++] =
            entry_of(op, chat, op->deletion.by_device, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ROLE,
                     chat_bytes(op->role, op->role_size));
    for (size_t i = 0; op->proposes && i < op->count; i++) {
        const struct departing_leaf *leaf = &op->leaves[i];

        entries[count++] =
            entry_of(op, chat, leaf->device_id, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_PROPOSAL,
                     chat_bytes(leaf->message.data, leaf->message.len));
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].seq = op->first_seq + i;
        pointers[i] = &entries[i];
    }
    chat_push(op->ds, chat, NULL, pointers, count);
}

static void
apply_deleted(struct delivery *ds, struct chat *chat)
{
    roster_chat_empty(chat);
    purge_deleted(ds, chat);
    ds->host->metric->add(ds->host, CHAT_METRIC_CHATS, 0, -1);
}

static void
apply(struct departure *op, struct chat *chat)
{
    struct chat_user *user = roster_user(chat, op->deletion.user), *heir;

    if (user != NULL)
        roster_user_gone(chat, user);
    purge_note_read(chat);
    if (op->is_silent)
        return;
    heir = op->has_heir ? roster_user(chat, op->heir) : NULL;
    if (heir != NULL)
        heir->role = SOTTO__CHAT__V1__ROLE__ROLE_OWNER;
    purge_note_entries(op->ds, chat, op->seq, op->ts_ms);
    push_entries(op, chat);
    for (size_t i = 0; op->proposes && i < op->count; i++)
        roster_seat_retire(chat, op->leaves[i].leaf, op->leaves[i].ref);
}

static void
free_op(struct departure *op)
{
    for (size_t i = 0; i < op->count; i++)
        mls_buf_fini(&op->leaves[i].message);
    free(op);
}

static void
end(struct departure *op, int status)
{
    struct delivery *ds = op->ds;
    const struct departure_end end = {
        .chat = op->chat,
        .user = op->deletion.user,
        .status = status,
    };

    tree_check_end(&op->check, status == SOTTO_OK && op->proposes && !op->is_deleted);
    depart_on_end(ds, &end);
    free_op(op);
    chat_work_end(ds);
}

static void
on_written(void *state, int status, void *arg)
{
    struct departure *op = *(struct departure **)arg;
    struct delivery *ds = state;
    struct chat *chat = roster_chat(ds, chat_bytes(op->check.chat_id, CHAT_ID_BYTES));

    if (status == SOTTO_OK && op->is_deleted)
        apply_deleted(ds, chat);
    else if (status == SOTTO_OK)
        apply(op, chat);
    end(op, status);
}

static void
write_op(struct departure *op)
{
    struct sotto_host *host = op->ds->host;
    const int rc = host->db->write(host, depart_tx, &op, sizeof(op), on_written);

    if (rc != SOTTO_OK)
        end(op, rc);
}

/* A group that the server cannot propose to gets the entry alone; its members see to the leaves. */
static void
on_made(struct tree_check *check, int status)
{
    struct departure *op = check->owner;

    if (status == SOTTO_EPRECONDITION || status == SOTTO_EINVALID) {
        op->proposes = false;
        status = SOTTO_OK;
    }
    if (status == SOTTO_OK)
        write_op(op);
    else
        end(op, status);
}

/* ---- logic thread: before ------------------------------------------------------------------------------------- */

/* None of one who has too many: then members see to them, as in a group that does not list the server. */
static void
list_leaves(struct departure *op, const struct chat *chat)
{
    const struct chat_user *user = roster_user(chat, op->deletion.user);

    if (user == NULL || user->seat_count > LEAVES_MAX)
        return;
    for (uint32_t i = 0; i < chat->leaf_capacity; i++) {
        const struct chat_seat *seat = chat->leaves[i];
        struct departing_leaf *leaf;

        if (seat == NULL || seat->user != user)
            continue;
        leaf = &op->leaves[op->count++];
        leaf->leaf = i;
        leaf->device = seat->device->num;
        memcpy(leaf->device_id, seat->device->id, CHAT_ID_BYTES);
    }
}

static void
pack_proof(struct departure *op)
{
    Sotto__Chat__V1__AccountDeleted proof = SOTTO__CHAT__V1__ACCOUNT_DELETED__INIT;

    proof.user_id = chat_bytes(op->deletion.user, CHAT_ID_BYTES);
    proof.by_device = chat_bytes(op->deletion.by_device, CHAT_ID_BYTES);
    proof.deleted_ms = op->deletion.deleted_ms;
    proof.signature = chat_bytes(op->deletion.signature, op->deletion.signature_size);
    op->proof_size = sotto__chat__v1__account_deleted__pack(&proof, op->proof);
}

void
departure_start(struct delivery *ds, uint32_t num, const uint8_t *chat_id,
                const struct chat_deletion *deletion)
{
    struct chat *chat = roster_chat(ds, chat_bytes(chat_id, CHAT_ID_BYTES));
    struct departure *op = calloc(1, sizeof(*op));

    if (op == NULL || chat == NULL) {
        free(op);
        depart_on_end(
            ds, &(struct departure_end){.chat = num,
                                        .user = deletion->user,
                                        .status = chat == NULL ? SOTTO_ENOTFOUND : SOTTO_ENOMEM});
        return;
    }
    chat_work_begin(ds);
    op->ds = ds;
    op->chat = num;
    op->deletion = *deletion;
    op->is_group = chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_GROUP;
    pack_proof(op);
    list_leaves(op, chat);
    op->proposes = op->is_group && op->count > 0 && !chat->replaced_by.is_set;
    tree_check_proposals(&op->check, ds, chat, op, make_proposals, on_made);
    if (op->proposes && chat->proposal_count + op->count > CHAT_REMOVES_MAX)
        end(op, SOTTO_EAGAIN); /* after the next commit */
    else if (op->proposes)
        tree_check_start(&op->check);
    else
        write_op(op);
}
