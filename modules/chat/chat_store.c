/* SPDX-License-Identifier: MIT */
/* The statements of the chat module, and the answers that several handlers share. */
#include "chat_roster.h"

#include <stdlib.h>

const struct sotto_stmt_row chat_statements[CHAT_STMT_COUNT] = {
    [CHAT_DEVICE_FIND] = {"SELECT num FROM chat_devices WHERE user_id = ? AND device_id = ?"},
    [CHAT_DEVICE_ADD] = {"INSERT INTO chat_devices (num, user_id, device_id) VALUES (?, ?, ?)"},
    [CHAT_DEVICE_TOP] = {"SELECT COALESCE(MAX(num), 0) FROM chat_devices"},
    [CHAT_DEVICE_PAGE] = {"SELECT num, user_id, device_id, removed FROM chat_devices"
                          " WHERE num > ? ORDER BY num LIMIT ?"},
    [CHAT_DEVICE_SET_REMOVED] = {"UPDATE chat_devices SET removed = 1"
                                 " WHERE user_id = ? AND device_id = ?"},

    [CHAT_CHAT_FIND] = {"SELECT num, creator, deleted_ms, resets FROM chat_chats"
                        " WHERE chat_id = ?"},
    [CHAT_CHAT_ADD] = {"INSERT INTO chat_chats (num, chat_id, type, mode, suite, epoch, creator,"
                       " created_ms, resets) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
    [CHAT_CHAT_SET_EPOCH] = {"UPDATE chat_chats SET epoch = ? WHERE num = ?"},
    [CHAT_CHAT_EPOCH] = {"SELECT epoch, replaced_by FROM chat_chats"
                         " WHERE num = ? AND deleted_ms = 0"},
    [CHAT_CHAT_SET_REPLACED] = {"UPDATE chat_chats SET replaced_by = ? WHERE num = ?"},
    [CHAT_CHAT_SET_DELETED] = {"UPDATE chat_chats SET deleted_ms = ? WHERE num = ?"},
    [CHAT_CHAT_REMOVE] = {"DELETE FROM chat_chats WHERE num = ?"},
    [CHAT_CHAT_SET_TOP] = {"UPDATE chat_tops SET chat = ? WHERE id = 1 AND chat < ?"},
    [CHAT_CHAT_TOP] = {"SELECT MAX(top) FROM (SELECT COALESCE(MAX(num), 0) AS top FROM chat_chats"
                       " UNION ALL SELECT chat FROM chat_tops) AS tops"},
    [CHAT_CHAT_PAGE] = {"SELECT num, chat_id, type, mode, suite, epoch, deleted_ms, resets,"
                        " replaced_by FROM chat_chats WHERE num > ? ORDER BY num LIMIT ?"},

    [CHAT_PAIR_FIND] =
        {"SELECT c.chat_id, p.chat FROM chat_pairs p JOIN chat_chats c ON c.num = p.chat"
         " WHERE p.first_user = ? AND p.second_user = ?"},
    [CHAT_PAIR_ADD] = {"INSERT INTO chat_pairs (first_user, second_user, chat) VALUES (?, ?, ?)"
                       " ON CONFLICT (first_user, second_user) DO UPDATE SET"
                       " chat = excluded.chat"},
    [CHAT_PAIR_CLEAR] = {"DELETE FROM chat_pairs WHERE chat = ?"},

    [CHAT_MEMBER_ADD] = {"INSERT INTO chat_members (chat, user_id, role) VALUES (?, ?, ?)"
                         " ON CONFLICT (chat, user_id) DO NOTHING"},
    [CHAT_MEMBER_REMOVE] = {"DELETE FROM chat_members WHERE chat = ? AND user_id = ?"},
    [CHAT_MEMBER_CLEAR] = {"DELETE FROM chat_members WHERE chat = ?"},
    [CHAT_MEMBER_SET_ROLE] = {"UPDATE chat_members SET role = ? WHERE chat = ? AND user_id = ?"},
    [CHAT_MEMBER_LIST] = {"SELECT m.user_id, m.role, EXISTS (SELECT 1 FROM chat_deleted d"
                          " WHERE d.user_id = m.user_id) FROM chat_members m WHERE m.chat = ?"},
    [CHAT_MEMBER_ROLE] = {"SELECT role FROM chat_members WHERE chat = ? AND user_id = ?"},
    [CHAT_MEMBER_LEADERS] = {"SELECT user_id, role FROM chat_members WHERE chat = ? AND role < 3"
                             " LIMIT ?"},
    [CHAT_MEMBER_OTHERS] = {"SELECT COUNT(*), COUNT(CASE WHEN role = 1 THEN 1 END),"
                            " COUNT(CASE WHEN role < 3 THEN 1 END) FROM chat_members"
                            " WHERE chat = ? AND user_id <> ?"},

    [CHAT_SEAT_TAKE] = {"INSERT INTO chat_seats (device, chat, leaf, since_seq, read_seq)"
                        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (device, chat) DO UPDATE SET"
                        " leaf = excluded.leaf, since_seq = excluded.since_seq, until_seq = NULL,"
                        " read_seq = excluded.read_seq"},
    [CHAT_SEAT_LEAVE] = {"UPDATE chat_seats SET leaf = NULL, until_seq = ?"
                         " WHERE device = ? AND chat = ?"},
    [CHAT_SEAT_SET_READ] = {"UPDATE chat_seats SET read_seq = ?"
                            " WHERE device = ? AND chat = ? AND read_seq < ?"},
    [CHAT_SEAT_GET] = {"SELECT since_seq, until_seq, leaf IS NULL FROM chat_seats"
                       " WHERE device = ? AND chat = ?"},
    [CHAT_SEAT_SINCE] = {"SELECT since_seq FROM chat_seats"
                         " WHERE device = ? AND chat = ? AND leaf IS NOT NULL"},
    [CHAT_SEAT_LIST] = {"SELECT device, leaf, since_seq, read_seq FROM chat_seats"
                        " WHERE chat = ? AND leaf IS NOT NULL"},
    [CHAT_SEAT_LEFT] = {"SELECT s.chat, c.chat_id, s.since_seq, s.read_seq, s.until_seq, c.mode"
                        " FROM chat_seats s JOIN chat_chats c ON c.num = s.chat"
                        " WHERE s.device = ? AND s.leaf IS NULL AND s.read_seq < s.until_seq"
                        " LIMIT ?"},
    [CHAT_SEAT_FLOOR] = {"SELECT COALESCE(MIN(read_seq), 4294967295) FROM chat_seats"
                         " WHERE chat = ? AND (leaf IS NOT NULL OR read_seq < until_seq)"},
    [CHAT_SEAT_CLEAR] = {"DELETE FROM chat_seats WHERE chat = ?"},

    [CHAT_LOG_ADD] =
        {"INSERT INTO chat_log (id, kind, epoch, device, ts_ms, client_msg_id, message)"
         " VALUES (?, ?, ?, ?, ?, ?, ?)"},
    [CHAT_LOG_LAST] = {"SELECT id, ts_ms FROM chat_log WHERE id > ? AND id <= ?"
                       " ORDER BY id DESC LIMIT 1"},
    [CHAT_LOG_GET] = {"SELECT ts_ms, device, message FROM chat_log WHERE id = ?"},
    [CHAT_LOG_MAKER] = {"SELECT l.kind, l.epoch, l.device, d.user_id, d.device_id FROM chat_log l"
                        " JOIN chat_devices d ON d.num = l.device WHERE l.id = ?"},
    [CHAT_LOG_PAGE] = {"SELECT l.id, l.kind, l.epoch, l.device, l.ts_ms, l.client_msg_id,"
                       " d.user_id, d.device_id,"
                       " CASE WHEN l.device = ? AND l.kind = 1"
                       " THEN SUBSTR(l.message, LENGTH(l.message) - 15) ELSE l.message END"
                       " FROM chat_log l JOIN chat_devices d ON d.num = l.device"
                       " WHERE l.id > ? AND l.id <= ? ORDER BY l.id"},
    [CHAT_LOG_OLDEST] = {"SELECT id, kind, epoch, ts_ms, LENGTH(message) FROM chat_log"
                         " WHERE id > ? AND id <= ? ORDER BY id"},
    [CHAT_LOG_PURGE] = {"DELETE FROM chat_log WHERE id > ? AND id <= ?"},

    [CHAT_PURGE_GET] = {"SELECT seq, epoch, ts_ms FROM chat_purges WHERE chat = ?"},
    [CHAT_PURGE_SET] = {"INSERT INTO chat_purges (chat, seq, epoch, ts_ms) VALUES (?, ?, ?, ?)"
                        " ON CONFLICT (chat) DO UPDATE SET seq = excluded.seq,"
                        " epoch = excluded.epoch, ts_ms = excluded.ts_ms"},
    [CHAT_PURGE_REMOVE] = {"DELETE FROM chat_purges WHERE chat = ?"},

    [CHAT_WINDOW_GET] = {"SELECT top, answers FROM chat_windows WHERE device = ?"},
    [CHAT_WINDOW_SET] = {"INSERT INTO chat_windows (device, top, answers) VALUES (?, ?, ?)"
                         " ON CONFLICT (device) DO UPDATE SET top = excluded.top,"
                         " answers = excluded.answers"},

    [CHAT_PROPOSAL_ADD] = {"INSERT INTO chat_proposals (chat, leaf, ref, message)"
                           " VALUES (?, ?, ?, ?)"},
    [CHAT_PROPOSAL_COUNT] = {"SELECT COUNT(*) FROM chat_proposals WHERE chat = ?"},
    [CHAT_PROPOSAL_LIST] = {"SELECT leaf, ref FROM chat_proposals WHERE chat = ?"},
    [CHAT_PROPOSAL_MESSAGES] = {"SELECT message FROM chat_proposals WHERE chat = ?"
                                " AND message IS NOT NULL LIMIT ?"},
    [CHAT_PROPOSAL_CLEAR] = {"DELETE FROM chat_proposals WHERE chat = ?"},

    [CHAT_GROUP_INFO_SET] = {"INSERT INTO chat_group_infos (chat, epoch, group_info)"
                             " VALUES (?, ?, ?) ON CONFLICT (chat) DO UPDATE SET"
                             " epoch = excluded.epoch, group_info = excluded.group_info"},
    [CHAT_GROUP_INFO_GET] = {"SELECT group_info FROM chat_group_infos WHERE chat = ?"},
    [CHAT_GROUP_INFO_CLEAR] = {"DELETE FROM chat_group_infos WHERE chat = ?"},
    [CHAT_TREE_SET] = {"INSERT INTO chat_trees (chat, epoch, tree_hash, state) VALUES (?, ?, ?, ?)"
                       " ON CONFLICT (chat) DO UPDATE SET epoch = excluded.epoch,"
                       " tree_hash = excluded.tree_hash, state = excluded.state"},
    [CHAT_TREE_GET] = {"SELECT state FROM chat_trees WHERE chat = ?"},
    [CHAT_TREE_HASH] = {"SELECT tree_hash FROM chat_trees WHERE chat = ?"},
    [CHAT_TREE_CLEAR] = {"DELETE FROM chat_trees WHERE chat = ?"},
    [CHAT_WELCOME_ADD] = {"INSERT INTO chat_welcomes (chat, seq, epoch, inviter, welcome, roles,"
                          " ts_ms, tree) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
    [CHAT_WELCOME_SWEEP] = {"DELETE FROM chat_welcomes WHERE chat = ? AND NOT EXISTS"
                            " (SELECT 1 FROM chat_invitations i WHERE i.chat = chat_welcomes.chat"
                            " AND i.seq = chat_welcomes.seq)"},
    [CHAT_WELCOME_CLEAR] = {"DELETE FROM chat_welcomes WHERE chat = ?"},
    [CHAT_INVITATION_ADD] = {"INSERT INTO chat_invitations (device, chat, seq) VALUES (?, ?, ?)"
                             " ON CONFLICT (device, chat) DO UPDATE SET seq = excluded.seq"},
    [CHAT_INVITATION_REMOVE] = {"DELETE FROM chat_invitations WHERE device = ? AND chat = ?"},
    [CHAT_INVITATION_LIST] = {"SELECT c.chat_id, w.seq, w.epoch, d.user_id, c.type, c.mode,"
                              " w.welcome, COALESCE(l.ts_ms, w.ts_ms), w.roles, w.tree,"
                              " c.resets"
                              " FROM chat_invitations i"
                              " JOIN chat_welcomes w ON w.chat = i.chat AND w.seq = i.seq"
                              " LEFT JOIN chat_log l ON l.id = i.chat * 4294967296 + i.seq"
                              " JOIN chat_chats c ON c.num = i.chat"
                              " JOIN chat_devices d ON d.num = w.inviter"
                              " WHERE i.device = ? ORDER BY i.chat"},
    [CHAT_INVITATION_CLEAR] = {"DELETE FROM chat_invitations WHERE chat = ?"},

    [CHAT_REPORT_GET] = {"SELECT r.epoch, r.entry_seq, r.ts_ms, d.user_id, d.device_id"
                         " FROM chat_reports r JOIN chat_devices d ON d.num = r.device"
                         " WHERE r.chat = ? AND r.seq = ?"},
    [CHAT_REPORT_ADD] = {"INSERT INTO chat_reports (chat, seq, epoch, device, reason, reporter,"
                         " entry_seq, ts_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
    [CHAT_REPORT_OF] = {"SELECT 1 FROM chat_reports r JOIN chat_devices d ON d.num = r.device"
                        " WHERE r.chat = ? AND d.user_id = ? LIMIT 1"},
    [CHAT_REPORT_EXTENT] = {"SELECT COUNT(*), COALESCE(MIN(seq), 0) FROM chat_reports"
                            " WHERE chat = ?"},
    [CHAT_REPORT_REMOVE] = {"DELETE FROM chat_reports WHERE chat = ? AND seq = ?"},
    [CHAT_REPORT_LIST] = {"SELECT r.seq, r.epoch, d.user_id, d.device_id, r.reason, r.reporter,"
                          " r.ts_ms, (SELECT COUNT(*) FROM chat_refusals f WHERE f.chat = r.chat"
                          " AND f.seq = r.seq) FROM chat_reports r"
                          " JOIN chat_devices d ON d.num = r.device"
                          " WHERE r.chat = ? ORDER BY r.seq LIMIT ?"},
    [CHAT_REPORT_CLEAR] = {"DELETE FROM chat_reports WHERE chat = ?"},
    [CHAT_REFUSAL_ADD] = {"INSERT INTO chat_refusals (chat, seq, user_id) VALUES (?, ?, ?)"
                          " ON CONFLICT (chat, seq, user_id) DO NOTHING"},
    [CHAT_REFUSAL_FIND] = {"SELECT 1 FROM chat_refusals WHERE chat = ? AND seq = ?"
                           " AND user_id = ?"},
    [CHAT_REFUSAL_REMOVE] = {"DELETE FROM chat_refusals WHERE chat = ? AND seq = ?"},
    [CHAT_REFUSAL_CLEAR] = {"DELETE FROM chat_refusals WHERE chat = ?"},

    [CHAT_NOTICE_ADD] = {"INSERT INTO chat_notices (device, chat_id, user_id, ts_ms)"
                         " SELECT device, ?, ?, ? FROM chat_seats"
                         " WHERE chat = ? AND leaf IS NOT NULL"},
    [CHAT_NOTICE_FIND] = {"SELECT ts_ms FROM chat_notices WHERE device = ? AND chat_id = ?"
                          " AND user_id = ?"},
    [CHAT_NOTICE_LIST] = {"SELECT chat_id, user_id, ts_ms FROM chat_notices WHERE device = ?"
                          " LIMIT ?"},
    [CHAT_NOTICE_REMOVE] = {"DELETE FROM chat_notices WHERE device = ? AND chat_id = ?"},
    [CHAT_NOTICE_SWEEP] = {"DELETE FROM chat_notices WHERE ts_ms < ?"},

    [CHAT_DELETED_ADD] = {"INSERT INTO chat_deleted (user_id, by_device, deleted_ms, signature)"
                          " VALUES (?, ?, ?, ?)"},
    [CHAT_DELETED_GET] = {"SELECT 1 FROM chat_deleted WHERE user_id = ?"},
    [CHAT_DEPARTURE_ADD] = {"INSERT INTO chat_departures (chat, user_id)"
                            " SELECT DISTINCT s.chat, d.user_id FROM chat_devices d"
                            " JOIN chat_seats s ON s.device = d.num"
                            " WHERE d.user_id = ? AND s.leaf IS NOT NULL"},
    [CHAT_DEPARTURE_NEXT] = {"SELECT p.chat, p.user_id, c.chat_id, d.by_device, d.deleted_ms,"
                             " d.signature FROM chat_departures p"
                             " JOIN chat_chats c ON c.num = p.chat"
                             " JOIN chat_deleted d ON d.user_id = p.user_id"
                             " WHERE (p.chat, p.user_id) > (?, ?)"
                             " ORDER BY p.chat, p.user_id LIMIT 1"},
    [CHAT_DEPARTURE_REMOVE] = {"DELETE FROM chat_departures WHERE chat = ? AND user_id = ?"},
    [CHAT_DEPARTURE_CLEAR] = {"DELETE FROM chat_departures WHERE chat = ?"},
    /* Of those who stay: the highest role, in it who has had a device in the chat for the longest time. */
    [CHAT_DEPARTURE_HEIR] = {"SELECT m.user_id, m.role FROM chat_members m"
                             " JOIN chat_devices d ON d.user_id = m.user_id"
                             " JOIN chat_seats s ON s.device = d.num AND s.chat = m.chat"
                             " WHERE m.chat = ? AND s.leaf IS NOT NULL AND NOT EXISTS"
                             " (SELECT 1 FROM chat_deleted g WHERE g.user_id = m.user_id)"
                             " GROUP BY m.user_id, m.role"
                             " ORDER BY m.role, MIN(s.since_seq), m.user_id LIMIT 1"},
    /* What they have not read is kept for them no longer. */
    [CHAT_DEPARTURE_SEATS] = {"UPDATE chat_seats SET read_seq = 4294967295 WHERE chat = ?"
                              " AND device IN (SELECT num FROM chat_devices WHERE user_id = ?)"},
    [CHAT_DEPARTURE_INVITATIONS] =
        {"DELETE FROM chat_invitations WHERE chat = ?"
         " AND device IN (SELECT num FROM chat_devices WHERE user_id = ?)"},
};

ProtobufCBinaryData
chat_copy(struct sotto_tx *tx, struct sotto_view view)
{
    uint8_t *data = sotto_tx_alloc(tx, view.size > 0 ? view.size : 1);

    if (data == NULL)
        return (ProtobufCBinaryData){0};
    if (view.size > 0)
        memcpy(data, view.data, view.size);
    return chat_bytes(data, view.size);
}

bool
chat_copy_id(struct sotto_view view, uint8_t id_out[CHAT_ID_BYTES])
{
    if (view.size != CHAT_ID_BYTES)
        return false;
    memcpy(id_out, view.data, CHAT_ID_BYTES);
    return true;
}

bool
chat_copy_link(struct sotto_view view, struct chat_link *link_out)
{
    link_out->is_set = view.size > 0;
    return !link_out->is_set || chat_copy_id(view, link_out->id);
}

int
chat_write_row(struct sotto_tx *tx, const struct chat_row *row)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_ADD);

    sotto_bind_int(stmt, 1, chat_log_id(row->chat, row->seq));
    sotto_bind_int(stmt, 2, row->kind);
    sotto_bind_int(stmt, 3, (int64_t)row->epoch);
    sotto_bind_int(stmt, 4, row->device);
    sotto_bind_int(stmt, 5, row->ts_ms);
    sotto_bind_int(stmt, 6, (int64_t)row->client_msg_id);
    sotto_bind_blob(stmt, 7, row->message.data, row->message.len);
    return sotto_step(stmt);
}

int
chat_write_proposal(struct sotto_tx *tx, const struct chat_row *row,
                    const struct chat_leaf_end *end, const uint8_t ref[MLS_REF_BYTES])
{
    struct sotto_stmt *stmt;
    int rc = chat_write_row(tx, row);

    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_SEAT_LEAVE);
    sotto_bind_int(stmt, 1, end->until_seq);
    sotto_bind_int(stmt, 2, end->device);
    sotto_bind_int(stmt, 3, row->chat);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_PROPOSAL_ADD);
    sotto_bind_int(stmt, 1, row->chat);
    sotto_bind_int(stmt, 2, end->leaf);
    sotto_bind_blob(stmt, 3, ref, MLS_REF_BYTES);
    sotto_bind_blob(stmt, 4, row->message.data, row->message.len);
    return sotto_step(stmt);
}

