/* SPDX-License-Identifier: MIT */
/* Devices that their users removed, on their way out of the chats (chat_gone.c). Logic thread. */
#ifndef CHAT_GONE_H
#define CHAT_GONE_H

#include "chat_roster.h"

#define CHAT_GONE_EVERY_MS 1000

/* Those that wait; free() ends it. NULL: out of memory. */
struct gone_line *gone_line_create(void);

/* A device that sits in a chat was removed: what members leave of it is proposed after removal_grace. */
void gone_line_add(struct delivery *, struct chat_device *);

sotto_topic_fn chat_on_device_removed;
/* Every CHAT_GONE_EVERY_MS. */
sotto_timer_fn chat_on_gone_timer;

#endif
