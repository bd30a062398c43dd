/* SPDX-License-Identifier: MIT */
/*
 * Where the readers of the preset `msan` meet libraries that MemorySanitizer did not build: what those write is
 * told to it here, by wrapping them at the link (tests/fuzz/CMakeLists.txt has the list). Only libraries that are
 * pure functions of their arguments can be fenced in this way; targets of the others have no MSAN in that list.
 *
 * FUZZ_MSAN_HEAP: the target reads what jansson, libjwt or protobuf-c stored on the heap, so only variables are
 * watched.
 */
#include <jansson.h>
#include <sanitizer/msan_interface.h>
#include <sodium.h>
#include <zlib.h>

#define STACK_BYTES (256 * 1024)

const char *__msan_default_options(void);

const char *
__msan_default_options(void)
{
#ifdef FUZZ_MSAN_HEAP
    return "poison_in_malloc=0:poison_in_free=0";
#else
    return "";
#endif
}

/* Declares both sides of a wrapped function and begins ours. */
#define WRAP(type, name, parameters) \
    type __real_##name parameters;   \
    type __wrap_##name parameters;   \
    type __wrap_##name parameters

WRAP(int, crypto_hash_sha256_final, (crypto_hash_sha256_state * state, unsigned char *out))
{
    __msan_unpoison(out, crypto_hash_sha256_BYTES);
    return __real_crypto_hash_sha256_final(state, out);
}

WRAP(int, crypto_hash_sha256,
     (unsigned char *out, const unsigned char *in, unsigned long long size))
{
    __msan_unpoison(out, crypto_hash_sha256_BYTES);
    return __real_crypto_hash_sha256(out, in, size);
}

WRAP(int, crypto_auth_hmacsha256_final, (crypto_auth_hmacsha256_state * state, unsigned char *out))
{
    __msan_unpoison(out, crypto_auth_hmacsha256_BYTES);
    return __real_crypto_auth_hmacsha256_final(state, out);
}

WRAP(int, crypto_scalarmult_base, (unsigned char *out, const unsigned char *secret))
{
    __msan_unpoison(out, crypto_scalarmult_BYTES);
    return __real_crypto_scalarmult_base(out, secret);
}

WRAP(int, crypto_scalarmult,
     (unsigned char *out, const unsigned char *secret, const unsigned char *peer))
{
    __msan_unpoison(out, crypto_scalarmult_BYTES);
    return __real_crypto_scalarmult(out, secret, peer);
}

WRAP(int, crypto_sign_seed_keypair,
     (unsigned char *public_out, unsigned char *secret_out, const unsigned char *seed))
{
    __msan_unpoison(public_out, crypto_sign_PUBLICKEYBYTES);
    __msan_unpoison(secret_out, crypto_sign_SECRETKEYBYTES);
    return __real_crypto_sign_seed_keypair(public_out, secret_out, seed);
}

WRAP(int, crypto_sign_detached,
     (unsigned char *out, unsigned long long *size_out, const unsigned char *data,
      unsigned long long size, const unsigned char *secret))
{
    __msan_unpoison(out, crypto_sign_BYTES);
    if (size_out)
        __msan_unpoison(size_out, sizeof(*size_out));
    return __real_crypto_sign_detached(out, size_out, data, size, secret);
}

WRAP(int, crypto_aead_chacha20poly1305_ietf_encrypt,
     (unsigned char *out, unsigned long long *size_out, const unsigned char *plain,
      unsigned long long size, const unsigned char *ad, unsigned long long ad_size,
      const unsigned char *none, const unsigned char *nonce, const unsigned char *key))
{
    __msan_unpoison(out, size + crypto_aead_chacha20poly1305_ietf_ABYTES);
    return __real_crypto_aead_chacha20poly1305_ietf_encrypt(out, size_out, plain, size, ad, ad_size,
                                                            none, nonce, key);
}

WRAP(int, crypto_aead_chacha20poly1305_ietf_decrypt,
     (unsigned char *out, unsigned long long *size_out, unsigned char *none,
      const unsigned char *cipher, unsigned long long size, const unsigned char *ad,
      unsigned long long ad_size, const unsigned char *nonce, const unsigned char *key))
{
    if (size >= crypto_aead_chacha20poly1305_ietf_ABYTES)
        __msan_unpoison(out, size - crypto_aead_chacha20poly1305_ietf_ABYTES);
    return __real_crypto_aead_chacha20poly1305_ietf_decrypt(out, size_out, none, cipher, size, ad,
                                                            ad_size, nonce, key);
}

WRAP(int, sodium_base642bin,
     (unsigned char *out, size_t room, const char *text, size_t size, const char *ignored,
      size_t *size_out, const char **end_out, int variant))
{
    const int rc =
        __real_sodium_base642bin(out, room, text, size, ignored, size_out, end_out, variant);

    if (size_out)
        __msan_unpoison(size_out, sizeof(*size_out));
    if (end_out)
        __msan_unpoison(end_out, sizeof(*end_out));
    if (rc == 0)
        __msan_unpoison(out, size_out ? *size_out : room);
    return rc;
}

WRAP(int, sodium_hex2bin,
     (unsigned char *out, size_t room, const char *text, size_t size, const char *ignored,
      size_t *size_out, const char **end_out))
{
    const int rc = __real_sodium_hex2bin(out, room, text, size, ignored, size_out, end_out);

    if (size_out)
        __msan_unpoison(size_out, sizeof(*size_out));
    if (end_out)
        __msan_unpoison(end_out, sizeof(*end_out));
    if (rc == 0)
        __msan_unpoison(out, size_out ? *size_out : room);
    return rc;
}

WRAP(char *, sodium_bin2hex, (char *out, size_t room, const unsigned char *data, size_t size))
{
    __msan_unpoison(out, 2 * size + 1);
    return __real_sodium_bin2hex(out, room, data, size);
}

WRAP(char *, sodium_bin2base64,
     (char *out, size_t room, const unsigned char *data, size_t size, int variant))
{
    __msan_unpoison(out, sodium_base64_encoded_len(size, variant));
    return __real_sodium_bin2base64(out, room, data, size, variant);
}

WRAP(void, randombytes_buf, (void *out, size_t size))
{
    __msan_unpoison(out, size);
    __real_randombytes_buf(out, size);
}

/* Such a library calls memcpy and its kin, which are watched, on variables of its own, which lie where ours lay
 * before. */
static __attribute__((noinline)) void
clean_stack(void)
{
    char below[STACK_BYTES];

    __msan_unpoison(below, sizeof(below));
}

WRAP(json_t *, json_object_get, (const json_t *object, const char *key))
{
    clean_stack();
    return __real_json_object_get(object, key);
}

/* libjwt has one door, modules/auth/auth_token.c, so its header is not read here. */
struct jwt;

WRAP(int, jwt_decode,
     (struct jwt * *jwt_out, const char *token, const unsigned char *key, int size))
{
    __msan_unpoison(jwt_out, sizeof(*jwt_out));
    clean_stack();
    return __real_jwt_decode(jwt_out, token, key, size);
}

WRAP(json_t *, json_loadb, (const char *text, size_t size, size_t flags, json_error_t *error))
{
    if (error)
        __msan_unpoison(error, sizeof(*error));
    clean_stack();
    return __real_json_loadb(text, size, flags, error);
}

WRAP(int, inflate, (z_streamp stream, int flush))
{
    __msan_unpoison(stream->next_out, stream->avail_out);
    return __real_inflate(stream, flush);
}
