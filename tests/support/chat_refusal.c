/* SPDX-License-Identifier: MIT */
/* See chat_refusal.h. */
#include "sotto_test.h"

#include "chat_refusal.h"
#include "keyx.pb-c.h"

#define GRACE_MS 60000 /* the preset of removal_grace */

/* ---- what is left ---------------------------------------------------------------------------------------------- */

int64_t
rig_trace(struct chat_rig *rig)
{
    return harness_sql(rig->h, "SELECT (SELECT COUNT(*) FROM chat_log)"
                               " + 1000 * (SELECT SUM(epoch) FROM chat_chats)"
                               " + 1000000 * (SELECT SUM(epoch) FROM chat_trees)"
                               " + 1000000000 * (SELECT COUNT(*) FROM chat_proposals)");
}

void
rig_expect_failure(struct chat_rig *rig, struct chat_peer *peer, int status, const char *cause)
{
    const int64_t before = rig_trace(rig);
    const struct harness_answer *answer = rig_submit(rig, peer, WHOLE);

    assert_fails(answer->status, status);
    if (strstr(answer->text, cause) == NULL)
        fail_msg("\"%s\" does not say %s", answer->text, cause);
    assert_int_equal(rig_trace(rig), before);
}

void
rig_expect_refusal(struct chat_rig *rig, struct chat_peer *peer, const char *cause)
{
    rig_expect_failure(rig, peer, SOTTO_EINVALID, cause);
}

/* ---- joining --------------------------------------------------------------------------------------------------- */

void
rig_prepare_join_with(struct chat_peer *peer, const struct mls_external_join_params *params)
{
    struct peer_bundle *bundle = &peer->bundle;
    const struct mls_client self = mls_peer_client(&peer->mls, 86400);

    peer_bundle_fini(bundle);
    mls_group_destroy(&peer->mls.group);
    assert_ok(mls_group_join_external(&peer->mls.config, &self, params, &peer->mls.group,
                                      &bundle->commit, &bundle->group_info));
}

void
rig_prepare_join_on(struct chat_peer *peer, const struct mls_buf *group_info, uint32_t old_leaf)
{
    const struct mls_external_join_params params = {
        .group_info = mls_buf_bytes(group_info),
        .resync = old_leaf != MLS_LEAF_NONE,
        .old_leaf = old_leaf,
    };

    rig_prepare_join_with(peer, &params);
}

void
rig_prepare_join(struct chat_peer *peer, const struct chat_peer *from, uint32_t old_leaf)
{
    struct mls_buf info = {0};

    assert_ok(mls_group_export_info(from->mls.group, true, &info));
    rig_prepare_join_on(peer, &info, old_leaf);
    mls_buf_fini(&info);
}

/* ---- devices that go ------------------------------------------------------------------------------------------- */

void
rig_tell_removed(struct chat_rig *rig, const struct chat_peer *peer)
{
    Sotto__Keyx__V1__DeviceRemoved fact = SOTTO__KEYX__V1__DEVICE_REMOVED__INIT;
    uint8_t payload[128];
    struct sotto_view view = {.data = payload};

    fact.user_id = (ProtobufCBinaryData){16, (uint8_t *)peer->mls.user};
    fact.device_id = (ProtobufCBinaryData){16, (uint8_t *)peer->mls.device};
    view.size = sotto__keyx__v1__device_removed__pack(&fact, payload);
    harness_fact(rig->h, "keyx.device.removed.v1", (struct sotto_view){peer->mls.user, 16}, view);
    harness_run(rig->h);
}

void
rig_remove_device(struct chat_rig *rig, const struct chat_peer *peer)
{
    rig->unknown = peer;
    rig_tell_removed(rig, peer);
}

void
rig_wait_grace(struct chat_rig *rig)
{
    harness_advance_ms(rig->h, GRACE_MS + 2000);
    harness_run(rig->h);
}
