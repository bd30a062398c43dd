/* SPDX-License-Identifier: MIT */
/*
 * The job `readers`: N users with real KeyPackages who join whatever they are invited to and read what is sent
 * there, so that a real client can make a group of hundreds and each of them is seen to be in it.
 *
 * A line on stdin lets all of them connect and sync; the answer is a line that says how many are in a group, how
 * many of them in the epoch of the first (the epoch authenticator tells), and how many read the same text last as
 * the first.
 */
#include "load.h"
#include "rig_user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modules/chat/chat.pb-c.h"
#include "modules/keyx/keyx.pb-c.h"

#define PAGES_MAX 1000
#define TEXT_BYTES 64

struct reader {
    struct rig_conn conn;
    struct rig_user user;
    struct mls_buf secret; /* of the KeyPackage */
    struct mls_group *group;
    uint8_t chat_id[16];
    uint64_t cursor;
    /* The last one, as far as a content's text can be told without its schema. */
    char text[TEXT_BYTES];
};

/* ---- Becoming somebody who can be invited ---- */

static int
upload(struct reader *reader)
{
    Sotto__Keyx__V1__UploadKeyPackagesRequest request =
        SOTTO__KEYX__V1__UPLOAD_KEY_PACKAGES_REQUEST__INIT;
    ProtobufCMessage *reply;
    ProtobufCBinaryData view;
    struct mls_buf package;
    int result;

    mls_buf_init(&package);
    mls_buf_init(&reader->secret);
    result = rig_key_package(&reader->user, &package, &reader->secret);
    view = (ProtobufCBinaryData){.len = package.len, .data = package.data};
    request.n_key_packages = 1;
    request.key_packages = &view;
    if (result == 0)
        result =
            rig_call(&reader->conn, "sotto.keyx.v1.KeyService/UploadKeyPackages", &request.base,
                     &sotto__keyx__v1__upload_key_packages_reply__descriptor, &reply);
    if (result == 0)
        protobuf_c_message_free_unpacked(reply, NULL);
    else
        fprintf(stderr, "load: UploadKeyPackages: %s\n", reader->conn.error);
    mls_buf_fini(&package);
    return result;
}

static int
enrol(struct reader *reader, const struct load_options *options, size_t number)
{
    char name[33];
    int result;

    rig_conn_init(&reader->conn);
    snprintf(name, sizeof(name), "reader-%zu", number);
    result = rig_dial(&reader->conn, &options->address) != 0 ||
             rig_user_register(&reader->user, &reader->conn, name) != 0 || upload(reader) != 0;
    rig_conn_close(&reader->conn);
    return result;
}

/* ---- Reading ---- */

static void
join(struct reader *reader, const Sotto__Chat__V1__Welcome *welcome)
{
    const struct mls_config config = rig_mls_config();
    const struct mls_client self = rig_mls_client(&reader->user);
    const struct mls_join_params params = {
        .welcome = {welcome->welcome.data, welcome->welcome.len},
        .key_package_private = {reader->secret.data, reader->secret.len},
        .ratchet_tree = {welcome->ratchet_tree.data, welcome->ratchet_tree.len},
    };
    int result;

    if (reader->group != NULL || welcome->chat_id.len != 16)
        return;
    result = mls_group_join(&config, &self, &params, &reader->group);
    if (result != 0)
        fprintf(stderr, "load: joining: %s\n", mls_error_text(result));
    memcpy(reader->chat_id, welcome->chat_id.data, 16);
    reader->cursor = welcome->seq;
}

/* The longest run of printable bytes: contents are protobuf, padded with zeros. */
static void
keep_text(struct reader *reader, struct mls_bytes content)
{
    size_t best = 0, run = 0;

    for (size_t i = 0; i < content.len; i++) {
        run = content.data[i] >= ' ' && content.data[i] < 127 ? run + 1 : 0;
        if (run > best && run < TEXT_BYTES) {
            best = run;
            memcpy(reader->text, content.data + i + 1 - run, run);
            reader->text[run] = '\0';
        }
    }
}

static void
take_entry(struct reader *reader, const Sotto__Chat__V1__Entry *entry)
{
    struct mls_received received = {0};
    int result;

    if (reader->group == NULL || entry->seq <= reader->cursor)
        return;
    reader->cursor = entry->seq;
    result = mls_group_process(
        reader->group, (struct mls_bytes){entry->message.data, entry->message.len}, &received);
    if (result == 0 && received.kind == MLS_RECEIVED_COMMIT)
        result = mls_group_merge_staged(reader->group);
    else if (result == 0 && received.kind == MLS_RECEIVED_APPLICATION)
        keep_text(reader, (struct mls_bytes){received.plaintext.data, received.plaintext.len});
    if (result != 0)
        fprintf(stderr, "load: entry %llu: %s\n", (unsigned long long)entry->seq,
                mls_error_text(result));
    mls_received_fini(&received);
}

