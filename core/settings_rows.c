/* SPDX-License-Identifier: MIT */
/*
 * Every key of conf/sotto.conf: its type, default, range and the sentences that explain it. settings.c checks a
 * file against these rows and prints them; nothing else knows the keys. The largest values are the hard limits
 * of the security bar: an operator may go below, never above.
 */
#include "core/settings.h"

#define KEY(member, key, kind, value, ...)                                      \
    {                                                                           \
        .row = {.name = (key), .type = (kind), .preset = (value), __VA_ARGS__}, \
        .offset = offsetof(struct settings, member)                             \
    }
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct settings_row root_rows[] = {
    KEY(name, "name", SOTTO_CONF_STRING, "sotto", .min = 1, .max = 64,
        .doc = "Name of this server, as clients see it in the greeting."),
    KEY(data, "data", SOTTO_CONF_STRING, "data", .min = 1, .max = 4096,
        .doc = "Folder of everything that the server writes: database, log, files. Made with mode "
               "0700 if it is not there. A relative path counts from the working directory."),
    KEY(module_dir, "module_dir", SOTTO_CONF_STRING, NULL, .min = 1, .max = 4096,
        .doc =
            "Folder of the modules. Preset: modules/ beside the program, else the folder that it "
            "was installed with. Only its owner may be able to write there."),
    KEY(io_threads, "io_threads", SOTTO_CONF_INT, "0", .min = 0, .max = 64,
        .doc = "Threads for connections. 0: one less than there are cores, at least one."),
    KEY(core_dumps, "core_dumps", SOTTO_CONF_BOOL, "no",
        .doc = "Whether a crash may write a core dump. A dump contains keys and tokens."),
};

#define LISTEN_ROWS(door, where)                                                            \
    KEY(listen[door].enabled, "enabled", SOTTO_CONF_BOOL, "yes",                            \
        .doc = "Whether this door is there."),                                              \
        KEY(listen[door].address, "address", SOTTO_CONF_STRING, where, .min = 1, .max = 64, \
            .doc = "Address and port; IPv6 in brackets, port 0 takes a free one.")
static const struct settings_row tcp_rows[] = {LISTEN_ROWS(LISTEN_TCP, "127.0.0.1:7500")};
static const struct settings_row admin_rows[] = {LISTEN_ROWS(LISTEN_ADMIN, "127.0.0.1:7590")};
static const struct settings_row http_rows[] = {
    LISTEN_ROWS(LISTEN_HTTP, "127.0.0.1:7580"),
    KEY(http.origins_text, "origins", SOTTO_CONF_STRING, "", .min = 0, .max = 4096,
        .doc =
            "Web pages that may open a WebSocket here, as browsers write their origin: "
            "\"https://talk.example.org https://intern.example.org:8443\". Other browsers' pages are refused; "
            "programs that are no browsers send no origin and are not asked for one."),
    KEY(http.proxies_text, "proxies", SOTTO_CONF_STRING, "", .min = 0, .max = 4096,
        .doc =
            "Addresses of proxies in front of this port, such as \"127.0.0.1\". What comes from one of them counts for "
            "the address that it names in X-Forwarded-For; nobody else's word is believed."),
    KEY(http.deflate, "deflate", SOTTO_CONF_BOOL, "no",
        .doc =
            "Whether messages of a WebSocket are compressed for clients that ask for it. Encrypted messages do not "
            "get smaller; lists and errors do, at the price of a little time for every message."),
    KEY(http.hosts_text, "hosts", SOTTO_CONF_STRING, "", .min = 0, .max = 4096,
        .doc =
            "Names of this server, with or without port, that a request has to be addressed to. \"\": any."),
};

static const struct settings_row log_rows[] = {
    KEY(log.level, "level", SOTTO_CONF_ENUM, "info", .choices = "error|warn|info|debug",
        .doc = "The least important lines that are written."),
    KEY(log.format, "format", SOTTO_CONF_ENUM, "text", .choices = "text|json",
        .doc = "Lines for people, or one JSON object a line."),
    KEY(log.file, "file", SOTTO_CONF_STRING, "sottod.log", .min = 0, .max = 4096,
        .doc = "Log file; a relative path is below the data folder. \"\": none."),
    KEY(log.to_stderr, "stderr", SOTTO_CONF_BOOL, "yes", .doc = "Whether lines also go to stderr."),
    KEY(log.rotate_bytes, "rotate_size", SOTTO_CONF_SIZE, "16MiB", .min = 65536,
        .max = INT64_C(1) << 40,
        .doc = "A log file over this size is renamed to FILE.1 and a new one begun."),
    KEY(log.rotate_keep, "rotate_keep", SOTTO_CONF_INT, "5", .min = 0, .max = 100,
        .doc = "How many renamed files are kept."),
};

