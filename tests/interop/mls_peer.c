/* SPDX-License-Identifier: MIT */
/*
 * One MLS client of ours as a program, for tests written in another language: one command a line on
 * stdin, one answer a line on stdout, binary values in hex ("-" for none). A failed step answers
 * "err NAME", a malformed line ends the program with 2.
 *
 *     client SUITE NAME       ok                      suite 01 or 03; comes first
 *     psk ID KEY              ok                      an external PSK this client knows
 *     key-package             ok MESSAGE
 *     create GROUP_ID         ok
 *     join WELCOME TREE       ok                      TREE "-": it is in the Welcome
 *     add KEY_PACKAGE         ok                      queued for the next commit, by value
 *     remove LEAF             ok                      the same; one byte
 *     use-psk ID              ok                      the same
 *     use-epoch EPOCH         ok                      the same: the resumption secret of that epoch, one byte
 *     reinit GROUP_ID SUITE   ok                      the same
 *     extension TYPE DATA     ok                      the same; two bytes: becomes the context's only one
 *     commit PATH             ok COMMIT WELCOME       01: with a path in any case; entered at once
 *     draft PATH              ok COMMIT WELCOME       the same, not entered: merge or clear it
 *     merge                   ok
 *     clear                   ok
 *     info TREE               ok GROUP_INFO           01: with the tree
 *     join-external INFO LEAF ok COMMIT               with the queued PSKs; LEAF "-", or our old one; merge it
 *     ask INFO                ok MESSAGE              an Add of ourselves
 *     service-remove KEY LEAF ok MESSAGE              a proposal of that service
 *     propose-update          ok MESSAGE
 *     propose-remove LEAF     ok MESSAGE
 *     send TEXT               ok MESSAGE
 *     process MESSAGE         ok KIND TEXT            kind 01 application, 02 proposal, 03 commit (entered)
 *     aside SUITE             ok                      the group becomes the earlier one; what follows is of that suite
 *     successor               ok COMMIT WELCOME       made of the earlier one, with the queued key packages
 *     branch GROUP_ID         ok COMMIT WELCOME       the same
 *     reload                  ok                      saves and loads the group
 *     leaf                    ok LEAF                 our own, one byte
 *     state                   ok EPOCH AUTHENTICATOR TREE_HASH    epoch in eight bytes
 *     export LABEL CONTEXT    ok SECRET               32 bytes
 */
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_program.h"

/* ---- Callbacks --------------------------------------------------------------------------- */

static int
check_credential(void *arg, const struct mls_credential_view *credential)
{
    (void)arg;
    (void)credential;
    return 0;
}

/* Everybody may ask to be added. */
static int
check_outsider(void *arg, const struct mls_change *change)
{
    (void)arg;
    (void)change;
    return 0;
}

static int
find_psk(void *arg, struct mls_bytes psk_id, struct mls_buf *psk_out)
{
    const struct peer *peer = arg;

    if (psk_id.len != peer->psk_id.len || memcmp(psk_id.data, peer->psk_id.data, psk_id.len) != 0)
        return MLS_EPSK;
    return mls_buf_set(psk_out, peer->provider, peer_bytes(&peer->psk));
}

static const struct mls_group *
find_group(void *arg, struct mls_bytes group_id)
{
    const struct peer *peer = arg;

    if (peer->earlier == NULL)
        return NULL;
    struct mls_bytes id = mls_group_id(peer->earlier);
    return id.len == group_id.len && memcmp(id.data, group_id.data, id.len) == 0 ? peer->earlier
                                                                                 : NULL;
}

/* ---- Commands ---------------------------------------------------------------------------- */

/* Short enough for clients that bound the total. */
struct mls_client
peer_client(const struct peer *peer)
{
    return (struct mls_client){
        .signature_seed = peer->seed,
        .identity = peer_bytes(&peer->name),
        .lifetime = {mls_clock_default(NULL) - 3600, mls_clock_default(NULL) + 30 * 86400},
    };
}

static void
do_client(struct peer *peer)
{
    if (peer->args[0].len != 1)
        peer_give_up("the suite is one byte");
    peer->suite = peer->args[0].data[0];
    peer->name = peer_keep(&peer->args[1]);
    peer_answer(peer->provider->random(peer->provider->ctx, peer->seed, sizeof(peer->seed)), NULL,
                0);
}

static void
do_psk(struct peer *peer)
{
    peer->psk_id = peer_keep(&peer->args[0]);
    peer->psk = peer_keep(&peer->args[1]);
    peer_answer(0, NULL, 0);
}

static void
do_key_package(struct peer *peer)
{
    const struct mls_client self = peer_client(peer);
    struct mls_buf message = {0};
    int error = mls_key_package_create(&peer->config, &self, peer->suite, &message, &peer->bundle);

    peer_answer_buf(error, &message);
}

static void
do_create(struct peer *peer)
{
    const struct mls_client self = peer_client(peer);
    const struct mls_group_params params = {peer->suite, peer_bytes(&peer->args[0]), NULL, 0};

    mls_group_destroy(&peer->group);
    peer_answer(mls_group_create(&peer->config, &self, &params, &peer->group), NULL, 0);
}

