/* SPDX-License-Identifier: MIT */
/*
 * echo: the smallest module, and the first one to read. It offers one method, Say, which sends back what it was
 * told behind a prefix from its conf. It needs no other module, owns no table and publishes nothing.
 *
 * Everything a module is stands in the descriptor at the end; read from there upwards.
 */
#include "sotto/module.h"

#include <stdlib.h>
#include <string.h>

#include "echo.pb-c.h"

#define TEXT_BYTES_MAX 1024

struct echo {
    const char *prefix; /* borrowed from the conf */
};

static void
on_say(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    const struct echo *echo = state;
    const Sotto__Echo__V1__SayRequest *request = (const void *)in;
    Sotto__Echo__V1__SayReply reply = SOTTO__ECHO__V1__SAY_REPLY__INIT;
    size_t size = strlen(echo->prefix) + strlen(request->text) + 1;

    if (strlen(request->text) > TEXT_BYTES_MAX) {
        sotto_fail(req, SOTTO_EINVALID, "text is longer than 1024 bytes");
        return;
    }
    reply.text = req->api->alloc(req, size);
    if (!reply.text) {
        sotto_fail(req, SOTTO_ENOMEM, "the request needs too much memory");
        return;
    }
    snprintf(reply.text, size, "%s%s", echo->prefix, request->text);
    sotto_reply(req, &reply.base);
}

static int
init(struct sotto_host *host, const struct sotto_conf *conf, void **state_out,
     struct sotto_err *err)
{
    struct echo *echo = calloc(1, sizeof(*echo));

    if (!echo)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    echo->prefix = host->conf->get_string(conf, "prefix");
    *state_out = echo;
    return 0;
}

static void
fini(void *state)
{
    free(state);
}

static const struct sotto_conf_row config[] = {
    {.name = "prefix",
     .type = SOTTO_CONF_STRING,
     .preset = "",
     .max = 64,
     .doc = "Stands before every answer."},
};

#define ECHO_RPC_Say                                                                \
    .level = SOTTO_LEVEL_SESSION, .flags = SOTTO_RPC_IDEMPOTENT, .max_bytes = 2048, \
    .deadline_ms = 5000, .fn = on_say
#include "echo.rpc.h"

static const struct sotto_module echo_module = {
    SOTTO_MODULE_HEAD,
    .name = "echo",
    .version = "1.0.0",
    .summary = "Sends back what it is told",
    .license = "MIT",
    .config = SOTTO_TABLE(config),
    .rpcs = SOTTO_TABLE(echo_rpcs),
    .schema = ECHO_SCHEMA,
    .init = init,
    .fini = fini,
};

SOTTO_MODULE(echo_module)
