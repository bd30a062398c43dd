/* SPDX-License-Identifier: MIT */
/*
 * Building struct mls_received. First everything is pointed at where it stands, then its size is
 * summed up, then it is moved into one block: the order of the two walks is the same.
 */
#include "received.h"

#include <string.h>

struct storage {
    const struct mls_provider *p;
    size_t bytes_len;
    size_t change_count;
    struct mls_change *changes;
    uint8_t *bytes;
};

void
mls_received_fini(struct mls_received *received)
{
    struct storage *s = received->storage;

    if (s != NULL) {
        const struct mls_provider *p = s->p;

        mls_mem_free(p, s->bytes, s->bytes_len);
        mls_mem_free(p, s->changes, s->change_count * sizeof(*s->changes));
        mls_mem_free(p, s, sizeof(*s));
    }
    *received = (struct mls_received){0};
}

/* ---- Moving into one block ---------------------------------------------------------------- */

typedef void (*visit_fn)(struct mls_bytes *view, void *arg);

static void
visit_reinit(struct mls_reinit_view *reinit, visit_fn visit, void *arg)
{
    visit(&reinit->group_id, arg);
    visit(&reinit->extensions, arg);
}

static void
visit_credential(struct mls_credential_view *credential, visit_fn visit, void *arg)
{
    visit(&credential->identity, arg);
    visit(&credential->signature_key, arg);
}

/* Visits every view of a result. */
static void
visit_all(struct mls_received *received, struct storage *s, visit_fn visit, void *arg)
{
    visit_credential(&received->sender, visit, arg);
    visit(&received->plaintext, arg);
    visit(&received->authenticated_data, arg);
    for (size_t i = 0; i < s->change_count; i++) {
        visit_credential(&s->changes[i].credential, visit, arg);
        visit_reinit(&s->changes[i].reinit, visit, arg);
    }
}

static void
add_length(struct mls_bytes *view, void *arg)
{
    *(size_t *)arg += view->len;
}

static void
move_bytes(struct mls_bytes *view, void *arg)
{
    uint8_t **at = arg;

    if (view->len == 0) {
        *view = mls_bytes_empty();
        return;
    }
    memcpy(*at, view->data, view->len);
    view->data = *at;
    *at += view->len;
}

static int
settle(struct mls_received *received, struct storage *s)
{
    size_t total = 0;

    visit_all(received, s, add_length, &total);
    if (total > 0) {
        s->bytes = mls_mem_alloc(s->p, total, 1);
        if (s->bytes == NULL)
            return MLS_ENOMEM;
        s->bytes_len = total;
    }
    uint8_t *at = s->bytes;
    visit_all(received, s, move_bytes, &at);
    received->storage = s;
    received->changes = s->changes;
    received->change_count = s->change_count;
    return 0;
}

