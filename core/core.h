/* SPDX-License-Identifier: MIT */
/*
 * The server as one object: what main.c makes, in this order, and unmakes in the reverse one. There is no
 * file-scope state anywhere in core/, so a test may run two of these.
 *
 * A part takes what it needs as arguments where that is little, and a `struct core *` where it needs many.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

struct settings; /* settings.h  what the operator asked for */
struct log;      /* log.h       lines to stderr and to the log file */
struct metrics;  /* metric.h    series for /metrics */
struct loop;     /* loop.h      the logic loop and its queue */
struct timers;   /* timer.h     timers on the logic loop */
struct store;    /* store.h     SQLite: one writer, n readers */
struct job_pool; /* job.h       threads for computation and blocking calls */
struct rpc;      /* rpc.h       the table of methods, requests in flight */
struct sessions; /* session.h   connections and who is behind them */
struct broker;   /* broker.h    topics, calls, hooks */
struct host;     /* host.h      the loaded modules and their life */
struct io;       /* io.h        I/O loops and their doors */
struct reserve;  /* reserve.h   room on the disk for logins */
struct admin;    /* admin.h     health, metrics, schema */

struct core {
    const struct settings *settings;
    struct log *log;
    struct metrics *metrics;
    struct loop *logic;
    struct timers *timers;
    struct store *store;
    struct job_pool *jobs;
    struct rpc *rpc;
    struct sessions *sessions;
    struct broker *broker;
    struct host *host;
    struct io *io;
    struct reserve *reserve;
    struct admin *admin;
};

#endif
