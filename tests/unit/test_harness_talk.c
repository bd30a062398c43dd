/* SPDX-License-Identifier: MIT */
/*
 * The talking half of the test host: requests, sessions, events, questions and hooks. The module "probe" borrows
 * the messages of the example echo.
 */
#include "sotto_test.h"

#include "sotto/harness.h"

#include "echo.pb-c.h"

typedef Sotto__Echo__V1__SayRequest SayRequest;
typedef Sotto__Echo__V1__SayReply SayReply;

static const uint8_t alice_id[SOTTO_ID_BYTES] = {1}, bob_id[SOTTO_ID_BYTES] = {2};

struct probe {
    struct sotto_host *host;
    struct sotto_req *open; /* a request that the module keeps */
    uint64_t token;         /* a decision that it put off */
    int status;             /* of the last answer or verdict */
    char text[64];          /* with it */
};

/* Keeps "later", gives "much" more memory than there is, and says everything else to all devices of the caller. */
static void
on_say(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct probe *probe = state;
    const SayRequest *request = (const void *)in;
    const struct sotto_session_match caller = {.user = req->caller->user};
    SayReply reply = SOTTO__ECHO__V1__SAY_REPLY__INIT;

    if (strcmp(request->text, "later") == 0) {
        probe->open = req;
        return;
    }
    if (strcmp(request->text, "much") == 0) {
        assert_non_null(req->api->alloc(req, 60 * 1024));
        assert_null(req->api->alloc(req, 60 * 1024));
        sotto_fail(req, SOTTO_ENOMEM, "too much");
        return;
    }
    reply.text = request->text;
    probe->host->session->push_matching(probe->host, &caller, &reply.base);
    sotto_reply(req, &reply.base);
}

static void
on_answer(void *state, int status, struct sotto_view answer, const char *text, void *arg)
{
    struct probe *probe = state;

    (void)text;
    (void)arg;
    probe->status = status;
    snprintf(probe->text, sizeof(probe->text), "%.*s", (int)answer.size, (const char *)answer.data);
}

static void
on_question(void *state, struct sotto_call *call, struct sotto_view request)
{
    struct probe *probe = state;

    if (request.size == 0)
        probe->host->broker->refuse(call, SOTTO_EINVALID, "an empty question");
    else
        probe->host->broker->answer(call, request);
}

static void
on_decided(void *state, int status, const char *text, void *arg)
{
    struct probe *probe = state;

    (void)arg;
    probe->status = status;
    snprintf(probe->text, sizeof(probe->text), "%s", text);
}

static int
on_hook(void *state, struct sotto_decision *decision, struct sotto_view payload)
{
    struct probe *probe = state;

    if (payload.size == 0)
        return SOTTO_PASS;
    if (payload.data[0] == 'n') {
        probe->host->broker->hook_deny(decision, SOTTO_EPERM, "no");
        return SOTTO_DENY;
    }
    probe->token = probe->host->broker->hook_token(decision);
    return SOTTO_DEFER;
}

static int
init(struct sotto_host *host, const struct sotto_conf *conf, void **state_out,
     struct sotto_err *err)
{
    struct probe *probe = calloc(1, sizeof(*probe));

    (void)conf;
    (void)err;
    probe->host = host;
    *state_out = probe;
    return 0;
}

static void
fini(void *state)
{
    free(state);
}

#define ECHO_RPC_Say \
    .level = SOTTO_LEVEL_SESSION, .max_bytes = 2048, .deadline_ms = 5000, .fn = on_say
#include "echo.rpc.h"

static const ProtobufCMessageDescriptor *const events[] = {&sotto__echo__v1__say_reply__descriptor};
static const struct sotto_call_row calls[] = {{.name = "probe.mirror.ask.v1", .fn = on_question}};
static const struct sotto_hook_point_row hook_points[] = {
    {.name = "probe.open.v1"},
    {.name = "probe.shut.v1", .preset_deny = true},
};
static const struct sotto_hook_row hooks[] = {{.point = "chat.message.send.v1", .fn = on_hook}};

