/* SPDX-License-Identifier: MIT */
/* See chat_peer.h. */
#include "sotto_test.h"

#include "chat_peer.h"
#include "chat_peer_parts.h"

#include "keyx.pb-c.h"

const struct sotto_module *sotto_module_entry(void);

/* ---- life ------------------------------------------------------------------------------------------------ */

/* keyx, who knows every device but one. */
static int
check_devices(void *arg, struct sotto_view request, uint8_t *out, size_t *size_out)
{
    const struct chat_rig *rig = arg;
    Sotto__Keyx__V1__DeviceCheckList *list =
        sotto__keyx__v1__device_check_list__unpack(NULL, request.size, request.data);

    assert_non_null(list);
    for (size_t i = 0; i < list->n_devices; i++)
        list->devices[i]->known =
            rig->unknown == NULL ||
            memcmp(list->devices[i]->user_id.data, rig->unknown->mls.user, 16) != 0 ||
            memcmp(list->devices[i]->device_id.data, rig->unknown->mls.device, 16) != 0;
    *size_out = sotto__keyx__v1__device_check_list__pack(list, out);
    sotto__keyx__v1__device_check_list__free_unpacked(list, NULL);
    return 0;
}

static void
connect_all(struct chat_rig *rig)
{
    struct chat_peer *peers[] = {&rig->alice, &rig->bob, &rig->carol, &rig->dora};

    for (int i = 0; i < 4; i++) {
        peers[i]->session = harness_connect(rig->h);
        harness_attach(rig->h, peers[i]->session, peers[i]->mls.user, peers[i]->mls.device, NULL);
    }
}

int
rig_start(void **state)
{
    struct chat_rig *rig = calloc(1, sizeof(*rig));
    struct chat_peer *peers[] = {&rig->alice, &rig->bob, &rig->carol, &rig->dora};

    rig->mode = SOTTO__CHAT__V1__MODE__MODE_ARCHIVE;
    rig->h = harness_create(sotto_module_entry());
    harness_run_writes_twice(rig->h, true);
    harness_provide(rig->h, "keyx.device.check.v1", check_devices, rig);
    assert_ok(harness_start(rig->h));
    for (int i = 0; i < 4; i++)
        mls_peer_init(&peers[i]->mls, "abcd"[i], '1', 3, (uint64_t)harness_now_ms(rig->h) / 1000);
    connect_all(rig);
    *state = rig;
    return 0;
}

int
rig_start_relay(void **state)
{
    struct chat_rig *rig;

    rig_start(state);
    rig = *state;
    harness_stop(rig->h);
    harness_set(rig->h, "relay_keep", "10s");
    rig_resume(rig);
    rig->mode = SOTTO__CHAT__V1__MODE__MODE_RELAY;
    return 0;
}

int
rig_stop(void **state)
{
    struct chat_rig *rig = *state;
    struct chat_peer *peers[] = {&rig->alice, &rig->bob, &rig->carol, &rig->dora};

    for (int i = 0; i < 4; i++) {
        peer_bundle_fini(&peers[i]->bundle);
        mls_buf_fini(&peers[i]->last_message);
        mls_buf_fini(&peers[i]->last_proposals[0]);
        mls_buf_fini(&peers[i]->last_proposals[1]);
        mls_peer_fini(&peers[i]->mls);
    }
    harness_destroy(&rig->h);
    free(rig);
    return 0;
}

void
rig_restart(struct chat_rig *rig)
{
    harness_stop(rig->h);
    rig_resume(rig);
}

void
rig_resume(struct chat_rig *rig)
{
    harness_provide(rig->h, "keyx.device.check.v1", check_devices, rig);
    assert_ok(harness_start(rig->h));
    connect_all(rig);
}

/* ---- bundles --------------------------------------------------------------------------------------------- */

uint32_t
peer_find_leaf(const struct chat_peer *peer, const struct chat_peer *target)
{
    struct mls_member member;
    struct verify_cert cert;

    for (uint32_t cursor = 0; mls_group_next_member(peer->mls.group, &cursor, &member);) {
        assert_ok(verify_cert_parse(member.credential.identity.data, member.credential.identity.len,
                                    &cert));
        if (memcmp(cert.user_id, target->mls.user, 16) == 0 &&
            memcmp(cert.device_id, target->mls.device, 16) == 0)
            return member.leaf;
    }
    return 1000; /* nobody's */
}

