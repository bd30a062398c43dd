/* SPDX-License-Identifier: MIT */
/* See chat_step.h. The flow of a bundle; what differs between Create and Commit is in their own files. */
#include "chat_step.h"

#include <stdlib.h>

#include "chat_purge.h"
#include "keyx.pb-c.h"

#define CHECK_DEADLINE_MS 5000
#define CHECKS_MAX (CHAT_ADDS_MAX + 1 + CHAT_REMOVES_MAX)

/* ---- the end of a step ------------------------------------------------------------------------------------ */

static void
fail_conflict(const struct chat_step *step)
{
    Sotto__Chat__V1__CreateConflict conflict = SOTTO__CHAT__V1__CREATE_CONFLICT__INIT;

    conflict.chat_id = chat_bytes(step->conflict, CHAT_ID_BYTES);
    sotto_fail_details(step->req, SOTTO_EEXISTS, &conflict.base,
                       "the two users have a direct chat already");
}

/* Of a chat that is not followed yet. */
static void
fail_wanted(const struct chat_step *step)
{
    Sotto__Chat__V1__GroupWanted wanted = SOTTO__CHAT__V1__GROUP_WANTED__INIT;

    wanted.epoch = step->plan.epoch;
    sotto_fail_details(step->req, SOTTO_EPRECONDITION, &wanted.base, step->check.text);
}

static const char *
text_of(const struct chat_step *step)
{
    if (step->text != NULL)
        return step->text;
    return step->check.text != NULL ? step->check.text : step->plan.text;
}

static void
fail(struct chat_step *step, int status)
{
    const struct chat *must_be_open = step->is_create ? step->reset.old : step->chat;

    if (status == SOTTO_ENOTFOUND)
        chat_fail_absent(step->req);
    else if (status == SOTTO_EABORTED)
        chat_fail_stale(step->ds, step->req,
                        step->epoch > 0 || step->chat == NULL ? step->epoch : step->chat->epoch);
    else if (step->has_conflict)
        fail_conflict(step);
    else if (status == SOTTO_EPRECONDITION && step->check.is_wanted)
        fail_wanted(step);
    else if (status != SOTTO_EPRECONDITION || !chat_fail_replaced(step->req, must_be_open))
        sotto_fail_status(step->req, status, text_of(step));
}

static void
end(struct chat_step *step, int status)
{
    const struct chat_turn turn = step->turn;

    if (status != SOTTO_OK)
        fail(step, status);
    tree_check_end(&step->check, status == SOTTO_OK && !step->is_repeat);
    verified_fini(&step->verified);
    free(step);
    turn_end(turn);
}

/* ---- after the commit: roster, events, answer --------------------------------------------------------------- */

/* Whoever loses the last device and gets another one in the same commit is a member all the time, with the same
 * role. */
static void
hold_users(struct chat *chat, struct chat_plan *plan)
{
    for (size_t i = 0; i < plan->add_count; i++) {
        struct chat_add *add = &plan->adds[i];

        add->member = roster_user_need(chat, add->user, add->role);
        add->member->seat_count++;
    }
}

static void
let_go_of_users(const struct chat_plan *plan)
{
    for (size_t i = 0; i < plan->add_count; i++)
        plan->adds[i].member->seat_count--;
}

static void
apply_removes(struct chat *chat, const struct chat_plan *plan)
{
    for (size_t i = 0; i < plan->remove_count; i++)
        roster_seat_leave(chat, plan->removes[i].leaf);
    roster_proposals_clear(chat);
}

/* Seats the new devices and lists their live sessions. */
static uint64_t *
apply_adds(struct delivery *ds, struct chat *chat, const struct chat_step *step, size_t *count_out)
{
    uint64_t *sessions = calloc(CHAT_ADDS_MAX * CHAT_SESSIONS_MAX, sizeof(*sessions));
    size_t count = 0;

    for (size_t i = 0; i < step->plan.add_count; i++) {
        const struct chat_add *add = &step->plan.adds[i];
        struct chat_device *device = roster_device_need(ds, add->user, add->device);

        device->num = add->num;
        device->events++;
        roster_seat_take(chat, add->leaf, device, step_since(step));
        if (sessions != NULL)
            memcpy(sessions + count, device->sessions, device->session_count * sizeof(*sessions));
        count += device->session_count;
    }
    *count_out = sessions != NULL ? count : 0;
    return sessions;
}

