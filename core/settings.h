/* SPDX-License-Identifier: MIT */
/*
 * What the operator asked for: conf/sotto.conf, the flags that win over it, and defaults for the rest, checked
 * once at start and constant afterwards. Every key is a row of the tables in settings_rows.c, from which the
 * checks, --dump-config and the commented conf/sotto.conf are made.
 */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "core/conf_parse.h"
#include "sotto/rpc.h"

#define SETTINGS_MODULES_MAX 64
#define SETTINGS_MODULE_NAME_MAX 32
#define SETTINGS_RATES 4 /* as many as enum sotto_rate has */

enum settings_listen_door {
    LISTEN_TCP = 0,
    LISTEN_HTTP,
    LISTEN_ADMIN,
    LISTEN_DOORS,
};

struct settings_listen {
    bool enabled;
    const char *address; /* "127.0.0.1:7500", "[::1]:0"; port 0 picks a free one */
};

#define SETTINGS_NAMES_MAX 64

/* Words of a key that takes several. */
struct settings_names {
    const char *at[SETTINGS_NAMES_MAX];
    size_t count;
};

struct settings_http {
    bool deflate; /* permessage-deflate for who asks */
    /* As written, words with blanks between. */
    const char *origins_text, *hosts_text, *proxies_text;
    struct settings_names origins; /* of web pages that may open a WebSocket */
    struct settings_names proxies; /* addresses whose X-Forwarded-For is believed */
    struct settings_names hosts;   /* names of this server in requests; none: any */
};

struct settings_rate {
    int64_t per_second; /* tokens that come back each second */
    int64_t burst;      /* size of the bucket */
};

struct settings_limits {
    int64_t connections;             /* open at once, all doors */
    int64_t unattached_per_address;  /* connections before Attach of one address (IPv6: /64) */
    int64_t connections_per_account; /* attached */
    int64_t attach_ms;               /* a connection must attach within */
    int64_t unattached_frame_bytes;  /* largest frame before Attach */
    int64_t frame_bytes;             /* largest frame after it */
    int64_t send_queue_bytes;        /* queued to one reader before it is closed as slow */
    int64_t calls_in_flight;         /* of one connection; more are not read from the socket */
    int64_t ping_after_ms;           /* of silence */
    int64_t idle_ms;                 /* of silence, then the connection is closed */
    int64_t logic_queue_items;       /* calls queued to the logic loop */
    int64_t logic_queue_bytes;       /* their bytes */
    int64_t rate_table_entries;      /* accounts and addresses that the rate limiter remembers */
    int64_t drain_ms;                /* how long SIGTERM waits for open requests */
    int64_t callback_warn_ms;        /* a module callback over this is logged */
    struct settings_rate rates[SETTINGS_RATES]; /* by enum sotto_rate */
};

struct settings_log {
    int64_t level;  /* enum sotto_log_level */
    int64_t format; /* 0 text, 1 json */
    const char *file;
    bool to_stderr;
    int64_t rotate_bytes;
    int64_t rotate_keep;
};

enum settings_check {
    SETTINGS_CHECK_SMALL, /* only a database that is read in no time */
    SETTINGS_CHECK_ALWAYS,
    SETTINGS_CHECK_NEVER,
};

struct settings_store {
    const char *file;
    int64_t readers;
    int64_t batch_jobs; /* largest number of jobs in one transaction */
    int64_t queue_jobs;
    int64_t queue_bytes;
    int64_t cache_bytes;      /* SQLite's page cache of each connection */
    int64_t wal_bytes;        /* of the log beside the file before it is copied into it */
    int64_t reserve_bytes;    /* of the disk, for logins when it is full; 0: none */
    int64_t busy_ms;          /* how long a locked file is waited for */
    int64_t breaker_failures; /* so many writes that fail in a row open the breaker */
    int64_t breaker_reset_ms; /* for so long */
    int64_t check_at_start;   /* PRAGMA quick_check: an enum settings_check */
    const char *vfs;          /* only in builds with fault switches: name of an SQLite VFS */
};

struct settings_jobs {
    int64_t threads; /* 0: as many as cores */
    int64_t quota;
};

struct settings_module {
    const char *name; /* [a-z][a-z0-9]* */
    bool enabled;
    bool required;
    const char *conf_file; /* modules/<name>.conf beside the conf file; may not exist */
    const char *file;      /* where the module block stands */
    unsigned line;
};

enum settings_action {
    SETTINGS_RUN = 0,
    SETTINGS_CHECK,      /* --check-config */
    SETTINGS_DUMP,       /* --dump-config */
    SETTINGS_WRITE_CONF, /* --config-doc DIR: writes the commented files of server and modules there */
    SETTINGS_EXIT,       /* --version, --help: already printed */
};

struct settings {
    enum settings_action action;
    const char *conf_path; /* NULL: no conf file, defaults only */
    const char *conf_doc;  /* --config-doc */
    const char *name;
    const char *data;       /* absolute */
    const char *module_dir; /* absolute after realpath */
    int64_t io_threads;     /* at least 1 */
    bool core_dumps;        /* RLIMIT_CORE as inherited instead of 0 */
    struct settings_listen listen[LISTEN_DOORS];
    struct settings_http http;
    struct settings_log log;
    struct settings_limits limits;
    struct settings_store store;
    struct settings_jobs jobs;
    struct settings_module modules[SETTINGS_MODULES_MAX];
    size_t module_count;
    struct textpool *pool; /* owns the strings */
    struct conf_tree tree; /* includes the files of the modules as blocks `modules "<name>"` */
};

/* One key: its row and where its value lies in struct settings (bool for BOOL, int64_t for numbers and
 * ENUM, const char * for text). */
struct settings_row {
    struct sotto_conf_row row;
    size_t offset;
};

/* One block of the conf file. The first is the root. */
struct settings_block {
    const char *parent; /* key of the block around it, or NULL */
    const char *key, *title;
    const char *doc;
    const struct settings_row *rows;
    size_t count;
};

extern const struct settings_block settings_blocks[];
extern const size_t settings_block_count;
/* Rows of a module block: enabled, required; offsets in struct settings_module. */
extern const struct settings_block settings_module_block;

/* Reads flags and conf file. argv[0] locates the default module folder. Errors are collected in errors;
 * usage errors (unknown flag) too, as `sottod: …`. Returns 0, or SOTTO_EINVALID when errors has any, or
 * SOTTO_ENOMEM. Settings are to be finished in every case. */
int settings_load(struct settings *, int argc, char **argv, struct conf_errors *);
void settings_fini(struct settings *);
/* a-z, then a-z and 0-9: what may become a file name and a prefix of tables. */
bool settings_is_module_name(const char *name);
/* Takes the words of listen "http" apart and checks them. For settings.c. */
void settings_http_read(struct settings *, struct conf_errors *, bool *out_of_memory);
/* Fills modules with those of module_dir, enabled and required, by name: --config-doc without a conf file. A folder
 * without any is an error. For settings.c. */
void settings_take_installed(struct settings *, struct conf_errors *, bool *out_of_memory);
/* What is in force, as a conf file; secrets show as their reference. */
void settings_dump(const struct settings *, struct buf *out);
/* The commented conf/sotto.conf with every key and its default. */
void settings_document(struct buf *out);

#endif
