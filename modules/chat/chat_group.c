/* SPDX-License-Identifier: MIT */
/*
 * GetGroup: the GroupInfo and the tree of a chat. Who has both may join by a commit of its own, so they are given to
 * devices of members only; such a device need not sit in the chat itself. A closed chat takes nobody in, and gives neither.
 */
#include <stdlib.h>

#include "chat_tree.h"
#include "chat_turn.h"

struct group_op {
    struct sotto_req *req;
    struct chat_turn turn;
    struct tree_check check;
    struct mls_buf tree;
};

static int
write_tree(struct tree_check *check)
{
    struct group_op *op = check->owner;
    const int rc = mls_public_group_ratchet_tree(check->group, &op->tree);

    return rc == MLS_OK ? SOTTO_OK : SOTTO_ENOMEM;
}

static void
on_written(struct tree_check *check, int status)
{
    struct group_op *op = check->owner;
    const struct chat_turn turn = op->turn;
    Sotto__Chat__V1__GetGroupReply reply = SOTTO__CHAT__V1__GET_GROUP_REPLY__INIT;

    if (status == SOTTO_ENOTFOUND) {
        chat_fail_absent(op->req);
    } else if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, check->text);
    } else if (!chat_fail_replaced(
                   op->req, roster_chat(check->ds, chat_bytes(check->chat_id, CHAT_ID_BYTES)))) {
        reply.epoch = mls_public_group_epoch(check->group);
        reply.group_info = check->stored.group_info;
        reply.ratchet_tree = chat_bytes(op->tree.data, op->tree.len);
        sotto_reply(op->req, &reply.base);
    }
    tree_check_end(check, false);
    mls_buf_fini(&op->tree);
    free(op);
    turn_end(turn);
}

static void
on_turn(void *owner)
{
    struct group_op *op = owner;

    tree_check_start(&op->check);
}

void
chat_on_get_group(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__GetGroupRequest *request = (const void *)in;
    struct chat *chat;
    struct group_op *op;
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_get_group))
        return;
    chat = roster_caller_chat(ds, req->caller, request->chat_id);
    if (chat == NULL) {
        chat_fail_absent(req);
        return;
    }
    if (chat_fail_replaced(req, chat))
        return;
    op = calloc(1, sizeof(*op));
    if (op == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
        return;
    }
    op->req = req;
    op->check = (struct tree_check){
        .ds = ds,
        .owner = op,
        .chat = chat,
        .wants_stored = true,
        .reader = req->caller->user,
        .work = write_tree,
        .done = on_written,
    };
    memcpy(op->check.chat_id, chat->id, CHAT_ID_BYTES);
    rc = turn_begin(ds, &op->turn, req->caller->user, on_turn, op);
    if (rc != SOTTO_OK)
        on_written(&op->check, rc);
}
