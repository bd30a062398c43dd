# SPDX-License-Identifier: MIT
# io_threads: default
"""A server that lies about messages, before real clients (E3): changed, replayed, reordered, dropped and pasted
ciphertexts, swapped senders, other epochs and kinds, forged commits and invitations.

Nothing that a member did not write is shown as written by them, what is missing is said to be missing, and genuine
messages are read all the same.
"""
import random
import secrets
import shutil

from clients import at, people, person, start, texts, wait_text
from liar import FalseUser, Liar
from sotto import wait_object
from tap import comment, main, night, test

MUTATIONS = night(400, 10000)
BATCH = 400  # changed entries in one answer
COMMITS = night(10, 200)
APPLICATION, COMMIT = 1, 2
DIRECT, GROUP = 1, 2
SEED = 20240501


class Reader:
    """bob, whose way to the server leads through a liar, in a chat with alice. What a lie does to his profile is
    undone by the next `again()`."""

    def __init__(self, stage):
        self.server = start(stage)
        self.alice, self.bob = people(stage, self.server, 'alice', 'bob')
        self.chat = self.alice.run('new', 'bob')[0]['chat']
        self.alice.run('send', 'bob', 'first')
        assert texts(self.bob.run('read', 'alice')) == ['first']
        self.saved = stage.folder / 'saved'
        shutil.copytree(self.bob.profile, self.saved)
        self.liar = Liar(stage.schema, self.server.tcp)
        at(self.bob, self.liar.address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.liar.__exit__()

    def again(self):
        shutil.rmtree(self.bob.profile)
        shutil.copytree(self.saved, self.bob.profile)

    def reads(self, change):
        """What bob is shown when the entries that Sync brings are those of change(entries)."""
        def lie(reply, _):
            if reply.entries:
                reply['entries'] = change(reply.entries)
            return reply
        self.again()
        self.liar.answer('ChatService/Sync', lie)
        return self.bob.run('read', self.chat, '--limit', '2000', seconds=120)


def numbered(entries, first):
    """The same entries with one sequence number after the other."""
    return [{**entry, 'seq': seq} for seq, entry in enumerate(entries, start=first)]


def flipped(data, rng):
    """The bytes with something else in one place: a bit, a byte less, a byte more, the end cut off."""
    while True:
        place, how = rng.randrange(len(data)), rng.randrange(8)
        parts = {0: data[:place] + data[place + 1:], 1: data[:place] + bytes([rng.randrange(256)]) + data[place:],
                 2: data[:place]}
        bit = data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1:]
        if parts.get(how, bit) != data:
            return parts.get(how, bit)


def kinds(messages):
    return [message['kind'] for message in messages]


