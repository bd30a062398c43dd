/* SPDX-License-Identifier: MIT */
/*
 * The leaf by which a client shows itself, and the lifetime of one who names none.
 */
#include "own_leaf.h"

#include <assert.h>

/* Other clocks may be this much behind ours; then 90 days, in which a client is expected to publish anew. */
enum { LIFETIME_BEFORE_SECONDS = 3600, LIFETIME_AFTER_SECONDS = 90 * 86400 };

static struct mls_lifetime
lifetime_from_now(const struct mls_config *config)
{
    uint64_t length = LIFETIME_BEFORE_SECONDS + LIFETIME_AFTER_SECONDS;
    uint64_t before = LIFETIME_BEFORE_SECONDS;

    assert(config->now != NULL);
    uint64_t now = config->now(config->arg);
    if (config->lifetime_max != 0 && config->lifetime_max < length)
        length = config->lifetime_max;
    if (before > length / 2)
        before = length / 2;
    if (before > now)
        before = now;
    return (struct mls_lifetime){now - before, now - before + length};
}

/* `types` is the encoded list of extensions beyond the RFC's own. */
static struct mls_capabilities
capabilities(struct mls_bytes types)
{
    static const uint8_t versions[] = {0, MLS_VERSION_10};
    static const uint8_t suites[] = {0, 3, 0, 1};
    static const uint8_t credentials[] = {0, MLS_CREDENTIAL_BASIC};

    return (struct mls_capabilities){
        .versions = mls_bytes(versions, sizeof(versions)),
        .suites = mls_bytes(suites, sizeof(suites)),
        .extensions = types,
        .credentials = mls_bytes(credentials, sizeof(credentials)),
    };
}

int
mls_own_leaf_init(struct mls_own_leaf *own, const struct mls_crypto *c,
                  const struct mls_config *config, const struct mls_client *client)
{
    struct mls_lifetime lifetime = client->lifetime;

    mls_writer_init(&own->types, c->p, 0);
    if (client->identity.len == 0 || client->identity.len > MLS_IDENTITY_BYTES_MAX ||
        lifetime.not_before > lifetime.not_after)
        return MLS_EARG;
    if (lifetime.not_after == 0)
        lifetime = lifetime_from_now(config);
    for (size_t i = 0; i < client->extension_type_count; i++)
        mls_write_u16(&own->types, client->extension_types[i]);
    int error = mls_writer_error(&own->types);
    if (error == 0)
        error = mls_signature_public(c, client->signature_seed, own->signature_key);
    own->leaf = (struct mls_leaf){
        .signature_key = mls_bytes(own->signature_key, sizeof(own->signature_key)),
        .credential = {MLS_CREDENTIAL_BASIC, client->identity},
        .capabilities = capabilities(mls_writer_bytes(&own->types)),
        .source = MLS_LEAF_KEY_PACKAGE,
        .lifetime = lifetime,
    };
    return error;
}

void
mls_own_leaf_fini(struct mls_own_leaf *own)
{
    mls_writer_fini(&own->types);
}
