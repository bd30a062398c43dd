/* SPDX-License-Identifier: MIT */
/* See ws_frame.h. Section numbers are those of RFC 6455. */
#include "core/ws_frame.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_START 1024u

/* One client frame's head. */
struct head {
    uint8_t opcode;
    bool fin, rsv1;
    uint8_t mask[4];
    uint64_t size; /* of the payload */
};

static int
broken(int code, const char *why, const char **why_out)
{
    *why_out = why;
    return -code;
}

static bool
is_control(uint8_t opcode)
{
    return opcode >= WS_CLOSE;
}

/* ---- masks ---- */

void
ws_unmask(uint8_t *data, size_t size, const uint8_t mask[4], uint64_t offset)
{
    uint8_t turned[8];
    uint64_t wide, block;
    size_t at = 0;

    for (size_t i = 0; i < sizeof(turned); i++)
        turned[i] = mask[(offset + i) & 3];
    memcpy(&wide, turned, sizeof(wide));
    for (; size - at >= sizeof(wide); at += sizeof(wide)) {
        memcpy(&block, data + at, sizeof(block));
        block ^= wide;
        memcpy(data + at, &block, sizeof(block));
    }
    for (size_t i = 0; at + i < size; i++)
        data[at + i] ^= turned[i];
}

/* ---- heads ---- */

/* The two bytes that every frame begins with. What is wrong with them needs no more to be refused. */
static int
check_start(const struct ws_reader *reader, const uint8_t *data, const char **why_out)
{
    const uint8_t opcode = data[0] & 0x0f;
    const bool fin = data[0] & WS_FIN;
    const bool data_start = opcode == WS_TEXT || opcode == WS_BINARY;

    if ((data[0] & 0x30) || ((data[0] & WS_RSV1) && !(reader->deflate && data_start)))
        return broken(WS_CODE_PROTOCOL, "a reserved bit is set", why_out);
    if (opcode > WS_PONG || (opcode > WS_BINARY && opcode < WS_CLOSE))
        return broken(WS_CODE_PROTOCOL, "a reserved opcode", why_out);
    if (!(data[1] & 0x80))
        return broken(WS_CODE_PROTOCOL, "a frame without a mask", why_out);
    if (is_control(opcode) && (!fin || (data[1] & 0x7f) > WS_CONTROL_MAX))
        return broken(WS_CODE_PROTOCOL, "a control frame in pieces or over 125 bytes", why_out);
    if (opcode == WS_CONTINUATION && !reader->in_message)
        return broken(WS_CODE_PROTOCOL, "a continuation of nothing", why_out);
    if (data_start && reader->in_message)
        return broken(WS_CODE_PROTOCOL, "a new message inside another", why_out);
    if (data_start && opcode != reader->opcode)
        return broken(WS_CODE_UNSUPPORTED,
                      reader->opcode == WS_TEXT ? "only text is spoken here"
                                                : "only binary is spoken here",
                      why_out);
    if (!is_control(opcode) && reader->frames >= WS_MESSAGE_FRAMES_MAX)
        return broken(WS_CODE_POLICY, "too many frames for one message", why_out);
    return 0;
}

/* Lengths stand in their shortest form and have no sign (section 5.2). */
static int
check_length(const struct ws_reader *reader, const struct head *head, unsigned length_bytes,
             size_t most, const char **why_out)
{
    if ((length_bytes == 2 && head->size < 126) ||
        (length_bytes == 8 && (head->size <= 0xffff || head->size >> 63)))
        return broken(WS_CODE_PROTOCOL, "a length that is not in its one form", why_out);
    if (!is_control(head->opcode) && (head->size > most || head->size + reader->size > most))
        return broken(WS_CODE_TOO_BIG, "message over the limit", why_out);
    return 0;
}

/* Positive: the size of the head. 0: not all of it is there; *need_out is its size. */
static int
read_head(const struct ws_reader *reader, const uint8_t *data, size_t size, size_t most,
          struct head *head, size_t *need_out, const char **why_out)
{
    unsigned length_bytes;
    int error;