static void
push_commit(const struct chat_step *step, const uint64_t *sessions, size_t count)
{
    const struct chat_row row = step_row(step);
    Sotto__Chat__V1__Entry entry =
        chat_entry(&row, step->plan.chat_id.data, step->plan.user, step->plan.device);
    Sotto__Chat__V1__EntryEvent event = SOTTO__CHAT__V1__ENTRY_EVENT__INIT;

    event.n_entries = 1;
    event.entries = &(Sotto__Chat__V1__Entry *){&entry};
    if (count > 0)
        step->ds->host->session->push(step->ds->host, sessions, count, &event.base);
}

/* Owners and admins, as in the row of the Welcome. */
static size_t
list_leaders(const struct chat *chat, Sotto__Chat__V1__UserRole *roles,
             Sotto__Chat__V1__UserRole **pointers)
{
    size_t count = 0;

    for (size_t i = 0; i < chat->user_count && count < CHAT_LEADERS_MAX; i++) {
        if (chat->users[i]->role == SOTTO__CHAT__V1__ROLE__ROLE_MEMBER)
            continue;
        sotto__chat__v1__user_role__init(&roles[count]);
        roles[count].user_id = chat_bytes(chat->users[i]->id, CHAT_ID_BYTES);
        roles[count].role = chat->users[i]->role;
        pointers[count] = &roles[count];
        count++;
    }
    return count;
}

static void
push_welcome(const struct chat_step *step, const struct chat *chat, const uint64_t *sessions,
             size_t count)
{
    Sotto__Chat__V1__UserRole roles[CHAT_LEADERS_MAX], *pointers[CHAT_LEADERS_MAX];
    Sotto__Chat__V1__Welcome welcome = SOTTO__CHAT__V1__WELCOME__INIT;
    Sotto__Chat__V1__WelcomeEvent event = SOTTO__CHAT__V1__WELCOME_EVENT__INIT;

    welcome.chat_id = step->plan.chat_id;
    welcome.seq = step->seq;
    welcome.epoch = step->plan.epoch + 1;
    welcome.welcome = step->plan.bundle->welcome;
    welcome.ratchet_tree = chat_bytes(step->verified.tree.data, step->verified.tree.len);
    welcome.inviter_user = chat_bytes(step->plan.user, CHAT_ID_BYTES);
    welcome.type = chat->type;
    welcome.mode = chat->mode;
    welcome.ts_ms = step->ts_ms;
    welcome.resets = chat_link_bytes(&chat->resets);
    welcome.roles = pointers;
    welcome.n_roles = list_leaders(chat, roles, pointers);
    event.welcome = &welcome;
    if (count > 0)
        step->ds->host->session->push(step->ds->host, sessions, count, &event.base);
}

static void
publish(const struct chat_step *step)
{
    Sotto__Chat__V1__Accepted accepted = SOTTO__CHAT__V1__ACCEPTED__INIT;
    const struct sotto_view key = {step->plan.chat_id.data, CHAT_ID_BYTES};
    struct sotto_host *host = step->ds->host;
    uint8_t payload[128];
    struct sotto_view view = {.data = payload};

    accepted.chat_id = step->plan.chat_id;
    accepted.seq = step->seq;
    accepted.epoch = step->plan.epoch;
    accepted.sender_user = chat_bytes(step->plan.user, CHAT_ID_BYTES);
    accepted.sender_device = chat_bytes(step->plan.device, CHAT_ID_BYTES);
    accepted.size = (uint32_t)step->plan.bundle->commit.len;
    accepted.ts_ms = step->ts_ms;
    view.size = sotto__chat__v1__accepted__pack(&accepted, payload);
    host->broker->publish(host, "chat.commit.accepted.v1", key, view);
}

/* The chat of an accepted Create, with its creator on leaf 0. */
static struct chat *
make_chat(struct chat_step *step)
{
    struct delivery *ds = step->ds;
    struct chat *chat = roster_chat_need(ds, step->plan.chat_id.data);
    struct chat_device *creator = roster_device_need(ds, step->plan.user, step->plan.device);

    chat->num = step->num;
    chat->type = step->type;
    chat->mode = step->mode;
    chat->suite = step->plan.suite;
    chat->resets = step->reset.link;
    creator->num = step->device;
    roster_user_need(chat, creator->user, step->role);
    roster_seat_take(chat, 0, creator, 0);
    ds->host->metric->add(ds->host, CHAT_METRIC_CHATS, 0, 1);
    return chat;
}

