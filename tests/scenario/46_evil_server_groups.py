# SPDX-License-Identifier: MIT
# io_threads: default
"""A server that has a member of its own puts a group of strangers into the place of a chat (E2).

It says that this device is out of the chat, or hands it a commit that nobody made; then it shows a group of the same id that
its own user signed, with a leaf of a true member in it, which anybody can make of a KeyPackage. Who believed it would
encrypt the next message to the server.

Or it splits a chat with nothing but true commits: that cannot be prevented, and is seen by who compares.
"""
import contextlib
from types import SimpleNamespace

from clients import at, people, person, start
from groups import GROUP, Groups, seat
from liar import Liar
from tables import wait_for
from tap import main, test

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

    def has_gone_on_after(self, method):
        """Whether alice's client called the method and then something of its everyday, or committed."""
        asked = [name.split('/')[-1] for name, _ in list(self.liar.asked)]
        return method in asked and not {'Sync', 'Ack', 'Commit'}.isdisjoint(asked[asked.index(method):])

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
        wait_for(lambda: s.has_gone_on_after('GetGroup'))
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


def numbers(clients, chat):
    """What each one sees of the chat: the epoch that all are in, and the digits in order."""
    shown = [client.run('verify-chat', chat.hex())[0] for client in clients]
    assert len({number['epoch'] for number in shown}) == 1, shown
    assert all(len(number['digits']) == 60 and number['digits'].isdigit() for number in shown), shown
    return shown[0]['epoch'], [number['digits'] for number in shown]


@test
def members_who_compare_see_that_the_server_split_their_chat(stage):
    """Two members commit in one epoch; the server takes one commit, and shows alice the other."""
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        three = people(stage, server, 'alice', 'bob', 'carol')
        dave, erin = groups.person('dave'), groups.person('erin')
        chat = dave.create([erin, *[seat(client) for client in three]])
        epoch, together = numbers(three, chat)
        assert len(set(together)) == 1, together

        hidden = erin.bundle()['commit']
        dave.commit(chat)
        at(three[0], liar.address)
        liar.answer('ChatService/Sync', lambda reply, _: {**reply, 'entries': [
            {**entry, 'message': hidden, 'sender_user': erin.user, 'sender_device': erin.login.device}
            for entry in reply.entries]})

        later, (alice, bob, carol) = numbers(three, chat)
        assert later == epoch + 1
        assert bob == carol and len({alice, bob, together[0]}) == 3, (alice, bob, carol)
        assert {row['state'] for client in three for row in client.run('chats')} == {'ready'}


if __name__ == '__main__':
    main()
