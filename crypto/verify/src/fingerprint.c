/* SPDX-License-Identifier: MIT */
/*
 * What people compare: hex, digits, emoji.
 *
 * The safety number is Signal's numeric fingerprint, version 0, so that it can be checked against other
 * implementations. The 5,200 rounds make each try of an attacker who looks for a colliding key as dear as that many
 * hashes; each half of 30 digits is about 100 bits. Signal's keys carry a type byte 0x05, which is put before the
 * raw key here. The number of a group is made the same way of another beginning: as many rounds over one secret, all
 * sixty digits from the one last hash.
 */
#include "verify/verify.h"

#include <assert.h>
#include <stdio.h>

#include <sodium.h>

#include "wire.h"

#define NUMBER_ROUNDS 5200
#define NUMBER_HALF (VERIFY_NUMBER_DIGITS / 2)
#define PARTY_ID_BYTES_MAX 64
#define KEY_TYPE 0x05

static const char group_label[] = "sotto group v1"; /* a safety number begins with two zero bytes */

void
verify_fingerprint(const uint8_t identity_key[VERIFY_KEY_BYTES],
                   char hex_out[VERIFY_FINGERPRINT_CHARS + 1])
{
    uint8_t hash[VERIFY_HASH_BYTES];

    crypto_hash_sha256(hash, identity_key, VERIFY_KEY_BYTES);
    sodium_bin2hex(hex_out, VERIFY_FINGERPRINT_CHARS + 1, hash, sizeof(hash));
}

/* hash_0 = first; hash_n = SHA-512(hash_n-1 || key). */
static void
hash_rounds(const uint8_t *first, size_t first_size, const uint8_t *key, size_t key_size,
            uint8_t hash_out[crypto_hash_sha512_BYTES])
{
    crypto_hash_sha512_state sha;

    for (int round = 0; round < NUMBER_ROUNDS; round++) {
        crypto_hash_sha512_init(&sha);
        crypto_hash_sha512_update(&sha, round == 0 ? first : hash_out,
                                  round == 0 ? first_size : crypto_hash_sha512_BYTES);
        crypto_hash_sha512_update(&sha, key, key_size);
        crypto_hash_sha512_final(&sha, hash_out);
    }
}

/* Each five digits are five bytes of the hash modulo 100,000. */
static void
write_digits(const uint8_t hash[crypto_hash_sha512_BYTES], int digits, char *digits_out)
{
    uint64_t chunk;

    assert(digits <= VERIFY_NUMBER_DIGITS);
    for (int i = 0; i < digits; i += 5) {
        get_uint(hash + i, &chunk, 5);
        snprintf(digits_out + i, 6, "%05u", (unsigned)(chunk % 100000));
    }
}

/* first = version || key || id. */
static void
half_number(const struct verify_party *party, char digits_out[NUMBER_HALF + 1])
{
    uint8_t key[1 + VERIFY_KEY_BYTES], first[2 + sizeof(key) + PARTY_ID_BYTES_MAX];
    uint8_t hash[crypto_hash_sha512_BYTES], *at = first;

    assert(party->id_size <= PARTY_ID_BYTES_MAX);
    key[0] = KEY_TYPE;
    memcpy(key + 1, party->identity_key, VERIFY_KEY_BYTES);
    at = put_uint(at, 0, 2);
    at = put_bytes(at, key, sizeof(key));
    at = put_bytes(at, party->id, party->id_size);

    hash_rounds(first, (size_t)(at - first), key, sizeof(key), hash);
    write_digits(hash, NUMBER_HALF, digits_out);
}

void
verify_safety_number(const struct verify_party *a, const struct verify_party *b,
                     char digits_out[VERIFY_NUMBER_DIGITS + 1])
{
    char half_a[NUMBER_HALF + 1], half_b[NUMBER_HALF + 1];
    int order;

    half_number(a, half_a);
    half_number(b, half_b);

    /* The smaller half stands first, so both people see the same number. */
    order = strcmp(half_a, half_b);
    memcpy(digits_out, order <= 0 ? half_a : half_b, NUMBER_HALF);
    memcpy(digits_out + NUMBER_HALF, order <= 0 ? half_b : half_a, NUMBER_HALF + 1);
}

