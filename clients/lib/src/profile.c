/* SPDX-License-Identifier: MIT */
/*
 * The profile's folder, lock and database. The schema grows by appending to `migrations`; the
 * database's user_version says how many of them it has.
 */
#include "profile.h"

#include "conn.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_WAIT_MS 30000
#define LOCK_POLL_NS 5000000

static const char *const migrations[] = {
    /* Columns that are not an id, a number or a time are sealed. */
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE contacts(user_id BLOB PRIMARY KEY, record BLOB NOT NULL,"
    " checked_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE key_changes(id INTEGER PRIMARY KEY AUTOINCREMENT, user_id BLOB NOT NULL,"
    " record BLOB NOT NULL);"
    "CREATE INDEX key_changes_user ON key_changes(user_id, id);"
    "CREATE TABLE key_packages(ref BLOB PRIMARY KEY, suite INTEGER NOT NULL,"
    " last_resort INTEGER NOT NULL, not_after INTEGER NOT NULL, bundle BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE chats(chat_id BLOB PRIMARY KEY, type INTEGER NOT NULL, mode INTEGER NOT NULL,"
    " state INTEGER NOT NULL, cursor INTEGER NOT NULL, acked INTEGER NOT NULL,"
    " read_seq INTEGER NOT NULL, last_ts INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " record BLOB NOT NULL, mls BLOB, pending_call BLOB) WITHOUT ROWID;"
    "CREATE TABLE chat_members(chat_id BLOB NOT NULL, user_id BLOB NOT NULL,"
    " PRIMARY KEY(chat_id, user_id)) WITHOUT ROWID;"
    "CREATE TABLE messages(local_id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id BLOB NOT NULL,"
    " seq INTEGER NOT NULL, kind INTEGER NOT NULL, epoch INTEGER NOT NULL, from_user BLOB NOT NULL,"
    " from_device BLOB NOT NULL, ts_ms INTEGER NOT NULL, client_msg_id INTEGER NOT NULL,"
    " body BLOB NOT NULL, UNIQUE(chat_id, seq, kind));"
    "CREATE INDEX messages_own ON messages(client_msg_id) WHERE client_msg_id > 0;"
    "CREATE TABLE outbox(client_msg_id INTEGER PRIMARY KEY, chat_id BLOB NOT NULL,"
    " epoch INTEGER NOT NULL, created_ms INTEGER NOT NULL, content BLOB NOT NULL, message BLOB);",
    /* keep: a refused message stays for its writer to decide; then retry_ms is when it is tried
     * again, and refusal the sealed sentence of the server. */
    "ALTER TABLE outbox ADD COLUMN keep INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN retry_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN refusal BLOB;",
    /* Devices that their users removed, ours and others'. */
    "CREATE TABLE removed_devices(user_id BLOB NOT NULL, device_id BLOB NOT NULL,"
    " PRIMARY KEY(user_id, device_id)) WITHOUT ROWID;",
    /* Groups that change: roles as the log says them, proposals that wait for a commit. */
    "ALTER TABLE chat_members ADD COLUMN role INTEGER NOT NULL DEFAULT 3;"
    "ALTER TABLE chats ADD COLUMN proposals INTEGER NOT NULL DEFAULT 0;",
    /* The devices of a chat's group, to tell who came and who went. */
    "CREATE TABLE chat_devices(chat_id BLOB NOT NULL, user_id BLOB NOT NULL,"
    " device_id BLOB NOT NULL, PRIMARY KEY(chat_id, user_id, device_id)) WITHOUT ROWID;",
    /* Who left without a proof, in this epoch (leaving.h). */
    "CREATE TABLE leavers(chat_id BLOB NOT NULL, user_id BLOB NOT NULL, epoch INTEGER NOT NULL,"
    " PRIMARY KEY(chat_id, user_id, epoch)) WITHOUT ROWID;",
    /* key_packages.last_resort: 0 one-time, 1 last resort, 2 a last resort that was used.
     * When this device renewed its keys in a chat, and when it is to do so again (upkeep.h). */
    "CREATE TABLE renewals(chat_id BLOB PRIMARY KEY, renewed INTEGER NOT NULL,"
    " due INTEGER NOT NULL) WITHOUT ROWID;",
    /* Devices that the server asked a group to take out, in this epoch (leaving.h). */
    "CREATE TABLE asked(chat_id BLOB NOT NULL, user_id BLOB NOT NULL, device_id BLOB NOT NULL,"
    " epoch INTEGER NOT NULL, PRIMARY KEY(chat_id, user_id, device_id, epoch)) WITHOUT ROWID;",
    /* Refused commits that the chat is to be told of; reason is a sotto.chat.v1.BadCommit (report.h). */
    "CREATE TABLE reports(chat_id BLOB NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, PRIMARY KEY(chat_id, seq)) WITHOUT ROWID;",
    /* The epoch in which another copy of this profile sent messages (copies.h); 0: none. */
    "ALTER TABLE chats ADD COLUMN spent_epoch INTEGER NOT NULL DEFAULT 0;",
    /* Chats in whose place another one waits to be confirmed (offer.h). */
    "CREATE TABLE offers(chat_id BLOB PRIMARY KEY, successor BLOB NOT NULL, by_user BLOB NOT NULL,"
    " ts_ms INTEGER NOT NULL, confirmed INTEGER NOT NULL, refusal INTEGER NOT NULL,"
    " about BLOB NOT NULL, record BLOB NOT NULL) WITHOUT ROWID;",
    /* When the chat was repaired last (joining.c). */
    "ALTER TABLE renewals ADD COLUMN repaired INTEGER NOT NULL DEFAULT 0;",
    /* Somebody joined who is to be told the title (titles.h). */
    "ALTER TABLE chats ADD COLUMN title_owed INTEGER NOT NULL DEFAULT 0;",
    /* When another device of ours was last seen to commit, in seconds by the server's clock. */
    "CREATE TABLE sibling_commits(device_id BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;",
    /* Chats that this device is about to enter by a commit of its own (arrival.h). */
    "CREATE TABLE arrivals(chat_id BLOB PRIMARY KEY, mls BLOB NOT NULL, record BLOB NOT NULL)"
    " WITHOUT ROWID;",
    /* The sender's name for a message of others, by which one that comes again is known (message.c). */
    "ALTER TABLE messages ADD COLUMN content_id BLOB;"
    "CREATE INDEX messages_content ON messages(chat_id, content_id) WHERE content_id IS NOT NULL;",
    /* One place of the log may say the same of several users: each has a row. Numbers once given out stay used. */
    "CREATE TABLE messages_new(local_id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id BLOB NOT NULL,"
    " seq INTEGER NOT NULL, kind INTEGER NOT NULL, epoch INTEGER NOT NULL, from_user BLOB NOT NULL,"
    " from_device BLOB NOT NULL, ts_ms INTEGER NOT NULL, client_msg_id INTEGER NOT NULL,"
    " body BLOB NOT NULL, content_id BLOB, UNIQUE(chat_id, seq, kind, from_user));"
    "INSERT INTO messages_new SELECT local_id, chat_id, seq, kind, epoch, from_user, from_device,"
    " ts_ms, client_msg_id, body, content_id FROM messages;"
    "DELETE FROM sqlite_sequence WHERE name = 'messages_new';"
    "INSERT INTO sqlite_sequence(name, seq)"
    " SELECT 'messages_new', seq FROM sqlite_sequence WHERE name = 'messages';"
    "DROP TABLE messages;"
    "ALTER TABLE messages_new RENAME TO messages;"
    "CREATE INDEX messages_own ON messages(client_msg_id) WHERE client_msg_id > 0;"
    "CREATE INDEX messages_content ON messages(chat_id, content_id) WHERE content_id IS NOT NULL;",
};