int
chat_read_number(struct sotto_tx *tx, uint32_t statement, uint32_t chat, int64_t *number_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, statement);
    int rc;

    sotto_bind_int(stmt, 1, chat);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EIO;
    *number_out = sotto_col_int(stmt, 0);
    return SOTTO_OK;
}

int
chat_count_others(struct sotto_tx *tx, uint32_t chat, const uint8_t *user,
                  struct chat_others *others_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_MEMBER_OTHERS);
    int rc;

    sotto_bind_int(stmt, 1, chat);
    sotto_bind_blob(stmt, 2, user, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EIO;
    *others_out = (struct chat_others){
        .members = sotto_col_int(stmt, 0),
        .owners = sotto_col_int(stmt, 1),
        .leaders = sotto_col_int(stmt, 2),
    };
    return SOTTO_OK;
}

int
chat_find_role(struct sotto_tx *tx, uint32_t chat, const uint8_t *user,
               Sotto__Chat__V1__Role *role_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_MEMBER_ROLE);
    int rc;

    sotto_bind_int(stmt, 1, chat);
    sotto_bind_blob(stmt, 2, user, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    *role_out = rc == SOTTO_ROW ? (Sotto__Chat__V1__Role)sotto_col_int(stmt, 0)
                                : SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED;
    return SOTTO_OK;
}

