/* SPDX-License-Identifier: MIT */
/*
 * The side of the interactive client that talks to the server: a thread with a client object of its
 * own on the same profile, which listens, reconnects and sends, whatever the person does meanwhile.
 * What it has to tell waits in a bounded queue; when that is full the thread waits, and with it the
 * server. Everything here is called by the one thread with the screen.
 */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include "sotto/client.h"

struct live;

/* One thing to tell. */
struct live_news {
    enum { NEWS_MESSAGE, NEWS_LINK, NEWS_ENDED } kind;
    struct sotto_client_message message; /* NEWS_MESSAGE; its strings are owned by the news */
    char *texts[3];
    char **users;   /* the names that message.users shows, message.user_count of them */
    bool connected; /* NEWS_LINK */
    unsigned retry_ms;
    struct sotto_client_error error; /* NEWS_LINK: why not; NEWS_ENDED: what no waiting cures */
};

/* Starts it. The client is its own from here on. NULL when there are no resources for a thread. */
struct live *live_create(struct sotto_client *take_client);

/* Stops it, waiting at most a second: false when the thread is in the middle of a long wait, and
 * the program should just end. */
bool live_destroy(struct live **live);

/* Can be read while there is news. */
int live_fd(const struct live *live);

/* True with the oldest news, which the caller ends with live_news_fini; false: there is none. */
bool live_take(struct live *live, struct live_news *news_out);
void live_news_fini(struct live_news *news);

/* Connects and sends at once; after NEWS_ENDED it tries anew. */
void live_wake(struct live *live);

#endif
