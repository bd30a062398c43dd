/* SPDX-License-Identifier: MIT */
/* See chat_peer.h: what people ask of a chat besides messages and commits. */
#include "sotto_test.h"

#include "chat_peer.h"
#include "chat_peer_parts.h"

/* ---- lists ----------------------------------------------------------------------------------------------- */

const Sotto__Chat__V1__ListChatsReply *
rig_list(struct chat_rig *rig, struct chat_peer *peer)
{
    const Sotto__Chat__V1__ListChatsRequest request = SOTTO__CHAT__V1__LIST_CHATS_REQUEST__INIT;
    const struct harness_answer *answer =
        harness_rpc(rig->h, peer->session, "ListChats", &request.base);

    assert_ok(answer->status);
    return (const void *)answer->message;
}

static const struct harness_answer *
list_members(struct chat_rig *rig, const struct chat_peer *peer)
{
    Sotto__Chat__V1__ListMembersRequest request = SOTTO__CHAT__V1__LIST_MEMBERS_REQUEST__INIT;
    uint8_t id[16];

    request.chat_id = rig_chat_id(rig, id);
    return harness_rpc(rig->h, peer->session, "ListMembers", &request.base);
}

const Sotto__Chat__V1__ListMembersReply *
rig_members(struct chat_rig *rig, struct chat_peer *peer)
{
    const struct harness_answer *answer = list_members(rig, peer);

    assert_ok(answer->status);
    return (const void *)answer->message;
}

static const struct harness_answer *
set_role(struct chat_rig *rig, const struct chat_peer *peer, const struct chat_peer *target,
         Sotto__Chat__V1__Role role, bool is_begin)
{
    Sotto__Chat__V1__SetRoleRequest request = SOTTO__CHAT__V1__SET_ROLE_REQUEST__INIT;
    uint8_t id[16];

    request.chat_id = rig_chat_id(rig, id);
    request.user_id = peer_bytes(target->mls.user, 16);
    request.role = role;
    return peer_ask(rig, peer, "SetRole", &request.base, is_begin);
}

const struct harness_answer *
rig_set_role(struct chat_rig *rig, struct chat_peer *peer, const struct chat_peer *target,
             Sotto__Chat__V1__Role role)
{
    return set_role(rig, peer, target, role, false);
}

const struct harness_answer *
rig_set_role_begin(struct chat_rig *rig, struct chat_peer *peer, const struct chat_peer *target,
                   Sotto__Chat__V1__Role role)
{
    return set_role(rig, peer, target, role, true);
}

static const struct harness_answer *
leave(struct chat_rig *rig, const struct chat_peer *peer, bool is_begin)
{
    Sotto__Chat__V1__LeaveRequest request = SOTTO__CHAT__V1__LEAVE_REQUEST__INIT;
    ProtobufCBinaryData proposals[] = {peer_buf(&peer->last_proposals[0]),
                                       peer_buf(&peer->last_proposals[1])};
    uint8_t id[16];

    request.chat_id = rig_chat_id(rig, id);
    request.proposals = proposals;
    request.n_proposals = (size_t)(proposals[0].len > 0) + (proposals[1].len > 0);
    return peer_ask(rig, peer, "Leave", &request.base, is_begin);
}

static void
propose(struct chat_peer *peer, const struct chat_peer *target, const struct chat_peer *also)
{
    mls_buf_fini(&peer->last_proposals[0]);
    mls_buf_fini(&peer->last_proposals[1]);
    assert_ok(mls_peer_propose_remove(&peer->mls, peer_find_leaf(peer, target),
                                      &peer->last_proposals[0]));
    if (also != NULL)
        assert_ok(mls_peer_propose_remove(&peer->mls, peer_find_leaf(peer, also),
                                          &peer->last_proposals[1]));
}

const struct harness_answer *
rig_leave_again(struct chat_rig *rig, struct chat_peer *peer)
{
    return leave(rig, peer, false);
}

const struct harness_answer *
rig_leave_as(struct chat_rig *rig, struct chat_peer *peer, struct chat_peer *target,
             struct chat_peer *also)
{
    propose(peer, target, also);
    return leave(rig, peer, false);
}