static void
apply(struct chat_step *step)
{
    struct delivery *ds = step->ds;
    struct chat *chat = step->check.chat = step->is_create ? make_chat(step) : step->chat;
    size_t listener_count, invited_count;
    uint64_t *listeners, *invited;

    if (step->reset.is_asked)
        reset_apply(step);

    /* Those who are removed hear of it, so they are asked for before they go. */
    listeners = roster_listeners(chat, roster_device(ds, step->plan.user, step->plan.device),
                                 &listener_count);
    hold_users(chat, &step->plan);
    apply_removes(chat, &step->plan);
    invited = apply_adds(ds, chat, step, &invited_count);
    let_go_of_users(&step->plan);
    pace_note(roster_user(chat, step->plan.user), step->ts_ms);
    chat->epoch = step->plan.epoch + 1;
    purge_note_entries(ds, chat, step->seq, step->ts_ms);

    push_commit(step, listeners, listener_count);
    if (!step->plan.is_external)
        push_welcome(step, chat, invited, invited_count);
    publish(step);
    ds->host->metric->add(ds->host, CHAT_METRIC_COMMITS, 0, 1);
    free(listeners);
    free(invited);
}

static void
step_done(void *state, int status, void *arg)
{
    struct chat_step *step = *(struct chat_step **)arg;
    Sotto__Chat__V1__CommitReply reply = SOTTO__CHAT__V1__COMMIT_REPLY__INIT;

    (void)state;
    if (status != SOTTO_OK) {
        end(step, status);
        return;
    }
    if (!step->is_repeat)
        apply(step);
    reply.chat_id = step->plan.chat_id;
    reply.seq = step->seq;
    reply.epoch = step->plan.epoch + 1;
    reply.ts_ms = step->ts_ms;
    sotto_reply(step->req, &reply.base);
    end(step, SOTTO_OK);
}

/* ---- are the devices registered? -------------------------------------------------------------------------- */

static void
write_step(struct chat_step *step)
{
    struct sotto_host *host = step->ds->host;
    const int rc = host->db->write(host, step->is_create ? chat_create_tx : chat_commit_tx, &step,
                                   sizeof(step), step_done);

    if (rc != SOTTO_OK)
        end(step, rc);
}

/* Of the devices that were asked about, those that come must be known, and those that go for this reason alone not. */
static int
judge_answer(struct chat_step *step, const Sotto__Keyx__V1__DeviceCheckList *list)
{
    const struct chat_plan *plan = &step->plan;
    const size_t coming = plan->add_count + plan->has_path;
    size_t at = coming;

    for (size_t i = 0; i < coming; i++)
        if (i >= list->n_devices || !list->devices[i]->known) {
            step->text = "a device of the commit is not registered with this key";
            return SOTTO_EPRECONDITION;
        }
    for (size_t i = 0; i < plan->remove_count; i++) {
        if (!plan->removes[i].if_gone)
            continue;
        if (at >= list->n_devices || list->devices[at++]->known)
            return SOTTO_EPERM; /* with the text of the judgement */
        /* Whose only device is gone stays a member: in a direct chat nobody could ask them in again. */
        if (plan->removes[i].is_last && !plan->removes[i].is_deleted) {
            step->text = "it is its user's only device in the chat; add another one of theirs in "
                         "the same commit";
            return SOTTO_EPERM;
        }
    }
    return SOTTO_OK;
}

static int
read_answer(struct chat_step *step, struct sotto_view answer)
{
    Sotto__Keyx__V1__DeviceCheckList *list =
        sotto__keyx__v1__device_check_list__unpack(NULL, answer.size, answer.data);
    int rc;

    if (list == NULL)
        return SOTTO_EINTERNAL;
    rc = judge_answer(step, list);
    sotto__keyx__v1__device_check_list__free_unpacked(list, NULL);
    return rc;
}

static void
on_known(void *state, int status, struct sotto_view answer, const char *text, void *arg)
{
    struct chat_step *step = arg;

    (void)state;
    (void)text;
    if (status != SOTTO_OK) {
        step->text = "the registered devices could not be asked for; try again later";
        end(step, SOTTO_EUNAVAILABLE);
        return;
    }
    status = read_answer(step, answer);
    if (status != SOTTO_OK)
        end(step, status);
    else
        write_step(step);
}

static void
fill_check(Sotto__Keyx__V1__DeviceCheck *check, const uint8_t *user, const uint8_t *device,
           const uint8_t *key)
{
    sotto__keyx__v1__device_check__init(check);
    check->user_id = chat_bytes(user, CHAT_ID_BYTES);
    check->device_id = chat_bytes(device, CHAT_ID_BYTES);
    if (key != NULL)
        check->signature_key = chat_bytes(key, VERIFY_KEY_BYTES);
}