static void
do_join(struct peer *peer)
{
    const struct mls_join_params params = {
        .welcome = peer_bytes(&peer->args[0]),
        .key_package_private = mls_buf_bytes(&peer->bundle),
        .ratchet_tree = peer_bytes(&peer->args[1]),
    };
    const struct mls_client self = peer_client(peer);

    mls_group_destroy(&peer->group);
    peer_answer(mls_group_join(&peer->config, &self, &params, &peer->group), NULL, 0);
}

void
peer_enqueue(struct peer *peer, struct mls_proposal proposal)
{
    if (peer->queued == QUEUE_MAX)
        peer_give_up("too many proposals queued");
    peer->queue[peer->queued++] = proposal;
    peer_answer(0, NULL, 0);
}

struct mls_bytes
peer_hold(struct peer *peer, struct argument *argument)
{
    if (peer->held_count == QUEUE_MAX)
        peer_give_up("too many proposals queued");
    struct argument *held = &peer->held[peer->held_count++];
    *held = peer_keep(argument);
    return peer_bytes(held);
}

void
peer_dequeue(struct peer *peer)
{
    while (peer->held_count > 0)
        peer_drop(&peer->held[--peer->held_count]);
    peer->queued = 0;
}

static void
do_add(struct peer *peer)
{
    peer_enqueue(peer, (struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                             .key_package = peer_hold(peer, &peer->args[0])});
}

static void
do_remove(struct peer *peer)
{
    peer_enqueue(peer, (struct mls_proposal){.type = MLS_PROPOSAL_REMOVE,
                                             .leaf = peer_leaf(&peer->args[0])});
}

static void
do_use_psk(struct peer *peer)
{
    peer_enqueue(peer, (struct mls_proposal){.type = MLS_PROPOSAL_PSK,
                                             .psk_id = peer_hold(peer, &peer->args[0])});
}

static void
do_use_epoch(struct peer *peer)
{
    peer_enqueue(peer, (struct mls_proposal){.type = MLS_PROPOSAL_PSK,
                                             .psk_resumption = true,
                                             .psk_epoch = peer_leaf(&peer->args[0])});
}

static void
do_extension(struct peer *peer)
{
    if (peer->args[0].len != 2)
        peer_give_up("an extension type is two bytes");
    peer->extension = (struct mls_extension){
        .type = (uint16_t)(peer->args[0].data[0] << 8 | peer->args[0].data[1]),
        .data = peer_hold(peer, &peer->args[1]),
    };
    peer_enqueue(peer, (struct mls_proposal){.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                             .extensions = &peer->extension,
                                             .extension_count = 1});
}

static void
draft(struct peer *peer, bool enter)
{
    const struct mls_commit_options options = {
        .proposals = peer->queue,
        .proposal_count = peer->queued,
        .force_path = peer->args[0].len == 1 && peer->args[0].data[0] == 1,
    };
    struct mls_buf commit = {0}, welcome = {0};
    int error = mls_group_commit(peer->group, &options, &commit, &welcome, NULL);

    if (error == 0 && enter)
        error = mls_group_merge_pending(peer->group);
    peer_dequeue(peer);
    const struct mls_bytes values[] = {mls_buf_bytes(&commit), mls_buf_bytes(&welcome)};
    peer_answer(error, values, 2);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
}

/* ---- Proposals and messages ---------------------------------------------------------------- */

static void
propose(struct peer *peer, struct mls_proposal proposal)
{
    struct mls_buf message = {0};
    int error = mls_group_propose(peer->group, &proposal, (struct mls_bytes){0}, &message);

    peer_answer_buf(error, &message);
}

static void
do_commit(struct peer *peer)
{
    draft(peer, true);
}

static void
do_draft(struct peer *peer)
{
    draft(peer, false);
}

static void
do_merge(struct peer *peer)
{
    peer_answer(mls_group_merge_pending(peer->group), NULL, 0);
}

static void
do_clear(struct peer *peer)
{
    mls_group_clear_pending(peer->group);
    peer_answer(0, NULL, 0);
}

static void
do_propose_update(struct peer *peer)
{
    propose(peer, (struct mls_proposal){.type = MLS_PROPOSAL_UPDATE});
}

static void
do_propose_remove(struct peer *peer)
{
    propose(peer,
            (struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .leaf = peer_leaf(&peer->args[0])});
}

static void
do_send(struct peer *peer)
{
    struct mls_buf message = {0};
    int error = mls_group_encrypt(peer->group, peer_bytes(&peer->args[0]), (struct mls_bytes){0},
                                  64, &message);

    peer_answer_buf(error, &message);
}

static void
do_process(struct peer *peer)
{
    struct mls_received received = {0};
    int error = mls_group_process(peer->group, peer_bytes(&peer->args[0]), &received);
    uint8_t kind = (uint8_t)received.kind;
    const struct mls_bytes values[] = {{&kind, 1}, received.plaintext};

    if (error == 0 && received.kind == MLS_RECEIVED_COMMIT)
        error = mls_group_merge_staged(peer->group);
    peer_answer(error, values, 2);
    mls_received_fini(&received);
}