static int
folder_trouble(const char *folder, struct sotto_client_error *error)
{
    return fail(error, SOTTO_CLIENT_EFAILED, "profile", "cannot use the profile %.120s (%s)",
                folder, tr(strerror(errno)));
}

static int
db_trouble(struct profile *profile, struct sotto_client_error *error)
{
    int problem = profile->db ? sqlite3_errcode(profile->db) : SQLITE_OK;
    if (problem == SQLITE_FULL || (problem == SQLITE_IOERR && errno == ENOSPC))
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "the disk is full: nothing was stored; make room, then try again");
    return fail(error, SOTTO_CLIENT_EFAILED, "profile", "the profile's database refused (%s)",
                profile->db ? sqlite3_errmsg(profile->db) : "cannot open it");
}

/* Makes the folder and the ones above it. */
static int
make_folders(const char *folder, struct sotto_client_error *error)
{
    char path[4096];
    size_t len = strlen(folder);
    if (len == 0 || len >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return folder_trouble(folder, error);
    }
    memcpy(path, folder, len + 1);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0700) && errno != EEXIST)
            return folder_trouble(path, error);
        *slash = '/';
    }
    if (mkdir(path, 0700) && errno != EEXIST)
        return folder_trouble(folder, error);
    return SOTTO_CLIENT_OK;
}

