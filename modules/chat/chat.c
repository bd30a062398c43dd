/* SPDX-License-Identifier: MIT */
/*
 * The module chat: the MLS delivery service (RFC 9750). Groups, their logs, who is in them, who gets what.
 *
 * Answers the methods of sotto.chat.v1.ChatService; publishes chat.message.accepted.v1 and chat.commit.accepted.v1;
 * asks keyx.device.check.v1, hears keyx.device.removed.v1 and auth.account.deleted.v1; offers the hook point
 * chat.message.send.v1. Owns the tables chat_*. It reads the public part of what it stores (group, epoch, sender,
 * adds and removes) and cannot read the rest. Keys belong to keyx, accounts and logins to auth.
 *
 * The roster is what the accepted commits say: no request names a member. See chat_roster.h for what is in memory
 * and chat_writer.h for what the writer thread remembers.
 */
#include "chat.h"

#include <stdlib.h>

#include "chat.migrations.h"
#include "chat_depart.h"
#include "chat_gone.h"
#include "chat_outside.h"
#include "chat_purge.h"
#include "chat_roster.h"
#include "chat_tree.h"
#include "chat_writer.h"
#include "core.pb-c.h"

#define DEADLINE_MS 10000
#define BUNDLE_DEADLINE_MS 60000

/* ---- life ------------------------------------------------------------------------------------------------------- */

void
chat_work_begin(struct delivery *ds)
{
    ds->open_work++;
}

void
chat_work_end(struct delivery *ds)
{
    sotto_done_fn *done = ds->stop_done;

    ds->open_work--;
    if (ds->open_work == 0 && done != NULL) {
        ds->stop_done = NULL;
        done(ds->stop_arg);
    }
}

static void
chat_fini(void *state)
{
    struct delivery *ds = state;

    if (ds == NULL)
        return;
    roster_fini(ds);
    trees_destroy(&ds->trees);
    outside_destroy(&ds->outside);
    free(ds->gone);
    free(ds->held);
    free(ds->marks);
    free(ds);
}

static int
chat_configure(struct sotto_host *host, const struct sotto_conf *conf)
{
    if (modes_parse(host->conf->get_string(conf, "modes")) == 0)
        host->conf->error(conf, "modes", "names of modes, separated by spaces: archive, relay");
    return SOTTO_OK;
}

static int
chat_init(struct sotto_host *host, const struct sotto_conf *conf, void **state_out,
          struct sotto_err *err)
{
    struct delivery *ds = calloc(1, sizeof(*ds));
    int rc;

    if (ds == NULL)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    ds->host = host;
    ds->message_bytes_max = (size_t)host->conf->get_int(conf, "message_size_max");
    ds->seats_max = (size_t)host->conf->get_int(conf, "devices_per_chat");
    ds->bytes_per_day = (uint64_t)host->conf->get_int(conf, "bytes_per_day");
    ds->chats_per_day = (uint64_t)host->conf->get_int(conf, "chats_per_day");
    ds->modes = modes_parse(host->conf->get_string(conf, "modes"));
    ds->relay_keep_ms = (uint64_t)host->conf->get_int(conf, "relay_keep");
    ds->removal_grace_ms = (uint64_t)host->conf->get_int(conf, "removal_grace");
    ds->depart.is_due = true; /* a look at what an earlier run left */
    roster_init(ds);
    ds->mls = mls_provider_default();
    if (ds->mls != NULL)
        ds->trees = trees_create(host, ds->mls);
    ds->held = calloc(CHAT_HELD_MAX, sizeof(*ds->held));
    ds->marks = calloc(1, sizeof(*ds->marks) + CHAT_MARKS_MAX * sizeof(ds->marks->marks[0]));
    ds->gone = gone_line_create();
    if (ds->trees == NULL || ds->held == NULL || ds->marks == NULL || ds->gone == NULL)
        rc = sotto_err_set(err, SOTTO_ENOMEM, "libsodium does not start, or out of memory");
    else
        rc = outside_create(host->api->data_dir(host), &ds->outside, err);
    if (rc != SOTTO_OK) {
        chat_fini(ds);
        return rc;
    }
    *state_out = ds;
    return SOTTO_OK;
}

