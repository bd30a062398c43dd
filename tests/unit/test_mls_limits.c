/* SPDX-License-Identifier: MIT */
/*
 * The limits of mls.h: at each one something is still looked at and fails for another reason or passes, and one more
 * is MLS_ESIZE, before anything is verified.
 */
#include "sotto_test.h"

#include "mls/public_group.h"
#include "mls/view.h"
#include "mls_crowd.h"
#include "mls_forge.h"

enum { ADA, BEN, MEMBERS };

struct room {
    struct kit_person people[MEMBERS];
    struct mls_writer w; /* what is being written */
};

static void
room_init(struct room *room)
{
    kit_group(room->people, MEMBERS, 3);
    mls_writer_init(&room->w, mls_provider_default(), 0);
}

static void
room_fini(struct room *room)
{
    mls_writer_fini(&room->w);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
}

/* Starts a message or list anew. */
static void
clear(struct room *room)
{
    mls_writer_fini(&room->w);
    mls_writer_init(&room->w, mls_provider_default(), 0);
}

/* ---- Key packages ---------------------------------------------------------------------------- */

/* Ada's key package with `list` in one of its lists, signatures as they were: they come after the size. */
static int
read_with(struct room *room, struct mls_bytes capabilities, struct mls_bytes extensions)
{
    struct mls_key_package_info info;
    struct mls_key_package package;
    struct mls_buf message = {0};

    kit_key_package(&room->people[ADA], &message);
    assert_ok(mls_key_package_message_read(mls_buf_bytes(&message), &package));
    if (capabilities.len > 0)
        package.leaf.capabilities.extensions = capabilities;
    if (extensions.len > 0)
        package.leaf.extensions = extensions;
    clear(room);
    mls_message_header_write(&room->w, MLS_WIRE_KEY_PACKAGE);
    mls_key_package_write(&room->w, &package);
    assert_ok(mls_writer_error(&room->w));
    const int error =
        mls_key_package_info(mls_provider_default(), mls_writer_bytes(&room->w), &info);
    mls_buf_fini(&message);
    return error;
}

static void
a_leaf_lists_256_capabilities_of_a_kind_at_most(void **state)
{
    static uint8_t types[2 * (MLS_CAPABILITIES_MAX + 1)];
    struct room room;

    (void)state;
    room_init(&room);
    kit_expect(read_with(&room, mls_bytes(types, sizeof types - 2), mls_bytes_empty()),
               MLS_ESIGNATURE, "256");
    kit_expect(read_with(&room, mls_bytes(types, sizeof types), mls_bytes_empty()), MLS_ESIZE,
               "257");
    room_fini(&room);
}

/* `count` extensions without data, of types that nobody has. */
static void
write_extensions(struct mls_writer *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mls_extension_write(w, (uint16_t)(0x0a00 + i), mls_bytes_empty());
}

static void
a_list_has_64_extensions_at_most(void **state)
{
    struct mls_writer list;
    struct room room;

    (void)state;
    room_init(&room);
    mls_writer_init(&list, mls_provider_default(), 0);
    write_extensions(&list, MLS_EXTENSIONS_MAX);
    kit_expect(read_with(&room, mls_bytes_empty(), mls_writer_bytes(&list)), MLS_ETREE, "64");
    mls_extension_write(&list, 0x0b00, mls_bytes_empty());
    kit_expect(read_with(&room, mls_bytes_empty(), mls_writer_bytes(&list)), MLS_ESIZE, "65");
    mls_writer_fini(&list);
    room_fini(&room);
}

/* ---- Commits --------------------------------------------------------------------------------- */

typedef void (*put_fn)(struct mls_writer *w, size_t count);

/* What Ben says to Ada's commit of the list without a path. */
static void
expect_commit(struct room *room, put_fn put, size_t count, int error)
{
    struct mls_buf commit = {0};

    clear(room);
    const size_t mark = mls_write_vector(&room->w);
    put(&room->w, count);
    mls_write_vector_end(&room->w, mark);
    mls_write_optional(&room->w, false);
    assert_ok(mls_writer_error(&room->w));
    forge_commit(&room->people[ADA], mls_writer_bytes(&room->w), &commit);
    kit_refuse(&room->people[BEN], mls_buf_bytes(&commit), error, "commit");
    mls_buf_fini(&commit);
}