static void
make_bundle(struct chat_peer *peer, struct chat_peer *first, struct chat_peer *second,
            struct chat_peer *remove)
{
    struct mls_bytes adds[2];
    uint32_t leaf = 0;
    size_t count = 0;

    if (first != NULL)
        adds[count++] = mls_peer_package(&first->mls, 86400);
    if (second != NULL)
        adds[count++] = mls_peer_package(&second->mls, 86400);
    if (remove != NULL)
        leaf = peer_find_leaf(peer, remove);
    peer_bundle_fini(&peer->bundle);
    mls_peer_commit(&peer->mls, adds, count, &leaf, remove != NULL, &peer->bundle);
}

void
peer_fill_bundle(Sotto__Chat__V1__Bundle *out, const struct peer_bundle *bundle)
{
    sotto__chat__v1__bundle__init(out);
    out->commit = peer_buf(&bundle->commit);
    out->welcome = peer_buf(&bundle->welcome);
    out->group_info = peer_buf(&bundle->group_info);
    out->start = peer_buf(&bundle->start);
}

static const struct harness_answer *
ask_create(struct chat_rig *rig, const struct chat_peer *peer, bool is_begin)
{
    Sotto__Chat__V1__CreateRequest request = SOTTO__CHAT__V1__CREATE_REQUEST__INIT;
    Sotto__Chat__V1__Bundle bundle;
    uint8_t id[16], old[16];

    peer_fill_bundle(&bundle, &peer->bundle);
    memset(old, rig->resets, 16);
    request.resets = peer_bytes(old, rig->resets != 0 ? 16 : 0);
    request.chat_id = rig_chat_id(rig, id);
    request.type = rig->type;
    request.mode = rig->mode;
    request.suite = peer->mls.suite;
    request.first = &bundle;
    return peer_ask(rig, peer, "Create", &request.base, is_begin);
}

const struct harness_answer *
rig_create_again(struct chat_rig *rig, struct chat_peer *peer)
{
    return ask_create(rig, peer, false);
}

const struct harness_answer *
rig_create_again_begin(struct chat_rig *rig, struct chat_peer *peer)
{
    return ask_create(rig, peer, true);
}

const struct harness_answer *
rig_create(struct chat_rig *rig, struct chat_peer *peer, char chat, Sotto__Chat__V1__ChatType type,
           struct chat_peer *first, struct chat_peer *second)
{
    const struct harness_answer *answer;
    uint8_t id[16];

    rig->chat = chat;
    rig->type = type;
    mls_peer_create(&peer->mls, rig_chat_id(rig, id).data);
    make_bundle(peer, first, second, NULL);
    answer = rig_create_again(rig, peer);
    if (answer->status == SOTTO_OK)
        mls_peer_merge(&peer->mls);
    return answer;
}

void
rig_group(struct chat_rig *rig, char chat)
{
    assert_ok(rig_create(rig, &rig->alice, chat, GROUP, &rig->bob, &rig->carol)->status);
    mls_peer_join(&rig->bob.mls, mls_buf_bytes(&rig->alice.bundle.welcome));
    mls_peer_join(&rig->carol.mls, mls_buf_bytes(&rig->alice.bundle.welcome));
}

void
rig_prepare(struct chat_rig *rig, struct chat_peer *peer, struct chat_peer *add,
            struct chat_peer *remove)
{
    (void)rig;
    make_bundle(peer, add, NULL, remove);
}

static const struct harness_answer *
submit(struct chat_rig *rig, const struct chat_peer *maker, const struct chat_peer *sender,
       enum rig_variant variant, bool is_begin)
{
    Sotto__Chat__V1__CommitRequest request = SOTTO__CHAT__V1__COMMIT_REQUEST__INIT;
    Sotto__Chat__V1__Bundle bundle;
    uint8_t id[16];

