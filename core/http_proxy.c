/* SPDX-License-Identifier: MIT */
/* See http_proxy.h. */
#include "core/http_proxy.h"

#include <string.h>

#include "core/net_addr.h"

static bool
is_proxy(const struct settings_names *proxies, const struct sockaddr_storage *address)
{
    char text[NET_ADDR_TEXT_MAX];

    net_addr_print_host((const struct sockaddr *)address, text, sizeof(text));
    for (size_t i = 0; i < proxies->count; i++)
        if (strcmp(proxies->at[i], text) == 0)
            return true;
    return false;
}

/* An address with or without port, as the various proxies write it. */
static bool
read_address(struct sotto_view element, struct sockaddr_storage *address_out)
{
    char text[NET_ADDR_TEXT_MAX];

    if (element.size == 0 || element.size >= sizeof(text))
        return false;
    memcpy(text, element.data, element.size);
    text[element.size] = '\0';
    return net_addr_parse_host(text, address_out) == 0 || net_addr_parse(text, address_out) == 0;
}

void
http_client_address(const struct http_head *head, const struct settings_names *proxies,
                    const struct sockaddr_storage *direct, struct sockaddr_storage *client_out)
{
    *client_out = *direct;
    if (!is_proxy(proxies, direct))
        return;
    for (size_t i = 0; i < head->field_count; i++) {
        struct sotto_view list = head->fields[i].value, element;
        struct sockaddr_storage address;

        if (!http_view_is(head->fields[i].name, "x-forwarded-for"))
            continue;
        while (http_list_next(&list, ',', &element)) {
            const bool readable = read_address(element, &address);

            if (!readable)
                *client_out = *direct;
            else if (!is_proxy(proxies, &address))
                *client_out = address;
        }
    }
}
