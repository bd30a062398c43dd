/* SPDX-License-Identifier: MIT */
/*
 * Commands of mls_peer for groups that continue a group (RFC 9420 sections 11.2, 11.3).
 */
#include "peer_program.h"

void
peer_reinit(struct peer *peer)
{
    peer_enqueue(peer, (struct mls_proposal){.type = MLS_PROPOSAL_REINIT,
                                             .group_id = peer_hold(peer, &peer->args[0]),
                                             .suite = (uint16_t)peer_leaf(&peer->args[1])});
}

void
peer_aside(struct peer *peer)
{
    peer->suite = (uint16_t)peer_leaf(&peer->args[0]);
    mls_group_destroy(&peer->earlier);
    peer->earlier = peer->group;
    peer->group = NULL;
    peer_answer(0, NULL, 0);
}

/* The successor of the earlier group; with an id a branch. */
static void
make_of_earlier(struct peer *peer, const struct argument *id)
{
    const struct mls_client self = peer_client(peer);
    struct mls_bytes packages[QUEUE_MAX];
    struct mls_buf commit = {0}, welcome = {0};

    if (peer->earlier == NULL)
        peer_give_up("there is no earlier group");
    for (size_t i = 0; i < peer->queued; i++)
        packages[i] = peer->queue[i].key_package;
    int error = id == NULL
                    ? mls_group_reinit(&peer->config, &self, peer->earlier, packages, peer->queued,
                                       &commit, &welcome, &peer->group)
                    : mls_group_branch(&peer->config, &self, peer->earlier, peer_bytes(id),
                                       packages, peer->queued, &commit, &welcome, &peer->group);
    peer_dequeue(peer);
    const struct mls_bytes values[] = {mls_buf_bytes(&commit), mls_buf_bytes(&welcome)};
    peer_answer(error, values, 2);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
}

void
peer_successor(struct peer *peer)
{
    make_of_earlier(peer, NULL);
}

void
peer_branch(struct peer *peer)
{
    make_of_earlier(peer, &peer->args[0]);
}
