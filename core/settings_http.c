/* SPDX-License-Identifier: MIT */
/* The keys of listen "http" that take several words: which pages and which names. See settings.h. */
#include "core/net_addr.h"
#include "core/settings.h"
#include "core/textpool.h"

#include <stdio.h>
#include <string.h>

#define BLANKS " \t"

/* ---- words ---- */

static bool
is_host_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_:[]", text[i]))
            return false;
    return size > 0;
}

/* scheme://host or scheme://host:port, as a browser writes it: lower case, no path, no default port. */
static const char *
check_origin(const char *origin)
{
    const char *host = strstr(origin, "://");

    if (strcmp(origin, "*") == 0)
        return "\"*\" would let every web page in; name the pages";
    if (strcmp(origin, "null") == 0)
        return "null is what pages of unknown origin say; it cannot be let in";
    if (!host || !is_host_text(origin, (size_t)(host - origin)) ||
        !is_host_text(host + 3, strlen(host + 3)))
        return "not an origin: write scheme://host or scheme://host:port, lower case, without a path";
    return NULL;
}

static const char *
check_host(const char *host)
{
    return is_host_text(host, strlen(host)) ? NULL
                                            : "not a name: write host or host:port, lower case";
}

/* In the one form in which addresses are printed, so that they can be compared as text. */
static const char *
check_address(const char *text)
{
    struct sockaddr_storage address;
    char printed[NET_ADDR_TEXT_MAX];

    if (net_addr_parse_host(text, &address) != 0)
        return "not an address: write it in numbers, without a port";
    net_addr_print_host((struct sockaddr *)&address, printed, sizeof(printed));
    return strcmp(printed, text) == 0 ? NULL : "not the short form of this address, in lower case";
}

/* ---- keys ---- */

struct reading {
    struct settings *settings;
    struct conf_errors *errors;
    bool *out_of_memory;
};

static void
refuse_name(const struct reading *reading, const char *key, const char *text, const char *name,
            const char *why)
{
    char message[512];

    snprintf(message, sizeof(message), "%.256s: %s", name, why);
    conf_error_value(reading->errors, reading->settings->tree.root, "listen", "http", key, text,
                     message);
}

static void
read_names(const struct reading *reading, const char *key, const char *text,
           const char *(*check)(const char *), struct settings_names *names)
{
    const char *whole = text;

    for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
        const size_t size = strcspn(text, BLANKS);
        char *name = textpool_copy(reading->settings->pool, text, size);
        const char *why;

        if (!name) {
            *reading->out_of_memory = true;
            return;
        }
        why = check(name);
        if (names->count == SETTINGS_NAMES_MAX)
            why = "too many names";
        if (why) {
            refuse_name(reading, key, whole, name, why);
            return;
        }
        names->at[names->count++] = name;
        text += size;
    }
}

void
settings_http_read(struct settings *settings, struct conf_errors *errors, bool *out_of_memory)
{
    const struct reading reading = {
        .settings = settings, .errors = errors, .out_of_memory = out_of_memory};
    struct settings_http *http = &settings->http;

    read_names(&reading, "origins", http->origins_text, check_origin, &http->origins);
    read_names(&reading, "proxies", http->proxies_text, check_address, &http->proxies);
    read_names(&reading, "hosts", http->hosts_text, check_host, &http->hosts);
}