static int
chat_start(void *state, struct sotto_err *err)
{
    struct delivery *ds = state;

    ds->sends_are_hooked = ds->host->broker->wanted(ds->host, "chat.message.send.v1");
    ds->sends_are_told = ds->host->broker->wanted(ds->host, "chat.message.accepted.v1");
    ds->ack_timer = ds->host->timer->start(ds->host, CHAT_ACK_EVERY_MS, CHAT_ACK_EVERY_MS,
                                           chat_on_ack_timer, NULL);
    ds->purge_timer = ds->host->timer->start(ds->host, CHAT_PURGE_EVERY_MS, CHAT_PURGE_EVERY_MS,
                                             purge_on_timer, NULL);
    ds->gone_timer = ds->host->timer->start(ds->host, CHAT_GONE_EVERY_MS, CHAT_GONE_EVERY_MS,
                                            chat_on_gone_timer, NULL);
    if (ds->ack_timer == NULL || ds->purge_timer == NULL || ds->gone_timer == NULL ||
        chat_load(ds) != SOTTO_OK)
        return sotto_err_set(err, SOTTO_ENOMEM, "the chats cannot be loaded: the store refuses");
    return SOTTO_OK;
}

static void
chat_quiesce(void *state)
{
    struct delivery *ds = state;

    ds->host->timer->stop(ds->ack_timer);
    ds->host->timer->stop(ds->purge_timer);
    ds->host->timer->stop(ds->gone_timer);
    ds->ack_timer = ds->purge_timer = ds->gone_timer = NULL;
    chat_load_give_up(ds);
    chat_flush_marks(ds);
}

static void
chat_stop(void *state, sotto_done_fn *done, void *arg)
{
    struct delivery *ds = state;

    if (ds->open_work == 0) {
        done(arg);
        return;
    }
    ds->stop_done = done;
    ds->stop_arg = arg;
}

static int
chat_health(void *state, struct sotto_err *err)
{
    const struct delivery *ds = state;

    if (ds->load_error != SOTTO_OK)
        return sotto_err_set(err, ds->load_error, "the chats could not be loaded");
    return SOTTO_OK;
}

/* A connection is gone: nothing is pushed to it any more. One that is missed does no harm, since pushes skip
 * sessions that are not there, and a device has few places for them. */
static void
on_session_closed(void *state, const struct sotto_envelope *envelope)
{
    struct delivery *ds = state;
    Sotto__Core__V1__Session *session =
        sotto__core__v1__session__unpack(NULL, envelope->payload.size, envelope->payload.data);
    struct chat_device *device = NULL;

    if (session == NULL)
        return;
    if (session->user.len == CHAT_ID_BYTES && session->device.len == CHAT_ID_BYTES)
        device = roster_device(ds, session->user.data, session->device.data);
    if (device != NULL)
        roster_unsubscribe(device, session->session);
    sotto__core__v1__session__free_unpacked(session, NULL);
}

/* ---- tables --------------------------------------------------------------------------------- */

static const struct sotto_conf_row config[] = {
    {.name = "message_size_max",
     .type = SOTTO_CONF_SIZE,
     .preset = "64KiB",
     .min = 1024,
     .max = CHAT_MESSAGE_BYTES_MAX,
     .doc = "The largest encrypted message that is accepted."},
    {.name = "devices_per_chat",
     .type = SOTTO_CONF_INT,
     .preset = "5000",
     .min = 2,
     .max = CHAT_SEATS_MAX,
     .doc = "Devices in one chat, of all its members together."},
    {.name = "bytes_per_day",
     .type = SOTTO_CONF_SIZE,
     .preset = "1GiB",
     .min = CHAT_BUNDLE_BYTES_MAX + (1 << 20),
     .max = INT64_C(1) << 40,
     .doc = "What one account may store in a day: messages, changes of groups, invitations."},
    {.name = "chats_per_day",
     .type = SOTTO_CONF_INT,
     .preset = "1000",
     .min = 1,
     .max = 1000000,
     .doc =
         "Chats that one account may make in a day. Devices of others are in them, too, and none "
         "can be in more than 5000."},
    {.name = "modes",
     .type = SOTTO_CONF_STRING,
     .preset = "archive relay",
     .min = 1,
     .max = 64,
     .doc = "What a new chat may be: archive (the ciphertext is kept), relay (kept until every "
            "device has it), separated by spaces. Chats that exist stay what they are."},
    {.name = "relay_keep",
     .type = SOTTO_CONF_DURATION,
     .preset = "30d",
     .min = 1000,
     .max = 3650 * 86400000LL,
     .doc = "How long a relay chat waits for a device that does not read. Then the entries are "
            "deleted, and the device is told how many it missed."},
    {.name = "removal_grace",
     .type = SOTTO_CONF_DURATION,
     .preset = "1m",
     .min = 0,
     .max = 86400000LL,
     .doc = "How long members have to take a removed device out of a chat. Then the server "
            "proposes it, and the chat's messages wait for a member who does it."},
};

