/* SPDX-License-Identifier: MIT */
/*
 * Result codes of everything that crosses the boundary between the server and a module.
 *
 * A function that can fail returns int: 0 or a small positive "named value" (a row, a pass, a deferral)
 * on success, a negative SOTTO_E… on failure. Each error also has the code that a client sees in
 * Error.code (the code names of the Connect protocol); the value of the first sixteen is the negative
 * of the Connect / gRPC status number. Codes are appended, never renumbered.
 */
#ifndef SOTTO_ERROR_H
#define SOTTO_ERROR_H

/* X(name, value, code on the wire) */
#define SOTTO_ERRORS(X)                               \
    X(SOTTO_ECANCELED, -1, "canceled")                \
    X(SOTTO_EUNKNOWN, -2, "unknown")                  \
    X(SOTTO_EINVALID, -3, "invalid_argument")         \
    X(SOTTO_EDEADLINE, -4, "deadline_exceeded")       \
    X(SOTTO_ENOTFOUND, -5, "not_found")               \
    X(SOTTO_EEXISTS, -6, "already_exists")            \
    X(SOTTO_EPERM, -7, "permission_denied")           \
    X(SOTTO_EEXHAUSTED, -8, "resource_exhausted")     \
    X(SOTTO_EPRECONDITION, -9, "failed_precondition") \
    X(SOTTO_EABORTED, -10, "aborted")                 \
    X(SOTTO_ERANGE, -11, "out_of_range")              \
    X(SOTTO_EUNIMPLEMENTED, -12, "unimplemented")     \
    X(SOTTO_EINTERNAL, -13, "internal")               \
    X(SOTTO_EUNAVAILABLE, -14, "unavailable")         \
    X(SOTTO_EDATALOSS, -15, "data_loss")              \
    X(SOTTO_EAUTH, -16, "unauthenticated")            \
    X(SOTTO_ENOMEM, -17, "resource_exhausted")        \
    X(SOTTO_EIO, -18, "unavailable")                  \
    X(SOTTO_EAGAIN, -19, "resource_exhausted")        \
    X(SOTTO_ELOOP, -20, "internal")                   \
    X(SOTTO_ENOPROVIDER, -21, "unavailable")          \
    X(SOTTO_ECONSTRAINT, -22, "failed_precondition")

enum sotto_error {
    SOTTO_OK = 0,
#define SOTTO_ERROR_ENUM(name, value, code) name = (value),
    SOTTO_ERRORS(SOTTO_ERROR_ENUM)
#undef SOTTO_ERROR_ENUM
};

/* Returns the wire code of an error ("not_found"); "internal" for a value that is not in the list.
 * The string is static. Any thread. */
static inline const char *
sotto_error_code(int error)
{
    switch (error) {
    case SOTTO_OK: return "ok";
#define SOTTO_ERROR_CASE(name, value, code) \
    case name: return code;
        SOTTO_ERRORS(SOTTO_ERROR_CASE)
#undef SOTTO_ERROR_CASE
    default: return "internal";
    }
}

#endif
