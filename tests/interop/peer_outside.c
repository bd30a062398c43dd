/* SPDX-License-Identifier: MIT */
/*
 * Commands of mls_peer about coming from outside: GroupInfo, joining by one's own commit, and the
 * proposals of a newcomer and of a service.
 */
#include "mls/view.h"
#include "peer_program.h"

void
peer_info(struct peer *peer)
{
    struct mls_buf info = {0};
    bool with_tree = peer->args[0].len == 1 && peer->args[0].data[0] == 1;
    int error = mls_group_export_info(peer->group, with_tree, &info);

    peer_answer_buf(error, &info);
}

void
peer_join_external(struct peer *peer)
{
    const struct mls_external_join_params params = {
        .group_info = peer_bytes(&peer->args[0]),
        .resync = peer->args[1].len > 0,
        .old_leaf = peer->args[1].len > 0 ? peer_leaf(&peer->args[1]) : 0,
        .psks = peer->queue,
        .psk_count = peer->queued,
    };
    const struct mls_client self = peer_client(peer);
    struct mls_buf commit = {0};

    mls_group_destroy(&peer->group);
    int error = mls_group_join_external(&peer->config, &self, &params, &peer->group, &commit, NULL);
    peer_dequeue(peer);
    peer_answer_buf(error, &commit);
}

void
peer_ask(struct peer *peer)
{
    const struct mls_client self = peer_client(peer);
    struct mls_group_info_view view;
    struct mls_buf package = {0}, message = {0};
    int error = mls_group_info_view(peer_bytes(&peer->args[0]), &view);

    if (error == 0)
        error = mls_key_package_create(&peer->config, &self, peer->suite, &package, &peer->bundle);
    if (error == 0)
        error = mls_propose_from_outside(
            peer->provider,
            &(struct mls_outside_params){
                .suite = peer->suite,
                .group_id = view.group_id,
                .epoch = view.epoch,
                .sender_type = MLS_SENDER_NEW_MEMBER_PROPOSAL,
                .signature_seed = peer->seed,
                .proposal = {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&package)}},
            &message);
    mls_buf_fini(&package);
    peer_answer_buf(error, &message);
}

void
peer_service_remove(struct peer *peer)
{
    struct mls_buf message = {0};
    int error;

    if (peer->args[0].len != MLS_ED25519_SEED_BYTES)
        peer_give_up("a key is 32 bytes");
    error = mls_propose_from_outside(
        peer->provider,
        &(struct mls_outside_params){
            .suite = mls_group_suite(peer->group),
            .group_id = mls_group_id(peer->group),
            .epoch = mls_group_epoch(peer->group),
            .sender_type = MLS_SENDER_EXTERNAL,
            .signature_seed = peer->args[0].data,
            .proposal = {.type = MLS_PROPOSAL_REMOVE, .leaf = peer_leaf(&peer->args[1])}},
        &message);
    peer_answer_buf(error, &message);
}
