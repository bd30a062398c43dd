/* SPDX-License-Identifier: MIT */
/*
 * Commit, and the rows that a commit writes (Create writes them too).
 *
 * One transaction: epoch and tree hash are compared and set, the commit becomes the next entry of the log, the
 * GroupInfo is replaced with the tree, seats are left and taken, and the Welcome waits for those who were added.
 * Either all of it is there or nothing is; RFC 9750 asks for that coupling of Commit and Welcome.
 */
#include "chat_step.h"
#include "chat_writer.h"

/* ---- rows --------------------------------------------------------------------------------------------------- */

static int
write_log(struct sotto_tx *tx, const struct chat_step *step)
{
    const struct chat_row row = step_row(step);

    return chat_write_row(tx, &row);
}

static int
write_group_info(struct sotto_tx *tx, const struct chat_step *step)
{
    const ProtobufCBinaryData *group_info = &step->plan.bundle->group_info;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_GROUP_INFO_SET);

    sotto_bind_int(stmt, 1, step->num);
    sotto_bind_int(stmt, 2, (int64_t)step->plan.epoch + 1);
    sotto_bind_blob(stmt, 3, group_info->data, group_info->len);
    return sotto_step(stmt);
}

/* The group that was verified in the job pool. */
static int
write_tree(struct sotto_tx *tx, const struct chat_step *step)
{
    const struct verified *verified = &step->verified;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_TREE_SET);

    sotto_bind_int(stmt, 1, step->num);
    sotto_bind_int(stmt, 2, (int64_t)step->plan.epoch + 1);
    sotto_bind_blob(stmt, 3, verified->tree_hash, MLS_HASH_BYTES);
    sotto_bind_blob(stmt, 4, verified->state.data, verified->state.len);
    return sotto_step(stmt);
}

static int
write_remove(struct sotto_tx *tx, const struct chat_step *step, const struct chat_remove *remove)
{
    struct sotto_stmt *stmt;
    int rc;

    if (remove->is_retired)
        return SOTTO_OK; /* written when its user left */
    stmt = sotto_stmt(tx, CHAT_SEAT_LEAVE);
    sotto_bind_int(stmt, 1, step->seq);
    sotto_bind_int(stmt, 2, remove->num);
    sotto_bind_int(stmt, 3, step->num);
    rc = sotto_step(stmt);
    if (rc < 0 || !remove->is_last)
        return rc;
    stmt = sotto_stmt(tx, CHAT_MEMBER_REMOVE);
    sotto_bind_int(stmt, 1, step->num);
    sotto_bind_blob(stmt, 2, remove->user, CHAT_ID_BYTES);
    return sotto_step(stmt);
}

/* Whoever joined by itself needs none, and one that waits leads to a leaf that it has no more. */
static int
write_invitation(struct sotto_tx *tx, const struct chat_step *step, const struct chat_add *add)
{
    struct sotto_stmt *stmt =
        sotto_stmt(tx, step->plan.is_external ? CHAT_INVITATION_REMOVE : CHAT_INVITATION_ADD);

    sotto_bind_int(stmt, 1, add->num);
    sotto_bind_int(stmt, 2, step->num);
    if (!step->plan.is_external)
        sotto_bind_int(stmt, 3, step->seq);
    return sotto_step(stmt);
}

static int
write_member(struct sotto_tx *tx, const struct chat_step *step, const struct chat_add *add)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_MEMBER_ADD);

    sotto_bind_int(stmt, 1, step->num);
    sotto_bind_blob(stmt, 2, add->user, CHAT_ID_BYTES);
    sotto_bind_int(stmt, 3, add->role);
    return sotto_step(stmt);
}

static int
write_seat(struct sotto_tx *tx, const struct chat_step *step, struct chat_add *add)
{
    struct sotto_stmt *stmt;
    int rc = writer_device(tx, add->user, add->device, &add->num);

    if (rc != SOTTO_OK)
        return rc;
    stmt = sotto_stmt(tx, CHAT_SEAT_TAKE);
    sotto_bind_int(stmt, 1, add->num);
    sotto_bind_int(stmt, 2, step->num);
    sotto_bind_int(stmt, 3, add->leaf);
    sotto_bind_int(stmt, 4, step_since(step));
    sotto_bind_int(stmt, 5, step_since(step));
    rc = sotto_step(stmt);
    return rc < 0 ? rc : write_invitation(tx, step, add);
}

