/* SPDX-License-Identifier: MIT */
/*
 * The devices of our own account: what the server lists, what the profile remembers of it, and what
 * becomes of this device when another one removed it.
 *
 * Labels are for the owner alone and the server's word; which devices there are, and which were
 * removed by whom, is proved by the key log (trust.h).
 */
#ifndef CLIENT_OWN_DEVICES_H
#define CLIENT_OWN_DEVICES_H

#include "session.h"

#include "keyx.pb-c.h"

#define DEVICE_HEX_SHOWN 8                       /* digits of an id that people see */
#define DEVICE_NAME_BYTES (LABEL_CHARS * 4 + 16) /* "label (0a1b2c3d)" with its final zero */

/* Asks for our own identity, compares it and its key log with what is known, and remembers the
 * devices. own_out: the answer (pb_free), or NULL when it is not wanted. */
int own_devices_fetch(struct sotto_client *client, Sotto__Keyx__V1__GetIdentityReply **own_out);

/* How to call one of our devices: its label if the profile knows it, and the beginning of its id. */
int own_device_name(struct sotto_client *client, const uint8_t device_id[ID_BYTES],
                    char name_out[DEVICE_NAME_BYTES]);

/* The labels of our devices other than this one, "laptop, phone"; empty when there is none. */
int own_device_others(struct sotto_client *client, struct buf *text_out);

/* After a refusal: when its details prove that this device was removed from the account, its keys
 * are wiped, its chats left, and the error says by which device. Returns the error's status. */
int own_device_refused(struct sotto_client *client, const struct buf *details);

/* The error of a device that was removed; 0 for one that was not. */
int own_device_gate(struct sotto_client *client);

#endif
