/* SPDX-License-Identifier: MIT */
/* What the server reads from a bundle, and that bytes from strangers never get further than a refusal. */
#include "sotto_test.h"

#include "chat_plan.h"
#include "mls_peer.h"

#define NOW 1767225600

struct rig {
    struct mls_peer alice, bob, carol;
    struct peer_bundle bundle;
    Sotto__Chat__V1__Bundle message;
    uint8_t chat_id[16];
    struct chat_plan plan;
};

static ProtobufCBinaryData
copy(const struct mls_buf *buf)
{
    ProtobufCBinaryData bytes = {.len = buf->len, .data = malloc(buf->len + 1)};

    if (buf->len > 0)
        memcpy(bytes.data, buf->data, buf->len);
    return bytes;
}

/* alice's first commit, which adds bob and carol; the three messages are copies of exact length. */
static int
start(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct mls_bytes adds[2];

    memset(rig->chat_id, 'X', 16);
    mls_peer_init(&rig->alice, 'a', '1', 3, NOW);
    mls_peer_init(&rig->bob, 'b', '1', 3, NOW);
    mls_peer_init(&rig->carol, 'c', '1', 3, NOW);
    adds[0] = mls_peer_package(&rig->bob, 86400);
    adds[1] = mls_peer_package(&rig->carol, 86400);
    mls_peer_create(&rig->alice, rig->chat_id);
    mls_peer_commit(&rig->alice, adds, 2, NULL, 0, &rig->bundle);
    sotto__chat__v1__bundle__init(&rig->message);
    rig->message.commit = copy(&rig->bundle.commit);
    rig->message.welcome = copy(&rig->bundle.welcome);
    rig->message.group_info = copy(&rig->bundle.group_info);
    *state = rig;
    return 0;
}

static int
stop(void **state)
{
    struct rig *rig = *state;

    free(rig->message.commit.data);
    free(rig->message.welcome.data);
    free(rig->message.group_info.data);
    peer_bundle_fini(&rig->bundle);
    mls_peer_fini(&rig->alice);
    mls_peer_fini(&rig->bob);
    mls_peer_fini(&rig->carol);
    free(rig);
    return 0;
}

static int
read_plan(struct rig *rig, uint16_t suite)
{
    memset(&rig->plan, 0, sizeof(rig->plan));
    rig->plan.mls = mls_provider_default();
    rig->plan.bundle = &rig->message;
    rig->plan.chat_id = (ProtobufCBinaryData){.data = rig->chat_id, .len = 16};
    rig->plan.suite = suite;
    memcpy(rig->plan.user, rig->alice.user, 16);
    memcpy(rig->plan.device, rig->alice.device, 16);
    return plan_read(&rig->plan);
}

static void
a_bundle_says_who_comes_and_who_sent_it(void **state)
{
    struct rig *rig = *state;

    assert_ok(read_plan(rig, 3));
    assert_int_equal(rig->plan.epoch, 0);
    assert_int_equal(rig->plan.sender, 0);
    assert_int_equal(rig->plan.add_count, 2);
    assert_int_equal(rig->plan.remove_count, 0);
    assert_memory_equal(rig->plan.adds[0].user, rig->bob.user, 16);
    assert_memory_equal(rig->plan.adds[1].user, rig->carol.user, 16);
    assert_memory_equal(rig->plan.adds[1].signature_key, rig->carol.device_key, 32);
}

static void
a_bundle_of_another_chat_suite_or_device_is_refused(void **state)
{
    struct rig *rig = *state;

    assert_fails(read_plan(rig, 1), SOTTO_EINVALID);
    rig->chat_id[0] ^= 1;
    assert_fails(read_plan(rig, 3), SOTTO_EINVALID);
    assert_non_null(rig->plan.text);
}

/* Welcomes of other commits of the same group: one for bob alone, one for somebody else. */
static void
a_welcome_for_fewer_or_for_others_is_refused(void **state)
{
    struct rig *rig = *state;
    const ProtobufCBinaryData whole = rig->message.welcome;
    struct peer_bundle fewer, other;
    struct mls_peer dora;
    struct mls_bytes add = mls_buf_bytes(&rig->bob.packages[0].message), foreign;

    mls_peer_init(&dora, 'd', '1', 3, NOW);
    foreign = mls_peer_package(&dora, 86400);
    mls_peer_drop(&rig->alice);
    mls_peer_commit(&rig->alice, &add, 1, NULL, 0, &fewer);
    mls_peer_drop(&rig->alice);
    mls_peer_commit(&rig->alice, &foreign, 1, NULL, 0, &other);

    rig->message.welcome = (ProtobufCBinaryData){fewer.welcome.len, fewer.welcome.data};
    assert_fails(read_plan(rig, 3), SOTTO_EINVALID);
    assert_string_equal(rig->plan.text, "the Welcome does not name every added KeyPackage");
    rig->message.welcome = (ProtobufCBinaryData){other.welcome.len, other.welcome.data};
    assert_fails(read_plan(rig, 3), SOTTO_EINVALID);
    assert_string_equal(rig->plan.text, "the Welcome names a KeyPackage that is not added");

    rig->message.welcome = whole;
    peer_bundle_fini(&fewer);
    peer_bundle_fini(&other);
    mls_peer_fini(&dora);
}

static void
every_shorter_message_is_refused(void **state)
{
    struct rig *rig = *state;
    ProtobufCBinaryData *parts[] = {&rig->message.commit, &rig->message.welcome,
                                    &rig->message.group_info};

    for (int part = 0; part < 3; part++) {
        const ProtobufCBinaryData whole = *parts[part];

        for (size_t size = 0; size < whole.len; size++) {
            /* A copy of exactly that size, so that a sanitizer sees a read beyond it. */
            *parts[part] = (ProtobufCBinaryData){.len = size, .data = malloc(size + (size == 0))};
            memcpy(parts[part]->data, whole.data, size);
            assert_fails(read_plan(rig, 3), SOTTO_EINVALID);
            free(parts[part]->data);
        }
        *parts[part] = whole;
    }
}

/* The server cannot see every change (tags need the group's secrets), but it must survive all of them, and one in a
 * certificate or in the names of KeyPackages it does see. */
static void
a_flipped_byte_never_breaks_the_reader(void **state)
{
    struct rig *rig = *state;
    ProtobufCBinaryData *parts[] = {&rig->message.commit, &rig->message.welcome,
                                    &rig->message.group_info};
    size_t refused[3] = {0};

    for (int part = 0; part < 3; part++)
        for (size_t i = 0; i < parts[part]->len; i++) {
            parts[part]->data[i] ^= 0x81;
            refused[part] += read_plan(rig, 3) != SOTTO_OK;
            parts[part]->data[i] ^= 0x81;
        }
    assert_ok(read_plan(rig, 3));
    /* two certificates with their keys; two references; group id, epoch, suite and signer */
    assert_true(refused[0] > 2 * (VERIFY_CERT_BYTES + 32));
    assert_true(refused[1] > 2 * 32);
    assert_true(refused[2] > 16 + 8 + 2);
}

#define PLAN_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
static const struct CMUnitTest tests[] = {
    PLAN_TEST(a_bundle_says_who_comes_and_who_sent_it),
    PLAN_TEST(a_bundle_of_another_chat_suite_or_device_is_refused),
    PLAN_TEST(a_welcome_for_fewer_or_for_others_is_refused),
    PLAN_TEST(every_shorter_message_is_refused),
    PLAN_TEST(a_flipped_byte_never_breaks_the_reader),
};

SOTTO_TEST_MAIN(tests)
