/* SPDX-License-Identifier: MIT */
/*
 * Guesses. See hint.h.
 */
#include "hint.h"
#include "clean.h"
#include "text.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROFILES_SHOWN 5
#define HINT_LETTERS_MAX 40 /* of a word that are looked at */

/* ---- the nearest ----------------------------------------------------------------------------- */

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool
same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* How many letters to add, take away, change or swap make one word of the other: optimal string alignment, of which
 * three rows of the table are enough. Letters are bytes, their case does not count. */
static size_t
distance_of(const char *a, const char *b)
{
    size_t a_len = least(strlen(a), HINT_LETTERS_MAX);
    size_t b_len = least(strlen(b), HINT_LETTERS_MAX);
    size_t rows[3][HINT_LETTERS_MAX + 1];
    for (size_t k = 0; k <= b_len; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            size_t change = last[k - 1] + !same(a[i - 1], b[k - 1]);
            now[k] = least(least(last[k], now[k - 1]) + 1, change);
            if (i > 1 && k > 1 && same(a[i - 1], b[k - 2]) && same(a[i - 2], b[k - 1]))
                now[k] = least(now[k], before[k - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

struct nearest {
    const char *word;
    bool exact; /* the word itself was among them */
    size_t distance;
    char found[SOTTO_CLIENT_TITLE_CHARS * 4 + 1];
};

static void
offer(struct nearest *nearest, const char *candidate)
{
    size_t distance = distance_of(nearest->word, candidate);
    nearest->exact = nearest->exact || !strcmp(nearest->word, candidate);
    /* A third of the letters may be wrong, one in any case. */
    size_t allowed = strlen(nearest->word) / 3 ? strlen(nearest->word) / 3 : 1;
    bool begins =
        strlen(nearest->word) >= 2 && !strncasecmp(candidate, nearest->word, strlen(nearest->word));
    if (begins)
        distance = 1;
    if (distance > allowed || (*nearest->found && distance >= nearest->distance))
        return;
    nearest->distance = distance;
    snprintf(nearest->found, sizeof(nearest->found), "%s", candidate);
}

int
hint_unknown_command(const struct cli *cli, const char *name, enum place place)
{
    struct nearest nearest = {.word = name};
    for (size_t i = 0; i < command_count; i++)
        if (command_find(commands[i].name, place))
            offer(&nearest, commands[i].name);
    if (*nearest.found && place == PLACE_SCREEN)
        return print_usage_error(cli, "there is no command \"/%.40s\"; did you mean /%s?", name,
                                 nearest.found);
    if (*nearest.found)
        return print_usage_error(cli, "there is no command \"%.40s\"; did you mean \"%s\"?", name,
                                 nearest.found);
    return print_usage_error(cli, "there is no command \"%.40s\"; see `sotto help`", name);
}

static int
offer_chat(const struct sotto_client_chat *chat, void *arg)
{
    struct nearest *nearest = arg;
    nearest->exact = nearest->exact || !strcmp(chat->id, nearest->word);
    if (*chat->title)
        offer(nearest, chat->title);
    return 0;
}

static int
offer_user(const char *name, void *arg)
{
    offer(arg, name);
    return 0;
}

static void
say_nearest(const struct nearest *nearest)
{
    char found[sizeof(nearest->found)]; /* a title is what others wrote */
    if (nearest->exact || !*nearest->found)
        return;
    clean_line(nearest->found, found, sizeof(found));
    fprintf(stderr, tr("       did you mean \"%s\"?"), found);
    fputc('\n', stderr);
}

/* About the first word that names nothing known: those before it cannot be the ones that were not found. */
static void
hint_name(const struct cli *cli, const struct command *command)
{
    for (size_t i = 1; i < cli->word_count; i++) {
        bool is_chat = i == 1 && command->takes == ARG_CHAT;
        struct nearest nearest = {.word = cli_word(cli, i)};
        if (is_chat)
            sotto_client_known_chats(cli->client, offer_chat, &nearest);
        if (is_chat && nearest.exact)
            continue;
        sotto_client_known_users(cli->client, offer_user, &nearest);
        say_nearest(&nearest);
        if (is_chat || !nearest.exact)
            return;
    }
}

/* ---- other profiles -------------------------------------------------------------------------- */

/* Names the profiles that lie beside this one. */
static void
hint_profiles(const struct cli *cli)
{
    char folder[4096];
    snprintf(folder, sizeof(folder), "%s", cli->profile);
    for (size_t len = strlen(folder); len > 1 && folder[len - 1] == '/';)
        folder[--len] = 0;
    char *slash = strrchr(folder, '/');
    const char *own = slash ? slash + 1 : folder;
    if (slash)
        *slash = 0;
    DIR *dir = opendir(slash ? folder : ".");
    size_t shown = 0;
    for (struct dirent *entry; dir && shown < PROFILES_SHOWN && (entry = readdir(dir));) {
        char path[5000];
        if (entry->d_name[0] == '.' || !strcmp(entry->d_name, own))
            continue;
        snprintf(path, sizeof(path), "%s/%s/profile.db", folder, entry->d_name);
        if (access(path, R_OK))
            continue;
        if (shown++ == 0)
            fprintf(stderr, "       %s\n", tr("or did you forget --profile? There are:"));
        /* Anybody can make a folder in a shared one. */
        char harmless[sizeof(path)];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        clean_line(path, harmless, sizeof(harmless));
        fprintf(stderr, "         --profile %s\n", harmless);
    }
    if (dir)
        closedir(dir);
}

void
hint_after(const struct cli *cli, const struct command *command, int status)
{
    if (status == SOTTO_CLIENT_OK || cli->json)
        return;
    const char *code = sotto_client_last_error(cli->client)->code;
    if (status == SOTTO_CLIENT_EFAILED && command->takes != ARG_OTHER && !strcmp(code, "not_found"))
        hint_name(cli, command);
    else if (status == SOTTO_CLIENT_EAUTH && !cli->screen && !sotto_client_user(cli->client))
        hint_profiles(cli);
}