static int
sync_page(struct reader *reader, bool *more_out)
{
    Sotto__Chat__V1__SyncRequest request = SOTTO__CHAT__V1__SYNC_REQUEST__INIT;
    Sotto__Chat__V1__Cursor cursor = SOTTO__CHAT__V1__CURSOR__INIT, *cursors[] = {&cursor};
    Sotto__Chat__V1__SyncReply *reply;

    cursor.chat_id = (ProtobufCBinaryData){.len = 16, .data = reader->chat_id};
    cursor.seq = reader->cursor;
    request.n_cursors = reader->group != NULL;
    request.cursors = cursors;
    if (rig_call(&reader->conn, "sotto.chat.v1.ChatService/Sync", &request.base,
                 &sotto__chat__v1__sync_reply__descriptor, (ProtobufCMessage **)&reply) != 0) {
        fprintf(stderr, "load: Sync: %s\n", reader->conn.error);
        return -1;
    }
    for (size_t i = 0; i < reply->n_welcomes; i++)
        join(reader, reply->welcomes[i]);
    for (size_t i = 0; i < reply->n_entries; i++)
        take_entry(reader, reply->entries[i]);
    *more_out = reply->more;
    protobuf_c_message_free_unpacked(&reply->base, NULL);
    return 0;
}

/* Who joins meanwhile has asked without a cursor, and asks once more. */
static int
sync_all(struct reader *reader)
{
    const bool had_group = reader->group != NULL;
    bool more = true;

    for (size_t page = 0; more && page < PAGES_MAX; page++)
        if (sync_page(reader, &more) != 0)
            return -1;
    return !had_group && reader->group != NULL ? sync_all(reader) : 0;
}

static int
catch_up(struct reader *reader, const struct load_options *options)
{
    const int result = rig_dial(&reader->conn, &options->address) != 0 ||
                       rig_user_attach(&reader->user, &reader->conn) != 0 || sync_all(reader) != 0;

    rig_conn_close(&reader->conn);
    return result;
}

/* ---- The report ---- */

static bool
is_same_epoch(const struct reader *a, const struct reader *b)
{
    uint8_t one[MLS_HASH_BYTES], other[MLS_HASH_BYTES];

    mls_group_epoch_authenticator(a->group, one);
    mls_group_epoch_authenticator(b->group, other);
    return memcmp(one, other, sizeof(one)) == 0;
}

/* Counts against the first who is in: all in its epoch, and with its last text. */
static void
report(const struct reader *readers, size_t count)
{
    const struct reader *first = NULL;
    size_t joined = 0, same = 0, read = 0;

    for (size_t i = 0; i < count; i++) {
        if (readers[i].group == NULL)
            continue;
        if (first == NULL)
            first = &readers[i];
        joined++;
        same += is_same_epoch(first, &readers[i]);
        read += strcmp(first->text, readers[i].text) == 0;
    }
    printf("{\"joined\":%zu,\"epoch\":%llu,\"same_epoch\":%zu,\"text\":\"%s\",\"read\":%zu}\n",
           joined, first != NULL ? (unsigned long long)mls_group_epoch(first->group) : 0, same,
           first != NULL ? first->text : "", read);
}

int
load_readers(const struct load_options *options)
{
    struct reader *readers = calloc(options->members, sizeof(*readers));
    int result = readers != NULL ? 0 : -1;
    char line[16];

    for (size_t i = 0; i < options->members && result == 0; i++)
        result = enrol(&readers[i], options, i);
    if (result == 0)
        printf("{\"ready\":%zu}\n", options->members);
    while (result == 0 && fgets(line, sizeof(line), stdin) != NULL) {
        for (size_t i = 0; i < options->members && result == 0; i++)
            result = catch_up(&readers[i], options);
        report(readers, options->members);
    }
    for (size_t i = 0; readers != NULL && i < options->members; i++) {
        mls_group_destroy(&readers[i].group);
        mls_buf_fini(&readers[i].secret);
        rig_conn_fini(&readers[i].conn);
    }
    free(readers);
    return result == 0 ? 0 : 1;
}