static int
open_folder(struct profile *profile, const char *folder, struct sotto_client_error *error)
{
    struct stat info;
    int status = make_folders(folder, error);
    if (status)
        return status;
    profile->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (profile->dir_fd < 0 || fstat(profile->dir_fd, &info))
        return folder_trouble(folder, error);
    /* Who owns the folder can put another key or database into it, whatever is in the files. */
    if (info.st_uid != geteuid())
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "the profile %.120s belongs to another user of this machine; choose another "
                    "folder with --profile",
                    folder);
    if (info.st_mode & 077)
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "others may look into the profile; run chmod 700 %.120s", folder);
    profile->lock_fd = openat(profile->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (profile->lock_fd < 0)
        return folder_trouble(folder, error);
    return SOTTO_CLIENT_OK;
}

static int
migrate(struct profile *profile, struct sotto_client_error *error)
{
    int64_t version = 0;
    int64_t known = sizeof(migrations) / sizeof(migrations[0]);
    int status = query_number(profile, &version, error, "PRAGMA user_version", NULL, 0);
    if (status || version == known)
        return status;
    if (version > known)
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "a newer version of sotto made this profile; update this one");
    status = profile_begin(profile, error);
    if (status)
        return status;
    status = query_number(profile, &version, error, "PRAGMA user_version", NULL, 0);
    for (; status == SOTTO_CLIENT_OK && version < known; version++) {
        char mark[48];
        snprintf(mark, sizeof(mark), "PRAGMA user_version = %d", (int)version + 1);
        if (sqlite3_exec(profile->db, migrations[version], NULL, NULL, NULL) ||
            sqlite3_exec(profile->db, mark, NULL, NULL, NULL))
            status = db_trouble(profile, error);
    }
    return profile_end(profile, status, error);
}