    peer_fill_bundle(&bundle, &maker->bundle);
    if (variant == NO_WELCOME)
        bundle.welcome.len = 0;
    if (variant == NO_GROUP_INFO)
        bundle.group_info.len = 0;
    if (variant == WELCOME_AS_COMMIT)
        bundle.commit = bundle.welcome;
    request.chat_id = rig_chat_id(rig, id);
    request.bundle = &bundle;
    return peer_ask(rig, sender, "Commit", &request.base, is_begin);
}

const struct harness_answer *
rig_submit(struct chat_rig *rig, struct chat_peer *peer, enum rig_variant variant)
{
    return submit(rig, peer, peer, variant, false);
}

const struct harness_answer *
rig_submit_as(struct chat_rig *rig, struct chat_peer *maker, struct chat_peer *sender)
{
    return submit(rig, maker, sender, WHOLE, false);
}

const struct harness_answer *
rig_commit(struct chat_rig *rig, struct chat_peer *peer, struct chat_peer *add,
           struct chat_peer *remove)
{
    const struct harness_answer *answer;

    make_bundle(peer, add, NULL, remove);
    answer = submit(rig, peer, peer, WHOLE, false);
    if (answer->status == SOTTO_OK)
        mls_peer_merge(&peer->mls);
    else
        mls_peer_drop(&peer->mls);
    return answer;
}

const struct harness_answer *
rig_commit_begin(struct chat_rig *rig, struct chat_peer *peer, struct chat_peer *add,
                 struct chat_peer *remove)
{
    make_bundle(peer, add, NULL, remove);
    return submit(rig, peer, peer, WHOLE, true);
}

/* ---- messages -------------------------------------------------------------------------------------------- */

static const struct harness_answer *
send_data(struct chat_rig *rig, const struct chat_peer *peer, uint64_t client_msg_id,
          ProtobufCBinaryData message, bool is_begin)
{
    Sotto__Chat__V1__SendRequest request = SOTTO__CHAT__V1__SEND_REQUEST__INIT;
    uint8_t id[16];

    request.chat_id = rig_chat_id(rig, id);
    request.client_msg_id = client_msg_id;
    request.message = message;
    return peer_ask(rig, peer, "Send", &request.base, is_begin);
}

const struct harness_answer *
rig_send_bytes(struct chat_rig *rig, struct chat_peer *peer, uint64_t id, const void *data,
               size_t size)
{
    return send_data(rig, peer, id, peer_bytes(data, size), false);
}

const struct harness_answer *
rig_send(struct chat_rig *rig, struct chat_peer *peer, uint64_t id, const char *text)
{
    mls_peer_encrypt(&peer->mls, text, &peer->last_message);
    return rig_send_again(rig, peer, id);
}

const struct harness_answer *
rig_send_begin(struct chat_rig *rig, struct chat_peer *peer, uint64_t id, const char *text)
{
    mls_peer_encrypt(&peer->mls, text, &peer->last_message);
    return send_data(rig, peer, id, peer_buf(&peer->last_message), true);
}

const struct harness_answer *
rig_send_again(struct chat_rig *rig, struct chat_peer *peer, uint64_t id)
{
    return send_data(rig, peer, id, peer_buf(&peer->last_message), false);
}

const struct harness_answer *
rig_send_big(struct chat_rig *rig, struct chat_peer *peer, uint64_t id, size_t size)
{
    char *text = malloc(size + 1);
    const struct harness_answer *answer;

    memset(text, 'x', size);
    text[size] = '\0';
    answer = rig_send(rig, peer, id, text);
    free(text);
    return answer;
}

