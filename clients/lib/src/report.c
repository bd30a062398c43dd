/* SPDX-License-Identifier: MIT */
/*
 * Refused commits and reports of them. See report.h.
 */
#include "report.h"

#include "chat.h"
#include "session.h"
#include "sync.h"
#include "text.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#define REPORTS_AT_ONCE 16 /* the next acknowledgement makes more */

/* ---- reasons --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *sentence;
} reasons[] = {
    [SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_UNSPECIFIED] = {"other", TR("no reason is given")},
    [SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_CONFIRMATION_TAG] =
        {"confirmation_tag", TR("its confirmation tag is not that of the epoch it leads to")},
    [SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_MEMBERSHIP_TAG] =
        {"membership_tag", TR("its membership tag is not a member's")},
    [SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_PATH] =
        {"path", TR("its secrets do not open or do not lead to its public keys")},
    [SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_OTHER] = {"other", TR("it breaks another rule")},
};

/* What a later version may say besides is another rule. */
static int
known_reason(int reason)
{
    return reason >= 0 && reason <= SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_OTHER
               ? reason
               : SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_OTHER;
}

static int
reason_of(int problem)
{
    switch (problem) {
    case MLS_ECONFIRMATION: return SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_CONFIRMATION_TAG;
    case MLS_EMAC: return SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_MEMBERSHIP_TAG;
    case MLS_EPATH:
    case MLS_EAEAD: return SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_PATH;
    default: return SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_OTHER;
    }
}

/* ---- refusing -------------------------------------------------------------------------------- */

/* The device that signed the commit; false when the signature does not verify. */
static bool
find_signer(const struct inbox *inbox, struct mls_bytes message, struct verify_cert *cert_out)
{
    struct mls_commit_view commit;
    struct mls_member member;
    if (mls_group_check_signature(inbox->group, message) || mls_commit_view(message, &commit))
        return false;
    if (commit.info.sender_type == MLS_SENDER_NEW_MEMBER_COMMIT)
        return commit.has_path && group_certificate(&commit.path_credential, cert_out);
    return commit.info.sender_type == MLS_SENDER_MEMBER &&
           !mls_group_member(inbox->group, commit.info.sender, &member) &&
           group_certificate(&member.credential, cert_out);
}

static int
queue_report(struct sotto_client *client, const struct message *message, int reason)
{
    return query_run(
        &client->profile, &client->error,
        "INSERT OR IGNORE INTO reports(chat_id, seq, epoch, reason) VALUES(?, ?, ?, ?)",
        BINDS(bind_blob(message->chat_id, ID_BYTES), bind_int((int64_t)message->seq),
              bind_int((int64_t)message->epoch), bind_int(reason)));
}

int
report_refused(struct sotto_client *client, struct inbox *inbox,
               const Sotto__Chat__V1__Entry *entry, int problem, bool *signed_out)
{
    struct verify_cert cert;
    const int reason = reason_of(problem);
    struct message message = {
        .seq = entry->seq,
        .kind = KIND_BAD_COMMIT,
        .epoch = mls_group_epoch(inbox->group),
        .ts_ms = entry->ts_ms,
    };
    *signed_out =
        find_signer(inbox, (struct mls_bytes){entry->message.data, entry->message.len}, &cert);
    if (!*signed_out)
        return SOTTO_CLIENT_OK;
    memcpy(message.chat_id, inbox->chat.id, ID_BYTES);
    memcpy(message.from_user, cert.user_id, ID_BYTES);
    memcpy(message.from_device, cert.device_id, ID_BYTES);
    int status = message_store(client, &message, NULL, reasons[reason].sentence);
    if (status || id_equal(cert.user_id, client->account.user_id))
        return status;
    return queue_report(client, &message, reason);
}

int
report_taken(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry)
{
    struct message message = {
        .seq = entry->seq,
        .kind = KIND_COMMIT_REPORTED,
        .epoch = entry->epoch,
        .ts_ms = entry->ts_ms,
        .user_count = 1,
    };
    uint8_t committer[1][ID_BYTES];
    Sotto__Chat__V1__CommitReported *said = pb_unpack(&sotto__chat__v1__commit_reported__descriptor,
                                                      entry->message.data, entry->message.len);
    bool good = said && take_bytes(said->user_id, committer[0], ID_BYTES) &&
                take_bytes(entry->sender_user, message.from_user, ID_BYTES);
    const int reason = good ? known_reason((int)said->reason) : 0;
    pb_free(said);
    if (!good)
        return SOTTO_CLIENT_OK; /* nothing that this version can say */
    take_bytes(entry->sender_device, message.from_device, ID_BYTES);
    if (id_equal(message.from_device, client->account.device_id))
        return SOTTO_CLIENT_OK; /* told when it was refused */
    memcpy(message.chat_id, inbox->chat.id, ID_BYTES);
    message.users = (const uint8_t(*)[ID_BYTES])committer;
    return message_store(client, &message, NULL, reasons[reason].sentence);
}

/* ---- telling the chat ------------------------------------------------------------------------ */

struct waiting {
    uint8_t chat_id[ID_BYTES];
    uint64_t seq;
    uint64_t epoch;
    int reason;
};