static int
open_database(struct profile *profile, const char *folder, struct sotto_client_error *error)
{
    static const char setup[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                "PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON;";
    char path[4200];
    snprintf(path, sizeof(path), "%s/profile.db", folder);
    mode_t kept = umask(077);
    int result =
        sqlite3_open_v2(path, &profile->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (result == SQLITE_OK) {
        sqlite3_busy_timeout(profile->db, LOCK_WAIT_MS);
        result = sqlite3_exec(profile->db, setup, NULL, NULL, NULL);
    }
    umask(kept);
    if (result != SQLITE_OK)
        return db_trouble(profile, error);
    return migrate(profile, error);
}

int
profile_init(struct profile *profile, const char *folder, const char *passphrase,
             struct sotto_client_error *error)
{
    *profile = (struct profile){.dir_fd = -1, .lock_fd = -1};
    int status = open_folder(profile, folder, error);
    if (status == SOTTO_CLIENT_OK)
        status = vault_open(&profile->vault, profile->dir_fd, passphrase, error);
    if (status == SOTTO_CLIENT_OK) {
        /* Two processes that open a new profile at once must not both set up the database. */
        status = profile_lock(profile, error);
        if (status == SOTTO_CLIENT_OK) {
            status = open_database(profile, folder, error);
            profile_unlock(profile);
        }
    }
    if (status)
        profile_fini(profile);
    return status;
}

void
profile_fini(struct profile *profile)
{
    sqlite3_close(profile->db);
    if (profile->lock_fd >= 0)
        close(profile->lock_fd);
    if (profile->dir_fd >= 0)
        close(profile->dir_fd);
    vault_fini(&profile->vault);
    *profile = (struct profile){.dir_fd = -1, .lock_fd = -1};
}

int
profile_wipe(struct profile *profile, struct sotto_client_error *error)
{
    static const char *const files[] = {"profile.db", "profile.db-wal", "profile.db-shm", "key"};
    int status = profile_lock(profile, error);
    if (status)
        return status;
    sqlite3_close(profile->db);
    profile->db = NULL;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < sizeof(files) / sizeof(files[0]); i++)
        if (unlinkat(profile->dir_fd, files[i], 0) && errno != ENOENT)
            status = folder_trouble(files[i], error);
    if (fsync(profile->dir_fd) && status == SOTTO_CLIENT_OK)
        status = folder_trouble("key", error);
    profile_unlock(profile);
    return status;
}

/* ---- lock and transaction -------------------------------------------------------------------- */

int
profile_lock(struct profile *profile, struct sotto_client_error *error)
{
    int64_t deadline_ms = conn_now_ms() + LOCK_WAIT_MS;
    while (profile->locked == 0 && flock(profile->lock_fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(error, SOTTO_CLIENT_EFAILED, "profile", "cannot lock the profile (%s)",
                        strerror(errno));
        if (conn_now_ms() > deadline_ms)
            return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                        "another sotto has been using this profile for %d s; end it",
                        LOCK_WAIT_MS / 1000);
        nanosleep(&(struct timespec){.tv_nsec = LOCK_POLL_NS}, NULL);
    }
    profile->locked++;
    return SOTTO_CLIENT_OK;
}

void
profile_unlock(struct profile *profile)
{
    if (profile->locked && --profile->locked == 0)
        flock(profile->lock_fd, LOCK_UN);
}

int
profile_begin(struct profile *profile, struct sotto_client_error *error)
{
    int status = profile_lock(profile, error);
    if (status)
        return status;
    if (sqlite3_exec(profile->db, "BEGIN IMMEDIATE", NULL, NULL, NULL)) {
        status = db_trouble(profile, error);
        profile_unlock(profile);
    }
    return status;
}

int
profile_commit(struct profile *profile, struct sotto_client_error *error)
{
    int status = SOTTO_CLIENT_OK;
    if (sqlite3_exec(profile->db, "COMMIT", NULL, NULL, NULL)) {
        status = db_trouble(profile, error);
        sqlite3_exec(profile->db, "ROLLBACK", NULL, NULL, NULL);
    }
    profile_unlock(profile);
    return status;
}

void
profile_rollback(struct profile *profile)
{
    sqlite3_exec(profile->db, "ROLLBACK", NULL, NULL, NULL);
    profile_unlock(profile);
}

int
profile_end(struct profile *profile, int status, struct sotto_client_error *error)
{
    if (status == SOTTO_CLIENT_OK)
        return profile_commit(profile, error);
    profile_rollback(profile);
    return status;
}

/* ---- statements ------------------------------------------------------------------------------ */

static int
apply(sqlite3_stmt *statement, int at, const struct bind *bind)
{
    switch (bind->kind) {
    case BIND_INT: return sqlite3_bind_int64(statement, at, bind->number);
    case BIND_TEXT: return sqlite3_bind_text(statement, at, bind->data, -1, SQLITE_STATIC);
    default:
        if (!bind->data)
            return sqlite3_bind_null(statement, at);
        return sqlite3_bind_blob64(statement, at, bind->data, bind->len, SQLITE_STATIC);
    }
}

int
query(struct profile *profile, sqlite3_stmt **statement_out, struct sotto_client_error *error,
      const char *sql, const struct bind *binds, size_t count)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(profile->db, sql, -1, &statement, NULL);
    for (size_t i = 0; result == SQLITE_OK && i < count; i++)
        result = apply(statement, (int)i + 1, &binds[i]);
    if (result != SQLITE_OK) {
        int status = db_trouble(profile, error);
        sqlite3_finalize(statement);
        return status;
    }
    *statement_out = statement;
    return SOTTO_CLIENT_OK;
}

