# SPDX-License-Identifier: MIT
"""Groups of hundreds, and a member who was away for fifty changes."""
import secrets

from clients import person, start, texts
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
        self.seen, _ = wait_object(self.process, lambda found: found.get('ready') == count, seconds=120)

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

    made = alice.run('new', *readers.names, '--title', 'Crowd', seconds=120)[0]
    alice.run('send', 'Crowd', 'welcome, all of you')
    report = readers.sync()

    commits = -(-count // ADDS_A_COMMIT)
    assert len(made['members']) == count + 1 and made['epoch'] == commits
    assert report == {'joined': count, 'epoch': commits, 'same_epoch': count, 'text': 'welcome, all of you',
                      'read': count}
    assert ask(server, 'SELECT COUNT(*) FROM chat_members') == count + 1


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

        read = carol.run('read', chat.hex(), '--limit', '100', seconds=90)
        assert texts(read) == [f'in epoch {epoch}' for epoch in range(1, 52)]
        assert [row['epoch'] for row in read] == list(range(1, 52))
        assert [(row['epoch'], row['state']) for row in carol.run('chats')] == [(51, 'ready')]
        carol.run('send', chat.hex(), 'I am back')

        for epoch in range(51, 101):
            say(stage, alice, chat, f'in epoch {epoch}, too')
            alice.commit(chat, remove=[Invited(carol)] if epoch == 60 else [])
        late = texts(carol.run('read', chat.hex(), '--limit', '100', seconds=90))
        assert late[-10:] == [f'in epoch {epoch}, too' for epoch in range(51, 61)]
        assert carol.run('chats')[0]['state'] == 'left'


if __name__ == '__main__':
    main()
