# SPDX-License-Identifier: MIT
# io_threads: default
"""A server, alone or together with others, that offers another chat in the place of one: refused, with the reason."""
from broken import broken_group, row_of
from clients import at, start, texts
from groups import GROUP, Groups, seat, successor_id
from liar import FalseUser, Liar
from tap import main, test

RESET_ENTRY, LAST = 6, 1000


class Forger:
    """alice's chat with bob and mallory, closed by a liar between her and the server in favour of what `offer` makes."""

    def __init__(self, stage, groups, liar, server):
        self.groups, self.liar, self.schema = groups, liar, stage.schema
        self.alice, self.bob, self.mallory, chat = broken_group(stage, groups, server, 'alice', 'bob')
        self.alice.run('chats')
        self.chat = bytes.fromhex(chat)
        at(self.alice, liar.address)

    def offer(self, maker, packages, chat=None):
        """A group of the maker and alice; returns its id."""
        new = chat or successor_id(self.chat)
        maker.ask('create', new)
        for package in [*self.mallory.packages([seat(self.alice)]), *packages]:
            maker.ask('add', package)
        welcome = maker.ask('commit')[1]
        self.tell(new, maker.user, {'chat_id': new, 'seq': 1, 'epoch': 1, 'welcome': welcome, 'type': GROUP, 'mode': 1,
                                    'inviter_user': self.mallory.user, 'ts_ms': 1, 'resets': self.chat})
        return new

    def tell(self, new, sender, welcome=None):
        closing = {'chat_id': self.chat, 'seq': LAST, 'kind': RESET_ENTRY, 'epoch': 2, 'sender_user': sender,
                   'sender_device': bytes(16), 'ts_ms': 1,
                   'message': self.schema.encode('sotto.chat.v1.ChatReset', {'chat_id': new})}

        def told(reply, _):
            reply['entries'] = [closing]
            reply['welcomes'] = [welcome] if welcome else []
            return reply
        self.liar.answer('ChatService/Sync', told)

    def refused(self, code, why, chats=1):
        """The chat waits, for good, and says why; nothing of the new one is entered in its place."""
        row = row_of(self.alice, self.chat.hex())
        assert row['state'] == 'reset' and why in row['cure'], row
        assert why in self.alice.fails(code, 'confirm', self.chat.hex(), '--yes')['message']
        assert self.alice.attempt('confirm', self.chat.hex())[1][0]['refused'] == row['cure']
        assert texts(self.alice.run('read', self.chat.hex())) == ['from before']
        assert len(self.alice.run('chats')) == chats and self.liar.calls('ChatService/Commit') == []


def forged(make, code, why):
    def scene(stage):
        server = start(stage)
        with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
            forger = Forger(stage, groups, liar, server)
            make(forger)
            forger.refused(code, why)
    return scene


@test
def a_new_chat_with_somebody_added(stage):
    def make(forger):
        eve = forger.groups.person('eve')
        forger.offer(forger.mallory, [eve.ask('package')[0]])
    forged(make, 1, 'eve would be in it and was no member')(stage)


@test
def a_new_chat_by_a_stranger(stage):
    forged(lambda forger: forger.offer(forger.groups.person('eve'), []), 1, 'eve, who made it, was no member')(stage)


@test
def a_new_chat_with_another_identity_of_a_member_until_a_person_accepts_it(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        forger = Forger(stage, groups, liar, server)
        with FalseUser(seat(forger.bob).user) as false_bob:
            new = forger.offer(forger.mallory, [false_bob.claimed()['key_package']])
            forger.refused(5, 'bob would be in it under another identity key')

            liar.answer('KeyService/GetIdentity', lambda reply, request: {**reply, **false_bob.identity()}
                        if request.user_id == false_bob.user else reply)
            forger.alice.run('verify', 'bob', '--accept')

            shown = forger.alice.attempt('confirm', forger.chat.hex())[1][0]
            assert shown['refused'] is None and row_of(forger.alice, forger.chat.hex())['state'] == 'reset'
            assert forger.alice.run('confirm', forger.chat.hex(), '--yes')[0]['chat'] == new.hex()


@test
def a_chat_that_was_not_made_in_the_place_of_this_one(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        forger = Forger(stage, groups, liar, server)
        other = forger.offer(forger.mallory, [], chat=bytes(range(16)))
        forger.refused(1, 'was not made in the place', chats=2)
        assert row_of(forger.alice, other.hex())['title'] != 'Garden'  # an invitation like any other


@test
def a_closing_without_an_invitation(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        forger = Forger(stage, groups, liar, server)
        forger.tell(successor_id(forger.chat), forger.mallory.user)
        assert 'sotto confirm' in row_of(forger.alice, forger.chat.hex())['cure']
        assert 'without you' in forger.alice.fails(1, 'confirm', forger.chat.hex(), '--yes')['message']
        forger.refused(1, 'without you')


@test
def a_chat_that_goes_on_was_not_closed(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        forger = Forger(stage, groups, liar, server)
        forger.tell(successor_id(forger.chat), forger.mallory.user)
        chat = forger.chat.hex()
        assert row_of(forger.alice, chat)['state'] == 'reset'

        def goes_on(reply, _):
            reply['entries'] = [{'chat_id': forger.chat, 'seq': LAST + 1, 'kind': 1, 'epoch': 2, 'message': b'?',
                                 'sender_user': forger.mallory.user, 'sender_device': bytes(16), 'ts_ms': 1}]
            return reply
        liar.answer('ChatService/Sync', goes_on)

        assert row_of(forger.alice, chat)['state'] == 'broken'  # and is repaired like any other


if __name__ == '__main__':
    main()
