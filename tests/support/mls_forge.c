/* SPDX-License-Identifier: MIT */
/* See mls_forge.h. */
#include "sotto_test.h"

#include "mls_forge.h"
#include "transition.h"

void
forge_begin(struct forgery *forgery, const struct kit_person *by, uint8_t content_type,
            struct mls_bytes body)
{
    const struct mls_group *group = by->group;

    *forgery = (struct forgery){
        .wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .content =
            {
                .group_id = mls_buf_bytes(&group->id),
                .epoch = group->epoch->number,
                .sender = {.type = MLS_SENDER_MEMBER, .index = group->epoch->own_leaf},
                .type = content_type,
                .body = body,
            },
        .seed = group->seed,
    };
}

/* Whoever is no member has no membership key either. */
static void
frame_from_outside(const struct mls_authenticated *message, struct mls_writer *w)
{
    const struct mls_public_message framed = {.content = message->content, .auth = message->auth};

    mls_message_header_write(w, MLS_WIRE_PUBLIC_MESSAGE);
    mls_public_message_write(w, &framed);
}

static void
frame(const struct mls_group *group, const struct mls_authenticated *message,
      const struct mls_buf *context, struct mls_writer *w)
{
    const struct mls_frame_keys keys = mls_epoch_frame_keys(group->epoch, context);

    if (message->wire_format == MLS_WIRE_PRIVATE_MESSAGE)
        assert_ok(mls_private_seal(&keys, message, 0, w));
    else if (message->content.sender.type != MLS_SENDER_MEMBER)
        frame_from_outside(message, w);
    else
        assert_ok(mls_public_seal(&keys, message, w));
    assert_ok(mls_writer_error(w));
}

void
forge_end(const struct forgery *forgery, struct kit_person *by, struct mls_buf *message_out)
{
    const struct mls_group *group = by->group;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES] = {0};
    struct mls_buf context = {0};
    struct mls_writer w;
    const struct mls_authenticated message = {
        .wire_format = forgery->wire_format,
        .content = forgery->content,
        .auth = {.signature = mls_bytes(signature, sizeof signature),
                 .confirmation_tag =
                     mls_bytes(forgery->confirmation_tag, sizeof forgery->confirmation_tag)},
    };

    mls_writer_init(&w, group->c.p, 0);
    assert_ok(mls_epoch_context(group->epoch, mls_buf_bytes(&group->id), &context));
    assert_ok(mls_content_sign(&group->c, forgery->wire_format, &forgery->content,
                               mls_buf_bytes(&context), forgery->seed, signature));
    frame(group, &message, &context, &w);
    assert_ok(mls_buf_take(message_out, &w));
    mls_writer_fini(&w);
    mls_buf_fini(&context);
}

void
forge_commit(struct kit_person *by, struct mls_bytes body, struct mls_buf *message_out)
{
    struct forgery forgery;

    forge_begin(&forgery, by, MLS_CONTENT_COMMIT, body);
    forge_end(&forgery, by, message_out);
}

/* The tag of the epoch that a commit without a path leads to. Signing is repeatable, so forge_end signs the same. */
static void
find_tag(struct forgery *forgery, const struct mls_group *group)
{
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES] = {0}, joiner[MLS_HASH_BYTES];
    const struct mls_authenticated message = {
        .wire_format = forgery->wire_format,
        .content = forgery->content,
        .auth.signature = mls_bytes(signature, sizeof signature),
    };
    struct mls_commit_body commit;
    struct mls_buf context = {0};
    struct mls_transition t;

    assert_ok(mls_epoch_context(group->epoch, mls_buf_bytes(&group->id), &context));
    assert_ok(mls_content_sign(&group->c, forgery->wire_format, &forgery->content,
                               mls_buf_bytes(&context), forgery->seed, signature));
    mls_transition_init(&t, group, group->epoch->own_leaf);
    assert_ok(mls_transition_receive(&t, &message, &commit));
    assert_ok(mls_transition_find_secrets(&t));
    assert_ok(mls_transition_check_keys(&t));
    assert_ok(mls_transition_finish(&t, &message, NULL, joiner));
    memcpy(forgery->confirmation_tag, t.next->confirmation_tag, MLS_HASH_BYTES);
    mls_transition_fini(&t);
    mls_buf_fini(&context);
}

void
forge_sound_commit(struct kit_person *by, uint16_t wire_format, struct mls_bytes list,
                   struct mls_buf *message_out)
{
    struct forgery forgery;
    struct mls_writer body;

    mls_writer_init(&body, by->group->c.p, 0);
    mls_write_opaque(&body, list);
    mls_write_optional(&body, false);
    assert_ok(mls_writer_error(&body));
    forge_begin(&forgery, by, MLS_CONTENT_COMMIT, mls_writer_bytes(&body));
    forgery.wire_format = wire_format;
    find_tag(&forgery, by->group);
    forge_end(&forgery, by, message_out);
    mls_writer_fini(&body);
}

void
forge_value(struct mls_writer *list, const struct mls_proposal_body *body)
{
    mls_write_u8(list, MLS_BY_VALUE);
    mls_proposal_write(list, body);
}
