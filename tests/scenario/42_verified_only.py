# SPDX-License-Identifier: MIT
# io_threads: default
"""A client that sends to verified people only, before a server that lies and a server that does not (E2).

Trust on first use is not enough for it: a false identity at first contact, a member whom somebody else adds, a device that the user
did not certify get nothing, and what waits to be sent waits until everybody is verified.
"""
from clients import NOWHERE, at, device_of, joined, people, start, texts
from liar import FalseUser, Liar
from tap import main, test


def verified_people(stage, server, *names):
    """The first of them sends to verified people only, and has compared keys with the second."""
    everybody = people(stage, server, *names)
    assert everybody[0].run('verified-only', 'on') == [{'verified_only': True}]
    assert everybody[0].run('verify', names[1], '--mark')[0]['state'] == 'verified'
    return everybody


@test
def a_false_identity_at_first_contact_gets_nothing(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('verified-only', 'on')
    with Liar(stage.schema, server.tcp) as liar, FalseUser(bytes.fromhex(bob.run('whoami')[0]['user_id'])) as false:
        lie = false.identity()
        liar.answer('KeyService/GetIdentity', lambda *_: lie)
        liar.answer('KeyService/ClaimKeyPackages', lambda *_: {'identities': [lie], 'key_packages': [false.claimed()]})
        at(alice, liar.address)
        assert alice.run('verify', 'bob')[0]['digits'] != bob.run('verify', 'alice')[0]['digits']

        for words in (['new', 'bob'], ['new', 'bob', '--title', 'two']):
            blocked = alice.fails(5, *words)
            assert blocked['code'] == 'blocked' and 'sotto verify bob' in blocked['message'], blocked
        assert liar.calls('KeyService/ClaimKeyPackages') == [] and liar.calls('ChatService/Create') == []

        # The same lie is believed by who trusts on first use.
        alice.run('verified-only', 'off')
        alice.attempt('new', 'bob')
        assert len(liar.calls('ChatService/Create')) == 1


@test
def whom_another_member_adds_is_shown_and_gets_nothing_until_verified(stage):
    server = start(stage)
    alice, bob, carol = verified_people(stage, server, 'alice', 'bob', 'carol')
    with Liar(stage.schema, server.tcp) as liar:
        at(alice, liar.address)
        chat = alice.run('new', 'bob', '--title', 'ours')[0]['chat']
        alice.run('send', chat, 'between us')
        bob.run('add', chat, 'carol')
        sent = len(liar.calls('ChatService/Send'))

        blocked = alice.fails(5, 'send', chat, 'to whom?')
        assert blocked['code'] == 'blocked' and 'sotto verify carol' in blocked['message'], blocked
        assert alice.fails(5, 'rename', chat, 'secret')['code'] == 'blocked'
        added = [message for message in alice.run('read', chat) if message['kind'] == 'member_added']
        assert [(message['from'], message['users']) for message in added] == [('bob', ['carol'])]
        assert {row['user']: row['trust'] for row in alice.run('members', chat)} == {
            'alice': 'self', 'bob': 'verified', 'carol': 'unverified'}
        assert len(liar.calls('ChatService/Send')) == sent

        alice.run('verify', 'carol', '--mark')
        alice.run('send', chat, 'to all of us')
    assert texts(carol.run('read', chat)) == ['to all of us']


@test
def what_waits_to_be_sent_waits_for_the_verification_of_who_came_meanwhile(stage):
    server = start(stage)
    alice, bob, carol = verified_people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', '--title', 'ours')[0]['chat']
    at(alice, NOWHERE).fails(4, 'send', chat, 'written offline')
    bob.run('add', chat, 'carol')
    with Liar(stage.schema, server.tcp) as liar:
        at(alice, liar.address)
        alice.run('read', chat)
        alice.run('read', chat)

        assert [message['text'] for message in alice.run('queue')] == ['written offline']
        assert liar.calls('ChatService/Send') == [] and texts(carol.run('read', chat)) == []

        alice.run('verify', 'carol', '--mark')
        alice.run('read', chat)
        assert alice.run('queue') == []
    assert texts(carol.run('read', chat)) == texts(bob.run('read', chat)) == ['written offline']


@test
def nobody_is_added_or_written_to_who_is_not_verified(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    alice.run('new', 'bob')  # before the setting
    chat = alice.run('new', 'bob', '--title', 'ours')[0]['chat']
    alice.run('verified-only', 'on')

    assert alice.fails(5, 'send', 'bob', 'x')['code'] == 'blocked'
    assert at(alice, NOWHERE).fails(5, 'send', 'bob', 'x')['code'] == 'blocked'
    at(alice, server.tcp)
    alice.run('verify', 'bob', '--mark')
    alice.run('send', 'bob', 'it is you')
    assert alice.fails(5, 'add', chat, 'carol')['code'] == 'blocked'
    assert alice.fails(5, 'new', 'bob', 'carol')['code'] == 'blocked'

    assert texts(bob.run('read', 'alice')) == ['it is you']
    assert carol.run('chats') == []


@test
def a_device_of_a_verified_user_reads_if_that_user_certified_it(stage):
    server = start(stage)
    alice, bob = verified_people(stage, server, 'alice', 'bob')
    phone = device_of(stage, server, 'alice', 'phone')
    with Liar(stage.schema, server.tcp) as liar, FalseUser(bytes.fromhex(bob.run('whoami')[0]['user_id'])) as false:
        at(alice, liar.address)
        liar.answer('KeyService/ClaimKeyPackages', lambda reply, _: {
            **reply, 'key_packages': [*reply.key_packages, false.claimed()]})
        assert alice.fails(5, 'new', 'bob')['code'] == 'blocked'
        assert liar.calls('ChatService/Create') == []
        liar.honest()
        alice.run('new', 'bob')
        tablet = device_of(stage, server, 'bob', 'tablet')
        joined(bob, tablet)
        joined(alice, phone)  # our own devices need no mark

        alice.run('send', 'bob', 'to both of yours')
    assert texts(tablet.run('read', 'alice')) == texts(phone.run('read', 'bob')) == ['to both of yours']


@test
def the_setting_is_shown_kept_and_read_as_it_is_meant(stage):
    client = stage.client('alice', stage.server())

    assert client.run('verified-only') == [{'verified_only': False}]
    client.run('verified-only', 'on')
    client.fails(2, 'verified-only', 'of')
    assert client.run('verified-only') == [{'verified_only': True}]
    assert client.run('verified-only', 'off') == client.run('verified-only') == [{'verified_only': False}]


if __name__ == '__main__':
    main()