    *need_out = 2;
    if (size < 2)
        return 0;
    error = check_start(reader, data, why_out);
    if (error)
        return error;
    *head = (struct head){.opcode = data[0] & 0x0f,
                          .fin = data[0] & WS_FIN,
                          .rsv1 = data[0] & WS_RSV1,
                          .size = data[1] & 0x7f};
    length_bytes = head->size == 127 ? 8 : head->size == 126 ? 2 : 0;
    *need_out = 2 + length_bytes + sizeof(head->mask);
    if (size < 2 + length_bytes)
        return 0;
    if (length_bytes)
        head->size = 0;
    for (unsigned i = 0; i < length_bytes; i++)
        head->size = head->size << 8 | data[2 + i];
    error = check_length(reader, head, length_bytes, most, why_out);
    if (error)
        return error;
    if (size < *need_out)
        return 0;
    memcpy(head->mask, data + 2 + length_bytes, sizeof(head->mask));
    return (int)*need_out;
}

/* ---- messages ---- */

void
ws_reader_drop(struct ws_reader *reader)
{
    if (reader->message)
        sodium_memzero(reader->message, reader->size);
    free(reader->message);
    reader->message = NULL;
    reader->size = reader->capacity = 0;
}

/* No realloc: it would leave a copy of what may be a token behind. */
static bool
grow(struct ws_reader *reader, size_t size, size_t room)
{
    size_t capacity = reader->capacity ? reader->capacity : MESSAGE_START;
    uint8_t *message;

    while (capacity < size)
        capacity *= 2;
    if (capacity - reader->capacity > room)
        return false;
    message = malloc(capacity);
    if (!message)
        return false;
    if (reader->message) {
        memcpy(message, reader->message, reader->size);
        sodium_memzero(reader->message, reader->size);
        free(reader->message);
    }
    reader->message = message;
    reader->capacity = capacity;
    return true;
}

static int
collect(struct ws_reader *reader, const uint8_t *data, size_t size, size_t room,
        const char **why_out)
{
    if (!size)
        return 0;
    if (reader->size + size > reader->capacity && !grow(reader, reader->size + size, room))
        return broken(WS_CODE_NO_MEMORY, "no memory for a message of this size", why_out);
    memcpy(reader->message + reader->size, data, size);
    reader->size += size;
    return 0;
}

/* A data frame is whole. */
static int
end_data(struct ws_reader *reader, const struct head *head, uint8_t *data, size_t room,
         struct ws_event *event, const char **why_out)
{
    const bool is_whole = head->fin && !reader->in_message;
    int error = is_whole ? 0 : collect(reader, data, (size_t)head->size, room, why_out);

    if (error)
        return error;
    if (!head->fin) {
        reader->in_message = true;
        *event = (struct ws_event){.kind = WS_EVENT_PIECE};
        return 0;
    }
    if (!utf8_check_end(&reader->utf8))
        return broken(WS_CODE_BAD_DATA, "text that ends inside a character", why_out);
    *event = (struct ws_event){.kind = WS_EVENT_MESSAGE,
                               .data = reader->message ? reader->message : data,
                               .size = is_whole ? (size_t)head->size : reader->size,
                               .compressed = reader->compressed};
    reader->in_message = reader->compressed = false;
    reader->frames = 0;
    return 0;
}

/* ---- control frames ---- */

/* What a client may say (section 7.4): nothing that is reserved, nor what never travels. */
static bool
is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int
read_close(const uint8_t *data, size_t size, struct ws_event *event, const char **why_out)
{
    *event = (struct ws_event){.kind = WS_EVENT_CLOSE, .code = WS_CODE_NONE};
    if (!size)
        return 0;
    if (size == 1)
        return broken(WS_CODE_PROTOCOL, "half a close code", why_out);
    event->code = (uint16_t)(data[0] << 8 | data[1]);
    if (!is_close_code(event->code))
        return broken(WS_CODE_PROTOCOL, "a close code that clients do not send", why_out);
    if (!utf8_valid(data + 2, size - 2))
        return broken(WS_CODE_BAD_DATA, "a close reason that is not UTF-8", why_out);
    return 0;
}

static int
end_control(const struct head *head, uint8_t *data, struct ws_event *event, const char **why_out)
{
    const size_t size = (size_t)head->size;

    if (head->opcode == WS_CLOSE)
        return read_close(data, size, event, why_out);
    *event = (struct ws_event){.kind = head->opcode == WS_PING ? WS_EVENT_PING : WS_EVENT_PONG,
                               .data = data,
                               .size = size};
    return 0;
}

/* ---- frames ---- */

