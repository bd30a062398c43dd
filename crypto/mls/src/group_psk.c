/* SPDX-License-Identifier: MIT */
/*
 * Finding pre-shared keys (RFC 9420 sections 8.4, 8.6, 12.1.4): external ones from the application,
 * resumption ones from the epochs that this group, or another one of ours, remembers.
 */
#include "group.h"

#include <string.h>

void
mls_psk_set_init(struct mls_psk_set *set, const struct mls_provider *p)
{
    *set = (struct mls_psk_set){.p = p};
}

void
mls_psk_set_fini(struct mls_psk_set *set)
{
    if (set->p == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        mls_buf_fini(&set->secrets[i]);
    mls_mem_free(set->p, set->secrets, set->cap * sizeof(*set->secrets));
    mls_mem_free(set->p, set->psks, set->cap * sizeof(*set->psks));
    mls_psk_set_init(set, set->p);
}

/* Both arrays grow, or neither counts as grown. */
static int
reserve(struct mls_psk_set *set)
{
    size_t cap = set->cap == 0 ? 4 : set->cap * 2;

    if (set->count < set->cap)
        return 0;
    struct mls_psk *psks = mls_mem_alloc(set->p, cap, sizeof(*psks));
    struct mls_buf *secrets = mls_mem_alloc(set->p, cap, sizeof(*secrets));
    if (psks == NULL || secrets == NULL) {
        mls_mem_free(set->p, psks, cap * sizeof(*psks));
        mls_mem_free(set->p, secrets, cap * sizeof(*secrets));
        return MLS_ENOMEM;
    }
    if (set->count > 0) {
        memcpy(psks, set->psks, set->count * sizeof(*psks));
        memcpy(secrets, set->secrets, set->count * sizeof(*secrets));
    }
    mls_mem_free(set->p, set->secrets, set->cap * sizeof(*set->secrets));
    mls_mem_free(set->p, set->psks, set->cap * sizeof(*set->psks));
    set->psks = psks;
    set->secrets = secrets;
    set->cap = cap;
    return 0;
}

static bool
has_id(const struct mls_group *group, struct mls_bytes id)
{
    return group != NULL && mls_mem_equal(group->c.p, id, mls_buf_bytes(&group->id));
}

const struct mls_group *
mls_find_group(const struct mls_config *config, struct mls_bytes group_id)
{
    return config->find_group == NULL ? NULL : config->find_group(config->arg, group_id);
}

/* The group whose secret is meant. A successor can have the id of its origin, so the usage decides
 * first; which usages are allowed here is checked where the proposals are. */
static const struct mls_group *
group_of(const struct mls_config *config, const struct mls_group *group,
         const struct mls_psk_id *id)
{
    if (group != NULL && id->usage != MLS_PSK_USAGE_APPLICATION)
        return has_id(group->origin, id->group_id) ? group->origin : NULL;
    return has_id(group, id->group_id) ? group : mls_find_group(config, id->group_id);
}

static int
find_resumption(const struct mls_config *config, const struct mls_group *asking,
                const struct mls_psk_id *id, struct mls_buf *out)
{
    const struct mls_group *group = group_of(config, asking, id);

    if (!has_id(group, id->group_id))
        return MLS_EPSK;
    for (size_t i = 0; i < group->resumption_count; i++) {
        const struct mls_resumption *entry = &group->resumption[i];

        if (entry->epoch == id->epoch)
            return mls_buf_set(out, config->provider, mls_bytes(entry->psk, sizeof(entry->psk)));
    }
    return MLS_EPSK;
}

int
mls_psk_set_add(struct mls_psk_set *set, const struct mls_config *config,
                const struct mls_group *group, const struct mls_psk_id *id)
{
    struct mls_buf secret = {0};
    int error = reserve(set);

    if (error != 0)
        return error;
    if (id->type == MLS_PSK_RESUMPTION)
        error = find_resumption(config, group, id, &secret);
    else if (config->find_psk == NULL)
        error = MLS_EPSK;
    else
        error = config->find_psk(config->arg, id->psk_id, &secret);
    if (error != 0) {
        mls_buf_fini(&secret);
        return error;
    }
    set->psks[set->count].id = *id;
    set->psks[set->count].secret = mls_buf_bytes(&secret);
    set->secrets[set->count++] = secret;
    return 0;
}