/* Who is more than a member now, as it goes with the Welcome. */
static int
pack_roles(struct sotto_tx *tx, uint32_t chat, ProtobufCBinaryData *packed_out)
{
    Sotto__Chat__V1__UserRole roles[CHAT_LEADERS_MAX], *pointers[CHAT_LEADERS_MAX];
    Sotto__Chat__V1__RoleList list = SOTTO__CHAT__V1__ROLE_LIST__INIT;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_MEMBER_LEADERS);
    int rc;

    list.roles = pointers;
    sotto_bind_int(stmt, 1, chat);
    sotto_bind_int(stmt, 2, CHAT_LEADERS_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && list.n_roles < CHAT_LEADERS_MAX) {
        Sotto__Chat__V1__UserRole *role = pointers[list.n_roles] = &roles[list.n_roles];

        sotto__chat__v1__user_role__init(role);
        role->user_id = chat_copy(tx, sotto_col_blob(stmt, 0));
        role->role = (Sotto__Chat__V1__Role)sotto_col_int(stmt, 1);
        list.n_roles++;
    }
    if (rc < 0)
        return rc;
    packed_out->len = sotto__chat__v1__role_list__get_packed_size(&list);
    packed_out->data = sotto_tx_alloc(tx, packed_out->len + 1);
    if (packed_out->data == NULL)
        return SOTTO_ENOMEM;
    sotto__chat__v1__role_list__pack(&list, packed_out->data);
    return SOTTO_OK;
}

static int
write_welcome(struct sotto_tx *tx, const struct chat_step *step)
{
    const ProtobufCBinaryData *welcome = &step->plan.bundle->welcome;
    struct sotto_stmt *stmt;
    ProtobufCBinaryData roles;
    const int rc = pack_roles(tx, step->num, &roles);

    if (rc != SOTTO_OK)
        return rc;
    stmt = sotto_stmt(tx, CHAT_WELCOME_ADD);
    sotto_bind_int(stmt, 1, step->num);
    sotto_bind_int(stmt, 2, step->seq);
    sotto_bind_int(stmt, 3, (int64_t)step->plan.epoch + 1);
    sotto_bind_int(stmt, 4, step->device);
    sotto_bind_blob(stmt, 5, welcome->data, welcome->len);
    sotto_bind_blob(stmt, 6, roles.data, roles.len);
    sotto_bind_int(stmt, 7, step->ts_ms);
    sotto_bind_blob(stmt, 8, step->verified.tree.data, step->verified.tree.len);
    return sotto_step(stmt);
}

/* Of the committer and those who are added: keyx may have been asked before one of them deleted the account. */
static int
check_accounts(struct sotto_tx *tx, struct chat_step *step)
{
    const struct chat_plan *plan = &step->plan;
    int rc = chat_refuse_deleted(tx, plan->user);

    for (size_t i = 0; i < plan->add_count && rc == SOTTO_OK; i++)
        rc = chat_refuse_deleted(tx, plan->adds[i].user);
    if (rc == SOTTO_EPRECONDITION)
        step->text = "the account of one of the commit's users was deleted";
    return rc;
}

int
step_write(struct sotto_tx *tx, struct chat_step *step)
{
    struct chat_plan *plan = &step->plan;
    int rc = check_accounts(tx, step);

    if (rc == SOTTO_OK)
        rc = write_log(tx, step);
    if (rc >= 0)
        rc = write_group_info(tx, step);
    if (rc >= 0)
        rc = write_tree(tx, step);
    for (size_t i = 0; i < plan->remove_count && rc >= 0; i++)
        rc = write_remove(tx, step, &plan->removes[i]);
    /* The Welcome names the roles of those who come, too, and their seats name the Welcome. */
    for (size_t i = 0; i < plan->add_count && rc >= 0; i++)
        rc = write_member(tx, step, &plan->adds[i]);
    if (rc >= 0 && plan->add_count > 0 && !plan->is_external)
        rc = write_welcome(tx, step);
    for (size_t i = 0; i < plan->add_count && rc >= 0; i++)
        rc = write_seat(tx, step, &plan->adds[i]);
    return rc < 0 ? rc : SOTTO_OK;
}