const struct harness_answer *
rig_leave(struct chat_rig *rig, struct chat_peer *peer)
{
    return rig_leave_as(rig, peer, peer, NULL);
}

const struct harness_answer *
rig_leave_begin(struct chat_rig *rig, struct chat_peer *peer)
{
    propose(peer, peer, NULL);
    return leave(rig, peer, true);
}

static const struct harness_answer *
delete_chat(struct chat_rig *rig, const struct chat_peer *peer, bool is_begin)
{
    Sotto__Chat__V1__DeleteChatRequest request = SOTTO__CHAT__V1__DELETE_CHAT_REQUEST__INIT;
    uint8_t id[16];

    request.chat_id = rig_chat_id(rig, id);
    return peer_ask(rig, peer, "DeleteChat", &request.base, is_begin);
}

const struct harness_answer *
rig_delete(struct chat_rig *rig, struct chat_peer *peer)
{
    return delete_chat(rig, peer, false);
}

const struct harness_answer *
rig_delete_begin(struct chat_rig *rig, struct chat_peer *peer)
{
    return delete_chat(rig, peer, true);
}

void
rig_ack_deleted(struct chat_rig *rig, struct chat_peer *peer)
{
    Sotto__Chat__V1__AckRequest request = SOTTO__CHAT__V1__ACK_REQUEST__INIT;
    ProtobufCBinaryData name;
    uint8_t id[16];

    name = rig_chat_id(rig, id);
    request.n_deleted_seen = 1;
    request.deleted_seen = &name;
    assert_ok(harness_rpc(rig->h, peer->session, "Ack", &request.base)->status);
}

/* ---- reports --------------------------------------------------------------------------------------------- */

const struct harness_answer *
rig_report(struct chat_rig *rig, struct chat_peer *peer, uint64_t seq, uint64_t epoch)
{
    Sotto__Chat__V1__ReportCommitRequest request = SOTTO__CHAT__V1__REPORT_COMMIT_REQUEST__INIT;
    uint8_t id[16];

    request.chat_id = rig_chat_id(rig, id);
    request.seq = seq;
    request.epoch = epoch;
    request.reason = SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_PATH;
    return harness_rpc(rig->h, peer->session, "ReportCommit", &request.base);
}

const Sotto__Chat__V1__ListReportsReply *
rig_reports(struct chat_rig *rig, struct chat_peer *peer)
{
    Sotto__Chat__V1__ListReportsRequest request = SOTTO__CHAT__V1__LIST_REPORTS_REQUEST__INIT;
    const struct harness_answer *answer;
    uint8_t id[16];

    request.chat_id = rig_chat_id(rig, id);
    answer = harness_rpc(rig->h, peer->session, "ListReports", &request.base);
    assert_ok(answer->status);
    return (const void *)answer->message;
}

static const struct harness_answer *
get_group(struct chat_rig *rig, const struct chat_peer *peer, bool is_begin)
{
    Sotto__Chat__V1__GetGroupRequest request = SOTTO__CHAT__V1__GET_GROUP_REQUEST__INIT;
    uint8_t id[16];

    request.chat_id = rig_chat_id(rig, id);
    return peer_ask(rig, peer, "GetGroup", &request.base, is_begin);
}

const struct harness_answer *
rig_get_group(struct chat_rig *rig, struct chat_peer *peer)
{
    return get_group(rig, peer, false);
}

const struct harness_answer *
rig_get_group_begin(struct chat_rig *rig, struct chat_peer *peer)
{
    return get_group(rig, peer, true);
}

const struct harness_answer *
rig_any(struct chat_rig *rig, struct chat_peer *peer, int method)
{
    switch (method) {
    case 0:
        return rig_send_bytes(rig, peer, 1, rig->alice.last_message.data,
                              rig->alice.last_message.len);
    case 1: return rig_submit_as(rig, &rig->alice, peer);
    case 2: return list_members(rig, peer);
    case 3: return rig_set_role(rig, peer, &rig->alice, ADMIN);
    default: return rig_leave_again(rig, peer);
    }
}
