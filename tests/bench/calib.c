/* SPDX-License-Identifier: MIT */
/*
 * Calibrations: what this machine gives, measured in the same run as the server.
 *
 *   calib c1 SECONDS        raw epoll echo over loopback TCP, 50 connections, 16 messages of 256 bytes in
 *                           flight on each: messages a second (the kernel's ceiling for a relay)
 *   calib c2 SECONDS DIR    SQLite, WAL, synchronous=FULL, rows of 256 bytes with one index, 1,000 rows a
 *                           transaction: rows a second (the ceiling for durable messages)
 *   calib c3 SECONDS        libsodium on one core, each primitive for its share of the time: operations for each
 *                           second of this process on the CPU, so that what else the machine does is not held against it
 *
 * Each prints one JSON object. The echo server runs in a child on the first CPU, its clients on the second.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 50
#define IN_FLIGHT 16
#define MESSAGE_BYTES 256
#define ROWS_A_TRANSACTION 1000
#define EVENTS_MAX 64

static double
clock_s(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
now_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

static void
die(const char *what)
{
    fprintf(stderr, "calib: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Pins the calling process where the machine has more than one CPU. */
static void
pin(int cpu)
{
    cpu_set_t set;

    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        return;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static void
watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

/* Echoes until the parent's death ends it. */
static void
echo_serve(int listener)
{
    static char bytes[64 * 1024];
    struct epoll_event events[EVENTS_MAX];
    int epoll = epoll_create1(0);
    int one = 1;

    watch(epoll, listener);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            ssize_t size;

            if (fd == listener) {
                fd = accept(listener, NULL, NULL);
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                watch(epoll, fd);
                continue;
            }
            size = read(fd, bytes, sizeof(bytes));
            if (size <= 0 || write(fd, bytes, (size_t)size) != size)
                close(fd);
        }
    }
}

static int
echo_listen(struct sockaddr_in *address_out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        die("listen");
    *address_out = address;
    return fd;
}

/* Keeps IN_FLIGHT messages on every connection; returns how many came back. */
static uint64_t
echo_drive(const struct sockaddr_in *address, double seconds)
{
    static char bytes[IN_FLIGHT * MESSAGE_BYTES];
    struct epoll_event events[EVENTS_MAX];
    int epoll = epoll_create1(0);
    double end = now_s() + seconds;
    uint64_t echoed = 0;
    int one = 1;

    for (int i = 0; i < CONNECTIONS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
            die("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        watch(epoll, fd);
        if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
            die("write");
    }
    while (now_s() < end) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, 100);

        for (int i = 0; i < count; i++) {
            ssize_t size = read(events[i].data.fd, bytes, sizeof(bytes));

            if (size <= 0 || write(events[i].data.fd, bytes, (size_t)size) != size)
                die("echo");
            echoed += (uint64_t)size;
        }
    }
    return echoed / MESSAGE_BYTES;
}

static void
run_c1(double seconds)
{
    struct sockaddr_in address;
    int listener = echo_listen(&address);
    pid_t child = fork();
    uint64_t echoed;

    if (child < 0)
        die("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(0);
        echo_serve(listener);
    }
    pin(1);
    echoed = echo_drive(&address, seconds);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("{\"job\":\"C1\",\"unit\":\"messages/s\",\"value\":%.0f}\n", (double)echoed / seconds);
}

static void
sql(sqlite3 *db, const char *text)
{
    char *message = NULL;

    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "calib: %s: %s\n", text, message);
        exit(1);
    }
}

