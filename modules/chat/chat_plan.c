/* SPDX-License-Identifier: MIT */
/*
 * Reading a bundle. Runs in the job pool: a commit that adds 200 devices carries 200 certificates to verify.
 *
 * The server sees a commit as an outsider: it can read a PublicMessage, but membership and confirmation tags need
 * secrets of the group. So it takes from it what it enforces (who comes, who goes) and checks that the three parts
 * tell the same story: the Welcome is for exactly the KeyPackages that the commit adds, the GroupInfo is of the epoch
 * to which it leads.
 */
#include "chat_plan.h"

static int
refuse(struct chat_plan *plan, int error, const char *text)
{
    plan->text = text;
    return error;
}

static bool
is_chat(const struct chat_plan *plan, struct mls_bytes group_id)
{
    return group_id.len == CHAT_ID_BYTES &&
           memcmp(group_id.data, plan->chat_id.data, CHAT_ID_BYTES) == 0;
}

/* The certificate in a credential must vouch for the credential's key. */
static int
read_credential(struct chat_plan *plan, const struct mls_credential_view *credential,
                struct verify_cert *cert_out)
{
    if (credential->signature_key.len != VERIFY_KEY_BYTES ||
        verify_cert_parse(credential->identity.data, credential->identity.len, cert_out) !=
            VERIFY_OK)
        return refuse(plan, SOTTO_EINVALID, "a credential is not a device certificate");
    if (verify_cert_check(cert_out, credential->signature_key.data) != VERIFY_OK)
        return refuse(plan, SOTTO_EINVALID, "a device certificate does not vouch for its key");
    return SOTTO_OK;
}

static int
read_add(struct chat_plan *plan, const struct mls_proposal_view *proposal)
{
    struct chat_add *add = &plan->adds[plan->add_count];
    struct verify_cert cert;
    int rc;

    if (plan->add_count == CHAT_ADDS_MAX)
        return refuse(plan, SOTTO_EINVALID, "a commit adds at most 200 devices");
    if (proposal->suite != plan->suite)
        return refuse(plan, SOTTO_EINVALID, "an added KeyPackage is of another cipher suite");
    rc = read_credential(plan, &proposal->credential, &cert);
    if (rc != SOTTO_OK)
        return rc;

    for (size_t i = 0; i < plan->add_count; i++)
        if (memcmp(plan->adds[i].user, cert.user_id, CHAT_ID_BYTES) == 0 &&
            memcmp(plan->adds[i].device, cert.device_id, CHAT_ID_BYTES) == 0)
            return refuse(plan, SOTTO_EINVALID, "a commit adds a device twice");
    memcpy(add->user, cert.user_id, CHAT_ID_BYTES);
    memcpy(add->device, cert.device_id, CHAT_ID_BYTES);
    memcpy(add->signature_key, proposal->credential.signature_key.data, VERIFY_KEY_BYTES);
    memcpy(add->ref, proposal->key_package_ref, MLS_REF_BYTES);
    add->role = SOTTO__CHAT__V1__ROLE__ROLE_MEMBER;
    plan->add_count++;
    return SOTTO_OK;
}

static int
read_remove(struct chat_plan *plan, const struct mls_proposal_view *proposal)
{
    if (plan->remove_count == CHAT_REMOVES_MAX)
        return refuse(plan, SOTTO_EINVALID, "a commit removes at most 200 devices");
    for (size_t i = 0; i < plan->remove_count; i++)
        if (plan->removes[i].leaf == proposal->leaf)
            return refuse(plan, SOTTO_EINVALID, "a commit removes a device twice");
    plan->removes[plan->remove_count++].leaf = proposal->leaf;
    return SOTTO_OK;
}

/* What it names is looked up when it is judged: the proposals are in the roster. */
static int
read_ref(struct chat_plan *plan, const uint8_t ref[MLS_REF_BYTES])
{
    if (plan->ref_count == CHAT_REMOVES_MAX)
        return refuse(plan, SOTTO_EINVALID, "a commit names at most 200 proposals");
    memcpy(plan->refs[plan->ref_count++], ref, MLS_REF_BYTES);
    return SOTTO_OK;
}