static const struct sotto_module probe_module = {
    SOTTO_MODULE_HEAD,
    .name = "probe",
    .version = "1.0.0",
    .rpcs = SOTTO_TABLE(echo_rpcs),
    .events = SOTTO_TABLE(events),
    .calls = SOTTO_TABLE(calls),
    .hook_points = SOTTO_TABLE(hook_points),
    .hooks = SOTTO_TABLE(hooks),
    .schema = ECHO_SCHEMA,
    .init = init,
    .fini = fini,
};

static int
start(void **state)
{
    *state = harness_create(&probe_module);
    return harness_start(*state);
}

static int
stop(void **state)
{
    harness_destroy((struct harness **)state);
    return 0;
}

static uint64_t
attached(struct harness *h, const uint8_t *user)
{
    uint64_t session = harness_connect(h);

    harness_attach(h, session, user, NULL, NULL);
    return session;
}

static const struct harness_answer *
say(struct harness *h, uint64_t session, char *text)
{
    SayRequest request = SOTTO__ECHO__V1__SAY_REQUEST__INIT;

    request.text = text;
    return harness_rpc_begin(h, session, "Say", &request.base);
}

static void
an_event_reaches_the_sessions_that_match_and_no_other(void **state)
{
    struct harness *h = *state;
    uint64_t phone = attached(h, alice_id), laptop = attached(h, alice_id);
    attached(h, bob_id);

    say(h, phone, "hello");

    assert_int_equal(harness_push_count(h), 2);
    for (size_t index = 0; index < 2; index++) {
        const struct harness_push *push = harness_push_at(h, index);

        assert_true(push->session == phone || push->session == laptop);
        assert_string_equal(((const SayReply *)push->event)->text, "hello");
    }
    harness_forget(h);
    assert_int_equal(harness_push_count(h), 0);
}

static void
a_request_may_be_answered_later(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);

    const struct harness_answer *answer = say(h, attached(h, alice_id), "later");
    assert_false(answer->done);
    sotto_fail(probe->open, SOTTO_EABORTED, "changed my mind");

    assert_true(answer->done);
    assert_int_equal(answer->status, SOTTO_EABORTED);
    assert_string_equal(answer->text, "changed my mind");
}

static void
a_request_has_a_budget_of_memory(void **state)
{
    struct harness *h = *state;

    assert_int_equal(say(h, attached(h, alice_id), "much")->status, SOTTO_ENOMEM);
}

static void
a_session_stays_with_its_user_and_a_closed_one_is_gone(void **state)
{
    struct harness *h = *state;
    struct sotto_host *host = harness_host(h);
    struct sotto_identity bob = {.struct_size = sizeof(bob), .user = {2}};
    uint64_t session = attached(h, alice_id);

    assert_fails(host->session->attach(host, session, &bob), SOTTO_EPRECONDITION);
    assert_fails(host->session->attach(host, session + 100, &bob), SOTTO_ENOTFOUND);
    host->session->close(host, session, SOTTO_GOODBYE_UNAUTHENTICATED, "revoked");

    assert_int_equal(harness_closed(h, session), SOTTO_GOODBYE_UNAUTHENTICATED);
    assert_null(harness_identity(h, session));
}

static void
all_sessions_of_a_user_are_closed_at_once(void **state)
{
    struct harness *h = *state;
    struct sotto_host *host = harness_host(h);
    const struct sotto_session_match alice = {.user = alice_id};
    uint64_t other = attached(h, bob_id);
    attached(h, alice_id);
    attached(h, alice_id);

    assert_int_equal(host->session->close_matching(host, &alice, SOTTO_GOODBYE_NORMAL, "bye"), 2);

    assert_int_equal(harness_closed(h, other), 0);
}

static int
provide(void *arg, struct sotto_view request, uint8_t *out, size_t *size_out)
{
    (void)request;
    *size_out = strlen(arg);
    memcpy(out, arg, *size_out);
    return 0;
}

