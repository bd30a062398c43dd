/* SPDX-License-Identifier: MIT */
/*
 * Group reset: a new chat in the place of one that its members cannot follow any more.
 *
 * MLS has the ReInit proposal for it, which needs a commit in the old group, and that is just what does not work
 * here. So the new group owes the old one nothing: it is a Create like any other, with fresh KeyPackages, plus
 * `resets`. What the server adds is order: in one transaction the new chat begins, with the roles of the old one,
 * and the old one is closed for good, so that of two resets one wins and nobody goes on in a chat that others have
 * left behind.
 *
 *     who     an owner or an admin of a group, either one of a direct chat
 *     when    a commit of the chat is reported (chat_report.c); else there is nothing that a commit could not do
 *     whom    members of the old chat, all or some, of their devices any; by an admin all owners but those whose own
 *             commit is reported
 *
 * A closed chat keeps its members and its log, which they may read and an owner may delete; Send, Commit, Leave,
 * SetRole, reports and another reset are refused, each in its own transaction, and the server proposes no Removes. Nobody
 * can come into it any more, so GetGroup does not show it either.
 * Nothing moves anybody into the new chat: it is an invitation, and members confirm it on their own devices.
 */
#include "chat_reset.h"

#include "chat_purge.h"
#include "chat_step.h"
#include "chat_writer.h"

#define CHAT_RESET_BYTES_MAX 32 /* an encoded ChatReset */

/* ---- logic thread, before ------------------------------------------------------------------------------------- */

const char *
reset_read(const struct delivery *ds, const struct sotto_caller *caller,
           const Sotto__Chat__V1__CreateRequest *in, struct chat_reset *reset_out)
{
    struct chat_reset reset = {.is_asked = in->resets.len > 0};

    *reset_out = reset;
    if (!reset.is_asked)
        return NULL;
    if (in->resets.len != CHAT_ID_BYTES)
        return "resets has 16 bytes, or none";
    if (memcmp(in->resets.data, in->chat_id.data, CHAT_ID_BYTES) == 0)
        return "a chat is reset by a new one, with an id of its own";
    reset.link.is_set = true;
    memcpy(reset.link.id, in->resets.data, CHAT_ID_BYTES);
    reset.old = roster_caller_chat(ds, caller, in->resets);
    if (reset.old != NULL && (reset.old->type != in->type || reset.old->mode != in->mode))
        return "a chat is reset by one of its own type and mode";
    if (reset.old != NULL)
        reset.chat = reset.old->num;
    *reset_out = reset;
    return NULL;
}

/* ---- writer thread ---------------------------------------------------------------------------------------------- */

static int
refuse(struct chat_step *step, int error, const char *text)
{
    step->text = text;
    return error;
}

/* Whether the creator may. */
static int
judge_creator(struct sotto_tx *tx, struct chat_step *step, const struct chat_head *old,
              Sotto__Chat__V1__Role *own_out)
{
    int64_t reports = 0;
    int rc = chat_find_role(tx, old->chat, step->plan.user, own_out);

    if (rc == SOTTO_OK)
        rc = chat_read_number(tx, CHAT_REPORT_EXTENT, old->chat, &reports);
    if (rc != SOTTO_OK)
        return rc;
    if (*own_out == SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED)
        return SOTTO_ENOTFOUND;
    if (old->is_replaced)
        return SOTTO_EPRECONDITION;
    if (step->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_GROUP &&
        *own_out == SOTTO__CHAT__V1__ROLE__ROLE_MEMBER)
        return refuse(step, SOTTO_EPERM, "only owner and admins start a group anew");
    if (reports == 0)
        return refuse(step, SOTTO_EPRECONDITION,
                      "nobody reports a change of the chat as bad: there is nothing to reset");
    if (old->seq == CHAT_SEQ_MAX)
        return refuse(step, SOTTO_EEXHAUSTED, "the chat's log is full");
    return SOTTO_OK;
}

static bool
is_added(const struct chat_plan *plan, const uint8_t *user)
{
    for (size_t i = 0; i < plan->add_count; i++)
        if (memcmp(plan->adds[i].user, user, CHAT_ID_BYTES) == 0)
            return true;
    return false;
}

/* Whether an admin may start the group anew without this owner: who deleted the account cannot come, and who made
 * a commit that is reported may be why. */
static int
judge_missing(struct sotto_tx *tx, struct chat_step *step, const uint8_t *owner)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_REPORT_OF);
    int rc;

    sotto_bind_int(stmt, 1, step->reset.chat);
    sotto_bind_blob(stmt, 2, owner, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_DONE)
        return rc < 0 ? rc : SOTTO_OK;
    rc = chat_refuse_deleted(tx, owner);
    if (rc != SOTTO_OK)
        return rc == SOTTO_EPRECONDITION ? SOTTO_OK : rc;
    return refuse(step, SOTTO_EPERM,
                  "an admin takes the owners along, but for one whose change is reported");
}

