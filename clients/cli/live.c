/* SPDX-License-Identifier: MIT */
/*
 * The listening thread and its queue. See live.h.
 */
#include "live.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NEWS_MAX 256  /* the thread waits for the screen beyond */
#define AGAIN_MS 5000 /* after trouble with the profile, such as a full disk */

struct live {
    struct sotto_client *client;
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t taken;
    struct live_news news[NEWS_MAX]; /* a ring */
    size_t first;
    size_t count;
    bool stop;
    int news_fd; /* an eventfd that counts the news */
    int wake_fd; /* wakes a thread that has ended listening */
};

void
live_news_fini(struct live_news *news)
{
    for (size_t i = 0; i < sizeof(news->texts) / sizeof(news->texts[0]); i++)
        free(news->texts[i]);
    for (size_t i = 0; news->users && i < news->message.user_count; i++)
        free(news->users[i]);
    free(news->users);
    *news = (struct live_news){0};
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Queues it, or drops it when the screen is gone. Non-zero: the thread shall end. */
static int
put(struct live *live, struct live_news *take_news)
{
    pthread_mutex_lock(&live->mutex);
    while (live->count == NEWS_MAX && !live->stop)
        pthread_cond_wait(&live->taken, &live->mutex);
    bool stop = live->stop;
    if (!stop)
        live->news[(live->first + live->count++) % NEWS_MAX] = *take_news;
    pthread_mutex_unlock(&live->mutex);
    if (stop)
        live_news_fini(take_news);
    else if (eventfd_write(live->news_fd, 1))
        return 1;
    return stop;
}

/* No memory ends the client, as everywhere in it. */
static char *
copy(const char *text)
{
    char *copied = text ? strdup(text) : NULL;
    if (text && !copied)
        abort();
    return copied;
}

static char **
copy_all(const char *const *texts, size_t count)
{
    char **copied = calloc(count + 1, sizeof(*copied));
    if (!copied)
        abort();
    for (size_t i = 0; i < count; i++)
        copied[i] = copy(texts[i]);
    return copied;
}

static int
on_message(const struct sotto_client_message *message, void *arg)
{
    struct live_news news = {.kind = NEWS_MESSAGE, .message = *message};
    news.message.from = news.texts[0] = copy(message->from);
    news.message.text = news.texts[1] = copy(message->text);
    news.message.reason = news.texts[2] = copy(message->reason);
    news.users = copy_all(message->users, message->user_count);
    news.message.users = (const char *const *)news.users;
    return put(arg, &news);
}

static int
on_link(const struct sotto_client_link *link, void *arg)
{
    struct live_news news = {
        .kind = NEWS_LINK, .connected = link->connected, .retry_ms = link->retry_ms};
    snprintf(news.error.message, sizeof(news.error.message), "%s", link->why ? link->why : "");
    return put(arg, &news);
}

/* After an end that no reconnecting cures: until the person does something. Trouble with the
 * profile may pass by itself. */
static void
wait_for_person(struct live *live, bool may_pass)
{
    struct pollfd wake = {.fd = live->wake_fd, .events = POLLIN};
    eventfd_t count;
    if (poll(&wake, 1, may_pass ? AGAIN_MS : -1) > 0 && eventfd_read(live->wake_fd, &count))
        return;
}

static bool
is_stopped(struct live *live)
{
    pthread_mutex_lock(&live->mutex);
    bool stop = live->stop;
    pthread_mutex_unlock(&live->mutex);
    return stop;
}

static void *
run(void *arg)
{
    struct live *live = arg;
    const struct sotto_client_listening how = {
        .follow = true, .each = on_message, .link = on_link, .arg = live};
    while (!is_stopped(live)) {
        if (sotto_client_listen(live->client, &how) == SOTTO_CLIENT_OK)
            continue;
        struct live_news news = {.kind = NEWS_ENDED,
                                 .error = *sotto_client_last_error(live->client)};
        bool may_pass = news.error.status != SOTTO_CLIENT_EAUTH;
        sotto_client_disconnect(live->client);
        if (put(live, &news) == 0)
            wait_for_person(live, may_pass);
    }
    return NULL;
}

/* ---- the screen's side ----------------------------------------------------------------------- */

static void
release(struct live *live)
{
    for (; live->count; live->count--)
        live_news_fini(&live->news[live->first++ % NEWS_MAX]);
    if (live->news_fd >= 0)
        close(live->news_fd);
    if (live->wake_fd >= 0)
        close(live->wake_fd);
    pthread_cond_destroy(&live->taken);
    pthread_mutex_destroy(&live->mutex);
    sotto_client_close(&live->client);
    free(live);
}

struct live *
live_create(struct sotto_client *take_client)
{
    sigset_t all;
    sigset_t before;
    struct live *live = calloc(1, sizeof(*live));
    if (!live) {
        sotto_client_close(&take_client);
        return NULL;
    }
    live->client = take_client;
    live->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    live->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&live->mutex, NULL);
    pthread_cond_init(&live->taken, NULL);
    /* Signals are for the thread with the terminal. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool started = live->news_fd >= 0 && live->wake_fd >= 0 &&
                   pthread_create(&live->thread, NULL, run, live) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        return live;
    release(live);
    return NULL;
}

bool
live_destroy(struct live **live)
{
    struct timespec until;
    struct live *gone = *live;
    if (!gone)
        return true;
    pthread_mutex_lock(&gone->mutex);
    gone->stop = true;
    pthread_cond_signal(&gone->taken);
    pthread_mutex_unlock(&gone->mutex);
    sotto_client_stop(gone->client);
    live_wake(gone);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    if (pthread_timedjoin_np(gone->thread, NULL, &until))
        return false;
    release(gone);
    *live = NULL;
    return true;
}

int
live_fd(const struct live *live)
{
    return live->news_fd;
}

bool
live_take(struct live *live, struct live_news *news_out)
{
    eventfd_t one;
    if (eventfd_read(live->news_fd, &one))
        return false;
    pthread_mutex_lock(&live->mutex);
    bool any = live->count > 0;
    if (any) {
        *news_out = live->news[live->first];
        live->first = (live->first + 1) % NEWS_MAX;
        live->count--;
        pthread_cond_signal(&live->taken);
    }
    pthread_mutex_unlock(&live->mutex);
    return any;
}

void
live_wake(struct live *live)
{
    sotto_client_wake(live->client);
    if (eventfd_write(live->wake_fd, 1))
        return;
}
