/* SPDX-License-Identifier: MIT */
/* See ws_handshake.h. */
#include "core/ws_handshake.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#define KEY_BYTES 16
#define KEY_CHARS 24
#define SHA1_BYTES 20
/* The constant of RFC 6455, section 1.3. */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#define VERSION_FIELDS "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"

static bool
refuse(struct ws_handshake *handshake, int status, const char *fields, const char *why)
{
    handshake->status = status;
    handshake->fields = fields;
    handshake->why = why;
    return false;
}

/* A page of a browser says where it is from, and only pages that the operator named may come in. Who sends no
 * Origin is no browser: there is no user's session that a foreign page could ride on. */
static bool
check_origin(struct ws_handshake *handshake, const struct http_head *head,
             const struct settings_names *origins)
{
    const struct http_field *origin = http_head_field(head, "origin");

    if (!http_head_count(head, "origin"))
        return true;
    for (size_t i = 0; origin && i < origins->count; i++)
        if (http_view_equals(origin->value, origins->at[i]))
            return true;
    return refuse(handshake, 403, "", "pages of this origin may not open a WebSocket here");
}

/* Base64 of 16 bytes, in the one form that there is of it. */
static bool
is_key(struct sotto_view key)
{
    uint8_t bytes[KEY_BYTES];
    size_t size;

    return key.size == KEY_CHARS &&
           sodium_base642bin(bytes, sizeof(bytes), (const char *)key.data, key.size, NULL, &size,
                             NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           size == KEY_BYTES;
}

static bool
make_accept(struct ws_handshake *handshake, struct sotto_view key)
{
    uint8_t text[KEY_CHARS + sizeof(KEY_SUFFIX) - 1];
    uint8_t digest[SHA1_BYTES];

    memcpy(text, key.data, KEY_CHARS);
    memcpy(text + KEY_CHARS, KEY_SUFFIX, sizeof(KEY_SUFFIX) - 1);
    if (EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) != 1)
        return refuse(handshake, 503, "", "the server cannot answer now");
    sodium_bin2base64(handshake->accept, sizeof(handshake->accept), digest, sizeof(digest),
                      sodium_base64_VARIANT_ORIGINAL);
    return true;
}

static bool
check_key(struct ws_handshake *handshake, const struct http_head *head)
{
    const struct http_field *key = http_head_field(head, "sec-websocket-key");

    if (!key || !is_key(key->value))
        return refuse(handshake, 400, "", "Sec-WebSocket-Key has to be 16 bytes in base64");
    return make_accept(handshake, key->value);
}

static bool
check_version(struct ws_handshake *handshake, const struct http_head *head)
{
    const struct http_field *version = http_head_field(head, "sec-websocket-version");

    return (version && http_view_is(version->value, "13")) ||
           refuse(handshake, 426, VERSION_FIELDS, "Sec-WebSocket-Version has to be 13");
}

/* ---- sub-protocols ---- */

static const struct ws_protocol *
find_protocol(const struct ws_rules *rules, struct sotto_view name)
{
    for (size_t i = 0; i < rules->protocol_count; i++)
        if (http_view_equals(name, rules->protocols[i].name))
            return &rules->protocols[i];
    return NULL;
}

/* The first of the client's list that is spoken here; the list may stand in several fields. */
static bool
choose_protocol(struct ws_handshake *handshake, const struct http_head *head,
                const struct ws_rules *rules)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct sotto_view list = head->fields[i].value, word;

        if (!http_view_is(head->fields[i].name, "sec-websocket-protocol"))
            continue;
        while (http_list_next(&list, ',', &word)) {
            handshake->protocol = find_protocol(rules, word);
            if (handshake->protocol)
                return true;
        }
    }
    return refuse(handshake, 400, "",
                  "Sec-WebSocket-Protocol names none that is spoken here, such as sotto.v1.proto");
}

/* ---- the whole ---- */

static bool
is_upgrade(struct ws_handshake *handshake, const struct http_head *head)
{
    const struct http_field *upgrade = http_head_field(head, "upgrade");

    return (head->minor == 1 && head->upgrade && http_list_has(upgrade->value, "websocket")) ||
           refuse(handshake, 426, VERSION_FIELDS, "this is a WebSocket: ask for an upgrade");
}

void
ws_handshake_read(struct ws_handshake *handshake, const struct http_head *head,
                  const struct ws_rules *rules)
{
    *handshake = (struct ws_handshake){.status = 101};
    if (is_upgrade(handshake, head) && check_version(handshake, head) &&
        check_key(handshake, head) && check_origin(handshake, head, rules->origins) &&
        choose_protocol(handshake, head, rules) && rules->deflate)
        ws_extension_read(&handshake->extension, head);
}

void
ws_handshake_answer(const struct ws_handshake *handshake, struct buf *out)
{
    buf_printf(out,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n",
               handshake->accept, handshake->protocol->name);
    ws_extension_answer(&handshake->extension, out);
    buf_puts(out, "\r\n");
}