Sotto__Chat__V1__SendReply
rig_sent(const struct harness_answer *answer)
{
    assert_ok(answer->status);
    return *(const Sotto__Chat__V1__SendReply *)answer->message;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

static const struct harness_answer *
sync_with(struct chat_rig *rig, const struct chat_peer *peer, const uint64_t *cursor, bool live,
          bool is_begin)
{
    Sotto__Chat__V1__SyncRequest request = SOTTO__CHAT__V1__SYNC_REQUEST__INIT;
    Sotto__Chat__V1__Cursor item = SOTTO__CHAT__V1__CURSOR__INIT, *items[] = {&item};
    uint8_t id[16];

    item.chat_id = rig_chat_id(rig, id);
    item.seq = cursor != NULL ? *cursor : 0;
    request.n_cursors = cursor != NULL;
    request.cursors = items;
    request.live = live;
    return peer_ask(rig, peer, "Sync", &request.base, is_begin);
}

const Sotto__Chat__V1__SyncReply *
rig_sync(struct chat_rig *rig, struct chat_peer *peer, uint64_t cursor, bool live)
{
    const struct harness_answer *answer = sync_with(rig, peer, &cursor, live, false);

    assert_ok(answer->status);
    return (const void *)answer->message;
}

const struct harness_answer *
rig_sync_begin(struct chat_rig *rig, struct chat_peer *peer, uint64_t cursor, bool live)
{
    return sync_with(rig, peer, &cursor, live, true);
}

const Sotto__Chat__V1__SyncReply *
rig_sync_all(struct chat_rig *rig, struct chat_peer *peer)
{
    const struct harness_answer *answer = sync_with(rig, peer, NULL, false, false);

    assert_ok(answer->status);
    return (const void *)answer->message;
}

void
rig_go_live(struct chat_rig *rig)
{
    struct chat_peer *peers[] = {&rig->alice, &rig->bob, &rig->carol};

    for (int i = 0; i < 3; i++)
        assert_false(rig_sync(rig, peers[i], 1u << 30, true)->more);
}

void
rig_catch_up(struct chat_rig *rig, struct chat_peer *peer, uint64_t cursor)
{
    const Sotto__Chat__V1__SyncReply *sync = rig_sync(rig, peer, cursor, false);
    char text[64];

    for (size_t i = 0; i < sync->n_entries; i++)
        if (sync->entries[i]->message.len > 0 &&
            sync->entries[i]->kind < SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ROLE)
            assert_ok(mls_peer_process(&peer->mls, to_mls(sync->entries[i]->message), text));
}

void
rig_list_server(struct chat_rig *rig)
{
    const Sotto__Chat__V1__GetExternalSenderRequest request =
        SOTTO__CHAT__V1__GET_EXTERNAL_SENDER_REQUEST__INIT;
    const struct harness_answer *answer =
        harness_rpc(rig->h, rig->alice.session, "GetExternalSender", &request.base);
    const Sotto__Chat__V1__GetExternalSenderReply *reply = (const void *)answer->message;

    assert_ok(answer->status);
    assert_true(reply->external_senders.len <= sizeof(rig->senders));
    memcpy(rig->senders, reply->external_senders.data, reply->external_senders.len);
    rig->alice.mls.senders = (struct mls_bytes){rig->senders, reply->external_senders.len};
}

void
rig_group_with_phone(struct chat_rig *rig)
{
    mls_peer_fini(&rig->dora.mls);
    mls_peer_init(&rig->dora.mls, 'b', '2', 3, (uint64_t)harness_now_ms(rig->h) / 1000);
    rig->dora.session = harness_connect(rig->h);
    harness_attach(rig->h, rig->dora.session, rig->dora.mls.user, rig->dora.mls.device, NULL);
    rig_group(rig, 'X');
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
    rig_catch_up(rig, &rig->carol, 1);
}

void
rig_ack(struct chat_rig *rig, struct chat_peer *peer, uint64_t seq, bool joined)
{
    Sotto__Chat__V1__AckRequest request = SOTTO__CHAT__V1__ACK_REQUEST__INIT;
    Sotto__Chat__V1__Cursor item = SOTTO__CHAT__V1__CURSOR__INIT, *items[] = {&item};
    ProtobufCBinaryData name;
    uint8_t id[16];

    name = item.chat_id = rig_chat_id(rig, id);
    item.seq = seq;
    request.n_cursors = 1;
    request.cursors = items;
    request.n_welcomes_joined = joined;
    request.welcomes_joined = &name;
    assert_ok(harness_rpc(rig->h, peer->session, "Ack", &request.base)->status);
}
