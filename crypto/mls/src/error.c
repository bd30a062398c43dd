/* SPDX-License-Identifier: MIT */
/*
 * Names and sentences of the errors, from the one list in mls/error.h.
 */
#include "mls/error.h"

const char *
mls_error_text(int error)
{
    switch (error) {
    case MLS_OK: return "ok";
#define MLS_ERROR_TEXT(name, value, text) \
    case value: return text;
        MLS_ERROR_MAP(MLS_ERROR_TEXT)
#undef MLS_ERROR_TEXT
    }
    return "unknown error";
}

const char *
mls_error_name(int error)
{
    switch (error) {
    case MLS_OK: return "MLS_OK";
#define MLS_ERROR_NAME(name, value, text) \
    case value: return #name;
        MLS_ERROR_MAP(MLS_ERROR_NAME)
#undef MLS_ERROR_NAME
    }
    return "MLS_EUNKNOWN";
}
