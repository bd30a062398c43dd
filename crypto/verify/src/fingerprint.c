/* SPDX-License-Identifier: MIT */
/*
 * What people compare: hex, digits, emoji.
 *
 * The safety number is Signal's numeric fingerprint, version 0, so that it can be checked against other
 * implementations. The 5,200 rounds make each try of an attacker who looks for a colliding key as dear as that many
 * hashes; each half of 30 digits is about 100 bits. Signal's keys carry a type byte 0x05, which is put before the
 * raw key here.
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

void
verify_fingerprint(const uint8_t identity_key[VERIFY_KEY_BYTES],
                   char hex_out[VERIFY_FINGERPRINT_CHARS + 1])
{
    uint8_t hash[VERIFY_HASH_BYTES];

    crypto_hash_sha256(hash, identity_key, VERIFY_KEY_BYTES);
    sodium_bin2hex(hex_out, VERIFY_FINGERPRINT_CHARS + 1, hash, sizeof(hash));
}

/* hash_0 = version || key || id; hash_n = SHA-512(hash_n-1 || key); the digits are six times five bytes of the
 * last one modulo 100,000. */
static void
half_number(const struct verify_party *party, char digits_out[NUMBER_HALF + 1])
{
    uint8_t key[1 + VERIFY_KEY_BYTES], first[2 + sizeof(key) + PARTY_ID_BYTES_MAX];
    uint8_t hash[crypto_hash_sha512_BYTES], *at = first;
    crypto_hash_sha512_state sha;
    uint64_t chunk;

    assert(party->id_size <= PARTY_ID_BYTES_MAX);
    key[0] = KEY_TYPE;
    memcpy(key + 1, party->identity_key, VERIFY_KEY_BYTES);
    at = put_uint(at, 0, 2);
    at = put_bytes(at, key, sizeof(key));
    at = put_bytes(at, party->id, party->id_size);

    for (int round = 0; round < NUMBER_ROUNDS; round++) {
        crypto_hash_sha512_init(&sha);
        crypto_hash_sha512_update(&sha, round == 0 ? first : hash,
                                  round == 0 ? (size_t)(at - first) : sizeof(hash));
        crypto_hash_sha512_update(&sha, key, sizeof(key));
        crypto_hash_sha512_final(&sha, hash);
    }
    for (int i = 0; i < NUMBER_HALF / 5; i++) {
        get_uint(hash + 5 * i, &chunk, 5);
        snprintf(digits_out + 5 * i, 6, "%05u", (unsigned)(chunk % 100000));
    }
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
