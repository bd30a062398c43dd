/* SPDX-License-Identifier: MIT */
/* See conf_token.h. A word ends at a blank, a quote, a mark or a comment; a quoted text ends on its line. */
#include "core/conf_token.h"

#include "core/textpool.h"

#include <stdlib.h>
#include <string.h>

static bool
is_mark(char c)
{
    return c != '\0' && strchr("={}[],;", c) != NULL;
}

static bool
ends_word(char c)
{
    return (unsigned char)c <= ' ' || c == '"' || c == '#' || is_mark(c);
}

void
conf_token_skip_line(struct conf_reader *reader)
{
    while (reader->at < reader->end && *reader->at != '\n')
        reader->at++;
}

static void
skip_blanks(struct conf_reader *reader)
{
    while (reader->at < reader->end) {
        const char c = *reader->at;

        if (c == '\n')
            reader->line++;
        else if (c == '#')
            conf_token_skip_line(reader);
        else if (c != ' ' && c != '\t' && c != '\r')
            return;
        if (reader->at < reader->end && c != '#')
            reader->at++;
    }
}

/* At "${": appends the variable's value. */
static bool
add_variable(struct conf_reader *reader, struct buf *text)
{
    const char *name = reader->at + 2;
    const char *close = name;
    char copy[128];
    const char *value;

    while (close < reader->end && *close != '}' && *close != '\n')
        close++;
    if (close == reader->end || *close != '}' || close == name ||
        (size_t)(close - name) >= sizeof(copy)) {
        conf_error(reader->errors, reader->file, reader->line, NULL,
                   "\"${\" without a variable name and \"}\"");
        return false;
    }
    memcpy(copy, name, (size_t)(close - name));
    copy[close - name] = '\0';
    reader->at = close + 1;
    value = getenv(copy);
    if (!value) {
        conf_error(reader->errors, reader->file, reader->line, NULL,
                   "the environment variable %s is not set", copy);
        return false;
    }
    buf_puts(text, value);
    return true;
}

/* At a backslash inside quotes. */
static bool
add_escape(struct conf_reader *reader, struct buf *text)
{
    const char c = reader->at + 1 < reader->end ? reader->at[1] : '\0';

    if (c == 'n' || c == 't') {
        buf_puts(text, c == 'n' ? "\n" : "\t");
    } else if (c == '"' || c == '\\' || c == '$') {
        buf_add(text, &c, 1);
    } else {
        conf_error(reader->errors, reader->file, reader->line, NULL,
                   "unknown escape; \\\" \\\\ \\$ \\n and \\t are known");
        return false;
    }
    reader->at += 2;
    return true;
}

/* Reads the rest of a word or of a quoted string into text; false once an error was reported. */
static bool
read_text(struct conf_reader *reader, bool quoted, struct buf *text)
{
    while (reader->at < reader->end) {
        const char c = *reader->at;

        if (quoted ? c == '"' : (ends_word(c) && c != '{'))
            break;
        if (c == '\n') {
            conf_error(reader->errors, reader->file, reader->line, NULL,
                       "the text in quotes does not end on this line");
            return false;
        }
        if (c == '$' && reader->at + 1 < reader->end && reader->at[1] == '{') {
            if (!add_variable(reader, text))
                return false;
        } else if (quoted && c == '\\') {
            if (!add_escape(reader, text))
                return false;
        } else if (!quoted && c == '{') {
            break;
        } else {
            buf_add(text, &c, 1);
            reader->at++;
        }
    }
    if (!quoted)
        return true;
    if (reader->at == reader->end) {
        conf_error(reader->errors, reader->file, reader->line, NULL,
                   "the text in quotes does not end");
        return false;
    }
    reader->at++;
    return true;
}

static void
next_text(struct conf_reader *reader, bool quoted)
{
    struct buf text = {0};

    if (quoted)
        reader->at++;
    if (!read_text(reader, quoted, &text)) {
        reader->token.kind = TOKEN_WRONG;
        conf_token_skip_line(reader);
    } else {
        reader->token.kind = quoted ? TOKEN_STRING : TOKEN_WORD;
        reader->token.text = textpool_copy(reader->tree->pool, buf_text(&text), text.size);
        if (!reader->token.text || text.failed)
            reader->out_of_memory = true;
    }
    buf_fini(&text);
}

void
conf_token_next(struct conf_reader *reader)
{
    skip_blanks(reader);
    reader->token = (struct conf_token){.line = reader->line};
    if (reader->at == reader->end || reader->out_of_memory) {
        reader->token.kind = TOKEN_END;
    } else if (is_mark(*reader->at)) {
        reader->token.kind = TOKEN_MARK;
        reader->token.mark = *reader->at++;
    } else if ((unsigned char)*reader->at < ' ' || *reader->at == 0x7f) {
        conf_error(reader->errors, reader->file, reader->line, NULL, "a control character (0x%02x)",
                   (unsigned)(unsigned char)*reader->at);
        conf_token_skip_line(reader);
        reader->token.kind = TOKEN_WRONG;
    } else {
        next_text(reader, *reader->at == '"');
    }
}

bool
conf_token_is(const struct conf_reader *reader, char mark)
{
    return reader->token.kind == TOKEN_MARK && reader->token.mark == mark;
}