@test
def of_many_changed_ciphertexts_none_is_accepted_and_the_true_one_is_read(stage):
    rng = random.Random(SEED)

    def many(entries):
        changed = [{**entries[0], 'message': flipped(entries[0].message, rng)} for _ in range(BATCH)]
        return numbered([*changed, *entries], entries[0].seq)

    with Reader(stage) as reader:
        reader.alice.run('send', 'bob', 'true')
        for _ in range(MUTATIONS // BATCH):
            shown = reader.reads(many)
            assert texts(shown) == ['first', 'true'], texts(shown)
            assert kinds(shown).count('undecryptable') == BATCH
    comment(f'{MUTATIONS} changed ciphertexts')


@test
def a_replayed_message_is_shown_once(stage):
    with Reader(stage) as reader:
        reader.alice.run('send', 'bob', 'once')

        shown = reader.reads(lambda entries: numbered(3 * list(entries), entries[0].seq))

        assert kinds(shown) == ['text', 'text', 'undecryptable', 'undecryptable']
        assert texts(shown) == ['first', 'once']


@test
def messages_in_another_order_are_each_shown_once(stage):
    with Reader(stage) as reader:
        for word in ('one', 'two', 'three'):
            reader.alice.run('send', 'bob', word)

        shown = reader.reads(lambda entries: numbered(reversed(entries), entries[0].seq))

        assert sorted(texts(shown)) == ['first', 'one', 'three', 'two']


@test
def a_message_that_was_held_back_leaves_a_gap_that_is_shown(stage):
    with Reader(stage) as reader:
        for word in ('one', 'two', 'three', 'four'):
            reader.alice.run('send', 'bob', word)

        shown = reader.reads(lambda entries: [entries[0], entries[3]])

        assert [(message['kind'], message['text']) for message in shown] == [
            ('text', 'first'), ('text', 'one'), ('gap', '4..5'), ('text', 'four')]


@test
def a_message_of_another_chat_is_not_read_in_this_one(stage):
    with Reader(stage) as reader:
        carol = person(stage, reader.server, 'carol')
        carol.run('new', 'bob')
        carol.run('send', 'bob', 'for another chat')
        reader.alice.run('send', 'bob', 'for this chat')

        def pasted(entries):
            here = bytes.fromhex(reader.chat)
            return numbered([{**entry, 'chat_id': here} for entry in entries], 3)

        shown = reader.reads(pasted)
        assert texts(shown) == ['first', 'for this chat']
        assert kinds(shown).count('undecryptable') == 1


@test
def the_sender_of_a_message_is_the_one_who_wrote_it_whatever_the_server_says(stage):
    with Reader(stage) as reader:
        carol = person(stage, reader.server, 'carol')
        chat = reader.alice.run('new', 'bob', 'carol', '--title', 'three')[0]['chat']
        carol.run('send', chat, 'by carol')
        carol_id = bytes.fromhex(carol.run('whoami')[0]['user_id'])
        alice = reader.alice.run('whoami')[0]

        def swapped(entries):
            who = {'sender_user': bytes.fromhex(alice['user_id']), 'sender_device': bytes.fromhex(alice['device_id'])}
            return [{**entry, **who} if entry.sender_user == carol_id else entry for entry in entries]

        reader.chat = chat
        shown = [message for message in reader.reads(swapped) if message['text'] == 'by carol']
        assert [message['from'] for message in shown] == ['carol']
        assert shown[0]['from_id'] == carol_id.hex()


@test
def another_epoch_or_kind_on_a_message_changes_nothing_about_it(stage):
    with Reader(stage) as reader:
        reader.alice.run('send', 'bob', 'true')
        kinds_of_entries = [{'kind': kind} for kind in (COMMIT, 3, 4, 5, 6, 7, 99)]
        for lie in ({'epoch': 0}, {'epoch': 2**63}, *kinds_of_entries, {'client_msg_id': 1}, {'ts_ms': 2**62}):
            shown = reader.reads(lambda entries, lie=lie: [{**entry, **lie} for entry in entries])
            assert texts(shown) == ['first', 'true'], lie


@test
def a_changed_commit_adds_nobody_and_the_chat_says_that_it_is_broken(stage):
    rng = random.Random(SEED)
    with Reader(stage) as reader:
        phone = stage.client('phone', reader.server)
        phone.run('login', 'alice', '--device', 'phone')
        laptop, arrivals = reader.alice.spawn('listen'), phone.spawn('listen')
        wait_object(arrivals, lambda found: found.get('kind') == 'joined')
        laptop.stop()
        arrivals.stop()
        reader.liar.refuse('ChatService/GetGroup', 'internal', 'no way around')
        for _ in range(COMMITS):
            reader.reads(lambda entries: [{**entry, 'message': flipped(entry.message, rng)} if entry.kind == COMMIT
                                          else entry for entry in entries])
            row = next(row for row in reader.bob.run('chats') if row['chat'] == reader.chat)
            assert row['state'] == 'broken' and row['epoch'] == 1, row
            assert reader.bob.fails(1, 'send', reader.chat, 'into the void')['message']
        assert reader.liar.calls('ChatService/Send') == []
        reader.liar.honest()
        reader.bob.run('send', reader.chat, 'in again')
        assert texts(reader.alice.run('read', reader.chat))[-1] == 'in again'


@test
def a_commit_of_somebody_who_is_no_member_is_refused(stage):
    with Reader(stage) as reader, FalseUser(secrets.token_bytes(16)) as mallory, \
            FalseUser(secrets.token_bytes(16)) as friend:
        # A group of the same name and, after one commit, of the same epoch.
        mallory.ask('create', bytes.fromhex(reader.chat))
        mallory.ask('commit')
        mallory.ask('merge')
        mallory.ask('add', friend.ask('package')[0])
        commit = mallory.ask('commit')[0]
        reader.alice.run('send', 'bob', 'true')
        reader.liar.refuse('ChatService/GetGroup', 'internal', 'no way around')

        reader.reads(lambda entries: [{**entries[0], 'kind': COMMIT, 'message': commit}])

        row = next(row for row in reader.bob.run('chats') if row['chat'] == reader.chat)
        assert row['state'] == 'broken' and row['members'] == ['alice', 'bob'], row


def invited(change):
    def lie(reply, _):
        reply['welcomes'] = [{**welcome, **change} for welcome in reply.welcomes]
        return reply
    return lie


@test
def a_group_that_is_called_a_chat_of_two_is_a_group(stage):
    with Reader(stage) as reader:
        dave = person(stage, reader.server, 'dave')
        person(stage, reader.server, 'mallory')
        dave.run('new', 'bob', 'mallory')
        reader.liar.answer('ChatService/Sync', invited({'type': DIRECT}))

        rows = [row for row in reader.bob.run('chats') if 'dave' in row['members']]

        assert [row['type'] for row in rows] == ['group']
        assert reader.bob.fails(1, 'send', 'dave', 'for his eyes')['code'] == 'not_found'


def jumps_to(seq):
    """The next entry of a chat, under a number that its log does not have."""
    return lambda entries: [{**entries[0], 'seq': seq, 'message': bytes(64)}]


@test
def a_number_that_is_made_up_ends_no_chat(stage):
    with Reader(stage) as reader:
        reader.alice.run('send', 'bob', 'second')
        for seq in (2**32 - 1, 2**63 - 1):
            assert kinds(reader.reads(jumps_to(seq)))[-2:] == ['gap', 'undecryptable']
            reader.liar.honest()

            shown = reader.bob.run('read', reader.chat)

            assert [(message['kind'], message['text']) for message in shown] == [('text', 'first'), ('text', 'second')]
        reader.alice.run('send', 'bob', 'third')
        ear = reader.bob.spawn('listen')
        wait_object(ear, lambda found: found.get('text') == 'third')
        reader.bob.run('send', 'alice', 'read')
        assert texts(reader.alice.run('read', 'bob'))[-1] == 'read'


@test
def a_chat_that_was_entered_at_a_number_that_is_made_up_is_entered_anew(stage):
    with Reader(stage) as reader:
        dave = person(stage, reader.server, 'dave')
        chat = dave.run('new', 'bob')[0]['chat']
        reader.liar.answer('ChatService/Sync', invited({'seq': 2**31}))
        reader.bob.run('chats')
        dave.run('send', 'bob', 'unseen')
        assert texts(reader.bob.run('read', chat)) == []
        reader.liar.honest()

        reader.bob.run('send', chat, 'in again')
        dave.run('send', 'bob', 'seen')

        assert texts(reader.bob.run('read', chat)) == ['in again', 'seen']
        assert texts(dave.run('read', 'bob')) == ['unseen', 'in again', 'seen']

@test
def who_invited_is_who_signed_the_invitation(stage):
    with Reader(stage) as reader:
        dave, mallory = people(stage, reader.server, 'dave', 'mallory')
        chat = dave.run('new', 'bob', 'mallory', '--title', 'three')[0]['chat']
        reader.liar.answer('ChatService/Sync', invited({
            'inviter_user': bytes.fromhex(mallory.run('whoami')[0]['user_id'])}))

        ear = reader.bob.spawn('listen')
        place, _ = wait_object(ear, lambda found: found.get('kind') == 'joined' and found['chat'] == chat)
        dave.run('send', chat, 'what comes after it')
        wait_text(ear, 'what comes after it', place)

        joined = [line for line in ear.lines if '"joined"' in line and chat in line]
        assert len(joined) == 1 and '"from":"dave"' in joined[0], ear.lines


@test
def key_packages_of_another_suite_than_asked_for_are_refused(stage):
    with Reader(stage) as reader, FalseUser(secrets.token_bytes(16)):
        person(stage, reader.server, 'carol')
        asked = []

        def weaker(reply, request):
            asked.append(request.suite)
            reply['key_packages'] = [{**one, 'key_package': one.key_package[:6] + b'\0\1' + one.key_package[8:]}
                                     for one in reply.key_packages]
            return reply

        reader.liar.answer('KeyService/ClaimKeyPackages', weaker)
        assert reader.bob.fails(5, 'new', 'carol')['code'] == 'blocked'
        assert asked == [3] and reader.liar.calls('ChatService/Create') == []


@test
def a_backup_that_is_not_the_users_own_gives_no_keys(stage):
    with Reader(stage) as reader:
        others = []
        reader.liar.answer('KeyService/GetBackup', lambda reply, _: others.append(reply.container) or reply)
        phone = at(stage.client('phone', reader.server), reader.liar.address)
        phone.run('login', 'bob')
        for number, lie in enumerate((lambda own: others[0], lambda own: own[:-1], lambda own: b'', lambda own: own[:60] +
                                      bytes([own[60] ^ 1]) + own[61:])):
            reader.liar.answer('KeyService/GetBackup', lambda reply, _, lie=lie: {**reply,
                                                                                 'container': lie(reply.container)})
            tablet = at(stage.client(f'tablet{number}', reader.server), reader.liar.address)
            assert tablet.fails(1, 'login', 'alice')['code'] in ('data_loss', 'failed_precondition')


if __name__ == '__main__':
    main()
