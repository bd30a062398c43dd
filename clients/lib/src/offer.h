/* SPDX-License-Identifier: MIT */
/*
 * A reset that waits for this user: a member made a new group in the place of a chat, and nothing of it is entered,
 * shown or sent before the user confirms.
 *
 * The server says that a chat is replaced (an entry of its log, the last one) and delivers a Welcome; neither is
 * believed further than that. What a new chat replaces stands in its id, which is its MLS group id and so in all
 * that members sign: eight random bytes, and eight of SHA-256("sotto reset v1" || id of the old chat || those
 * random bytes). So a server cannot call another chat a successor, nor hide that one is. The group must be signed
 * by a member of the old chat, and everybody in it must have been one when this device followed it last, under the
 * identity key that is known (trust.h); else it is refused, with the reason.
 *
 * The table `offers` has one row for each such chat. The new one has a row of its own as CHAT_OFFERED, of which only
 * the cursor moves. The old one is CHAT_RESET from the entry in its log on, which comes after all others, and
 * CHAT_LEFT as LEFT_REPLACED when its successor was entered.
 */
#ifndef CLIENT_OFFER_H
#define CLIENT_OFFER_H

#include "inbox.h"

enum offer_refusal {
    OFFER_GOOD = 0,
    OFFER_UNSEEN,      /* there is no Welcome that opens: who is in the group must be asked for */
    OFFER_BY_STRANGER, /* `about` signed it and was no member */
    OFFER_NEW_USER,    /* `about` would be in it and was no member */
    OFFER_OTHER_KEY,   /* `about` would be in it under another identity key */
    OFFER_GONE_DEVICE, /* a device that `about` removed would be in it */
    OFFER_OTHER_CHAT,  /* its id is not that of a successor */
    OFFER_WITHOUT_US,
    OFFER_GONE, /* deleted meanwhile */
};

struct offer {
    bool exists;
    uint8_t chat_id[ID_BYTES]; /* the old one */
    uint8_t successor[ID_BYTES];
    uint8_t by[ID_BYTES]; /* who signed it; OFFER_UNSEEN: who did it, says the server */
    int64_t ts_ms;
    bool confirmed; /* the user wants to be in it; joining.c does it where the Welcome does not */
    enum offer_refusal refusal;
    uint8_t about[ID_BYTES];
    struct buf welcome;         /* encoded sotto.chat.v1.Welcome; empty: none */
    uint8_t (*users)[ID_BYTES]; /* who would be in it; none while unseen. Owned */
    size_t user_count;
};
void offer_fini(struct offer *offer);

/* True for what keeps this device out; OFFER_UNSEEN does not. */
static inline bool
offer_is_refused(const struct offer *offer)
{
    return offer->refusal > OFFER_UNSEEN;
}

/* ---- the id ---------------------------------------------------------------------------------- */

void offer_make_id(const uint8_t old_id[ID_BYTES], uint8_t id_out[ID_BYTES]);
bool offer_id_fits(const uint8_t id[ID_BYTES], const uint8_t old_id[ID_BYTES]);

/* The chat of this profile that an id is made to replace, if this device is in it; else exists is false. */
int offer_find_old(struct sotto_client *client, const uint8_t id[ID_BYTES], struct chat *old_out);

/* ---- the table ------------------------------------------------------------------------------- */

/* exists is false when none waits for this chat. End with offer_fini. */
int offer_load(struct sotto_client *client, const uint8_t old_id[ID_BYTES],
               struct offer *offer_out);
int offer_store(struct sotto_client *client, const struct offer *offer);

/* Why it is refused, or what there is to do about it, in one sentence. */
#define OFFER_SENTENCE_BYTES 256
int offer_sentence(struct sotto_client *client, const struct offer *offer,
                   char sentence_out[OFFER_SENTENCE_BYTES]);

/* ---- judging --------------------------------------------------------------------------------- */

/* Sets by, users, refusal and about of an offer from who would be in the group and who signed it. The group's id has
 * been compared. */
int offer_judge(struct sotto_client *client, struct offer *offer, const struct verify_cert *members,
                size_t count, const uint8_t signer[ID_BYTES]);

/* The same for a group at hand. */
int offer_judge_group(struct sotto_client *client, struct offer *offer,
                      const struct mls_group *group, const uint8_t signer[ID_BYTES]);

/* ---- offered.c: what comes in, inside the inbox's transaction --------------------------------- */

/* A Welcome to a successor of `old`. */
int offer_invited(struct sotto_client *client, struct inbox *inbox,
                  const Sotto__Chat__V1__Welcome *welcome, const struct chat *old);

/* Judges the Welcome of an offer by what is believed by now, if there is one that opens. */
int offer_judge_again(struct sotto_client *client, struct offer *offer);

/* An entry of the kind RESET in the chat at hand. */
int offer_told(struct sotto_client *client, struct inbox *inbox,
               const Sotto__Chat__V1__Entry *entry);

/* An entry came after that one: the chat goes on, and the server lied about it. What stood in its place was missed. */
int offer_disproved(struct sotto_client *client, struct inbox *inbox);

/* The successor was deleted before it was entered. */
int offer_gone(struct sotto_client *client, const uint8_t successor[ID_BYTES]);

/* ---- offered.c: entering ---------------------------------------------------------------------- */

/* For joining.c: whether the user confirmed this chat, and whether the group may be entered (judged again, and noted
 * when not). */
int offer_wants(struct sotto_client *client, const uint8_t successor[ID_BYTES], bool *wants_out);
int offer_may_enter(struct sotto_client *client, const uint8_t successor[ID_BYTES],
                    const struct mls_group *group, const uint8_t signer[ID_BYTES], bool *may_out);

/* The title that the old chat has by now. */
int offer_title(struct sotto_client *client, const uint8_t successor[ID_BYTES],
                char title_out[CHAT_TITLE_BYTES]);

/* This device is in the successor: its old chat is over, and the offer. Roles move along when we made it. Inside a
 * transaction; does nothing for a chat that replaces none. */
int offer_entered(struct sotto_client *client, const uint8_t successor[ID_BYTES]);

#endif