/* Asks keyx about the added devices, the committer's own when its leaf is renewed, and those that may be removed only
 * if they are gone. */
static void
ask_keyx(struct chat_step *step)
{
    struct sotto_host *host = step->ds->host;
    const struct chat_plan *plan = &step->plan;
    Sotto__Keyx__V1__DeviceCheck checks[CHECKS_MAX], *pointers[CHECKS_MAX];
    Sotto__Keyx__V1__DeviceCheckList list = SOTTO__KEYX__V1__DEVICE_CHECK_LIST__INIT;
    uint8_t request[CHECKS_MAX * 80];
    struct sotto_view view = {.data = request};

    for (size_t i = 0; i < plan->add_count; i++)
        fill_check(&checks[i], plan->adds[i].user, plan->adds[i].device,
                   plan->adds[i].signature_key);
    if (plan->has_path)
        fill_check(&checks[plan->add_count], plan->user, plan->device, plan->path_key);
    list.n_devices = plan->add_count + plan->has_path;
    for (size_t i = 0; i < plan->remove_count; i++)
        if (plan->removes[i].if_gone)
            fill_check(&checks[list.n_devices++], plan->removes[i].user, plan->removes[i].device,
                       NULL);
    list.devices = pointers;
    for (size_t i = 0; i < list.n_devices; i++)
        pointers[i] = &checks[i];
    view.size = sotto__keyx__v1__device_check_list__pack(&list, request);
    host->broker->call(host, "keyx.device.check.v1", (struct sotto_view){plan->user, CHAT_ID_BYTES},
                       view, CHECK_DEADLINE_MS, on_known, step);
}

/* ---- reading, judging, verifying ---------------------------------------------------------------------------- */

static int
verify(struct tree_check *check)
{
    struct chat_step *step = check->owner;

    return plan_verify(check, &step->plan, &step->verified);
}

static void
on_verified(struct tree_check *check, int status)
{
    struct chat_step *step = check->owner;

    if (status != SOTTO_OK)
        end(step, status);
    else
        ask_keyx(step);
}

static int
read_bundle(void *arg)
{
    return plan_read(&(*(struct chat_step **)arg)->plan);
}

static int
check_pace(struct chat_step *step)
{
    struct sotto_host *host = step->ds->host;

    step->text = quota_take(step->ds, step->plan.user, step_load(step));
    if (step->text == NULL && !step->is_create &&
        !pace_allows(roster_user(step->chat, step->plan.user), host->api->now_ms(host)))
        step->text = "you change this chat so often that nobody else can; wait a moment";
    return step->text == NULL ? SOTTO_OK : SOTTO_EEXHAUSTED;
}

static void
on_read(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    struct chat_step *step = *(struct chat_step **)arg;

    step->check.epoch = step->plan.epoch;
    if (status == SOTTO_OK)
        status = step->is_create ? plan_judge_first(ds, step->type, &step->plan, &step->other)
                                 : plan_judge(ds, step->chat, &step->plan);
    if (status == SOTTO_OK)
        status = check_pace(step);
    if (status != SOTTO_OK)
        end(step, status);
    else
        tree_check_start(&step->check);
}

static void
on_turn(void *owner)
{
    struct chat_step *step = owner;
    struct sotto_host *host = step->ds->host;
    const int rc = host->job->run(host, read_bundle, &step, sizeof(step), on_read);

    if (rc != SOTTO_OK)
        end(step, rc);
}

void
step_start(const struct chat_step *model, const Sotto__Chat__V1__Bundle *bundle,
           ProtobufCBinaryData chat_id, uint16_t suite)
{
    struct chat_step *step = malloc(sizeof(*step));
    int rc;

    if (step == NULL) {
        sotto_fail_status(model->req, SOTTO_ENOMEM, NULL);
        return;
    }
    *step = *model;
    step->plan.mls = step->ds->mls;
    step->plan.bundle = bundle;
    step->plan.chat_id = chat_id;
    step->plan.suite = suite;
    step->check = (struct tree_check){
        .ds = step->ds,
        .owner = step,
        .chat = step->chat,
        .start = bundle->start,
        .work = verify,
        .done = on_verified,
    };
    memcpy(step->check.chat_id, chat_id.data, CHAT_ID_BYTES);
    memcpy(step->plan.user, step->req->caller->user, CHAT_ID_BYTES);
    memcpy(step->plan.device, step->req->caller->device, CHAT_ID_BYTES);
    rc = turn_begin(step->ds, &step->turn, step->plan.user, on_turn, step);
    if (rc != SOTTO_OK)
        end(step, rc);
}