/* Roles change without an epoch of their own, so whoever removes others is judged once more here. */
static int
check_roles(struct sotto_tx *tx, struct chat_step *step)
{
    const struct chat_plan *plan = &step->plan;
    Sotto__Chat__V1__Role own, other;
    int rc = chat_find_role(tx, step->num, plan->user, &own);

    for (size_t i = 0; i < plan->remove_count && rc == SOTTO_OK; i++) {
        const struct chat_remove *remove = &plan->removes[i];

        /* A device that is gone needs no rank, and keyx was asked. */
        if (remove->is_retired || remove->if_gone ||
            memcmp(remove->user, plan->user, CHAT_ID_BYTES) == 0)
            continue;
        rc = chat_find_role(tx, step->num, remove->user, &other);
        if (rc != SOTTO_OK)
            return rc;
        step->text = plan_refuse_remove(own, other);
        if (step->text != NULL)
            return SOTTO_EPERM;
    }
    return rc;
}

static int
clear_proposals(struct sotto_tx *tx, const struct chat_step *step)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_PROPOSAL_CLEAR);

    sotto_bind_int(stmt, 1, step->num);
    return sotto_step(stmt);
}

/* ---- what it counts for -------------------------------------------------------------------------------------- */

struct chat_load
step_load(const struct chat_step *step)
{
    const Sotto__Chat__V1__Bundle *bundle = step->plan.bundle;
    const size_t seats = (step->chat != NULL ? step->chat->seat_count : 1) + step->plan.add_count;
    const size_t tree = bundle->welcome.len > 0 ? seats * CHAT_LEAF_BYTES_MAX : 0;

    return (struct chat_load){.bytes = bundle->commit.len + bundle->welcome.len + tree,
                              .chats = step->is_create};
}

/* ---- Commit ------------------------------------------------------------------------------------------------- */

int
chat_commit_tx(struct sotto_tx *tx, void *arg)
{
    struct chat_step *step = *(struct chat_step **)arg;
    struct sotto_stmt *stmt;
    struct chat_head *head;
    int rc = writer_head(tx, step->num, &head);

    if (rc != SOTTO_OK)
        return rc;
    step->epoch = head->epoch;
    if (head->is_replaced)
        return SOTTO_EPRECONDITION;
    if (head->epoch != step->plan.epoch || head->proposals != step->plan.proposal_count ||
        memcmp(head->tree_hash, step->check.base_hash, MLS_HASH_BYTES) != 0)
        return SOTTO_EABORTED;
    if (head->seq == CHAT_SEQ_MAX) {
        step->text = "the chat's log is full";
        return SOTTO_EEXHAUSTED;
    }
    rc = check_roles(tx, step);
    if (rc == SOTTO_OK && head->proposals > 0)
        rc = clear_proposals(tx, step);
    if (rc >= 0 && step->device == 0) /* it sat in no seat when it asked, perhaps in none at all */
        rc = writer_device(tx, step->plan.user, step->plan.device, &step->device);
    if (rc < 0)
        return rc;
    step->seq = head->seq + 1;
    step->ts_ms = tx->api->now_ms(tx);

    stmt = sotto_stmt(tx, CHAT_CHAT_SET_EPOCH);
    sotto_bind_int(stmt, 1, (int64_t)step->plan.epoch + 1);
    sotto_bind_int(stmt, 2, step->num);
    rc = sotto_step(stmt);
    if (rc >= 0)
        rc = step_write(tx, step);
    if (rc < 0)
        return rc;
    head->epoch++;
    memcpy(head->tree_hash, step->verified.tree_hash, MLS_HASH_BYTES);
    head->seq++;
    head->proposals = 0;
    return SOTTO_OK;
}

void
chat_on_commit(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__CommitRequest *request = (const void *)in;
    const struct chat_seat *seat;
    struct chat *chat;
    struct chat_step step = {.ds = ds, .req = req};

    if (!chat_is_ready(ds, req, in, chat_on_commit))
        return;
    /* A device without a seat may join, if it is a member's. */
    chat = roster_caller_chat(ds, req->caller, request->chat_id);
    if (chat == NULL) {
        chat_fail_absent(req);
        return;
    }
    if (chat_fail_replaced(req, chat))
        return;
    if (request->bundle == NULL) {
        sotto_fail(req, SOTTO_EINVALID, "the bundle is missing");
        return;
    }
    seat = roster_caller_seat(ds, req->caller, request->chat_id);
    step.chat = chat;
    step.num = chat->num;
    step.device = seat != NULL ? seat->device->num : 0;
    step_start(&step, request->bundle, request->chat_id, chat->suite);
}
