/* SPDX-License-Identifier: MIT */
/* The envelope in JSON, as the server reads it: views lie within the document, data of a Ping within the frame. */
#include "fuzz.h"

#include "core/frame_json.h"

#include <assert.h>
#include <string.h>

static void *
setup(void)
{
    pbjson_init();
    return NULL;
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    const struct sotto_view text = {.data = data, .size = size};
    struct pbjson_fault fault = {.text = ""};
    struct frame_in frame;

    (void)state;
    if (frame_json_read(text, &frame, &fault) != 0) {
        assert(fault.text[0] != '\0');
        return false;
    }
    assert(frame.id <= (uint64_t)PBJSON_SAFE_INTEGER);
    if (frame.kind == FRAME_CALL) {
        assert(frame.tree != NULL);
        assert(frame.method.size == 0 || memchr(frame.method.data, 0, frame.method.size) == NULL);
        assert(frame.trace.size <= size);
    } else {
        assert(frame.body.size <= FRAME_PING_MAX);
    }
    frame_json_fini(&frame);
    return true;
}

const struct fuzz_target fuzz_target = {.name = "frame_json", .setup = setup, .one = one};
