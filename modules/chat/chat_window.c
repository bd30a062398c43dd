/* SPDX-License-Identifier: MIT */
/*
 * The dedupe window of a device: its last 128 message counters and where those messages went.
 *
 * In the table a window is as small as the device's habits allow, since every sending device costs one such row a
 * transaction. From the top counter downwards, each answer is a varint that names the chat (0: none, 1: the same
 * as of the answer before, else the chat's number + 1) and a varint for the seq: the number itself, or for the same
 * chat the zigzag difference to the answer before. Somebody who writes into one chat needs 256 bytes.
 */
#include "chat_writer.h"

static size_t
put_varint(uint8_t *out, uint64_t value)
{
    size_t size = 0;

    while (value >= 0x80) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}

static bool
get_varint(const uint8_t **at, const uint8_t *end, uint64_t *value_out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        const uint8_t byte = *(*at)++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value_out = value;
            return true;
        }
    }
    return false;
}

static uint64_t
zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static int64_t
unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static bool
is_known(const struct chat_window *window, uint64_t counter)
{
    return counter >= 1 && counter <= window->top && window->top - counter < CHAT_WINDOW &&
           window->answers[counter % CHAT_WINDOW].chat != 0;
}

enum window_verdict
window_look(const struct chat_window *window, uint64_t counter, struct chat_answer *answer_out)
{
    if (counter > window->top)
        return WINDOW_NEW;
    if (window->top - counter >= CHAT_WINDOW)
        return WINDOW_OLD;
    if (!is_known(window, counter))
        return WINDOW_NEW;
    *answer_out = window->answers[counter % CHAT_WINDOW];
    return WINDOW_REPEAT;
}

void
window_note(struct chat_window *window, uint64_t counter, struct chat_answer answer)
{
    /* The counters that a jump leaves out have no answer; those it pushes out are forgotten. */
    if (counter > window->top) {
        const uint64_t jump = counter - window->top;

        for (uint64_t i = 1; i < jump && i <= CHAT_WINDOW; i++)
            window->answers[(counter - i) % CHAT_WINDOW] = (struct chat_answer){0};
        window->top = counter;
    }
    window->answers[counter % CHAT_WINDOW] = answer;
}

size_t
window_pack(const struct chat_window *window, uint8_t out[CHAT_WINDOW_BYTES_MAX])
{
    struct chat_answer before = {0};
    size_t size = 0, end = 0;

    for (uint64_t i = 0; i < CHAT_WINDOW && i < window->top; i++) {
        const struct chat_answer *answer = &window->answers[(window->top - i) % CHAT_WINDOW];

        if (answer->chat == 0) {
            size += put_varint(out + size, 0);
            continue;
        }
        if (answer->chat == before.chat) {
            size += put_varint(out + size, 1);
            size += put_varint(out + size, zigzag((int64_t)answer->seq - before.seq));
        } else {
            size += put_varint(out + size, (uint64_t)answer->chat + 1);
            size += put_varint(out + size, answer->seq);
        }
        before = *answer;
        end = size;
    }
    return end;
}

bool
window_unpack(struct chat_window *window, uint64_t top, const uint8_t *data, size_t size)
{
    const uint8_t *at = data, *end = data + size;
    struct chat_answer before = {0};

    memset(window->answers, 0, sizeof(window->answers));
    window->top = top;
    for (uint64_t i = 0; at < end; i++) {
        uint64_t chat, seq;

        if (i == CHAT_WINDOW || i == top || !get_varint(&at, end, &chat))
            return false;
        if (chat == 0)
            continue;
        if (!get_varint(&at, end, &seq))
            return false;
        if (chat == 1)
            before.seq = (uint32_t)(before.seq + unzigzag(seq));
        else
            before = (struct chat_answer){(uint32_t)(chat - 1), (uint32_t)seq};
        if (before.chat == 0)
            return false;
        window->answers[(top - i) % CHAT_WINDOW] = before;
    }
    return true;
}
