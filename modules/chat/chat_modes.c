/* SPDX-License-Identifier: MIT */
/* Which modes a new chat may have: those that are built and that the operator's `modes` names. */
#include "chat.h"

#include <stdio.h>

#define TEXT_BYTES_MAX 128

static const struct {
    const char *name;
    Sotto__Chat__V1__Mode mode;
} built[] = {
    {"archive", SOTTO__CHAT__V1__MODE__MODE_ARCHIVE},
    {"relay", SOTTO__CHAT__V1__MODE__MODE_RELAY},
};
#define BUILT_COUNT (sizeof(built) / sizeof(built[0]))

uint32_t
modes_parse(const char *text)
{
    uint32_t modes = 0;

    for (const char *p = text + strspn(text, " "); *p != '\0'; p += strspn(p, " ")) {
        const size_t length = strcspn(p, " ");
        uint32_t mode = 0;

        for (size_t i = 0; i < BUILT_COUNT; i++)
            if (strlen(built[i].name) == length && strncmp(built[i].name, p, length) == 0)
                mode = 1u << built[i].mode;
        if (mode == 0)
            return 0;
        modes |= mode;
        p += length;
    }
    return modes;
}

void
modes_refuse(const struct delivery *ds, struct sotto_req *req)
{
    char text[TEXT_BYTES_MAX] = "this server does not offer that mode; choose ";
    size_t used = strlen(text);
    const size_t start = used;

    for (size_t i = 0; i < BUILT_COUNT; i++)
        if (ds->modes & 1u << built[i].mode)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                     used > start ? " or " : "", built[i].name);
    sotto_fail(req, SOTTO_EUNIMPLEMENTED, text);
}
