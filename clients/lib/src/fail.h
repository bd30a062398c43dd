/* SPDX-License-Identifier: MIT */
/*
 * How every function of the library reports: it returns the status and leaves code and sentence in
 * the error it was given. The edge (the program) prints it once.
 */
#ifndef CLIENT_FAIL_H
#define CLIENT_FAIL_H

#include "sotto/client.h"

/* Fills *error and returns its status, so that a caller can write `return fail(...)`. */
int fail(struct sotto_client_error *error, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for an answer of the server: the status follows from its Connect code. */
int fail_reply(struct sotto_client_error *error, const char *code, const char *message);

/* For an answer that cannot be: SOTTO_CLIENT_EFAILED, data_loss. */
int fail_malformed(struct sotto_client_error *error);

#endif
