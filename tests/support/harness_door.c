/* SPDX-License-Identifier: MIT */
/*
 * harness_door: a module on the test host, spoken to line by line, so that one test can run against the test host
 * and against the real server (tests/scenario/15_login_both_hosts.py).
 *
 *     connect                          session NUMBER
 *     call SESSION METHOD HEX|-        ok HEX|-  or  error CODE HEX-OF-THE-SENTENCE
 *
 * METHOD is the plain name, bodies are encoded messages. Ends with its stdin.
 */
#include "sotto/harness.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_BYTES_MAX 65536

const struct sotto_module *sotto_module_entry(void);

static const ProtobufCMethodDescriptor *
find_method(const struct sotto_module *module, const char *name)
{
    const struct sotto_table *table = &module->rpcs;

    for (uint32_t i = 0; i < table->count; i++) {
        const struct sotto_rpc_row *row =
            (const void *)((const char *)table->items + (size_t)i * table->item_size);
        const ProtobufCMethodDescriptor *method = &row->service->methods[row->index];

        if (strcmp(method->name, name) == 0)
            return method;
    }
    return NULL;
}

static void
print_hex(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", ((const uint8_t *)data)[i]);
    puts(size ? "" : "-");
}

static void
print_answer(const struct harness_answer *answer)
{
    if (answer->status != 0) {
        printf("error %s ", sotto_error_code(answer->status));
        print_hex(answer->text, strlen(answer->text));
        return;
    }
    size_t size = protobuf_c_message_get_packed_size(answer->message);
    uint8_t *packed = malloc(size + 1);
    if (!packed)
        abort();
    protobuf_c_message_pack(answer->message, packed);
    printf("ok ");
    print_hex(packed, size);
    free(packed);
}

static int
call(struct harness *h, uint64_t session, const char *name, const char *hex)
{
    static const char none[] = "-";
    const ProtobufCMethodDescriptor *method = find_method(sotto_module_entry(), name);
    uint8_t *body = malloc(strlen(hex) / 2 + 1);
    ProtobufCMessage *request = NULL;
    size_t size = 0;

    if (body && method &&
        (strcmp(hex, none) == 0 ||
         sodium_hex2bin(body, strlen(hex) / 2 + 1, hex, strlen(hex), NULL, &size, NULL) == 0))
        request = protobuf_c_message_unpack(method->input, NULL, size, body);
    if (request)
        print_answer(harness_rpc(h, session, name, request));
    protobuf_c_message_free_unpacked(request, NULL);
    free(body);
    return request ? 0 : -1;
}

/* One line; -1: it makes no sense. */
static int
answer_line(struct harness *h, char *line)
{
    static const char verb[] = "call ";
    uint64_t session;
    char *method, *hex;

    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "connect") == 0) {
        printf("session %llu\n", (unsigned long long)harness_connect(h));
        return 0;
    }
    if (strncmp(line, verb, sizeof(verb) - 1) != 0)
        return -1;
    session = strtoull(line + sizeof(verb) - 1, &method, 10);
    hex = *method == ' ' ? strchr(method + 1, ' ') : NULL;
    if (!hex)
        return -1;
    *hex = '\0';
    return call(h, session, method + 1, hex + 1);
}

int
main(void)
{
    static char line[2 * BODY_BYTES_MAX + 256];
    struct harness *h;
    int status = 0;

    if (sodium_init() < 0)
        return 1;
    h = harness_create(sotto_module_entry());
    if (harness_start(h) != 0) {
        fprintf(stderr, "harness_door: %s\n", harness_error(h));
        status = 1;
    }
    while (status == 0 && fgets(line, sizeof(line), stdin)) {
        status = answer_line(h, line) == 0 ? 0 : 2;
        fflush(stdout);
    }
    harness_destroy(&h);
    return status;
}
