/* SPDX-License-Identifier: MIT */
/*
 * Errors: a status for the exit code, a code for programs, a sentence for people.
 *
 * What a server says goes to a terminal, so control characters are taken out here, in the one place
 * that every message passes.
 */
#include "fail.h"

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void
strip_controls(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = ' ';
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* U+0080 to U+009F */
            p[0] = p[1] = ' ';
    }
}

int
fail(struct sotto_client_error *error, int status, const char *code, const char *format, ...)
{
    /* The arguments may point into *error, so it is written last. */
    struct sotto_client_error filled = {.status = status};
    va_list args;
    va_start(args, format);
    vsnprintf(filled.message, sizeof(filled.message), tr(format), args);
    va_end(args);
    snprintf(filled.code, sizeof(filled.code), "%s", code);
    strip_controls(filled.message);
    strip_controls(filled.code);
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
