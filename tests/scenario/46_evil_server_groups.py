# SPDX-License-Identifier: MIT
# io_threads: default
"""A server that has a member of its own puts a group of strangers into the place of a chat (E2).

It says that this device is out of the chat, or hands it a commit that nobody made; then it shows a group of the same id that
its own user signed, with a leaf of a true member in it, which anybody can make of a KeyPackage. Who believed it would
encrypt the next message to the server.
"""
import contextlib
import time
from types import SimpleNamespace

from clients import at, person, start
from groups import GROUP, Groups
from liar import Liar
from tap import main, test
from under_test import deadline

COMMIT = 2
LATER = 5  # an epoch that the chat has not reached


class Setting:
    """alice, a real client, in a chat of bob's; mallory, the server's."""

    def __init__(self, stage, groups, liar, server):
        self.stage, self.liar = stage, liar
        self.alice = person(stage, server, 'alice')
        self.bob, self.mallory = groups.person('bob'), groups.person('mallory')
        self.alice.user = bytes.fromhex(self.alice.run('whoami')[0]['user_id'])
        self.chat = self.bob.create([SimpleNamespace(user=self.alice.user, ask=lambda *_: None)])
        assert self.state() == 'ready'
        at(self.alice, liar.address)

    def state(self):
        return {row['chat']: row['state'] for row in self.alice.run('chats')}[self.chat.hex()]

    def forge(self, add=()):
        """mallory's group in a later epoch, with a leaf of bob, and with those who are added last; their Welcome."""
        mallory = self.mallory
        mallory.ask('create', self.chat)
        for packages in [[self.bob.ask('package')[0]], *[[]] * (LATER - 2), mallory.packages(add)]:
            for package in packages:
                mallory.ask('add', package)
            bundle = mallory.bundle()
            mallory.ask('merge')
        return bundle['welcome']

    def no_commit_fits(self):
        """The next Sync brings a commit that leaves everybody behind."""
        junk = {'chat_id': self.chat, 'seq': 2, 'kind': COMMIT, 'epoch': 1, 'message': b'\0', 'ts_ms': 1,
                'sender_user': self.bob.user, 'sender_device': self.bob.login.device}
        self.liar.answer('ChatService/Sync', lambda reply, _: {**reply, 'entries': [junk]})
        assert self.state() == 'broken'

    def invite(self, welcome):
        said = {'chat_id': self.chat, 'seq': 9, 'epoch': LATER, 'welcome': welcome, 'inviter_user': self.bob.user,
                'type': GROUP, 'mode': 1, 'ts_ms': 1}
        self.liar.answer('ChatService/Sync', lambda reply, _: {**reply, 'entries': [], 'welcomes': [said]})

    def writes_nothing(self):
        """With the true group out of reach, into which a message would be no harm."""
        self.liar.withhold('ChatService/GetGroup', 'unavailable', 'later')
        self.alice.attempt('send', self.chat.hex(), 'for bob')
        assert self.liar.calls('ChatService/Send') == []


@contextlib.contextmanager
def setting(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        yield Setting(stage, groups, liar, server)


def wait_for(found):
    end = deadline()
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


@test
def a_broken_chat_is_repaired_on_the_word_of_a_member(stage):
    with setting(stage) as s:
        s.no_commit_fits()
        s.forge()
        info = s.mallory.ask('info')[0]
        s.liar.answer('ChatService/GetGroup', lambda *_: {'epoch': LATER, 'group_info': info})
        taken = s.stage.schema.encode('sotto.chat.v1.CommitReply', {'chat_id': s.chat, 'seq': 9, 'epoch': LATER + 1})
        s.liar.frames('ChatService/Commit', lambda frame: [{'id': frame.id, 'reply': {'body': taken}}])

        s.alice.spawn('listen')
        wait_for(lambda: 'GetGroup' in str(s.liar.asked))
        wait_for(lambda: s.liar.asked[-1][0].endswith(('/Sync', '/Ack')) or s.liar.calls('ChatService/Commit'))
        assert s.liar.calls('ChatService/Commit') == []
        assert s.state() == 'broken'
        s.writes_nothing()


@test
def no_stranger_invites_into_a_chat_that_only_the_server_says_is_over(stage):
    with setting(stage) as s:
        welcome = s.forge(add=[s.alice])
        s.liar.answer('ChatService/Sync', lambda reply, _: {**reply, 'left': [s.chat]})
        assert s.state() == 'waiting'
        s.invite(welcome)
        assert s.state() == 'waiting'
        s.writes_nothing()


@test
def no_stranger_invites_into_a_broken_chat(stage):
    with setting(stage) as s:
        welcome = s.forge(add=[s.alice])
        s.no_commit_fits()
        s.invite(welcome)
        assert s.state() == 'broken'
        s.writes_nothing()


if __name__ == '__main__':
    main()
