/* SPDX-License-Identifier: MIT */
/*
 * Values of the conf language: text against a typed row, numbers with units, secrets that stand elsewhere, and
 * the guess at what a misspelt key was meant to be. See conf_parse.h.
 */
#include "core/conf_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_BYTES_MAX 65536
#define WORD_BYTES_MAX 48 /* longer words get no suggestion */

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: printing takes the first that divides. */
static const struct unit size_units[] = {
    {"GiB", INT64_C(1) << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {NULL, 0}};
static const struct unit duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                             {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const struct unit no_units[] = {{NULL, 0}};

static const struct unit *
units_of(enum sotto_conf_type type)
{
    if (type == SOTTO_CONF_SIZE)
        return size_units;
    return type == SOTTO_CONF_DURATION ? duration_units : no_units;
}

static int
why_not(char *why, size_t why_size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, why_size, format, args);
    va_end(args);
    return SOTTO_EINVALID;
}

/* ---- Numbers --------------------------------------------------------------------------------------- */

/* Digits, an optional sign for INT, then a unit that the type knows; a plain 0 needs none. */
static int
parse_number(const struct sotto_conf_row *row, const char *text, int64_t *number_out)
{
    const struct unit *unit = units_of(row->type);
    const bool bare = unit->name == NULL;
    char *end;
    long long number;

    if (!(*text >= '0' && *text <= '9') && !(bare && *text == '-'))
        return SOTTO_EINVALID;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno || end == text)
        return SOTTO_EINVALID;
    if (*end == '\0' && (bare || number == 0)) {
        *number_out = number;
        return 0;
    }
    for (; unit->name; unit++) {
        if (strcmp(end, unit->name) != 0)
            continue;
        if (number > INT64_MAX / unit->factor)
            return SOTTO_EINVALID;
        *number_out = number * unit->factor;
        return 0;
    }
    return SOTTO_EINVALID;
}

static void
print_number(enum sotto_conf_type type, int64_t number, struct buf *out)
{
    for (const struct unit *unit = units_of(type); unit->name; unit++) {
        if (number && number % unit->factor == 0) {
            buf_printf(out, "%" PRId64 "%s", number / unit->factor, unit->name);
            return;
        }
    }
    buf_printf(out, "%" PRId64, number);
}

static int
check_number(const struct sotto_conf_row *row, const char *text, struct conf_value *value,
             char *why, size_t why_size)
{
    struct buf range = {0};
    int error = 0;

    if (parse_number(row, text, &value->number) != 0) {
        if (row->type == SOTTO_CONF_INT)
            return why_not(why, why_size, "\"%.40s\" is not a whole number", text);
        return why_not(why, why_size, "\"%.40s\" is not %s", text,
                       row->type == SOTTO_CONF_SIZE
                           ? "a size: a number with B, KiB, MiB or GiB, such as 16MiB"
                           : "a duration: a number with ms, s, m, h or d, such as 30s");
    }
    if ((row->min || row->max) && (value->number < row->min || value->number > row->max)) {
        print_number(row->type, row->min, &range);
        buf_puts(&range, " to ");
        print_number(row->type, row->max, &range);
        error =
            why_not(why, why_size, "%.40s is out of range, %s is allowed", text, buf_text(&range));
        buf_fini(&range);
    }
    return error;
}

/* ---- Words ----------------------------------------------------------------------------------------- */

static int
check_bool(const char *text, struct conf_value *value, char *why, size_t why_size)
{
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return why_not(why, why_size, "\"%.40s\" is neither yes nor no", text);
    value->number = text[0] == 'y';
    return 0;
}

static int
check_choice(const struct sotto_conf_row *row, const char *text, struct conf_value *value,
             char *why, size_t why_size)
{
    const size_t size = strlen(text);
    const char *choice = row->choices;

    for (int64_t i = 0; *choice; i++) {
        const size_t length = strcspn(choice, "|");

        if (length == size && memcmp(choice, text, size) == 0) {
            value->number = i;
            return 0;
        }
        choice += length + (choice[length] == '|');
    }
    return why_not(why, why_size, "\"%.40s\" is not one of %s", text, row->choices);
}

static int
check_text(const struct sotto_conf_row *row, const char *text, char *why, size_t why_size)
{
    const int64_t size = (int64_t)strlen(text);

    if (row->type == SOTTO_CONF_SECRET) {
        if (strncmp(text, "file:", 5) != 0 && strncmp(text, "env:", 4) != 0)
            return why_not(why, why_size,
                           "a secret does not stand in a conf file; write file:PATH or env:NAME");
        return 0;
    }
    if ((row->min || row->max) && (size < row->min || size > row->max))
        return why_not(why, why_size,
                       "is %" PRId64 " bytes long, %" PRId64 " to %" PRId64 " are allowed", size,
                       row->min, row->max);
    return 0;
}

