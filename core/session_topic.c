/* SPDX-License-Identifier: MIT */
/* Tells modules that a connection was bound or has ended: the core's topics of sdk/proto/core.proto. */
#include "core/broker.h"
#include "core/session_table.h"
#include "sdk/proto/core.pb-c.h"

/* Two varint heads, a varint of ten bytes and three ids; more than the message can take. */
#define EVENT_BYTES_MAX 128

static ProtobufCBinaryData
id_field(uint8_t id[SOTTO_ID_BYTES])
{
    return (ProtobufCBinaryData){.len = SOTTO_ID_BYTES, .data = id};
}

void
session_publish(struct session *session, const char *topic)
{
    struct broker *broker = sessions_core(session->all)->broker;
    struct sotto_identity *identity = &session->identity;
    struct sotto_view key = {.data = identity->user, .size = SOTTO_ID_BYTES};
    Sotto__Core__V1__Session event = SOTTO__CORE__V1__SESSION__INIT;
    uint8_t bytes[EVENT_BYTES_MAX];
    struct sotto_view payload = {.data = bytes};

    if (!broker)
        return;
    event.session = session->id;
    event.user = id_field(identity->user);
    event.device = id_field(identity->device);
    event.login = id_field(identity->login);
    payload.size = sotto__core__v1__session__pack(&event, bytes);
    broker_publish_core(broker, topic, key, payload);
}