/* An admin cannot remove an owner, nor leave one behind. */
static int
judge_owners(struct sotto_tx *tx, struct chat_step *step, Sotto__Chat__V1__Role own)
{
    struct sotto_stmt *stmt;
    int rc;

    if (own != SOTTO__CHAT__V1__ROLE__ROLE_ADMIN)
        return SOTTO_OK;
    stmt = sotto_stmt(tx, CHAT_MEMBER_LEADERS);
    sotto_bind_int(stmt, 1, step->reset.chat);
    sotto_bind_int(stmt, 2, CHAT_LEADERS_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        uint8_t user[CHAT_ID_BYTES];

        if (!chat_copy_id(sotto_col_blob(stmt, 0), user))
            return SOTTO_EDATALOSS;
        if (sotto_col_int(stmt, 1) != SOTTO__CHAT__V1__ROLE__ROLE_OWNER ||
            is_added(&step->plan, user))
            continue;
        rc = judge_missing(tx, step, user);
        if (rc != SOTTO_OK)
            return rc;
    }
    return rc;
}

/* Everybody who comes was there, and is what he was; a chat has an owner. */
static int
carry_roles(struct sotto_tx *tx, struct chat_step *step, Sotto__Chat__V1__Role own)
{
    struct chat_plan *plan = &step->plan;
    bool has_owner = false;

    for (size_t i = 0; i < plan->add_count; i++) {
        struct chat_add *add = &plan->adds[i];
        const int rc = chat_find_role(tx, step->reset.chat, add->user, &add->role);

        if (rc != SOTTO_OK)
            return rc;
        if (add->role == SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED)
            return refuse(step, SOTTO_EINVALID,
                          "a reset takes members of the old chat along and nobody else");
        has_owner = has_owner || add->role == SOTTO__CHAT__V1__ROLE__ROLE_OWNER;
    }
    step->role = has_owner ? own : SOTTO__CHAT__V1__ROLE__ROLE_OWNER;
    return SOTTO_OK;
}

int
reset_judge(struct sotto_tx *tx, struct chat_step *step, struct chat_head **old_out)
{
    Sotto__Chat__V1__Role own;
    int rc;

    if (step->reset.old == NULL)
        return SOTTO_ENOTFOUND;
    rc = writer_head(tx, step->reset.chat, old_out);
    if (rc == SOTTO_OK)
        rc = judge_creator(tx, step, *old_out, &own);
    if (rc == SOTTO_OK)
        rc = judge_owners(tx, step, own);
    return rc == SOTTO_OK ? carry_roles(tx, step, own) : rc;
}

/* The message of the entry. Returns its length. */
static size_t
pack_entry(const struct chat_step *step, uint8_t out[CHAT_RESET_BYTES_MAX])
{
    Sotto__Chat__V1__ChatReset reset = SOTTO__CHAT__V1__CHAT_RESET__INIT;

    reset.chat_id = step->plan.chat_id;
    return sotto__chat__v1__chat_reset__pack(&reset, out);
}

/* The entry that closes the old chat; its message is packed into the caller's buffer. */
static struct chat_row
row_of(const struct chat_step *step, uint8_t message[CHAT_RESET_BYTES_MAX])
{
    return (struct chat_row){
        .seq = step->reset.seq,
        .kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_RESET,
        .epoch = step->reset.epoch,
        .device = step->device,
        .ts_ms = step->ts_ms,
        .message = chat_bytes(message, pack_entry(step, message)),
    };
}

int
reset_write(struct sotto_tx *tx, struct chat_step *step, const struct chat_head *old)
{
    uint8_t message[CHAT_RESET_BYTES_MAX];
    struct sotto_stmt *stmt;
    struct chat_row row;
    int rc;

    step->reset.seq = old->seq + 1;
    step->reset.epoch = old->epoch;
    row = row_of(step, message);
    row.chat = old->chat;
    rc = chat_write_row(tx, &row);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_CHAT_SET_REPLACED);
    sotto_bind_blob(stmt, 1, step->plan.chat_id.data, CHAT_ID_BYTES);
    sotto_bind_int(stmt, 2, old->chat);
    return sotto_step(stmt);
}

void
reset_close_head(struct chat_head *old)
{
    old->seq++;
    old->is_replaced = true;
}

/* ---- logic thread, after the commit ----------------------------------------------------------------------------- */

/* To all, the creator's own devices too, as with a role. */
static void
push_reset(const struct chat_step *step)
{
    uint8_t message[CHAT_RESET_BYTES_MAX];
    const struct chat_row row = row_of(step, message);

    chat_push_row(step->ds, step->reset.old, NULL, &row, step->plan.user, step->plan.device);
}

void
reset_apply(struct chat_step *step)
{
    struct delivery *ds = step->ds;
    struct chat *old = step->reset.old;

    old->replaced_by.is_set = true;
    memcpy(old->replaced_by.id, step->plan.chat_id.data, CHAT_ID_BYTES);
    purge_note_entries(ds, old, step->reset.seq, step->ts_ms);
    push_reset(step);
    ds->host->metric->add(ds->host, CHAT_METRIC_RESETS, 0, 1);
}
