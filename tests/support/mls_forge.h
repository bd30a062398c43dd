/* SPDX-License-Identifier: MIT */
/*
 * What a member who breaks the rules could send: any content, signed with her real key and tagged with the group's
 * real membership key. A commit has a confirmation tag of zeros, which a receiver looks at last: a list that breaks
 * no rule gets as far as MLS_ECONFIRMATION. Functions fail the running cmocka test when the forging itself does not
 * work.
 *
 *     forge_begin(&forgery, &ada, MLS_CONTENT_COMMIT, body);
 *     forgery.content.sender.index = BEN;                      what is to be wrong
 *     forge_end(&forgery, &ada, &message);
 */
#ifndef SOTTO_TEST_MLS_FORGE_H
#define SOTTO_TEST_MLS_FORGE_H

#include "group.h"
#include "mls_kit.h"

struct forgery {
    uint16_t wire_format;       /* enum mls_wire_format: public unless the test says otherwise */
    struct mls_content content; /* what is signed */
    const uint8_t *seed;        /* who signs it */
    uint8_t confirmation_tag[MLS_HASH_BYTES]; /* of a commit */
};

/* Everything as it should be: the group and epoch of `by`, her leaf, her key. `body` is borrowed. */
void forge_begin(struct forgery *forgery, const struct kit_person *by, uint8_t content_type,
                 struct mls_bytes body);

/* Signs and frames it. A private message uses up a key of `by`. Senders who are no members get no membership tag. */
void forge_end(const struct forgery *forgery, struct kit_person *by, struct mls_buf *message_out);

/* Both, with nothing changed in between. */
void forge_commit(struct kit_person *by, struct mls_bytes body, struct mls_buf *message_out);

/*
 * A commit without a path that is right to the last tag, in either framing; our own commits are always public.
 * `list` is the contents of its ProposalOrRef<V>.
 */
void forge_sound_commit(struct kit_person *by, uint16_t wire_format, struct mls_bytes list,
                        struct mls_buf *message_out);

/* Writes a proposal by value into a list. */
void forge_value(struct mls_writer *list, const struct mls_proposal_body *body);

#endif
