/* SPDX-License-Identifier: MIT */
/*
 * One device of a user as a program, for scenarios that talk to the server below the client library: one command
 * a line on stdin, one answer a line on stdout, binary values in hex ("-" for none). A step that fails ends the
 * program; only `process` may answer "no".
 *
 *     device USER DEVICE    ok IDENTITY_KEY SIGNATURE CERTIFICATE DEVICE_KEY    comes first
 *     pose IDENTITY_KEY     ok                       the certificate says that this key signed it; the signature stays
 *     package               ok KEY_PACKAGE           suite 3, one day
 *     stale                 ok KEY_PACKAGE           suite 3, its lifetime ended half a minute ago
 *     foreign               ok KEY_PACKAGE           suite 1, one day
 *     create CHAT           ok                       a group of one
 *     add KEY_PACKAGE       ok                       queued for the next commit
 *     remove USER           ok                       the same: the first leaf of that user
 *     propose USER          ok PROPOSAL              to remove the first leaf of that user; kept in the group
 *     commit                ok COMMIT WELCOME GROUP_INFO START     pending; START for a first commit
 *     spoil HOW             ok COMMIT WELCOME GROUP_INFO START     a commit that members refuse, entered; see mls_spoil.h
 *     merge                 ok                       the server took it
 *     drop                  ok                       it did not
 *     join WELCOME          ok
 *     encrypt TEXT          ok MESSAGE
 *     process MESSAGE       ok TEXT | no
 *     enter LEAF INFO       ok COMMIT GROUP_INFO | no    joins on what `info` gave, in one value with the leaf (4 bytes,
 *                           big-endian) that it takes out, ffffffff for none; pending
 *     info                  ok GROUP_INFO            of the epoch as it is, with the tree and external_pub
 *     epoch                 ok EPOCH AUTHENTICATOR    8 bytes, big-endian, and the secret that is the same for all
 */
#include "sotto_test.h"

#include <time.h>

#include <sodium.h>

#include "mls_peer.h"
#include "mls_spoil.h"

#define LINE_BYTES_MAX (1024 * 1024)
#define ADDS_MAX 16
#define SUITE 3
#define SUITE_FOREIGN 1 /* that the clients' groups do not have */

struct program {
    struct mls_peer peer;
    struct spoiler spoiler;
    uint8_t adds[ADDS_MAX][2048];
    struct mls_bytes add_views[ADDS_MAX];
    size_t add_count;
    uint32_t removes[ADDS_MAX];
    size_t remove_count;
    struct peer_bundle bundle;
};

static void
print_hex(const uint8_t *data, size_t size)
{
    putchar(' ');
    if (size == 0)
        putchar('-');
    for (size_t i = 0; i < size; i++)
        printf("%02x", data[i]);
}

static void
print_buf(const struct mls_buf *buf)
{
    print_hex(buf->data, buf->len);
}

static void
do_device(struct program *program, const uint8_t *ids)
{
    struct mls_peer *peer = &program->peer;
    uint8_t signature[64];

    mls_peer_init_ids(peer, ids, ids + 16, SUITE, (uint64_t)time(NULL));
    mls_spoil_init(&program->spoiler, peer);
    verify_identity_sign(peer->identity_seed, peer->user, signature);
    fputs("ok", stdout);
    print_hex(peer->identity_key, 32);
    print_hex(signature, 64);
    print_hex(peer->cert, sizeof(peer->cert));
    print_hex(peer->device_key, 32);
}

static void
do_package(struct program *program, uint16_t suite, int64_t lifetime_s)
{
    const uint16_t own = program->peer.suite;

    program->peer.suite = suite;
    const struct mls_bytes package = mls_peer_package(&program->peer, (uint64_t)lifetime_s);
    program->peer.suite = own;
    fputs("ok", stdout);
    print_hex(package.data, package.len);
}

