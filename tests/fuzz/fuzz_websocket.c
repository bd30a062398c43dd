/* SPDX-License-Identifier: MIT */
/*
 * What comes in on a WebSocket: the first byte says what is spoken ('t' text, 'b' binary, upper case: compressed,
 * too), the rest is the stream. However it is cut, the same comes of it; and what is skimmed never goes astray.
 */
#include "fuzz.h"

#include "core/ws_deflate.h"
#include "core/ws_frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 4096u

/* What came of a stream: a digest of events and the way it ended. */
struct result {
    uint64_t digest;
    int code; /* 0, or what the stream was refused with */
    unsigned messages;
};

static void
mix(struct result *result, const void *data, size_t size)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < size; i++)
        result->digest = (result->digest ^ at[i]) * UINT64_C(1099511628211);
}

static void *
setup(void)
{
    struct ws_deflate *codec = NULL;

    if (ws_deflate_create(&codec))
        abort();
    return codec;
}

static int
on_message(struct ws_deflate *codec, const struct ws_event *event, struct result *result)
{
    struct ws_inflated message = {.data = NULL};
    const char *why;
    int error;

    assert(event->size <= MESSAGE_MAX);
    result->messages++;
    if (!event->compressed) {
        mix(result, event->data, event->size);
        return 0;
    }
    error = ws_inflate(codec, event->data, event->size, MESSAGE_MAX, MESSAGE_MAX, &message, &why);
    assert(!error || why);
    if (!error) {
        assert(message.size <= MESSAGE_MAX);
        mix(result, message.data, message.size);
        ws_inflated_drop(&message);
    }
    return error;
}

/* One frame: bytes used, 0 for more, or the end. */
static int64_t
read_one(struct ws_reader *reader, struct ws_deflate *codec, uint8_t *data, size_t size,
         struct result *result)
{
    const struct ws_limits limits = {.message = MESSAGE_MAX, .room = 4 * MESSAGE_MAX};
    struct ws_event event;
    const char *why = NULL;
    size_t need = 0;
    int64_t used = ws_read(reader, data, size, &limits, &event, &need, &why);
    int error = 0;

    assert(used >= 0 ? (size_t)used <= size : why != NULL);
    assert(used != 0 || need == 0 || need > size);
    if (used <= 0)
        return used;
    mix(result, &event.kind, sizeof(event.kind));
    if (event.kind == WS_EVENT_MESSAGE)
        error = on_message(codec, &event, result);
    else if (event.kind == WS_EVENT_PING)
        mix(result, event.data, event.size);
    if (event.kind == WS_EVENT_MESSAGE)
        ws_reader_drop(reader);
    return error ? error : used;
}

/* Shows a stream to a reader by steps of this many bytes; what is not used is shown again. */
static struct result
run(struct ws_deflate *codec, uint8_t mode, const uint8_t *data, size_t size, size_t step)
{
    const bool is_text = mode == 't' || mode == 'T';
    struct ws_reader reader = {.opcode = is_text ? WS_TEXT : WS_BINARY, .deflate = mode < 'a'};
    struct result result = {.digest = 1};
    uint8_t *copy = malloc(size ? size : 1);
    size_t at = 0;

    assert(copy);
    for (size_t have = 0; have < size && !result.code;) {
        const size_t more = step < size - have ? step : size - have;
        int64_t used = 1;

        memcpy(copy + have, data + have, more);
        have += more;
        while (used > 0 && at < have) {
            used = read_one(&reader, codec, copy + at, have - at, &result);
            at += used > 0 ? (size_t)used : 0;
        }
        result.code = used < 0 ? (int)used : 0;
    }
    ws_reader_drop(&reader);
    free(copy);
    return result;
}

static void
check_skim(const uint8_t *data, size_t size)
{
    struct ws_skim whole = {.skip = 0}, pieces = {.skip = 0};
    const bool found = ws_skim(&whole, data, size);
    bool found_again = false;

    for (size_t i = 0; i < size && !found_again; i++)
        found_again = ws_skim(&pieces, data + i, 1);
    assert(found == found_again);
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct result whole, bytes, threes;

    if (size < 1)
        return false;
    whole = run(state, data[0], data + 1, size - 1, SIZE_MAX);
    bytes = run(state, data[0], data + 1, size - 1, 1);
    threes = run(state, data[0], data + 1, size - 1, 3);
    assert(whole.digest == bytes.digest && whole.code == bytes.code);
    assert(whole.digest == threes.digest && whole.code == threes.code);
    check_skim(data + 1, size - 1);
    return whole.messages > 0 && whole.code == 0;
}

const struct fuzz_target fuzz_target = {.name = "websocket", .setup = setup, .one = one};