int
chat_refuse_deleted(struct sotto_tx *tx, const uint8_t *user)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_DELETED_GET);
    int rc;

    sotto_bind_blob(stmt, 1, user, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    return rc == SOTTO_ROW ? SOTTO_EPRECONDITION : rc;
}

Sotto__Chat__V1__Entry
chat_entry(const struct chat_row *row, const uint8_t *chat, const uint8_t *user,
           const uint8_t *device)
{
    Sotto__Chat__V1__Entry entry = SOTTO__CHAT__V1__ENTRY__INIT;

    entry.chat_id = chat_bytes(chat, CHAT_ID_BYTES);
    entry.seq = row->seq;
    entry.kind = row->kind;
    entry.epoch = row->epoch;
    entry.sender_user = chat_bytes(user, CHAT_ID_BYTES);
    entry.sender_device = chat_bytes(device, CHAT_ID_BYTES);
    entry.ts_ms = row->ts_ms;
    entry.client_msg_id = row->client_msg_id;
    entry.message = row->message;
    return entry;
}

void
chat_push(struct delivery *ds, const struct chat *chat, const struct chat_device *except,
          Sotto__Chat__V1__Entry **entries, size_t count)
{
    Sotto__Chat__V1__EntryEvent event = SOTTO__CHAT__V1__ENTRY_EVENT__INIT;
    size_t session_count;
    uint64_t *sessions = roster_listeners(chat, except, &session_count);

    event.n_entries = count;
    event.entries = entries;
    if (session_count > 0)
        ds->host->session->push(ds->host, sessions, session_count, &event.base);
    free(sessions);
}