static uint32_t
find_leaf(const struct mls_peer *peer, const uint8_t *user)
{
    struct mls_member member;

    for (uint32_t cursor = 0; mls_group_next_member(peer->group, &cursor, &member);) {
        struct verify_cert cert;

        if (verify_cert_parse(member.credential.identity.data, member.credential.identity.len,
                              &cert) == VERIFY_OK &&
            memcmp(cert.user_id, user, 16) == 0)
            return member.leaf;
    }
    return UINT32_MAX;
}

static void
print_bundle(const struct program *program)
{
    fputs("ok", stdout);
    print_buf(&program->bundle.commit);
    print_buf(&program->bundle.welcome);
    print_buf(&program->bundle.group_info);
    print_buf(&program->bundle.start);
}

static void
do_commit(struct program *program)
{
    peer_bundle_fini(&program->bundle);
    mls_peer_commit(&program->peer, program->add_views, program->add_count, program->removes,
                    program->remove_count, &program->bundle);
    program->add_count = program->remove_count = 0;
    print_bundle(program);
}

static void
do_spoil(struct program *program, uint8_t how)
{
    peer_bundle_fini(&program->bundle);
    mls_spoil_commit(&program->spoiler, &program->peer, (enum spoil)how, &program->bundle);
    print_bundle(program);
}

static void
do_add(struct program *program, const uint8_t *data, size_t size)
{
    uint8_t *copy = program->adds[program->add_count];

    if (program->add_count == ADDS_MAX || size > sizeof(program->adds[0]))
        exit(2);
    memcpy(copy, data, size);
    program->add_views[program->add_count++] = (struct mls_bytes){copy, size};
    fputs("ok", stdout);
}

static void
do_encrypt(struct program *program, const uint8_t *text, size_t size)
{
    struct mls_buf message = {0};

    if (mls_group_encrypt(program->peer.group, (struct mls_bytes){text, size},
                          (struct mls_bytes){0}, 0, &message) != MLS_OK)
        exit(2);
    fputs("ok", stdout);
    print_buf(&message);
    mls_buf_fini(&message);
}

static void
do_propose(struct program *program, const uint8_t *user)
{
    struct mls_buf message = {0};

    if (mls_peer_propose_remove(&program->peer, find_leaf(&program->peer, user), &message) !=
        MLS_OK)
        exit(2);
    fputs("ok", stdout);
    print_buf(&message);
    mls_buf_fini(&message);
}

static void
do_epoch(const struct program *program)
{
    uint8_t authenticator[MLS_HASH_BYTES], epoch[8];

    for (int i = 0; i < 8; i++)
        epoch[i] = (uint8_t)(mls_group_epoch(program->peer.group) >> (56 - 8 * i));
    mls_group_epoch_authenticator(program->peer.group, authenticator);
    fputs("ok", stdout);
    print_hex(epoch, sizeof(epoch));
    print_hex(authenticator, sizeof(authenticator));
}

static void
do_info(const struct program *program)
{
    struct mls_buf info = {0};

    if (mls_group_export_info(program->peer.group, true, &info) != MLS_OK)
        exit(2);
    fputs("ok", stdout);
    print_buf(&info);
    mls_buf_fini(&info);
}

static void
do_enter(struct program *program, const uint8_t *data, size_t size)
{
    struct mls_peer *peer = &program->peer;
    const uint32_t leaf = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
                          (uint32_t)data[2] << 8 | (uint32_t)data[3];
    const struct mls_external_join_params params = {
        .group_info = {data + 4, size - 4},
        .resync = leaf != MLS_LEAF_NONE,
        .old_leaf = leaf,
    };
    const struct mls_client self = mls_peer_client(peer, 86400);

    peer_bundle_fini(&program->bundle);
    mls_group_destroy(&peer->group);
    if (mls_group_join_external(&peer->config, &self, &params, &peer->group,
                                &program->bundle.commit, &program->bundle.group_info) != MLS_OK) {
        fputs("no", stdout);
        return;
    }
    fputs("ok", stdout);
    print_buf(&program->bundle.commit);
    print_buf(&program->bundle.group_info);
}