static void
run_c2(double seconds, const char *folder)
{
    char path[4096];
    unsigned char body[MESSAGE_BYTES] = {0};
    sqlite3 *db;
    sqlite3_stmt *insert;
    int64_t rows = 0;
    double start;

    snprintf(path, sizeof(path), "%s/calib-%d.db", folder, (int)getpid());
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die(path);
    sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY");
    sql(db, "CREATE TABLE log (chat INTEGER, seq INTEGER, body BLOB, PRIMARY KEY (chat, seq))");
    sqlite3_prepare_v2(db, "INSERT INTO log VALUES (?, ?, ?)", -1, &insert, NULL);
    start = now_s();
    while (now_s() - start < seconds) {
        sql(db, "BEGIN");
        for (int i = 0; i < ROWS_A_TRANSACTION; i++, rows++) {
            sqlite3_bind_int64(insert, 1, rows % 100);
            sqlite3_bind_int64(insert, 2, rows / 100);
            sqlite3_bind_blob(insert, 3, body, sizeof(body), SQLITE_STATIC);
            if (sqlite3_step(insert) != SQLITE_DONE)
                die("insert");
            sqlite3_reset(insert);
        }
        sql(db, "COMMIT");
    }
    printf("{\"job\":\"C2\",\"unit\":\"rows/s\",\"value\":%.0f}\n",
           (double)rows / (now_s() - start));
    sqlite3_finalize(insert);
    sqlite3_close(db);
    unlink(path);
}

/* ---- C3 ---- */

struct keys {
    uint8_t public_key[32], secret_key[64], signature[64];
    uint8_t scalar[32], point[32], out[32];
    uint8_t text[MESSAGE_BYTES], sealed[MESSAGE_BYTES + 16], nonce[24];
};

static int
c3_sign(struct keys *k)
{
    return crypto_sign_detached(k->signature, NULL, k->text, sizeof(k->text), k->secret_key);
}

static int
c3_verify(struct keys *k)
{
    return crypto_sign_verify_detached(k->signature, k->text, sizeof(k->text), k->public_key);
}

static int
c3_x25519(struct keys *k)
{
    return crypto_scalarmult(k->out, k->scalar, k->public_key);
}

static int
c3_seal(struct keys *k)
{
    return crypto_aead_xchacha20poly1305_ietf_encrypt(k->sealed, NULL, k->text, sizeof(k->text),
                                                      NULL, 0, NULL, k->nonce, k->scalar);
}

static int
c3_ristretto(struct keys *k)
{
    return crypto_scalarmult_ristretto255(k->out, k->scalar, k->point);
}

static const struct {
    const char *name;
    int (*run)(struct keys *k);
} primitives[] = {
    {"ed25519_sign", c3_sign},          {"ed25519_verify", c3_verify},  {"x25519", c3_x25519},
    {"xchacha20poly1305_256", c3_seal}, {"ristretto255", c3_ristretto},
};

#define PRIMITIVES (sizeof(primitives) / sizeof(primitives[0]))
#define AT_ONCE 16 /* operations between two looks at the clock */

/* Operations a second of CPU. */
static double
rate_of(int (*run)(struct keys *k), struct keys *k, double seconds)
{
    const double start = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    double spent = 0;
    uint64_t done = 0;

    for (; spent < seconds; spent = clock_s(CLOCK_PROCESS_CPUTIME_ID) - start, done += AT_ONCE)
        for (int i = 0; i < AT_ONCE; i++)
            if (run(k) != 0)
                die("c3");
    return (double)done / spent;
}

static void
run_c3(double seconds)
{
    struct keys k = {.text = {1}};

    if (sodium_init() < 0)
        die("sodium");
    pin(0);
    crypto_sign_keypair(k.public_key, k.secret_key);
    crypto_core_ristretto255_scalar_random(k.scalar);
    crypto_core_ristretto255_random(k.point);
    printf("{\"job\":\"C3\"");
    for (size_t i = 0; i < PRIMITIVES; i++)
        printf(",\"%s\":%.0f", primitives[i].name,
               rate_of(primitives[i].run, &k, seconds / PRIMITIVES));
    printf("}\n");
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "c1") == 0)
        run_c1(atof(argv[2]));
    else if (argc == 4 && strcmp(argv[1], "c2") == 0)
        run_c2(atof(argv[2]), argv[3]);
    else if (argc == 3 && strcmp(argv[1], "c3") == 0)
        run_c3(atof(argv[2]));
    else {
        fprintf(stderr, "usage: calib c1 SECONDS | calib c2 SECONDS DIR | calib c3 SECONDS\n");
        return 2;
    }
    return 0;
}
