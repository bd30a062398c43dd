/* SPDX-License-Identifier: MIT */
/*
 * Errors: a status for the exit code, a code for programs, a sentence for people.
 *
 * What a server says goes to a terminal, so it is made harmless here, in the one place that every
 * message passes.
 */
#include "fail.h"

#include "clean.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
fail(struct sotto_client_error *error, int status, const char *code, const char *format, ...)
{
    /* The arguments may point into *error, so it is written last. */
    struct sotto_client_error filled = {.status = status};
    char message[sizeof(filled.message)];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), tr(format), args);
    va_end(args);
    clean_line(message, filled.message, sizeof(filled.message));
    clean_line(code, filled.code, sizeof(filled.code));
    *error = filled;
    return status;
}

int
fail_reply(struct sotto_client_error *error, const char *code, const char *message)
{
    int status = SOTTO_CLIENT_EFAILED;
    if (!strcmp(code, "unauthenticated"))
        status = SOTTO_CLIENT_EAUTH;
    else if (!strcmp(code, "unavailable") || !strcmp(code, "deadline_exceeded"))
        status = SOTTO_CLIENT_ENETWORK;
    return fail(error, status, code, "%s", *message ? tr(message) : tr("the server refused"));
}

int
fail_malformed(struct sotto_client_error *error)
{
    return fail(error, SOTTO_CLIENT_EFAILED, "data_loss",
                "the server's answer is malformed; update the older of the two");
}
