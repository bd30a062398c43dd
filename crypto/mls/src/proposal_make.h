/* SPDX-License-Identifier: MIT */
/*
 * From what a caller proposes (struct mls_proposal) to an encoded Proposal (RFC 9420 section 12.1),
 * for whoever may propose: members, external senders, and those who ask to be added.
 */
#ifndef MLS_PROPOSAL_MAKE_H
#define MLS_PROPOSAL_MAKE_H

#include "proposal.h"

/* Where a proposal is made. */
struct mls_proposal_maker {
    const struct mls_crypto *c;
    struct mls_bytes group_id; /* whose resumption secret is meant when none is named */
    uint8_t psk_usage;         /* enum mls_psk_usage, of resumption PSKs */
};

/*
 * Writes everything but an UPDATE, which needs the member's leaf. MLS_EARG: a type that cannot be
 * proposed so, or a part out of its range; MLS_ESUITE: a ReInit to a suite that we do not have.
 */
int mls_proposal_make(const struct mls_proposal_maker *maker, const struct mls_proposal *proposal,
                      struct mls_writer *w);

/* Whether a type may be proposed by this kind of sender (sections 12.1.8, 17.4). */
bool mls_proposal_may_come_from(uint8_t sender_type, uint16_t proposal_type);

#endif