static const struct settings_row limit_rows[] = {
    KEY(limits.connections, "connections", SOTTO_CONF_INT, "20000", .min = 1, .max = 1000000,
        .doc = "Connections open at once, all doors together."),
    KEY(limits.unattached_per_address, "unattached_per_address", SOTTO_CONF_INT, "64", .min = 1,
        .max = 1000000,
        .doc = "Connections from one address (IPv6: one /64 network) that have not attached yet."),
    KEY(limits.connections_per_account, "connections_per_account", SOTTO_CONF_INT, "100", .min = 1,
        .max = 1000000, .doc = "Attached connections of one account, all its devices together."),
    KEY(limits.attach_ms, "attach_timeout", SOTTO_CONF_DURATION, "10s", .min = 100, .max = 10000,
        .doc = "A connection that has not attached after this time is closed."),
    KEY(limits.unattached_frame_bytes, "unattached_frame", SOTTO_CONF_SIZE, "4KiB", .min = 256,
        .max = 4096, .doc = "Largest frame before a connection has attached."),
    KEY(limits.frame_bytes, "frame", SOTTO_CONF_SIZE, "17MiB", .min = 65536, .max = 17 << 20,
        .doc = "Largest frame after that. Each method has its own, smaller limit."),
    KEY(limits.send_queue_bytes, "send_queue", SOTTO_CONF_SIZE, "256KiB", .min = 65536,
        .max = 256 << 10,
        .doc = "Bytes that wait for one slow reader before it is closed and has to resume."),
    KEY(limits.calls_in_flight, "calls_in_flight", SOTTO_CONF_INT, "256", .min = 1, .max = 4096,
        .doc = "Unanswered calls of one connection; more are left in its socket."),
    KEY(limits.ping_after_ms, "ping_after", SOTTO_CONF_DURATION, "20s", .min = 100, .max = 3600000,
        .doc = "A connection that was silent for this long gets a ping."),
    KEY(limits.idle_ms, "idle_timeout", SOTTO_CONF_DURATION, "45s", .min = 200, .max = 7200000,
        .doc = "A connection that was silent for this long is closed."),
    KEY(limits.logic_queue_items, "logic_queue", SOTTO_CONF_INT, "65536", .min = 64, .max = 1 << 20,
        .doc = "Calls that wait for the logic thread before sockets are read more slowly."),
    KEY(limits.logic_queue_bytes, "logic_queue_size", SOTTO_CONF_SIZE, "64MiB", .min = 20 << 20,
        .max = INT64_C(1) << 32, .doc = "The memory that these take."),
    KEY(limits.rate_table_entries, "rate_table", SOTTO_CONF_INT, "100000", .min = 100,
        .max = 1000000, .doc = "Accounts and addresses that the rate limiter remembers."),
    KEY(limits.drain_ms, "drain_timeout", SOTTO_CONF_DURATION, "5s", .min = 0, .max = 5000,
        .doc = "How long SIGTERM waits for open requests and for clients to hang up."),
    KEY(limits.callback_warn_ms, "callback_warn", SOTTO_CONF_DURATION, "5ms", .min = 1,
        .max = 10000,
        .doc = "A module that holds the logic thread for longer is named in the log."),
};

#define RATE_ROWS(class, rate, bucket)                                                    \
    {                                                                                     \
        KEY(limits.rates[class].per_second, "per_second", SOTTO_CONF_INT, rate, .min = 1, \
            .max = 1000000, .doc = "Calls a second, of one account or address."),         \
            KEY(limits.rates[class].burst, "burst", SOTTO_CONF_INT, bucket, .min = 1,     \
                .max = 1000000, .doc = "How many may come at once after a pause."),       \
    }
static const struct settings_row general_rows[] = RATE_ROWS(SOTTO_RATE_GENERAL, "100", "200");
static const struct settings_row login_rows[] = RATE_ROWS(SOTTO_RATE_LOGIN, "5", "10");
static const struct settings_row register_rows[] = RATE_ROWS(SOTTO_RATE_REGISTER, "2", "4");
static const struct settings_row send_rows[] = RATE_ROWS(SOTTO_RATE_SEND, "100", "2000");

