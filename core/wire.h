/* SPDX-License-Identifier: MIT */
/*
 * What protobuf-c does not check, checked on the encoded bytes before anything is decoded: strings are UTF-8
 * without NUL, known fields have their type, fields that the schema does not know are few, nothing nests deeper than
 * the schema allows. And the check of a schema itself: a message that can contain itself has no depth limit in
 * protobuf-c, so it is refused when its method is registered.
 */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include "sotto/types.h"

#define WIRE_DEPTH_MAX 16
#define WIRE_UNKNOWN_MAX 64 /* unknown fields in one request, all levels together */

/* 0, or SOTTO_EINVALID with *why_out (static, for the client). Any thread. */
int wire_check(const ProtobufCMessageDescriptor *, const uint8_t *data, size_t size,
               const char **why_out);
/* 0, or SOTTO_ELOOP with the name of the message that contains itself or lies too deep. */
int wire_check_schema(const ProtobufCMessageDescriptor *, const char **name_out);
/* Reads a varint of at most 10 bytes at *at (< end) and advances it; false: cut short or too long. */
bool wire_varint(const uint8_t **at, const uint8_t *end, uint64_t *value_out);

#endif