void
verify_group_number(const uint8_t authenticator[VERIFY_HASH_BYTES],
                    char digits_out[VERIFY_NUMBER_DIGITS + 1])
{
    uint8_t hash[crypto_hash_sha512_BYTES];

    hash_rounds((const uint8_t *)group_label, sizeof(group_label) - 1, authenticator,
                VERIFY_HASH_BYTES, hash);
    write_digits(hash, VERIFY_NUMBER_DIGITS, digits_out);
    sodium_memzero(hash, sizeof(hash));
}

/* Chosen to be told apart at a glance and by name over a telephone; the order is part of the format. */
static const struct verify_emoji emoji_table[VERIFY_EMOJI_TABLE] = {
    {"🐢", "turtle"},     {"🦊", "fox"},       {"🐝", "bee"},         {"🐳", "whale"},
    {"🦉", "owl"},     {"🐸", "frog"},         {"🐘", "elephant"},    {"🦀", "crab"},
    {"🐌", "snail"},      {"🐧", "penguin"},      {"🦔", "hedgehog"}, {"🦆", "duck"},
    {"🐪", "camel"},      {"🦋", "butterfly"}, {"🐍", "snake"},       {"🦈", "shark"},
    {"🍋", "lemon"},      {"🍒", "cherries"},     {"🍄", "mushroom"},    {"🌽", "corn"},
    {"🥕", "carrot"},  {"🍞", "bread"},        {"🧀", "cheese"},   {"🥚", "egg"},
    {"🍩", "doughnut"},   {"🍯", "honey"},        {"🌵", "cactus"},      {"🌻", "sunflower"},
    {"🍀", "clover"},     {"🌲", "pine"},         {"🍇", "grapes"},      {"🥑", "avocado"},
    {"🔑", "key"},        {"🔔", "bell"},         {"🎈", "balloon"},     {"🎲", "die"},
    {"🎸", "guitar"},     {"🥁", "drum"},      {"🎺", "trumpet"},     {"🔨", "hammer"},
    {"🧲", "magnet"},  {"🔭", "telescope"},    {"🧭", "compass"},  {"📷", "camera"},
    {"⏰", "clock"},      {"💡", "bulb"},         {"🧵", "thread"},   {"👑", "crown"},
    {"🚲", "bicycle"},    {"🚂", "train"},        {"🚀", "rocket"},      {"⛵", "sailboat"},
    {"🚁", "helicopter"}, {"🚜", "tractor"},      {"⛺", "tent"},        {"🏰", "castle"},
    {"🌋", "volcano"},    {"🌈", "rainbow"},      {"🌙", "moon"},        {"⭐", "star"},
    {"🔥", "fire"},       {"⚡", "lightning"},    {"⚓", "anchor"},      {"🗿", "statue"},
};

const struct verify_emoji *
verify_emoji_row(unsigned index)
{
    return index < VERIFY_EMOJI_TABLE ? &emoji_table[index] : NULL;
}

void
verify_emoji(const uint8_t identity_key[VERIFY_KEY_BYTES],
             const struct verify_emoji *rows_out[VERIFY_EMOJI_COUNT])
{
    uint8_t hash[VERIFY_HASH_BYTES];
    uint64_t bits;

    crypto_hash_sha256(hash, identity_key, VERIFY_KEY_BYTES);
    for (int i = 0; i < VERIFY_EMOJI_COUNT; i++) {
        /* Four symbols are three bytes. */
        get_uint(hash + i / 4 * 3, &bits, 3);
        rows_out[i] = &emoji_table[bits >> (6 * (3 - i % 4)) & 63];
    }
}
