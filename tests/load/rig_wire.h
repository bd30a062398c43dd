/* SPDX-License-Identifier: MIT */
/*
 * A socket of the load rig with a buffer for each direction. Reads and writes never wait; rig_wire_wait does, for one
 * round. The rig is a test program: it ends the process with a sentence when its own memory runs out.
 */
#ifndef RIG_WIRE_H
#define RIG_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rig_bytes {
    uint8_t *data;
    size_t start, end, capacity;
};

struct rig_wire {
    int fd; /* -1: not connected */
    struct rig_bytes in, out;
};

void rig_wire_init(struct rig_wire *wire);
void rig_wire_close(struct rig_wire *wire); /* keeps the buffers for the next connection */
void rig_wire_fini(struct rig_wire *wire);

/* "HOST:PORT" with a numeric IPv4 host; 0 or -1. */
int rig_wire_address(const char *text, struct sockaddr_in *address_out);

/* Connects and waits for it; 0 or -1. */
int rig_wire_connect(struct rig_wire *wire, const struct sockaddr_in *address);
/* Closes without the state in which the kernel would keep the port for a minute. */
void rig_wire_abort(struct rig_wire *wire);

/* Room for `more` bytes behind what is queued; out.end is the caller's to move. */
uint8_t *rig_wire_room(struct rig_wire *wire, size_t more);
void rig_wire_put(struct rig_wire *wire, const void *data, size_t size);

/* What was read and not yet taken. */
size_t rig_wire_have(const struct rig_wire *wire);
const uint8_t *rig_wire_at(const struct rig_wire *wire);
void rig_wire_take(struct rig_wire *wire, size_t size);

/* Writes what the socket takes; 0, or -1 when the connection broke. */
int rig_wire_flush(struct rig_wire *wire);
bool rig_wire_has_output(const struct rig_wire *wire);
/* Reads what is there; 0, or -1 when the connection ended (what came before it is kept). */
int rig_wire_fill(struct rig_wire *wire);
/* Writes, waits for input until `deadline` of rig_now_s, reads; 0, or -1 when it passed or the connection ended. */
int rig_wire_wait(struct rig_wire *wire, double deadline);

double rig_now_s(void);

#endif
