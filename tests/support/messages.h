/* SPDX-License-Identifier: MIT */
/* Every message of the envelope, of all modules and of the test schemas, for tests that hold for each of them. The
 * table is made at build time (message-table), so a new message is in it. */
#ifndef SOTTO_TEST_MESSAGES_H
#define SOTTO_TEST_MESSAGES_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

extern const ProtobufCMessageDescriptor *const messages[];
extern const size_t message_count;

#endif