static void
put_removes(struct mls_writer *w, size_t count)
{
    const struct mls_proposal_body remove = {.type = MLS_PROPOSAL_REMOVE, .u.removed = BEN};

    for (size_t i = 0; i < count; i++)
        forge_value(w, &remove);
}

static void
put_psks(struct mls_writer *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t nonce[MLS_HASH_BYTES] = {(uint8_t)i};
        const struct mls_proposal_body psk = {
            .type = MLS_PROPOSAL_PSK,
            .u.psk = {.type = MLS_PSK_EXTERNAL,
                      .psk_id = mls_text("psk"),
                      .nonce = mls_bytes(nonce, sizeof nonce)},
        };

        forge_value(w, &psk);
    }
}

static void
put_context(struct mls_writer *w, uint16_t type, struct mls_bytes data)
{
    mls_write_u8(w, MLS_BY_VALUE);
    mls_write_u16(w, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
    const size_t mark = mls_write_vector(w);
    mls_extension_write(w, type, data);
    mls_write_vector_end(w, mark);
}

static void
put_senders(struct mls_writer *w, size_t count)
{
    const struct mls_credential credential = {MLS_CREDENTIAL_BASIC, mls_text("service")};
    const uint8_t key[MLS_ED25519_PUBLIC_BYTES] = {1};
    struct mls_writer data;

    mls_writer_init(&data, mls_provider_default(), 0);
    const size_t mark = mls_write_vector(&data);
    for (size_t i = 0; i < count; i++) {
        mls_write_opaque(&data, mls_bytes(key, sizeof key));
        mls_credential_write(&data, &credential);
    }
    mls_write_vector_end(&data, mark);
    put_context(w, MLS_EXTENSION_EXTERNAL_SENDERS, mls_writer_bytes(&data));
    mls_writer_fini(&data);
}

static void
put_extensions(struct mls_writer *w, size_t count)
{
    mls_write_u8(w, MLS_BY_VALUE);
    mls_write_u16(w, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
    const size_t mark = mls_write_vector(w);
    write_extensions(w, count);
    mls_write_vector_end(w, mark);
}

static void
the_lists_of_a_commit_have_bounds(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    for (size_t i = 0; i < MEMBERS; i++)
        room.people[i].psk_id = room.people[i].psk = "psk";
    expect_commit(&room, put_removes, MLS_PROPOSALS_MAX, MLS_EPROPOSAL);
    expect_commit(&room, put_removes, MLS_PROPOSALS_MAX + 1, MLS_ESIZE);
    expect_commit(&room, put_psks, MLS_PSKS_MAX, MLS_ECONFIRMATION);
    expect_commit(&room, put_psks, MLS_PSKS_MAX + 1, MLS_ESIZE);
    expect_commit(&room, put_senders, MLS_EXTERNAL_SENDERS_MAX, MLS_EPATH);
    expect_commit(&room, put_senders, MLS_EXTERNAL_SENDERS_MAX + 1, MLS_ESIZE);
    expect_commit(&room, put_extensions, MLS_EXTENSIONS_MAX, MLS_EPROPOSAL);
    expect_commit(&room, put_extensions, MLS_EXTENSIONS_MAX + 1, MLS_ESIZE);
    room_fini(&room);
}

static void
an_epoch_keeps_1024_proposals_at_most(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    room.people[ADA].psk_id = room.people[ADA].psk = "psk";
    const struct mls_proposal psk = {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("psk")};
    for (size_t i = 0; i <= MLS_PROPOSALS_MAX; i++) {
        struct mls_buf message = {0};

        kit_expect(mls_group_propose(room.people[ADA].group, &psk, mls_text(""), &message),
                   i < MLS_PROPOSALS_MAX ? 0 : MLS_ESIZE, "propose");
        mls_buf_fini(&message);
    }
    assert_int_equal(mls_group_proposal_count(room.people[ADA].group), MLS_PROPOSALS_MAX);
    room_fini(&room);
}

/* ---- What brings people in ------------------------------------------------------------------- */

static int
read_welcome(struct room *room, size_t newcomers)
{
    static const uint8_t ref[MLS_REF_BYTES] = {1};
    const struct mls_encrypted_secrets entry = {.new_member = mls_bytes(ref, sizeof ref)};
    struct mls_welcome_view view;

    clear(room);
    mls_message_header_write(&room->w, MLS_WIRE_WELCOME);
    mls_write_u16(&room->w, 3);
    const size_t mark = mls_write_vector(&room->w);
    for (size_t i = 0; i < newcomers; i++)
        mls_encrypted_secrets_write(&room->w, &entry);
    mls_write_vector_end(&room->w, mark);
    mls_write_opaque(&room->w, mls_text("info"));
    assert_ok(mls_writer_error(&room->w));
    return mls_welcome_view(mls_writer_bytes(&room->w), &view);
}

static int
read_secrets(struct room *room, size_t psks)
{
    struct mls_group_secrets secrets;
    struct mls_reader r;

    clear(room);
    mls_write_opaque(&room->w, mls_text("joiner"));
    mls_write_optional(&room->w, false);
    const size_t mark = mls_write_vector(&room->w);
    for (size_t i = 0; i < psks; i++) {
        mls_write_u8(&room->w, MLS_PSK_EXTERNAL);
        mls_write_opaque(&room->w, mls_text("psk"));
        mls_write_opaque(&room->w, mls_text("nonce"));
    }
    mls_write_vector_end(&room->w, mark);
    assert_ok(mls_writer_error(&room->w));
    mls_reader_init(&r, mls_writer_bytes(&room->w));
    mls_group_secrets_read(&r, &secrets);
    return mls_reader_finish(&r);
}

static void
a_welcome_has_bounds(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    kit_expect(read_welcome(&room, MLS_PROPOSALS_MAX), 0, "1,024 newcomers");
    kit_expect(read_welcome(&room, MLS_PROPOSALS_MAX + 1), MLS_ESIZE, "1,025 newcomers");
    kit_expect(read_secrets(&room, MLS_PSKS_MAX), 0, "64 PSKs");
    kit_expect(read_secrets(&room, MLS_PSKS_MAX + 1), MLS_ESIZE, "65 PSKs");
    room_fini(&room);
}

/* Follows Ada's group with this name in its GroupInfo and with this tree; NULL: as they are. */
static int
follow_with(struct room *room, struct mls_bytes group_id, struct mls_bytes tree)
{
    const struct kit_person *ada = &room->people[ADA];
    struct mls_public_group *group = NULL;
    struct mls_buf original = {0};
    struct mls_group_info info;

    assert_ok(mls_group_export_info(ada->group, true, &original));
    assert_ok(mls_group_info_message_read(mls_buf_bytes(&original), &info));
    if (group_id.len > 0)
        info.context.group_id = group_id;
    clear(room);
    mls_message_header_write(&room->w, MLS_WIRE_GROUP_INFO);
    mls_group_info_write_signed(&room->w, &ada->group->c, ada->seed, &info);
    assert_ok(mls_writer_error(&room->w));
    const int error = mls_public_group_open(&ada->config, mls_writer_bytes(&room->w), tree, &group);
    mls_public_group_destroy(&group);
    mls_buf_fini(&original);
    return error;
}

static void
a_group_id_has_255_bytes_at_most(void **state)
{
    static const uint8_t name[MLS_GROUP_ID_BYTES_MAX + 1] = {1};
    const struct mls_bytes own_tree = mls_bytes_empty();
    struct room room;

    (void)state;
    room_init(&room);
    kit_expect(follow_with(&room, mls_bytes_empty(), own_tree), 0, "as it is");
    kit_expect(follow_with(&room, mls_bytes(name, sizeof name - 1), own_tree), 0, "255 bytes");
    kit_expect(follow_with(&room, mls_bytes(name, sizeof name), own_tree), MLS_ESIZE, "256 bytes");
    room_fini(&room);
}

/* A ratchet_tree<V> of blank nodes and one leaf at the end. */
static struct mls_buf
write_tree(const struct room *room, size_t nodes)
{
    const struct mls_leaf *leaf = mls_tree_leaf(&room->people[ADA].group->epoch->tree, ADA);
    struct mls_buf tree = {0};
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    const size_t mark = mls_write_vector(&w);
    for (size_t i = 1; i < nodes; i++)
        mls_write_u8(&w, 0);
    mls_write_u8(&w, 1);
    mls_write_u8(&w, 1);
    mls_write_raw(&w, leaf->encoded);
    mls_write_vector_end(&w, mark);
    assert_ok(mls_buf_take(&tree, &w));
    mls_writer_fini(&w);
    return tree;
}

static void
a_tree_has_5000_leaves_at_most(void **state)
{
    const size_t nodes = 2 * MLS_MEMBERS_MAX - 1;
    struct mls_buf most, more;
    struct room room;

    (void)state;
    room_init(&room);
    most = write_tree(&room, nodes);
    more = write_tree(&room, nodes + 2);
    kit_expect(follow_with(&room, mls_bytes_empty(), mls_buf_bytes(&most)), MLS_ETREE,
               "5,000 leaves");
    kit_expect(follow_with(&room, mls_bytes_empty(), mls_buf_bytes(&more)), MLS_ESIZE,
               "5,001 leaves");
    mls_buf_fini(&most);
    mls_buf_fini(&more);
    room_fini(&room);
}

/* ---- 5,000 members --------------------------------------------------------------------------- */

/* A list that adds somebody, signed as a commit by whoever the crowd is. */
static void
forge_add(struct mls_crowd *crowd, const struct mls_buf *package, struct mls_buf *commit_out)
{
    struct kit_person by = {.group = crowd->group};
    struct mls_proposal_body add = {.type = MLS_PROPOSAL_ADD};
    struct mls_writer body;

    memcpy(crowd->group->seed, crowd->seeds[crowd->group->epoch->own_leaf], MLS_ED25519_SEED_BYTES);
    assert_ok(mls_key_package_message_read(mls_buf_bytes(package), &add.u.add));
    mls_writer_init(&body, mls_provider_default(), 0);
    const size_t mark = mls_write_vector(&body);
    forge_value(&body, &add);
    mls_write_vector_end(&body, mark);
    mls_write_optional(&body, false);
    assert_ok(mls_writer_error(&body));
    forge_commit(&by, mls_writer_bytes(&body), commit_out);
    mls_writer_fini(&body);
}

/* A commit by which the guest joins alone, signed by the leaf it brings; everything behind the list is missing. */
static void
forge_join(const struct mls_crowd_guest *guest, const struct mls_crowd_guest *host,
           struct mls_buf *commit_out)
{
    struct kit_person by = {.group = host->group};
    struct mls_key_package package;
    struct mls_proposal_body init = {.type = MLS_PROPOSAL_EXTERNAL_INIT};
    struct forgery forgery;
    struct mls_writer body;

    assert_ok(mls_key_package_message_read(mls_buf_bytes(&guest->package), &package));
    init.u.kem_output = package.init_key;
    mls_writer_init(&body, mls_provider_default(), 0);
    const size_t mark = mls_write_vector(&body);
    forge_value(&body, &init);
    mls_write_vector_end(&body, mark);
    mls_write_optional(&body, true);
    mls_write_raw(&body, package.leaf.encoded);
    mls_write_opaque(&body, mls_bytes_empty());
    assert_ok(mls_writer_error(&body));
    forge_begin(&forgery, &by, MLS_CONTENT_COMMIT, mls_writer_bytes(&body));
    forgery.content.sender.type = MLS_SENDER_NEW_MEMBER_COMMIT;
    forgery.seed = guest->seed;
    forge_end(&forgery, &by, commit_out);
    mls_writer_fini(&body);
}

/* Nor does anybody join a full group alone: not by its own library, and no member follows who tries. */
static void
check_full_alone(const struct mls_crowd *crowd, struct mls_crowd_guest *last,
                 struct mls_crowd_guest *late)
{
    struct kit_person receiver = {.group = last->group};
    struct mls_buf info = {0}, commit = {0};

    assert_ok(mls_group_export_info(last->group, true, &info));
    const struct mls_external_join_params params = {.group_info = mls_buf_bytes(&info)};
    const struct mls_client self = {.signature_seed = late->seed, .identity = mls_text("late")};
    kit_expect(mls_group_join_external(&crowd->config, &self, &params, &late->group, &commit, NULL),
               MLS_ESIZE, "joining alone");
    forge_join(late, last, &commit);
    kit_refuse(&receiver, mls_buf_bytes(&commit), MLS_ESIZE, "forged join");
    mls_buf_fini(&commit);
    mls_buf_fini(&info);
}

/* In a full group nobody can be added, by whomever; somebody can be exchanged; and a proposal to add somebody does not
 * keep the others from committing. */
static void
check_full(struct mls_crowd *crowd, struct mls_crowd_guest *last, struct mls_crowd_guest *late)
{
    const struct mls_proposal exchange[] = {
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&late->package)},
        {.type = MLS_PROPOSAL_REMOVE, .leaf = 7},
    };
    struct mls_commit_options options = {.proposals = exchange, .proposal_count = 1};
    struct kit_person receiver = {.group = last->group};
    struct mls_buf commit = {0}, welcome = {0}, proposal = {0};

    kit_expect(mls_group_commit(crowd->group, &options, &commit, &welcome, NULL), MLS_ESIZE,
               "adding by value");
    forge_add(crowd, &late->package, &commit);
    kit_refuse(&receiver, mls_buf_bytes(&commit), MLS_ESIZE, "forged Add");
    options.proposal_count = 2;
    assert_ok(mls_group_commit(last->group, &options, &commit, &welcome, NULL));
    mls_group_clear_pending(last->group);
    assert_ok(mls_group_propose(last->group, &exchange[0], mls_bytes_empty(), &proposal));
    options.proposal_count = 0;
    assert_ok(mls_group_commit(last->group, &options, &commit, &welcome, NULL));
    assert_int_equal(welcome.len, 0);
    mls_buf_fini(&proposal);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
}

