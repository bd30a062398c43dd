/* SPDX-License-Identifier: MIT */
/*
 * What a client may call itself: login names and devices. The core has checked that strings are
 * UTF-8 without NUL.
 */
#include "auth.h"

#include <string.h>

static bool
is_alphanumeric(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

const char *
auth_check_name(const char *name, char key_out[AUTH_NAME_BYTES_MAX + 1])
{
    const size_t length = strlen(name);

    if (length < AUTH_NAME_BYTES_MIN || length > AUTH_NAME_BYTES_MAX)
        return "name: 3 to 32 characters";
    if (!is_alphanumeric(name[0]) || !is_alphanumeric(name[length - 1]))
        return "name: the first and the last character must be a letter or a digit";
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(name[i]) && name[i] != '-' && name[i] != '_')
            return "name: only letters, digits, - and _";
        key_out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    }
    key_out[length] = '\0';
    return NULL;
}

/* Copies text of at most chars_max characters without control characters. */
static bool
copy_text(char *out, const char *text, size_t chars_max)
{
    size_t chars = 0;
    size_t i;

    for (i = 0; text[i] != '\0'; i++) {
        const uint8_t byte = (uint8_t)text[i];

        if ((byte & 0xc0) != 0x80 && ++chars > chars_max)
            return false;
        /* U+0000 to U+001F, U+007F, and U+0080 to U+009F, which is C2 80 to C2 9F. */
        if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && (uint8_t)text[i + 1] < 0xa0))
            return false;
    }
    memcpy(out, text, i + 1);
    return true;
}

const char *
auth_check_device(const Sotto__Auth__V1__Device *device, const struct sotto_caller *caller,
                  struct auth_device *device_out)
{
    struct auth_device checked = {.id = {0}};

    if (device == NULL || device->device_id.len != SOTTO_ID_BYTES)
        return "device.device_id: 16 bytes";
    if (!copy_text(checked.label, device->label, AUTH_LABEL_CHARS_MAX))
        return "device.label: at most 64 characters, no control characters";
    if (!copy_text(checked.user_agent, device->user_agent, AUTH_AGENT_CHARS_MAX))
        return "device.user_agent: at most 128 characters, no control characters";
    memcpy(checked.id, device->device_id.data, SOTTO_ID_BYTES);
    snprintf(checked.address, sizeof(checked.address), "%s", caller->address);
    *device_out = checked;
    return NULL;
}