/* ---- State --------------------------------------------------------------------------------- */

static void
do_reload(struct peer *peer)
{
    struct mls_buf state = {0};
    int error = mls_group_save(peer->group, &state);

    if (error == 0) {
        mls_group_destroy(&peer->group);
        error = mls_group_load(&peer->config, mls_buf_bytes(&state), &peer->group);
    }
    mls_buf_fini(&state);
    peer_answer(error, NULL, 0);
}

static void
do_leaf(struct peer *peer)
{
    uint8_t leaf = (uint8_t)mls_group_own_leaf(peer->group);

    peer_answer(0, &(struct mls_bytes){&leaf, 1}, 1);
}

static void
do_state(struct peer *peer)
{
    uint8_t epoch[8], authenticator[MLS_HASH_BYTES], tree_hash[MLS_HASH_BYTES];
    uint64_t number = mls_group_epoch(peer->group);
    const struct mls_bytes values[] = {{epoch, sizeof(epoch)},
                                       {authenticator, sizeof(authenticator)},
                                       {tree_hash, sizeof(tree_hash)}};

    for (size_t i = 0; i < sizeof(epoch); i++)
        epoch[i] = (uint8_t)(number >> (56 - 8 * i));
    mls_group_epoch_authenticator(peer->group, authenticator);
    mls_group_tree_hash(peer->group, tree_hash);
    peer_answer(0, values, 3);
}

static void
do_export(struct peer *peer)
{
    char label[64] = {0};
    uint8_t secret[32];
    const struct mls_bytes value = {secret, sizeof(secret)};

    if (peer->args[0].len >= sizeof(label))
        peer_give_up("the label is too long");
    memcpy(label, peer->args[0].data, peer->args[0].len);
    peer_answer(
        mls_group_export(peer->group, label, peer_bytes(&peer->args[1]), secret, sizeof(secret)),
        &value, 1);
}

/* ---- Lines ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int args;
    bool in_group;
    void (*run)(struct peer *);
} commands[] = {
    {"client", 2, false, do_client},
    {"psk", 2, false, do_psk},
    {"key-package", 0, false, do_key_package},
    {"create", 1, false, do_create},
    {"join", 2, false, do_join},
    {"add", 1, false, do_add},
    {"remove", 1, true, do_remove},
    {"use-psk", 1, false, do_use_psk},
    {"use-epoch", 1, true, do_use_epoch},
    {"reinit", 2, true, peer_reinit},
    {"aside", 1, true, peer_aside},
    {"successor", 0, false, peer_successor},
    {"branch", 1, false, peer_branch},
    {"extension", 2, true, do_extension},
    {"commit", 1, true, do_commit},
    {"draft", 1, true, do_draft},
    {"merge", 0, true, do_merge},
    {"clear", 0, true, do_clear},
    {"info", 1, true, peer_info},
    {"join-external", 2, false, peer_join_external},
    {"ask", 1, false, peer_ask},
    {"service-remove", 2, true, peer_service_remove},
    {"reload", 0, true, do_reload},
    {"leaf", 0, true, do_leaf},
    {"propose-update", 0, true, do_propose_update},
    {"propose-remove", 1, true, do_propose_remove},
    {"send", 1, true, do_send},
    {"process", 1, true, do_process},
    {"state", 0, true, do_state},
    {"export", 2, true, do_export},
};

static void
run_line(struct peer *peer, char *line)
{
    char *rest = NULL;
    const char *name = strtok_r(line, " \n", &rest);

    for (size_t i = 0; name != NULL && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        if (commands[i].in_group && peer->group == NULL)
            peer_give_up("there is no group");
        for (int a = 0; a < commands[i].args; a++)
            peer_read_argument(&peer->args[a], strtok_r(NULL, " \n", &rest));
        commands[i].run(peer);
        for (int a = 0; a < commands[i].args; a++)
            peer_drop(&peer->args[a]);
        fflush(stdout);
        return;
    }
    peer_give_up("no such command");
}

int
main(void)
{
    struct peer peer = {.provider = mls_provider_default()};
    char *line = NULL;
    size_t cap = 0;

    if (peer.provider == NULL)
        peer_give_up("the provider does not start");
    peer.config = (struct mls_config){
        .provider = peer.provider,
        .check_credential = check_credential,
        .check_outsider = check_outsider,
        .now = mls_clock_default,
        .find_psk = find_psk,
        .find_group = find_group,
        .arg = &peer,
    };
    while (getline(&line, &cap, stdin) > 0)
        run_line(&peer, line);
    free(line);
    peer_dequeue(&peer);
    mls_group_destroy(&peer.earlier);
    mls_group_destroy(&peer.group);
    mls_buf_fini(&peer.bundle);
    peer_drop(&peer.name);
    peer_drop(&peer.psk_id);
    peer_drop(&peer.psk);
    return 0;
}