/* RFC 9420 section 12.4.3.2; that there is one ExternalInit is verified with the group. */
static int
read_external(struct chat_plan *plan, const struct mls_commit_entry *entry)
{
    const uint16_t type = entry->proposal.type;

    if (!entry->by_reference && type == MLS_PROPOSAL_EXTERNAL_INIT)
        return SOTTO_OK;
    if (!entry->by_reference && type == MLS_PROPOSAL_REMOVE && plan->remove_count == 0)
        return read_remove(plan, &entry->proposal);
    return refuse(plan, SOTTO_EINVALID,
                  "a device that joins by itself may only remove its own old leaf");
}

static int
read_entry(struct chat_plan *plan, const struct mls_commit_entry *entry)
{
    if (plan->is_external)
        return read_external(plan, entry);
    if (entry->by_reference)
        return read_ref(plan, entry->ref);
    switch (entry->proposal.type) {
    case MLS_PROPOSAL_ADD: return read_add(plan, &entry->proposal);
    case MLS_PROPOSAL_REMOVE: return read_remove(plan, &entry->proposal);
    case MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS: return SOTTO_OK; /* the roster stays as it is */
    case MLS_PROPOSAL_PSK: /* whoever lacks it could not follow, and nobody outside sees who does */
        return refuse(plan, SOTTO_EINVALID, "a commit of a chat needs no pre-shared key");
    default:
        return refuse(plan, SOTTO_EINVALID,
                      "the commit has a proposal of a type that chats do not use");
    }
}

/* Whoever joins by itself brings its own leaf only, and is asked about like a device that somebody adds. */
static int
become_add(struct chat_plan *plan)
{
    struct chat_add *add = &plan->adds[plan->add_count++];

    memcpy(add->user, plan->user, CHAT_ID_BYTES);
    memcpy(add->device, plan->device, CHAT_ID_BYTES);
    memcpy(add->signature_key, plan->path_key, VERIFY_KEY_BYTES);
    add->role = SOTTO__CHAT__V1__ROLE__ROLE_MEMBER;
    plan->has_path = false;
    return SOTTO_OK;
}

/* A path renews the committer's leaf, which must stay the same device's. */
static int
read_path(struct chat_plan *plan, const struct mls_commit_view *view)
{
    struct verify_cert cert;
    int rc;

    plan->has_path = view->has_path;
    if (!view->has_path)
        return SOTTO_OK;
    rc = read_credential(plan, &view->path_credential, &cert);
    if (rc != SOTTO_OK)
        return rc;
    if (memcmp(cert.user_id, plan->user, CHAT_ID_BYTES) != 0 ||
        memcmp(cert.device_id, plan->device, CHAT_ID_BYTES) != 0)
        return refuse(plan, SOTTO_EINVALID, "the commit's path is of another device");
    memcpy(plan->path_key, view->path_credential.signature_key.data, VERIFY_KEY_BYTES);
    return plan->is_external ? become_add(plan) : SOTTO_OK;
}

static int
read_commit(struct chat_plan *plan)
{
    struct mls_commit_view view;
    struct mls_commit_entry entry;
    size_t offset = 0;
    int more, rc;

    if (mls_commit_view(chat_mls(plan->bundle->commit), &view) != MLS_OK ||
        view.info.wire_format != MLS_WIRE_PUBLIC_MESSAGE ||
        view.info.content_type != MLS_CONTENT_COMMIT)
        return refuse(plan, SOTTO_EINVALID, "the commit is not an MLS commit in a PublicMessage");
    if (!is_chat(plan, view.info.group_id))
        return refuse(plan, SOTTO_EINVALID, "the commit is of another group");
    plan->is_external = view.info.sender_type == MLS_SENDER_NEW_MEMBER_COMMIT;
    if (view.info.sender_type != MLS_SENDER_MEMBER && !plan->is_external)
        return refuse(plan, SOTTO_EINVALID, "the commit is not made by a member");
    if (plan->is_external && !view.has_path)
        return refuse(plan, SOTTO_EINVALID, "a commit that joins needs a path");

    plan->epoch = view.info.epoch;
    plan->sender = view.info.sender;
    rc = read_path(plan, &view);
    if (rc != SOTTO_OK)
        return rc;
    while ((more = mls_commit_next(plan->mls, &view, &offset, &entry)) == 1) {
        rc = read_entry(plan, &entry);
        if (rc != SOTTO_OK)
            return rc;
    }
    if (more < 0)
        return refuse(plan, SOTTO_EINVALID, "a proposal in the commit is malformed");
    return SOTTO_OK;
}

