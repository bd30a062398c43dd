/* SPDX-License-Identifier: MIT */
/*
 * The JSON mapping of protobuf (proto3), led by the descriptors that protobuf-c generates, so that it serves every
 * message of every module without knowing any.
 *
 * Names are lowerCamel, 64-bit integers are texts, bytes are base64, enums are names, what has its default is left
 * out. Read leniently where the mapping says so: the field's proto name, integers as number or text, base64url and
 * missing padding, numbers of enums, null for absent, keys that the schema does not know. Strict where it leaves room:
 * a key that stands twice, NUL in a text, an integer that is not written in the one decimal form, two members
 * of a oneof are refused. Of documents from outside are bounded: size (by the door), depth, count of values.
 *
 * Reading goes over a tree of jansson, because a request must be looked at as a whole (which method?) before its schema
 * is known; writing needs none. Any thread.
 */
#ifndef CORE_PBJSON_H
#define CORE_PBJSON_H

#include <jansson.h>

#include "core/arena.h"
#include "core/wire.h"

/* Objects and lists inside one another: a message may nest WIRE_DEPTH_MAX deep with a list at each level, and the
 * envelope adds two. jansson descends by recursion. */
#define PBJSON_DEPTH_MAX (2 * WIRE_DEPTH_MAX + 2)
/* Values of one document. jansson takes at most 350 bytes for one, so this bounds what a small document
 * can cost at 22 MiB for as long as it is read; the largest lists that methods take have a quarter of it. */
#define PBJSON_VALUES_MAX 65536
/* The largest integer that every client can hold in a number. */
#define PBJSON_SAFE_INTEGER INT64_C(9007199254740991)
#define PBJSON_FAULT_BYTES 256

/* A sentence for the client, with the path of the field; nothing that the client wrote is repeated in it. */
struct pbjson_fault {
    char text[PBJSON_FAULT_BYTES];
};

/* Makes jansson wipe what it frees, because requests carry tokens. Before other threads run. */
void pbjson_init(void);

/* ---- reading ---- */

/* Parses a document whose outermost value is an object; end it with json_decref. SOTTO_EINVALID. */
int pbjson_load(struct sotto_view text, json_t **root_out, struct pbjson_fault *);
/* Maps a value to a message in the arena. path: what stands before the names of fields in a sentence ("body"), or NULL.
 * SOTTO_EINVALID, SOTTO_EEXHAUSTED (more memory than the arena's cap). */
int pbjson_read(const ProtobufCMessageDescriptor *, const json_t *value, const char *path,
                struct arena *, ProtobufCMessage **message_out, struct pbjson_fault *);
/* The same for one integer of an envelope: absent and null are 0. */
int pbjson_read_uint(const json_t *value, const char *path, uint64_t most, uint64_t *number_out,
                     struct pbjson_fault *);
/* Bytes from base64 or base64url, padded or not. Returns how many went into out, or -1: it is neither, or
 * longer than room. 3 bytes for 4 digits are always enough room. */
ptrdiff_t pbjson_base64(const char *text, size_t size, uint8_t *out, size_t room);

/* ---- writing ---- */

/* Text that is made twice by the same calls: counted first (at is NULL), then written into that much memory. So
 * an answer with secrets is never copied while it grows. */
struct pbjson_out {
    char *at;
    size_t size;
};

/* Characters that are JSON already. */
void pbjson_put(struct pbjson_out *, const char *text);
void pbjson_put_number(struct pbjson_out *, uint64_t number);
/* With quotes; what is not UTF-8 becomes U+FFFD. */
void pbjson_put_text(struct pbjson_out *, const char *text);
void pbjson_put_bytes(struct pbjson_out *, const uint8_t *data, size_t size);
void pbjson_put_message(struct pbjson_out *, const ProtobufCMessage *);

/* ---- fields, for reader and writer ---- */

#define PBJSON_NAME_BYTES 128

/* lowerCamel of a field's name: in room, or the name itself when it has no underscore or does not fit. */
const char *pbjson_name(const ProtobufCFieldDescriptor *, char room[PBJSON_NAME_BYTES]);
/* What one value of the type takes inside its message or list. */
size_t pbjson_value_bytes(ProtobufCType);

#endif