static struct storage *
new_storage(const struct mls_provider *p, size_t change_count)
{
    struct storage *s = mls_mem_alloc(p, 1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->p = p;
    if (change_count > 0) {
        s->changes = mls_mem_alloc(p, change_count, sizeof(*s->changes));
        if (s->changes == NULL) {
            mls_mem_free(p, s, sizeof(*s));
            return NULL;
        }
    }
    s->change_count = change_count;
    return s;
}

/* Takes the storage, filled or not. */
static int
finish(struct mls_received *made, struct storage *take_s, struct mls_received *out)
{
    int error = settle(made, take_s);

    if (error != 0) {
        made->storage = take_s;
        mls_received_fini(made);
        return error;
    }
    *out = *made;
    return 0;
}

/* ---- What there is to say ----------------------------------------------------------------- */

/* The index of an external sender counts in another list and must not pass for a leaf. */
static uint32_t
leaf_of_sender(const struct mls_sender *sender)
{
    return sender->type == MLS_SENDER_MEMBER ? sender->index : MLS_LEAF_NONE;
}

static uint32_t
external_sender(const struct mls_sender *sender)
{
    return sender->type == MLS_SENDER_EXTERNAL ? sender->index : MLS_EXTERNAL_SENDER_NONE;
}

static struct mls_received
describe(const struct mls_group *group, const struct mls_authenticated *message,
         enum mls_received_kind kind)
{
    struct mls_received made = {
        .kind = kind,
        .epoch = message->content.epoch,
        .sender_type = message->content.sender.type,
        .sender_leaf = leaf_of_sender(&message->content.sender),
        .authenticated_data = message->content.authenticated_data,
    };
    const struct mls_leaf *sender = NULL;

    if (message->content.sender.type == MLS_SENDER_MEMBER)
        sender = mls_tree_leaf(&group->epoch->tree, message->content.sender.index);
    if (sender != NULL)
        made.sender = mls_leaf_view(sender);
    if (kind == MLS_RECEIVED_APPLICATION)
        made.plaintext = message->content.body;
    return made;
}

static struct mls_change
describe_change(const struct mls_group *group, const struct mls_proposal_body *body,
                const struct mls_sender *sender)
{
    struct mls_change change = {
        .type = body->type,
        .proposer_type = sender->type,
        .proposer = leaf_of_sender(sender),
        .external_sender = external_sender(sender),
        .leaf = MLS_LEAF_NONE,
    };
    const struct mls_leaf *leaf;

    switch (body->type) {
    case MLS_PROPOSAL_ADD: change.credential = mls_leaf_view(&body->u.add.leaf); break;
    case MLS_PROPOSAL_UPDATE:
        change.leaf = sender->index;
        change.credential = mls_leaf_view(&body->u.update);
        break;
    case MLS_PROPOSAL_REMOVE:
        change.leaf = body->u.removed;
        leaf = mls_tree_leaf(&group->epoch->tree, body->u.removed);
        if (leaf != NULL)
            change.credential = mls_leaf_view(leaf);
        break;
    case MLS_PROPOSAL_REINIT: change.reinit = mls_reinit_view(&body->u.reinit); break;
    default: break;
    }
    return change;
}

int
mls_received_message(const struct mls_group *group, const struct mls_authenticated *message,
                     enum mls_received_kind kind, struct mls_received *out)
{
    struct mls_received made = describe(group, message, kind);
    struct storage *s = new_storage(group->c.p, 0);

    return s == NULL ? MLS_ENOMEM : finish(&made, s, out);
}

int
mls_received_proposal(const struct mls_group *group, const struct mls_authenticated *message,
                      const struct mls_proposal_body *body, struct mls_received *out)
{
    struct mls_received made = describe(group, message, MLS_RECEIVED_PROPOSAL);
    struct storage *s = new_storage(group->c.p, 1);

    if (s == NULL)
        return MLS_ENOMEM;
    s->changes[0] = describe_change(group, body, &message->content.sender);
    return finish(&made, s, out);
}

int
mls_received_commit(const struct mls_transition *t, const struct mls_authenticated *message,
                    const struct mls_commit_body *commit, struct mls_received *out)
{
    struct mls_received made = describe(t->group, message, MLS_RECEIVED_COMMIT);
    struct storage *s = new_storage(t->group->c.p, t->count);

    if (s == NULL)
        return MLS_ENOMEM;
    made.has_path = commit->has_path;
    if (t->external)
        made.sender = mls_leaf_view(&commit->path.leaf);
    made.removes_self = t->removes_self;
    for (size_t i = 0; i < t->count; i++) {
        const struct mls_commit_item *item = &t->items[i];

        s->changes[i] = describe_change(t->group, &item->body, &item->sender);
        s->changes[i].by_reference = item->kept != NULL;
        if (item->body.type == MLS_PROPOSAL_ADD)
            s->changes[i].leaf = item->leaf;
        if (item->body.type == MLS_PROPOSAL_EXTERNAL_INIT) {
            s->changes[i].leaf = t->committer;
            s->changes[i].credential = made.sender;
        }
    }
    return finish(&made, s, out);
}