/* Unmasks what is new of a payload, and looks at it if it is text: the first wrong byte ends it. */
static int
take_payload(struct ws_reader *reader, const struct head *head, uint8_t *data, size_t have,
             const char **why_out)
{
    uint8_t *fresh = data + reader->seen;
    const size_t size = have - (size_t)reader->seen;
    const bool is_text = reader->opcode == WS_TEXT && !is_control(head->opcode) &&
                         !(head->rsv1 || reader->compressed);

    ws_unmask(fresh, size, head->mask, reader->seen);
    reader->seen = have;
    if (is_text && !utf8_check_more(&reader->utf8, fresh, size))
        return broken(WS_CODE_BAD_DATA, "text that is not UTF-8", why_out);
    return 0;
}

int64_t
ws_read(struct ws_reader *reader, uint8_t *data, size_t size, const struct ws_limits *limits,
        struct ws_event *event, size_t *need_out, const char **why_out)
{
    struct head head;
    int head_size = read_head(reader, data, size, limits->message, &head, need_out, why_out);
    size_t have;
    int error;

    if (head_size <= 0)
        return head_size;
    have = size - (size_t)head_size;
    if (have > head.size)
        have = (size_t)head.size;
    error = take_payload(reader, &head, data + head_size, have, why_out);
    if (error)
        return error;
    if (have < head.size) {
        *need_out = reader->opcode == WS_TEXT ? 0 : (size_t)head_size + (size_t)head.size;
        return 0;
    }
    reader->seen = 0;
    if (is_control(head.opcode)) {
        error = end_control(&head, data + head_size, event, why_out);
    } else {
        reader->frames++;
        reader->compressed = reader->compressed || head.rsv1;
        error = end_data(reader, &head, data + head_size, limits->room, event, why_out);
    }
    return error ? error : head_size + (int64_t)head.size;
}

/* ---- after the last word ---- */

/* Bytes of the head that begins so; at least the two that say it. */
static size_t
head_size_of(const struct ws_skim *skim)
{
    const unsigned length = skim->head_size < 2 ? 0 : skim->head[1] & 0x7f;
    const unsigned mask_bytes = skim->head_size >= 2 && (skim->head[1] & 0x80) ? 4 : 0;

    return 2 + (length == 127 ? 8u : length == 126 ? 2u : 0u) + mask_bytes;
}

static uint64_t
payload_of(const struct ws_skim *skim)
{
    const unsigned length = skim->head[1] & 0x7f;
    const unsigned length_bytes = length == 127 ? 8 : length == 126 ? 2 : 0;
    uint64_t size = length_bytes ? 0 : length;

    for (unsigned i = 0; i < length_bytes; i++)
        size = size << 8 | skim->head[2 + i];
    return size;
}

bool
ws_skim(struct ws_skim *skim, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        if (skim->skip) {
            const size_t step = skim->skip < size - at ? (size_t)skim->skip : size - at;

            skim->skip -= step;
            at += step;
            continue;
        }
        skim->head[skim->head_size++] = data[at++];
        if (skim->head_size < head_size_of(skim))
            continue;
        if ((skim->head[0] & 0x0f) == WS_CLOSE)
            return true;
        skim->skip = payload_of(skim);
        skim->head_size = 0;
    }
    return false;
}

/* ---- what goes out ---- */

size_t
ws_put_head(uint8_t head[WS_SERVER_HEAD_MAX], unsigned first, size_t size)
{
    const unsigned length_bytes = size > 0xffff ? 8 : size >= 126 ? 2 : 0;

    head[0] = (uint8_t)first;
    head[1] = (uint8_t)(length_bytes == 8 ? 127 : length_bytes == 2 ? 126 : size);
    for (unsigned i = 0; i < length_bytes; i++)
        head[2 + i] = (uint8_t)((uint64_t)size >> 8 * (length_bytes - 1 - i));
    return 2 + length_bytes;
}

size_t
ws_put_close(uint8_t out[WS_CLOSE_BYTES_MAX], unsigned code, const char *reason)
{
    size_t size = strlen(reason);
    size_t head_size;

    if (code == WS_CODE_NONE)
        return ws_put_head(out, WS_FIN | WS_CLOSE, 0);
    if (size > WS_CONTROL_MAX - 2)
        for (size = WS_CONTROL_MAX - 2; size && ((uint8_t)reason[size] & 0xc0) == 0x80;)
            size--;
    head_size = ws_put_head(out, WS_FIN | WS_CLOSE, 2 + size);
    out[head_size] = (uint8_t)(code >> 8);
    out[head_size + 1] = (uint8_t)code;
    memcpy(out + head_size + 2, reason, size);
    return head_size + 2 + size;
}