static const struct settings_row store_rows[] = {
    KEY(store.file, "file", SOTTO_CONF_STRING, "sotto.db", .min = 1, .max = 4096,
        .doc = "The SQLite database; a relative path is below the data folder."),
    KEY(store.readers, "readers", SOTTO_CONF_INT, "2", .min = 1, .max = 32,
        .doc = "Threads for queries. Writes have one thread of their own."),
    KEY(store.batch_jobs, "batch", SOTTO_CONF_INT, "2000", .min = 1, .max = 100000,
        .doc = "Largest number of writes that share one transaction and one sync of the disk."),
    KEY(store.queue_jobs, "queue", SOTTO_CONF_INT, "65536", .min = 16, .max = 1 << 20,
        .doc = "Writes, and likewise queries, that wait; more are refused as unavailable."),
    KEY(store.queue_bytes, "queue_size", SOTTO_CONF_SIZE, "128MiB", .min = 20 << 20,
        .max = INT64_C(1) << 34, .doc = "Their bytes."),
    KEY(store.cache_bytes, "cache", SOTTO_CONF_SIZE, "4MiB", .min = 65536, .max = INT64_C(1) << 34,
        .doc = "Page cache of each connection to the database."),
    KEY(store.wal_bytes, "wal", SOTTO_CONF_SIZE, "16MiB", .min = 65536, .max = INT64_C(1) << 30,
        .doc = "Size of the write-ahead log at which it is copied into the database."),
    KEY(store.reserve_bytes, "reserve", SOTTO_CONF_SIZE, "32MiB", .min = 0, .max = INT64_C(1) << 40,
        .doc =
            "Room on the disk that is kept in a file beside the database. When little else is left, "
            "messages are refused and logins go on in it. At least twice the size of wal. 0: none."),
    KEY(store.busy_ms, "busy_timeout", SOTTO_CONF_DURATION, "5s", .min = 0, .max = 5000,
        .doc = "How long to wait for a database that another process has locked."),
    KEY(store.breaker_failures, "breaker_failures", SOTTO_CONF_INT, "5", .min = 1, .max = 1000,
        .doc =
            "After so many writes in a row that the disk or a lock of another process failed, further "
            "ones are refused at once."),
    KEY(store.breaker_reset_ms, "breaker_reset", SOTTO_CONF_DURATION, "30s", .min = 100,
        .max = 3600000, .doc = "For so long; then one write tries for all."),
    KEY(store.check_at_start, "check_at_start", SOTTO_CONF_ENUM, "auto", .choices = "auto|yes|no",
        .doc =
            "Whether to search the whole database for damage at every start. auto: up to 64 MiB, "
            "which takes no time."),
};

static const struct settings_row job_rows[] = {
    KEY(jobs.threads, "threads", SOTTO_CONF_INT, "0", .min = 0, .max = 64,
        .doc = "Threads for computation, such as password protocols. 0: as many as cores."),
    KEY(jobs.quota, "quota", SOTTO_CONF_INT, "1024", .min = 1, .max = 65536,
        .doc = "Jobs of one module that are queued or running; more are refused."),
};

#define BLOCK(around, name, label, text, table)                                              \
    {                                                                                        \
        .parent = (around), .key = (name), .title = (label), .doc = (text), .rows = (table), \
        .count = COUNT(table)                                                                \
    }
const struct settings_block settings_blocks[] = {
    BLOCK(NULL, "", NULL, "The server.", root_rows),
    BLOCK(NULL, "listen", "tcp", "Frames over TCP: the terminal client.", tcp_rows),
    BLOCK(NULL, "listen", "http", "HTTP and WebSocket: browsers, curl.", http_rows),
    BLOCK(NULL, "listen", "admin",
          "/healthz, /metrics and /api/schema. Asks for no password: keep "
          "it on loopback.",
          admin_rows),
    BLOCK(NULL, "log", NULL, "The log.", log_rows),
    BLOCK(NULL, "limits", NULL, "What one client may cost.", limit_rows),
    BLOCK("limits", "rate", "general", "Rate of all calls that are in no other class.",
          general_rows),
    BLOCK("limits", "rate", "login", "Rate of attempts to log in.", login_rows),
    BLOCK("limits", "rate", "register", "Rate of new accounts.", register_rows),
    BLOCK("limits", "rate", "send", "Rate of messages.", send_rows),
    BLOCK(NULL, "store", NULL, "The database.", store_rows),
    BLOCK(NULL, "jobs", NULL, "Threads for slow work.", job_rows),
};
const size_t settings_block_count = COUNT(settings_blocks);

static const struct settings_row module_rows[] = {
    {.row = {.name = "enabled",
             .type = SOTTO_CONF_BOOL,
             .preset = "yes",
             .doc = "Whether the module is loaded."},
     .offset = offsetof(struct settings_module, enabled)},
    {.row = {.name = "required",
             .type = SOTTO_CONF_BOOL,
             .preset = "yes",
             .doc = "no: start without it when it cannot be loaded, configured or started."},
     .offset = offsetof(struct settings_module, required)},
};
const struct settings_block settings_module_block =
    BLOCK(NULL, "module", "NAME", "A module and whether it is loaded.", module_rows);