#define CHAT_ROW_OF(handler, limit, more_flags, bytes, deadline)                                 \
    .level = SOTTO_LEVEL_SESSION, .rate = (limit), .flags = SOTTO_RPC_IDEMPOTENT | (more_flags), \
    .max_bytes = (bytes), .deadline_ms = (deadline), .fn = (handler)
#define CHAT_ROW(handler, limit, bytes, deadline) CHAT_ROW_OF(handler, limit, 0, bytes, deadline)
#define CHAT_BULKY_ROW(handler, limit, bytes, deadline) \
    CHAT_ROW_OF(handler, limit, SOTTO_RPC_BULKY, bytes, deadline)

#define CHAT_RPC_Create \
    CHAT_BULKY_ROW(chat_on_create, SOTTO_RATE_GENERAL, CHAT_BUNDLE_BYTES_MAX, BUNDLE_DEADLINE_MS)
#define CHAT_RPC_Commit \
    CHAT_BULKY_ROW(chat_on_commit, SOTTO_RATE_GENERAL, CHAT_BUNDLE_BYTES_MAX, BUNDLE_DEADLINE_MS)
#define CHAT_RPC_Send \
    CHAT_BULKY_ROW(chat_on_send, SOTTO_RATE_SEND, CHAT_MESSAGE_BYTES_MAX + 64, DEADLINE_MS)
#define CHAT_RPC_Sync CHAT_ROW(chat_on_sync, SOTTO_RATE_GENERAL, 256 * 1024, DEADLINE_MS)
#define CHAT_RPC_Ack CHAT_ROW(chat_on_ack, SOTTO_RATE_SEND, 256 * 1024, DEADLINE_MS)
#define CHAT_RPC_ListChats CHAT_ROW(chat_on_list_chats, SOTTO_RATE_GENERAL, 64, DEADLINE_MS)
#define CHAT_RPC_ListMembers CHAT_ROW(chat_on_list_members, SOTTO_RATE_GENERAL, 64, DEADLINE_MS)
#define CHAT_RPC_GetGroup CHAT_BULKY_ROW(chat_on_get_group, SOTTO_RATE_GENERAL, 64, DEADLINE_MS)
#define CHAT_RPC_GetExternalSender \
    CHAT_ROW(chat_on_get_external_sender, SOTTO_RATE_GENERAL, 64, DEADLINE_MS)
#define CHAT_RPC_SetRole CHAT_ROW(chat_on_set_role, SOTTO_RATE_GENERAL, 128, DEADLINE_MS)
#define CHAT_RPC_DeleteChat CHAT_ROW(chat_on_delete, SOTTO_RATE_GENERAL, 64, DEADLINE_MS)
#define CHAT_RPC_Leave CHAT_ROW(chat_on_leave, SOTTO_RATE_GENERAL, 32 * 1024, DEADLINE_MS)
#define CHAT_RPC_ReportCommit CHAT_ROW(chat_on_report_commit, SOTTO_RATE_GENERAL, 128, DEADLINE_MS)
#define CHAT_RPC_ListReports CHAT_ROW(chat_on_list_reports, SOTTO_RATE_GENERAL, 64, DEADLINE_MS)
#include "chat.rpc.h"

static const struct sotto_dep_row deps[] = {
    {.kind = SOTTO_DEP_REQUIRES, .what = "keyx/1"},
};

static const ProtobufCMessageDescriptor *const events[] = {
    &sotto__chat__v1__entry_event__descriptor,
    &sotto__chat__v1__welcome_event__descriptor,
    &sotto__chat__v1__chat_deleted_event__descriptor,
    &sotto__chat__v1__device_gone__descriptor,
};