/* Marks the add that a Welcome's secret is for; false: there is none, or it has one already. */
static bool
take_add(struct chat_plan *plan, const uint8_t ref[MLS_REF_BYTES])
{
    for (size_t i = 0; i < plan->add_count; i++) {
        struct chat_add *add = &plan->adds[i];

        if (!add->is_welcome && memcmp(add->ref, ref, MLS_REF_BYTES) == 0) {
            add->is_welcome = true;
            return true;
        }
    }
    return false;
}

static int
read_welcome(struct chat_plan *plan)
{
    struct mls_welcome_view view;
    uint8_t ref[MLS_REF_BYTES];
    size_t offset = 0, count = 0;
    int more;

    const bool is_due = plan->add_count > 0 && !plan->is_external;

    if (!is_due && plan->bundle->welcome.len == 0)
        return SOTTO_OK;
    if (!is_due)
        return refuse(plan, SOTTO_EINVALID, "there is a Welcome, but nobody is added");
    if (mls_welcome_view(chat_mls(plan->bundle->welcome), &view) != MLS_OK)
        return refuse(plan, SOTTO_EINVALID, "the Welcome is missing or malformed");
    if (view.suite != plan->suite)
        return refuse(plan, SOTTO_EINVALID, "the Welcome is of another cipher suite");
    while ((more = mls_welcome_next(&view, &offset, ref)) == 1) {
        if (!take_add(plan, ref))
            return refuse(plan, SOTTO_EINVALID, "the Welcome names a KeyPackage that is not added");
        count++;
    }
    if (more < 0 || count != plan->add_count)
        return refuse(plan, SOTTO_EINVALID, "the Welcome does not name every added KeyPackage");
    return SOTTO_OK;
}

static int
read_group_info(struct chat_plan *plan)
{
    struct mls_group_info_view view;

    if (mls_group_info_view(chat_mls(plan->bundle->group_info), &view) != MLS_OK)
        return refuse(plan, SOTTO_EINVALID, "the GroupInfo is missing or malformed");
    if (plan->is_external)
        plan->sender = view.signer; /* the leaf that it is to get; compared when it is judged */
    if (!is_chat(plan, view.group_id) || view.epoch != plan->epoch + 1 ||
        view.suite != plan->suite || view.signer != plan->sender)
        return refuse(plan, SOTTO_EINVALID, "the GroupInfo is not the one of this commit");
    if (view.has_ratchet_tree)
        return refuse(plan, SOTTO_EINVALID, "the GroupInfo is uploaded without the ratchet tree");
    return SOTTO_OK;
}

static int
check_sizes(struct chat_plan *plan)
{
    const Sotto__Chat__V1__Bundle *bundle = plan->bundle;

    if (bundle->commit.len > CHAT_COMMIT_BYTES_MAX)
        return refuse(plan, SOTTO_EINVALID, "a commit has at most 2 MiB");
    if (bundle->welcome.len > CHAT_WELCOME_BYTES_MAX)
        return refuse(plan, SOTTO_EINVALID, "a Welcome has at most 4 MiB");
    if (bundle->group_info.len > CHAT_GROUP_INFO_BYTES_MAX)
        return refuse(plan, SOTTO_EINVALID, "the GroupInfo has at most 16 KiB");
    return SOTTO_OK;
}

int
plan_read(struct chat_plan *plan)
{
    int rc = check_sizes(plan);

    if (rc == SOTTO_OK)
        rc = read_commit(plan);
    if (rc == SOTTO_OK)
        rc = read_welcome(plan);
    if (rc == SOTTO_OK)
        rc = read_group_info(plan);
    return rc;
}