static void
a_question_is_answered_by_the_provider_of_the_test_and_never_at_once(void **state)
{
    struct harness *h = *state;
    struct sotto_host *host = harness_host(h);
    struct probe *probe = harness_state(h);
    struct sotto_view none = {NULL, 0};

    probe->status = 1;
    host->broker->call(host, "keyx.device.check.v1", none, none, 1000, on_answer, NULL);
    assert_int_equal(probe->status, 1);
    harness_run(h);
    assert_int_equal(probe->status, SOTTO_ENOPROVIDER);

    harness_provide(h, "keyx.device.check.v1", provide, "fine");
    host->broker->call(host, "keyx.device.check.v1", none, none, 1000, on_answer, NULL);
    harness_run(h);
    assert_int_equal(probe->status, 0);
    assert_string_equal(probe->text, "fine");
}

static void
the_module_answers_questions_too(void **state)
{
    struct harness *h = *state;
    struct sotto_view question = {(const uint8_t *)"who", 3}, none = {NULL, 0};

    const struct harness_answer *answer = harness_ask(h, "probe.mirror.ask.v1", question);

    assert_int_equal(answer->status, 0);
    assert_int_equal(answer->details.size, 3);
    assert_memory_equal(answer->details.data, "who", 3);
    assert_int_equal(harness_ask(h, "probe.mirror.ask.v1", none)->status, SOTTO_EINVALID);
}

static void
a_point_without_a_verdict_has_its_preset(void **state)
{
    struct harness *h = *state;
    struct sotto_host *host = harness_host(h);
    struct probe *probe = harness_state(h);
    struct sotto_view none = {NULL, 0};

    host->broker->hook(host, "probe.open.v1", none, on_decided, NULL);
    assert_int_equal(probe->status, 0);
    host->broker->hook(host, "probe.shut.v1", none, on_decided, NULL);
    assert_int_equal(probe->status, SOTTO_EPERM);
    harness_decide(h, "probe.open.v1", SOTTO_EEXHAUSTED, "enough");
    host->broker->hook(host, "probe.open.v1", none, on_decided, NULL);

    assert_int_equal(probe->status, SOTTO_EEXHAUSTED);
    assert_string_equal(probe->text, "enough");
}

static void
the_modules_own_hook_passes_denies_and_defers(void **state)
{
    struct harness *h = *state;
    struct sotto_host *host = harness_host(h);
    struct probe *probe = harness_state(h);
    struct sotto_view none = {NULL, 0}, no = {(const uint8_t *)"n", 1},
                      wait = {(const uint8_t *)"w", 1};

    assert_int_equal(harness_hook(h, "chat.message.send.v1", none)->status, 0);
    assert_int_equal(harness_hook(h, "chat.message.send.v1", no)->status, SOTTO_EPERM);
    const struct harness_answer *deferred = harness_hook(h, "chat.message.send.v1", wait);
    assert_false(deferred->done);
    host->broker->hook_complete(host, probe->token, SOTTO_EUNAVAILABLE, "too late");
    host->broker->hook_complete(host, probe->token, 0, "");

    assert_true(deferred->done);
    assert_int_equal(deferred->status, SOTTO_EUNAVAILABLE);
}

#define HARNESS_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

static const struct CMUnitTest tests[] = {
    HARNESS_TEST(an_event_reaches_the_sessions_that_match_and_no_other),
    HARNESS_TEST(a_request_may_be_answered_later),
    HARNESS_TEST(a_request_has_a_budget_of_memory),
    HARNESS_TEST(a_session_stays_with_its_user_and_a_closed_one_is_gone),
    HARNESS_TEST(all_sessions_of_a_user_are_closed_at_once),
    HARNESS_TEST(a_question_is_answered_by_the_provider_of_the_test_and_never_at_once),
    HARNESS_TEST(the_module_answers_questions_too),
    HARNESS_TEST(a_point_without_a_verdict_has_its_preset),
    HARNESS_TEST(the_modules_own_hook_passes_denies_and_defers),
};

SOTTO_TEST_MAIN(tests)
