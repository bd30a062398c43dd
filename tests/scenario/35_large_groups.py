# SPDX-License-Identifier: MIT
# timeout: 1200
"""Groups of hundreds, ten members who change a group at the same time, and one who was away for fifty changes."""
# io_threads: default
import random
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from clients import people, person, start, texts
from door import RpcError
from groups import Groups
from load import start_load
from sotto import wait_object
from tables import ask
from tap import main, night, test

ADDS_A_COMMIT = 200


class Readers:
    """Users reader-0 to reader-N-1 in one process: they join, follow the commits and read."""

    def __init__(self, stage, server, count):
        self.process = start_load(stage, server, 'readers', '--members', count)
        self.names = [f'reader-{number}' for number in range(count)]
        self.seen, _ = wait_object(self.process, lambda found: found.get('ready') == count)

    def sync(self):
        self.process.child.stdin.write(b'sync\n')
        self.process.child.stdin.flush()
        self.seen, report = wait_object(self.process, lambda found: 'joined' in found, self.seen, seconds=300)
        return report


@test
def a_group_of_more_than_one_commit_takes_is_made_and_all_read(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')
    count = night(205, 450)
    readers = Readers(stage, server, count)

    made = alice.run('new', *readers.names, '--title', 'Crowd')[0]
    alice.run('send', 'Crowd', 'welcome, all of you')
    report = readers.sync()

    commits = -(-count // ADDS_A_COMMIT)
    assert len(made['members']) == count + 1 and made['epoch'] == commits
    assert report == {'joined': count, 'epoch': commits, 'same_epoch': count, 'text': 'welcome, all of you',
                      'read': count}
    assert ask(server, 'SELECT COUNT(*) FROM chat_members') == count + 1


@test
def people_beyond_one_commit_are_added_in_two(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')
    count = night(204, 450)
    readers = Readers(stage, server, count)
    alice.run('new', readers.names[0], readers.names[1], '--title', 'Growing')

    grown = alice.run('add', 'Growing', *readers.names[2:])[0]
    alice.run('send', 'Growing', 'welcome, the rest of you')
    report = readers.sync()

    commits = 1 + -(-(count - 2) // ADDS_A_COMMIT)
    assert len(grown['members']) == count + 1 and grown['epoch'] == commits
    assert (report['joined'], report['same_epoch'], report['read']) == (count, count, count), report


@test
def ten_members_change_a_group_at_once_and_end_in_one_epoch(stage):
    server = start(stage)
    members = people(stage, server, *(f'member{number}' for number in range(10)))
    readers = Readers(stage, server, 10)
    members[0].run('new', *(member.name for member in members[1:]), '--title', 'Ten')
    before = [member.run('chats')[0] for member in members][0]  # all have joined

    changes = [member.spawn('add', 'Ten', name) for member, name in zip(members, readers.names)]
    assert [change.wait() for change in changes] == [0] * 10, [change.error_text() for change in changes]
    members[3].run('send', 'Ten', 'after all of it')

    assert texts(members[9].run('read', 'Ten')) == ['after all of it']
    rows = [member.run('chats')[0] for member in members]
    assert {row['epoch'] for row in rows} == {before['epoch'] + 10}
    assert {tuple(row['members']) for row in rows} == {tuple(sorted([m.name for m in members] + readers.names))}
    # Each reader came by another member's commit; the authenticator of their epoch is one.
    report = readers.sync()
    assert (report['joined'], report['same_epoch'], report['read']) == (10, 10, 10), report
    assert report['epoch'] == before['epoch'] + 10 and report['text'] == 'after all of it'
    for member in members:
        assert texts(member.run('read', 'Ten')) == ['after all of it']


def commit_until_accepted(member, chat, cursor):
    """Commits, and after each lost race catches up and tries again."""
    while True:
        bundle = member.bundle()
        try:
            reply = member.chat('Commit', {'chat_id': chat, 'bundle': bundle})
        except RpcError as error:
            assert error.code == 'aborted', error
            member.ask('drop')
            cursor = follow(member, chat, cursor)
            time.sleep(random.uniform(0.02, 0.2))
            continue
        assert reply.seq == cursor + 1  # accepted on the epoch that was read to its end
        member.ask('merge')
        return reply.seq


def follow(member, chat, cursor):
    """Reads the log to its end; own messages come without their bytes."""
    for entry in member.sync({chat: cursor}).entries:
        assert not entry.message or member.ask('process', entry.message) is not None
        cursor = entry.seq
    return cursor


@test
def ten_members_commit_at_once_and_end_in_one_epoch(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        members = [groups.person(f'member{number}') for number in range(10)]
        chat = members[0].create(members[1:])
        gate = threading.Barrier(10)

        def take_part(member):
            gate.wait()
            return commit_until_accepted(member, chat, 1)

        with ThreadPoolExecutor(10) as pool:
            seqs = list(pool.map(take_part, members))
        assert sorted(seqs) == list(range(2, 12))
        for member, seq in zip(members, seqs):
            assert follow(member, chat, seq) == 11
        states = {tuple(member.ask('epoch')) for member in members}
        assert len(states) == 1 and int.from_bytes(states.pop()[0], 'big') == 11
        for number, member in enumerate(members):
            member.send(chat, f'from {number}')
        for number, member in enumerate(members):
            texts_read = [member.open(entry) for entry in member.sync({chat: 11}).entries if entry.message]
            assert texts_read == [f'from {other}' for other in range(10) if other != number]


class Invited:
    """A real client, where Groups wants somebody to invite: it joins by itself."""

    def __init__(self, client):
        self.user = bytes.fromhex(client.run('whoami')[0]['user_id'])

    def ask(self, *_):
        return []


def say(stage, sender, chat, text):
    """A message as the terminal client reads them."""
    content = stage.schema.encode('sotto.content.v1.Content', {'id': secrets.token_bytes(16), 'text': {'text': text}})
    sender.messages += 1
    sender.chat('Send', {'chat_id': chat, 'client_msg_id': sender.messages,
                         'message': sender.ask('encrypt', content)[0]})


@test
def who_was_away_for_fifty_epochs_reads_what_was_sent_while_a_member(stage):
    server = start(stage)
    carol = person(stage, server, 'carol')
    with Groups(stage, server) as groups:
        alice = groups.person('alice')
        chat = alice.create([Invited(carol)])
        assert carol.run('chats')[0]['epoch'] == 1
        for epoch in range(1, 51):
            say(stage, alice, chat, f'in epoch {epoch}')
            alice.commit(chat)
        say(stage, alice, chat, 'in epoch 51')

        read = carol.run('read', chat.hex(), '--limit', '100')
        assert texts(read) == [f'in epoch {epoch}' for epoch in range(1, 52)]
        assert [row['epoch'] for row in read] == list(range(1, 52))
        assert [(row['epoch'], row['state']) for row in carol.run('chats')] == [(51, 'ready')]
        carol.run('send', chat.hex(), 'I am back')

        for epoch in range(51, 101):
            say(stage, alice, chat, f'in epoch {epoch}, too')
            alice.commit(chat, remove=[Invited(carol)] if epoch == 60 else [])
        late = texts(carol.run('read', chat.hex(), '--limit', '100'))
        assert late[-10:] == [f'in epoch {epoch}, too' for epoch in range(51, 61)]
        assert carol.run('chats')[0]['state'] == 'left'


if __name__ == '__main__':
    main()