static void
a_group_has_5000_members_at_most(void **state)
{
    struct mls_crowd_guest last = {0}, late = {0};
    struct mls_buf welcome = {0};
    struct mls_crowd crowd;

    (void)state;
    assert_ok(mls_crowd_init(&crowd, mls_provider_default(), 3, MLS_MEMBERS_MAX - 1));
    assert_ok(mls_crowd_guest_init(&last, &crowd));
    assert_ok(mls_crowd_guest_init(&late, &crowd));
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&last.package)};
    assert_ok(mls_crowd_commit(&crowd, &add, 1, NULL, &welcome));
    assert_ok(mls_crowd_guest_join(&last, &crowd, &welcome));
    assert_int_equal(mls_group_member_count(last.group), MLS_MEMBERS_MAX);
    check_full_alone(&crowd, &last, &late);
    check_full(&crowd, &last, &late);
    mls_buf_fini(&welcome);
    mls_crowd_guest_fini(&late);
    mls_crowd_guest_fini(&last);
    mls_crowd_fini(&crowd);
}

/* ---- The whole message ----------------------------------------------------------------------- */

static void
a_message_has_16_mib_at_most(void **state)
{
    static const uint16_t formats[] = {MLS_WIRE_PUBLIC_MESSAGE, MLS_WIRE_PRIVATE_MESSAGE,
                                       MLS_WIRE_WELCOME, MLS_WIRE_GROUP_INFO, MLS_WIRE_KEY_PACKAGE};
    const size_t len = (size_t)MLS_MESSAGE_BYTES_MAX + 1;
    uint8_t *bytes = calloc(1, len);
    struct mls_message_info info;
    struct room room;

    (void)state;
    room_init(&room);
    assert_non_null(bytes);
    bytes[1] = MLS_VERSION_10;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        bytes[3] = (uint8_t)formats[i];
        kit_expect(mls_message_info(mls_bytes(bytes, len), &info), MLS_ESIZE, "message");
    }
    bytes[3] = MLS_WIRE_PUBLIC_MESSAGE;
    kit_refuse(&room.people[BEN], mls_bytes(bytes, len), MLS_ESIZE, "message");
    kit_expect(follow_with(&room, mls_bytes_empty(), mls_bytes(bytes, len)), MLS_ESIZE, "tree");
    free(bytes);
    room_fini(&room);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_leaf_lists_256_capabilities_of_a_kind_at_most),
    cmocka_unit_test(a_list_has_64_extensions_at_most),
    cmocka_unit_test(the_lists_of_a_commit_have_bounds),
    cmocka_unit_test(an_epoch_keeps_1024_proposals_at_most),
    cmocka_unit_test(a_welcome_has_bounds),
    cmocka_unit_test(a_group_id_has_255_bytes_at_most),
    cmocka_unit_test(a_tree_has_5000_leaves_at_most),
    cmocka_unit_test(a_group_has_5000_members_at_most),
    cmocka_unit_test(a_message_has_16_mib_at_most),
};

SOTTO_TEST_MAIN(tests)
