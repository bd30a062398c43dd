/* SPDX-License-Identifier: MIT */
/* What chat_peer.c and chat_peer_calls.c make requests of. */
#ifndef CHAT_PEER_PARTS_H
#define CHAT_PEER_PARTS_H

#include "chat_peer.h"

/* The leaf of a device in the peer's group; one of nobody's when it has none. */
uint32_t peer_find_leaf(const struct chat_peer *, const struct chat_peer *target);

static inline ProtobufCBinaryData
peer_bytes(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = size};
}

static inline ProtobufCBinaryData
peer_buf(const struct mls_buf *buf)
{
    return peer_bytes(buf->data, buf->len);
}

/* Makes a call, or begins one. */
static inline const struct harness_answer *
peer_ask(const struct chat_rig *rig, const struct chat_peer *peer, const char *method,
         const ProtobufCMessage *request, bool is_begin)
{
    return (is_begin ? harness_rpc_begin : harness_rpc)(rig->h, peer->session, method, request);
}

static inline ProtobufCBinaryData
rig_chat_id(const struct chat_rig *rig, uint8_t out[16])
{
    memset(out, rig->chat, 16);
    return peer_bytes(out, 16);
}

#endif