static int
find_waiting(struct sotto_client *client, struct waiting waiting[REPORTS_AT_ONCE],
             size_t *count_out)
{
    sqlite3_stmt *statement;
    *count_out = 0;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT chat_id, seq, epoch, reason FROM reports LIMIT ?",
                       BINDS(bind_int(REPORTS_AT_ONCE)));
    if (status)
        return status;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        struct waiting *one = &waiting[(*count_out)++];
        query_id(statement, 0, one->chat_id);
        one->seq = (uint64_t)sqlite3_column_int64(statement, 1);
        one->epoch = (uint64_t)sqlite3_column_int64(statement, 2);
        one->reason = sqlite3_column_int(statement, 3);
    }
    sqlite3_finalize(statement);
    return status;
}

static int
forget(struct sotto_client *client, const struct waiting *one)
{
    return query_run(&client->profile, &client->error,
                     "DELETE FROM reports WHERE chat_id = ? AND seq = ?",
                     BINDS(bind_blob(one->chat_id, ID_BYTES), bind_int((int64_t)one->seq)));
}

static int
send_one(struct sotto_client *client, const struct waiting *one)
{
    Sotto__Chat__V1__ReportCommitRequest request = SOTTO__CHAT__V1__REPORT_COMMIT_REQUEST__INIT;
    Sotto__Chat__V1__ReportCommitReply *reply = NULL;
    request.chat_id = view(one->chat_id, ID_BYTES);
    request.seq = one->seq;
    request.epoch = one->epoch;
    request.reason = (Sotto__Chat__V1__BadCommit)one->reason;
    int status = rpc(client, CHAT_METHOD("ReportCommit"), &request.base,
                     &sotto__chat__v1__report_commit_reply__descriptor, &reply, NULL);
    pb_free(reply);
    if (status == SOTTO_CLIENT_EFAILED && !strcmp(client->error.code, "resource_exhausted"))
        return SOTTO_CLIENT_OK; /* the next time */
    if (status && status != SOTTO_CLIENT_EFAILED)
        return status;
    return forget(client, one);
}

int
report_send(struct sotto_client *client)
{
    struct waiting waiting[REPORTS_AT_ONCE];
    size_t count = 0;
    int status = find_waiting(client, waiting, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = send_one(client, &waiting[i]);
    return status;
}

/* ---- showing --------------------------------------------------------------------------------- */

/* Whether this device refused the commit itself, and saw that this user's device had signed it. */
static int
is_proved(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
          const Sotto__Chat__V1__CommitReported *commit, bool *proved_out)
{
    int64_t rows = 0;
    int status =
        query_number(&client->profile, &rows, &client->error,
                     "SELECT COUNT(*) FROM messages WHERE chat_id = ? AND seq = ? AND kind = ?"
                     " AND from_user = ? AND from_device = ?",
                     BINDS(bind_blob(chat_id, ID_BYTES), bind_int((int64_t)commit->seq),
                           bind_int(KIND_BAD_COMMIT), bind_blob(commit->user_id.data, ID_BYTES),
                           bind_blob(commit->device_id.data, ID_BYTES)));
    *proved_out = rows > 0;
    return status;
}

static int
show_report(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
            const Sotto__Chat__V1__Report *report, sotto_client_report_fn each, void *arg,
            bool *stopped)
{
    const Sotto__Chat__V1__CommitReported *commit = report->commit;
    char from[SOTTO_CLIENT_NAME_BYTES];
    char reporter[SOTTO_CLIENT_NAME_BYTES];
    bool proved = false;
    if (!commit || commit->user_id.len != ID_BYTES || commit->device_id.len != ID_BYTES ||
        report->reporter_user.len != ID_BYTES || !seq_is_possible(commit->seq))
        return SOTTO_CLIENT_OK;
    const int reason = known_reason((int)commit->reason);
    int status = contact_show_name(client, commit->user_id.data, from);
    if (status == SOTTO_CLIENT_OK)
        status = contact_show_name(client, report->reporter_user.data, reporter);
    if (status == SOTTO_CLIENT_OK)
        status = is_proved(client, chat_id, commit, &proved);
    if (status)
        return status;
    struct sotto_client_report shown = {
        .seq = commit->seq,
        .epoch = commit->epoch,
        .from = from,
        .reason = reasons[reason].name,
        .sentence = tr(reasons[reason].sentence),
        .users = report->users,
        .reporter = reporter,
        .ts = report->ts_ms,
        .proved = proved,
    };
    id_hex(chat_id, shown.chat);
    id_hex(commit->user_id.data, shown.from_id);
    id_hex(commit->device_id.data, shown.from_device);
    *stopped = each(&shown, arg) != 0;
    return SOTTO_CLIENT_OK;
}

int
sotto_client_reports(struct sotto_client *client, const char *chat, sotto_client_report_fn each,
                     void *arg)
{
    struct chat found;
    Sotto__Chat__V1__ListReportsRequest request = SOTTO__CHAT__V1__LIST_REPORTS_REQUEST__INIT;
    Sotto__Chat__V1__ListReportsReply *reply = NULL;
    bool stopped = false;
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = chat_find(client, chat, &found);
    if (status)
        return status;
    request.chat_id = view(found.id, ID_BYTES);
    status = rpc(client, CHAT_METHOD("ListReports"), &request.base,
                 &sotto__chat__v1__list_reports_reply__descriptor, &reply, NULL);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && !stopped && i < reply->n_reports; i++)
        status = show_report(client, found.id, reply->reports[i], each, arg, &stopped);
    pb_free(reply);
    return status;
}