static const struct sotto_topic_row topics[] = {
    {.name = "chat.message.accepted.v1",
     .message = "sotto.chat.v1.Accepted",
     .doc = "An application message is in the log; key: the chat id."},
    {.name = "chat.commit.accepted.v1",
     .message = "sotto.chat.v1.Accepted",
     .doc = "A commit is in the log and the roster follows it; key: the chat id."},
    {.name = "chat.deleted.v1",
     .message = "sotto.chat.v1.Accepted",
     .doc = "A chat is deleted; seq and epoch are its last; key: the chat id."},
};

static const struct sotto_sub_row subs[] = {
    {.pattern = "sotto.core.session.closed.v1",
     .overflow = SOTTO_OVERFLOW_DROP_OLDEST,
     .fn = on_session_closed},
    {.pattern = "keyx.device.removed.v1", .fn = chat_on_device_removed},
    {.pattern = "auth.account.deleted.v1", .fn = chat_on_account_deleted},
};

static const struct sotto_hook_point_row hook_points[] = {
    {.name = "chat.message.send.v1",
     .message = "sotto.chat.v1.Accepted",
     .doc = "May this message be written? seq and ts_ms are 0; the content is not readable."},
};

static const struct sotto_metric_row metrics[] = {
    [CHAT_METRIC_MESSAGES] = {.name = "messages_total",
                              .type = SOTTO_METRIC_COUNTER,
                              .help = "Application messages accepted"},
    [CHAT_METRIC_REPEATS] = {.name = "repeats_total",
                             .type = SOTTO_METRIC_COUNTER,
                             .help = "Repeats answered like the first"},
    [CHAT_METRIC_COMMITS] = {.name = "commits_total",
                             .type = SOTTO_METRIC_COUNTER,
                             .help = "Commits accepted"},
    [CHAT_METRIC_STALE] = {.name = "stale_total",
                           .type = SOTTO_METRIC_COUNTER,
                           .help = "Messages and commits of another epoch than the chat's"},
    [CHAT_METRIC_CHATS] = {.name = "chats", .type = SOTTO_METRIC_GAUGE, .help = "Chats in memory"},
    [CHAT_METRIC_PURGED] = {.name = "purged_total",
                            .type = SOTTO_METRIC_COUNTER,
                            .help = "Entries of relay chats and of deleted chats that were deleted",
                            .label = "because",
                            .values = "read|late|deleted"},
    [CHAT_METRIC_PURGE_LINE] = {.name = "purge_line",
                                .type = SOTTO_METRIC_GAUGE,
                                .help = "Relay chats with entries that wait for somebody, "
                                        "and deleted chats that are not cleared yet"},
    [CHAT_METRIC_REPORTS] = {.name = "reports_total",
                             .type = SOTTO_METRIC_COUNTER,
                             .help = "Commits that members reported as bad, each once"},
    [CHAT_METRIC_RESETS] = {.name = "resets_total",
                            .type = SOTTO_METRIC_COUNTER,
                            .help = "Chats that were started anew in the place of others"},
};

static const struct sotto_module module = {
    SOTTO_MODULE_HEAD,
    .name = "chat",
    .version = "0.1.0",
    .summary = "The MLS delivery service: chats, their logs and members, delivery",
    .license = "MIT",
    .deps = SOTTO_TABLE(deps),
    .config = SOTTO_TABLE(config),
    .rpcs = SOTTO_TABLE(chat_rpcs),
    .events = SOTTO_TABLE(events),
    .topics = SOTTO_TABLE(topics),
    .subs = SOTTO_TABLE(subs),
    .hook_points = SOTTO_TABLE(hook_points),
    .migrations = SOTTO_TABLE(chat_migrations),
    .statements = SOTTO_TABLE(chat_statements),
    .metrics = SOTTO_TABLE(metrics),
    .writer = &chat_writer,
    .schema = CHAT_SCHEMA,
    .configure = chat_configure,
    .init = chat_init,
    .start = chat_start,
    .quiesce = chat_quiesce,
    .stop = chat_stop,
    .fini = chat_fini,
    .health = chat_health,
};

SOTTO_MODULE(module)