int
conf_check_value(const struct sotto_conf_row *row, const char *text, struct conf_value *value_out,
                 char *why, size_t why_size)
{
    struct conf_value value = {.text = text};
    int error = SOTTO_EINVALID;

    switch (row->type) {
    case SOTTO_CONF_BOOL: error = check_bool(text, &value, why, why_size); break;
    case SOTTO_CONF_INT:
    case SOTTO_CONF_SIZE:
    case SOTTO_CONF_DURATION: error = check_number(row, text, &value, why, why_size); break;
    case SOTTO_CONF_ENUM: error = check_choice(row, text, &value, why, why_size); break;
    case SOTTO_CONF_STRING:
    case SOTTO_CONF_PATH:
    case SOTTO_CONF_SECRET: error = check_text(row, text, why, why_size); break;
    }
    if (error == 0)
        *value_out = value;
    return error;
}

void
conf_print_value(const struct sotto_conf_row *row, int64_t number, struct buf *out)
{
    const char *choice = row->choices;

    if (row->type == SOTTO_CONF_BOOL) {
        buf_puts(out, number ? "yes" : "no");
    } else if (row->type == SOTTO_CONF_ENUM) {
        for (int64_t i = 0; i < number && strchr(choice, '|'); i++)
            choice = strchr(choice, '|') + 1;
        buf_add(out, choice, strcspn(choice, "|"));
    } else {
        print_number(row->type, number, out);
    }
}

/* ---- Secrets --------------------------------------------------------------------------------------- */

static int
read_secret_file(const char *path, char **content_out, char *why, size_t why_size)
{
    struct stat stat;
    char *content;
    ssize_t size;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return why_not(why, why_size, "the secret in %.200s cannot be read: %s", path,
                       strerror(errno));
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size > SECRET_BYTES_MAX) {
        close(fd);
        return why_not(why, why_size, "%.200s is not a file of at most 64 KiB", path);
    }
    if (stat.st_mode & (S_IRWXG | S_IRWXO)) {
        close(fd);
        return why_not(why, why_size,
                       "others may read the secret in %.200s (mode %04o); chmod 600 it", path,
                       (unsigned)stat.st_mode & 07777);
    }
    content = calloc(1, (size_t)stat.st_size + 1);
    size = content ? read(fd, content, (size_t)stat.st_size) : -1;
    close(fd);
    if (size != stat.st_size || memchr(content, '\0', (size_t)size)) {
        if (content)
            sodium_memzero(content, (size_t)stat.st_size);
        free(content);
        return why_not(why, why_size, "the secret in %.200s cannot be read as one text", path);
    }
    *content_out = content;
    return 0;
}

int
conf_read_secret(const char *reference, char **content_out, char *why, size_t why_size)
{
    char *content = NULL;
    size_t size;
    int error;

    if (strncmp(reference, "env:", 4) == 0) {
        const char *value = getenv(reference + 4);

        if (!value)
            return why_not(why, why_size, "the environment variable %.200s is not set",
                           reference + 4);
        content = strdup(value);
        if (!content)
            return why_not(why, why_size, "out of memory");
    } else {
        error = read_secret_file(reference + 5, &content, why, why_size);
        if (error)
            return error;
    }
    size = strlen(content);
    if (size && content[size - 1] == '\n')
        content[--size] = '\0';
    if (size == 0) {
        free(content);
        return why_not(why, why_size, "the secret in %.200s is empty", reference);
    }
    *content_out = content;
    return 0;
}

/* ---- Suggestions ----------------------------------------------------------------------------------- */

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance in which two neighbours that changed places count once (optimal string alignment). */
static size_t
distance(const char *a, const char *b)
{
    const size_t rows = strlen(a), columns = strlen(b);
    size_t table[3][WORD_BYTES_MAX + 1];
    size_t *before = table[0], *last = table[1], *now = table[2];

    for (size_t j = 0; j <= columns; j++)
        last[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *spare = before;

        now[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            now[j] =
                least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[columns];
}

const char *
conf_suggest(const char *word, const char *const *names, size_t count)
{
    const size_t size = strlen(word);
    size_t best = size / 3 + 1; /* more changes than that, and it was another word */
    const char *found = NULL;

    if (size > WORD_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t changes;

        if (strlen(names[i]) > WORD_BYTES_MAX)
            continue;
        changes = distance(word, names[i]);
        if (changes < best || (changes == best && !found)) {
            best = changes;
            found = names[i];
        }
    }
    return found;
}