static void
do_process(struct program *program, const uint8_t *data, size_t size)
{
    char text[64];

    if (mls_peer_process(&program->peer, (struct mls_bytes){data, size}, text) != MLS_OK) {
        fputs("no", stdout);
        return;
    }
    fputs("ok", stdout);
    print_hex((const uint8_t *)text, strlen(text));
}

/* False for a command that is not in the list. */
static bool
run(struct program *program, const char *command, const uint8_t *data, size_t size)
{
    const bool is_ok = strcmp(command, "create") == 0 || strcmp(command, "merge") == 0 ||
                       strcmp(command, "pose") == 0 || strcmp(command, "drop") == 0 ||
                       strcmp(command, "join") == 0 || strcmp(command, "remove") == 0;

    if (strcmp(command, "device") == 0 && size == 32) {
        do_device(program, data);
    } else if (strcmp(command, "pose") == 0 && size == 32) {
        memcpy(program->peer.cert + 1 + 16 + 16, data, 32);
    } else if (strcmp(command, "package") == 0) {
        do_package(program, SUITE, 86400);
    } else if (strcmp(command, "stale") == 0) {
        do_package(program, SUITE, -30);
    } else if (strcmp(command, "foreign") == 0) {
        do_package(program, SUITE_FOREIGN, 86400);
    } else if (strcmp(command, "create") == 0 && size == 16) {
        mls_peer_create(&program->peer, data);
    } else if (strcmp(command, "add") == 0) {
        do_add(program, data, size);
    } else if (strcmp(command, "remove") == 0 && size == 16 && program->remove_count < ADDS_MAX) {
        program->removes[program->remove_count++] = find_leaf(&program->peer, data);
    } else if (strcmp(command, "commit") == 0) {
        do_commit(program);
    } else if (strcmp(command, "spoil") == 0 && size == 1) {
        do_spoil(program, data[0]);
    } else if (strcmp(command, "merge") == 0) {
        mls_peer_merge(&program->peer);
    } else if (strcmp(command, "drop") == 0) {
        mls_peer_drop(&program->peer);
    } else if (strcmp(command, "join") == 0) {
        mls_peer_join(&program->peer, (struct mls_bytes){data, size});
    } else if (strcmp(command, "encrypt") == 0) {
        do_encrypt(program, data, size);
    } else if (strcmp(command, "propose") == 0 && size == 16) {
        do_propose(program, data);
    } else if (strcmp(command, "epoch") == 0) {
        do_epoch(program);
    } else if (strcmp(command, "enter") == 0 && size > 4) {
        do_enter(program, data, size);
    } else if (strcmp(command, "info") == 0) {
        do_info(program);
    } else if (strcmp(command, "process") == 0) {
        do_process(program, data, size);
    } else {
        return false;
    }
    if (is_ok)
        fputs("ok", stdout);
    return true;
}

int
main(void)
{
    struct program *program = calloc(1, sizeof(*program));
    char *line = malloc(LINE_BYTES_MAX);
    uint8_t *data = malloc(LINE_BYTES_MAX / 2);

    if (program == NULL || line == NULL || data == NULL)
        return 2;
    while (fgets(line, LINE_BYTES_MAX, stdin) != NULL) {
        const char *command = strtok(line, " \n"), *hex = strtok(NULL, " \n");
        size_t size = 0;

        if (hex != NULL &&
            sodium_hex2bin(data, LINE_BYTES_MAX / 2, hex, strlen(hex), NULL, &size, NULL) != 0)
            return 2;
        if (command == NULL || !run(program, command, data, size))
            return 2;
        putchar('\n');
        fflush(stdout);
    }
    peer_bundle_fini(&program->bundle);
    mls_peer_fini(&program->peer);
    free(program);
    free(line);
    free(data);
    return 0;
}