int
query_step(struct profile *profile, sqlite3_stmt *statement, struct sotto_client_error *error)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        return 1;
    return result == SQLITE_DONE ? 0 : db_trouble(profile, error);
}

int
query_run(struct profile *profile, struct sotto_client_error *error, const char *sql,
          const struct bind *binds, size_t count)
{
    sqlite3_stmt *statement;
    int status = query(profile, &statement, error, sql, binds, count);
    if (status)
        return status;
    status = query_step(profile, statement, error);
    sqlite3_finalize(statement);
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

int
query_number(struct profile *profile, int64_t *value_out, struct sotto_client_error *error,
             const char *sql, const struct bind *binds, size_t count)
{
    sqlite3_stmt *statement;
    int status = query(profile, &statement, error, sql, binds, count);
    if (status)
        return status;
    status = query_step(profile, statement, error);
    if (status == 1 && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *value_out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

int
query_unseal(struct profile *profile, sqlite3_stmt *statement, int column, struct vault_place place,
             struct buf *out, struct sotto_client_error *error)
{
    const void *sealed = sqlite3_column_blob(statement, column);
    size_t len = (size_t)sqlite3_column_bytes(statement, column);
    if (!sealed) {
        buf_fini(out);
        return SOTTO_CLIENT_OK;
    }
    if (vault_unseal(&profile->vault, place, sealed, len, out))
        return SOTTO_CLIENT_OK;
    return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                "a value of the profile (%s) does not open: the file was changed or the key "
                "is another one; restore both",
                place.column);
}

void
query_id(sqlite3_stmt *statement, int column, uint8_t out[SOTTO_CLIENT_ID_BYTES])
{
    memset(out, 0, SOTTO_CLIENT_ID_BYTES);
    const void *data = sqlite3_column_blob(statement, column);
    if (data && sqlite3_column_bytes(statement, column) == SOTTO_CLIENT_ID_BYTES)
        memcpy(out, data, SOTTO_CLIENT_ID_BYTES);
}

/* ---- single values --------------------------------------------------------------------------- */

static struct vault_place
meta_place(const char *name)
{
    return (struct vault_place){"meta.value", name, strlen(name)};
}

int
meta_get(struct profile *profile, const char *name, struct buf *out,
         struct sotto_client_error *error)
{
    sqlite3_stmt *statement;
    int status = query(profile, &statement, error, "SELECT value FROM meta WHERE name = ?",
                       BINDS(bind_text(name)));
    if (status)
        return status;
    status = query_step(profile, statement, error);
    if (status == 1)
        status = query_unseal(profile, statement, 0, meta_place(name), out, error);
    else if (status == 0)
        buf_fini(out);
    sqlite3_finalize(statement);
    return status;
}

int
meta_set(struct profile *profile, const char *name, const void *data, size_t len,
         struct sotto_client_error *error)
{
    struct buf sealed = {0};
    vault_seal(&profile->vault, meta_place(name), data, len, &sealed);
    int status = query_run(profile, error, "INSERT OR REPLACE INTO meta(name, value) VALUES(?, ?)",
                           BINDS(bind_text(name), bind_blob(sealed.data, sealed.len)));
    buf_fini(&sealed);
    return status;
}

int
meta_next(struct profile *profile, const char *name, uint64_t *number_out,
          struct sotto_client_error *error)
{
    struct buf value = {0};
    uint64_t number = 0;
    int status = meta_get(profile, name, &value, error);
    if (status == SOTTO_CLIENT_OK && value.len == sizeof(number))
        memcpy(&number, value.data, sizeof(number));
    buf_fini(&value);
    if (status)
        return status;
    number++;
    status = meta_set(profile, name, &number, sizeof(number), error);
    if (status == SOTTO_CLIENT_OK)
        *number_out = number;
    return status;
}
