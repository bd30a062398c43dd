/* SPDX-License-Identifier: MIT */
/*
 * What stands in a message once it is decrypted, from its sender to the screen: decoded, checked, printed as JSON. A
 * line of JSON is one line, and nothing in it moves a cursor.
 */
#include "fuzz.h"

#include "json.h"
#include "mem.h"
#include "state.h"

#include "content.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void
print_text(const char *text)
{
    struct json json;
    char *line = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&line, &size);

    assert(out != NULL);
    json = json_open(out);
    json_string(&json, "text", text);
    json_close(&json);
    fclose(out);
    assert(line[size - 1] == '\n');
    for (size_t i = 0; i + 1 < size; i++) {
        const unsigned char byte = (unsigned char)line[i];

        assert(byte >= 0x20 && byte != 0x7f);
        assert(byte != 0xc2 || (unsigned char)line[i + 1] >= 0xa0);
    }
    free(line);
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    Sotto__Content__V1__Content *content =
        pb_unpack(&sotto__content__v1__content__descriptor, data, size);
    struct sotto_client_error error;
    const char *text = NULL;
    bool accepted = false;

    (void)state;
    if (content == NULL)
        return false;
    if (content->body_case == SOTTO__CONTENT__V1__CONTENT__BODY_TEXT)
        text = content->text->text;
    else if (content->body_case == SOTTO__CONTENT__V1__CONTENT__BODY_CHAT_INFO)
        text = content->chat_info->title;
    if (text != NULL) {
        print_text(text);
        accepted = check_text("text", text, SOTTO_CLIENT_TEXT_CHARS, &error) == SOTTO_CLIENT_OK;
    }
    pb_free(content);
    return accepted;
}

static void
give(fuzz_seed_fn *take, void *arg, const char *name, const Sotto__Content__V1__Content *content)
{
    uint8_t data[512];

    take(name, data, sotto__content__v1__content__pack(content, data), arg);
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    static uint8_t id[16] = "message";
    Sotto__Content__V1__Text text = SOTTO__CONTENT__V1__TEXT__INIT;
    Sotto__Content__V1__ChatInfo info = SOTTO__CONTENT__V1__CHAT_INFO__INIT;
    Sotto__Content__V1__Content content = SOTTO__CONTENT__V1__CONTENT__INIT;

    (void)state;
    content.id = (ProtobufCBinaryData){sizeof(id), id};
    content.sent_ms = 1700000000000;
    text.text = (char *)(uintptr_t) "hello \xc3\xbc \xc2\x9b"
                                    "31m \xf0\x9f\x90\xb6\x1b[2J\n\"\\";
    content.body_case = SOTTO__CONTENT__V1__CONTENT__BODY_TEXT;
    content.text = &text;
    give(take, arg, "text", &content);
    info.title = (char *)(uintptr_t) "work";
    content.body_case = SOTTO__CONTENT__V1__CONTENT__BODY_CHAT_INFO;
    content.chat_info = &info;
    give(take, arg, "title", &content);
}

const struct fuzz_target fuzz_target = {.name = "content", .one = one, .seeds = seeds};
