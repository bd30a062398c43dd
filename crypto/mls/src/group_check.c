/* SPDX-License-Identifier: MIT */
/*
 * Whether a leaf may stand in this group (RFC 9420 sections 7.3, 11.1, 13): what the tree alone
 * cannot say, because it needs the GroupContext, the clock or the application.
 */
#include "group.h"

struct required {
    struct mls_bytes extensions;
    struct mls_bytes proposals;
    struct mls_bytes credentials;
};

static bool
too_long(struct mls_bytes list)
{
    return list.len > MLS_CAPABILITIES_MAX * sizeof(uint16_t);
}

/* RequiredCapabilities; all empty when the extension is absent. */
static int
read_required(struct mls_bytes extensions, struct required *out)
{
    struct mls_bytes data;
    struct mls_reader r;

    *out = (struct required){0};
    if (!mls_extensions_find(extensions, MLS_EXTENSION_REQUIRED_CAPABILITIES, &data))
        return 0;
    mls_reader_init(&r, data);
    out->extensions = mls_read_opaque(&r);
    out->proposals = mls_read_opaque(&r);
    out->credentials = mls_read_opaque(&r);
    if (out->extensions.len % 2 != 0 || out->proposals.len % 2 != 0 ||
        out->credentials.len % 2 != 0)
        mls_reader_fail(&r, MLS_EDECODE);
    if (too_long(out->extensions) || too_long(out->proposals) || too_long(out->credentials))
        mls_reader_fail(&r, MLS_ESIZE);
    return mls_reader_finish(&r);
}

typedef bool (*is_default_fn)(uint16_t type);

static bool
proposal_is_default(uint16_t type)
{
    return type >= MLS_PROPOSAL_ADD && type <= MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS;
}

static bool
none_is_default(uint16_t type)
{
    (void)type;
    return false;
}

/* Everything wanted is listed or a default. */
static bool
covers(struct mls_bytes have, struct mls_bytes want, is_default_fn is_default)
{
    for (size_t i = 0; i + 1 < want.len; i += 2) {
        uint16_t type = (uint16_t)(want.data[i] << 8 | want.data[i + 1]);

        if (!is_default(type) && !mls_u16_list_has(have, type))
            return false;
    }
    return true;
}

/* ExternalSender<V> (section 12.1.8.1), when there is one. */
static int
check_external_senders(struct mls_bytes extensions)
{
    struct mls_credential credential;
    struct mls_reader r, list;
    struct mls_bytes data;
    size_t count = 0;

    if (!mls_extensions_find(extensions, MLS_EXTENSION_EXTERNAL_SENDERS, &data))
        return 0;
    mls_reader_init(&r, data);
    mls_read_vector(&r, &list);
    while (mls_reader_more(&list)) {
        mls_read_opaque(&list);
        mls_credential_read(&list, &credential);
        if (++count > MLS_EXTERNAL_SENDERS_MAX)
            mls_reader_fail(&list, MLS_ESIZE);
    }
    mls_read_vector_end(&r, &list);
    return mls_reader_finish(&r);
}

int
mls_check_context_extensions(struct mls_bytes extensions)
{
    struct required required;
    int error = read_required(extensions, &required);

    return error != 0 ? error : check_external_senders(extensions);
}

int
mls_check_leaf_fits(const struct mls_leaf *leaf, struct mls_bytes extensions)
{
    const struct mls_capabilities *can = &leaf->capabilities;
    struct required required;
    struct mls_extension extension;
    int error = read_required(extensions, &required);

    if (error != 0)
        return error;
    if (!covers(can->extensions, required.extensions, mls_extension_is_default) ||
        !covers(can->proposals, required.proposals, proposal_is_default) ||
        !covers(can->credentials, required.credentials, none_is_default))
        return MLS_EPROPOSAL;
    for (size_t offset = 0; mls_extensions_next(extensions, &offset, &extension);) {
        if (!mls_extension_is_default(extension.type) &&
            !mls_u16_list_has(can->extensions, extension.type))
            return MLS_EPROPOSAL;
    }
    return 0;
}

int
mls_check_tree_fits(const struct mls_tree *tree, struct mls_bytes extensions)
{
    int error = 0;

    for (uint32_t i = 0; error == 0 && i < tree->n_leaves; i++) {
        const struct mls_leaf *leaf = mls_tree_leaf(tree, i);

        if (leaf != NULL)
            error = mls_check_leaf_fits(leaf, extensions);
    }
    return error;
}

int
mls_check_credential(const struct mls_config *config, const struct mls_leaf *leaf,
                     const struct mls_leaf *replaced)
{
    struct mls_credential_view view = mls_leaf_view(leaf);

    if (config->leaf_bytes_max != 0 && leaf->encoded.len > config->leaf_bytes_max)
        return MLS_ESIZE;
    if (replaced != NULL) {
        view.replaces_identity = replaced->credential.body;
        view.replaces_signature_key = replaced->signature_key;
    }
    return config->check_credential(config->arg, &view);
}

int
mls_check_lifetime(const struct mls_config *config, const struct mls_leaf *leaf)
{
    const struct mls_lifetime *lifetime = &leaf->lifetime;
    uint64_t now = config->now(config->arg);

    if (leaf->source != MLS_LEAF_KEY_PACKAGE)
        return 0;
    if (now < lifetime->not_before || now > lifetime->not_after)
        return MLS_ELIFETIME;
    if (config->lifetime_max != 0 &&
        lifetime->not_after - lifetime->not_before > config->lifetime_max)
        return MLS_ELIFETIME;
    return 0;
}

/* A leaf that takes the place of `old`, or of nobody. */
static int
check_placed(const struct mls_group *group, const struct mls_leaf *leaf, uint32_t index,
             const struct mls_leaf *old, struct mls_bytes extensions)
{
    const struct mls_crypto *c = &group->c;
    struct mls_leaf_place place = {.group_id = mls_buf_bytes(&group->id), .index = index};

    if (old != NULL && mls_mem_equal(c->p, leaf->encryption_key, old->encryption_key))
        return MLS_ETREE;
    int error = mls_leaf_check(c, leaf);
    if (error == 0)
        error = mls_leaf_verify(c, leaf, &place);
    if (error == 0)
        error = mls_check_leaf_fits(leaf, extensions);
    if (error == 0)
        error = mls_check_credential(&group->config, leaf, old);
    return error;
}

int
mls_check_replacement(const struct mls_group *group, const struct mls_leaf *leaf, uint8_t source,
                      uint32_t index, struct mls_bytes extensions)
{
    const struct mls_leaf *old = mls_tree_leaf(&group->epoch->tree, index);

    if (old == NULL || leaf->source != source)
        return MLS_ETREE;
    return check_placed(group, leaf, index, old, extensions);
}

int
mls_check_joiner(const struct mls_group *group, const struct mls_leaf *leaf, uint32_t index,
                 const struct mls_leaf *replaced, struct mls_bytes extensions)
{
    if (leaf->source != MLS_LEAF_COMMIT)
        return MLS_ETREE;
    return check_placed(group, leaf, index, replaced, extensions);
}
