/* SPDX-License-Identifier: MIT */
/*
 * The lines of the program mls_peer: values in hex, answers, and the end of the program when a line is not
 * what it should be.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_program.h"

void
peer_give_up(const char *why)
{
    fprintf(stderr, "mls_peer: %s\n", why);
    exit(2);
}

struct mls_bytes
peer_bytes(const struct argument *argument)
{
    return (struct mls_bytes){argument->data, argument->len};
}

struct argument
peer_keep(struct argument *argument)
{
    struct argument kept = *argument;

    *argument = (struct argument){0};
    return kept;
}

/* ---- Reading ----------------------------------------------------------------------------- */

void
peer_drop(struct argument *argument)
{
    free(argument->data);
    *argument = (struct argument){0};
}

void
peer_read_argument(struct argument *argument, const char *text)
{
    if (text == NULL)
        peer_give_up("an argument is missing");
    if (strcmp(text, "-") == 0)
        return;
    argument->data = malloc(strlen(text) / 2 + 1);
    if (argument->data == NULL || sodium_hex2bin(argument->data, strlen(text) / 2 + 1, text,
                                                 strlen(text), NULL, &argument->len, NULL) != 0)
        peer_give_up("an argument is no hex");
}

uint32_t
peer_leaf(const struct argument *argument)
{
    if (argument->len != 1)
        peer_give_up("a leaf, suite or epoch is one byte");
    return argument->data[0];
}

/* ---- Answers ----------------------------------------------------------------------------- */

static void
print_hex(struct mls_bytes bytes)
{
    putchar(' ');
    if (bytes.len == 0)
        putchar('-');
    for (size_t i = 0; i < bytes.len; i++)
        printf("%02x", bytes.data[i]);
}

void
peer_answer(int error, const struct mls_bytes *values, size_t count)
{
    if (error != 0) {
        printf("err %s\n", mls_error_name(error));
        return;
    }
    printf("ok");
    for (size_t i = 0; i < count; i++)
        print_hex(values[i]);
    putchar('\n');
}

void
peer_answer_buf(int error, struct mls_buf *take_buf)
{
    const struct mls_bytes value = mls_buf_bytes(take_buf);

    peer_answer(error, &value, 1);
    mls_buf_fini(take_buf);
}