void
chat_push_row(struct delivery *ds, const struct chat *chat, const struct chat_device *except,
              const struct chat_row *row, const uint8_t *user, const uint8_t *device)
{
    Sotto__Chat__V1__Entry entry = chat_entry(row, chat->id, user, device);

    chat_push(ds, chat, except, &(Sotto__Chat__V1__Entry *){&entry}, 1);
}

void
chat_fail_absent(struct sotto_req *req)
{
    sotto_fail(req, SOTTO_ENOTFOUND, "there is no such chat");
}

bool
chat_fail_replaced(struct sotto_req *req, const struct chat *chat)
{
    Sotto__Chat__V1__Replaced replaced = SOTTO__CHAT__V1__REPLACED__INIT;

    if (chat == NULL || !chat->replaced_by.is_set)
        return false;
    replaced.chat_id = chat_bytes(chat->replaced_by.id, CHAT_ID_BYTES);
    sotto_fail_details(req, SOTTO_EPRECONDITION, &replaced.base,
                       "the chat was started anew: another one took its place");
    return true;
}

void
chat_fail_stale(struct delivery *ds, struct sotto_req *req, uint64_t epoch)
{
    Sotto__Chat__V1__Stale stale = SOTTO__CHAT__V1__STALE__INIT;

    stale.epoch = epoch;
    ds->host->metric->add(ds->host, CHAT_METRIC_STALE, 0, 1);
    sotto_fail_details(req, SOTTO_EABORTED, &stale.base,
                       "the chat is in another epoch: catch up and try again");
}
