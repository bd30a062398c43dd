# SPDX-License-Identifier: MIT
"""A server that lies about keys, devices and members (E1, E2), before real clients.

It makes up identities that are whole in themselves (signature, certificate, key log, KeyPackages), which is all that a
server can do. Clients block and say so; nothing is encrypted to a key that nobody accepted.
"""
import secrets

from clients import at, device_of, people, start, texts
from liar import FalseUser, Liar
from tap import main, test


def user_id(client):
    return bytes.fromhex(client.run('whoami')[0]['user_id'])


def swapped(false):
    """GetIdentity, with this user's identity replaced."""
    return lambda reply, request: false.identity() if request.user_id == false.user else reply


def claims(false, identities=True, packages=True, kind='package'):
    """ClaimKeyPackages, with identity or KeyPackages of this user replaced, or both."""
    def change(reply, _):
        if identities:
            reply['identities'] = [false.identity() if one.user_id == false.user else one for one in reply.identities]
        if packages:
            reply['key_packages'] = [false.claimed(kind) if one.user_id == false.user else one
                                     for one in reply.key_packages]
        return reply
    return change


@test
def a_whole_false_identity_of_a_known_contact_blocks_sending(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'before')
    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(bob)) as false:
        liar.answer('KeyService/GetIdentity', swapped(false))
        at(alice, liar.address)

        blocked = alice.fails(5, 'send', 'bob', 'to whom?')

        assert blocked['code'] == 'blocked' and 'bob' in blocked['message']
        code, shown, _ = alice.attempt('verify', 'bob')
        assert code == 5 and shown[0]['state'] == 'changed' and shown[0]['new_sha256'] != shown[0]['sha256']
        assert [line['what'] for line in shown[0]['history']] == ['first contact', 'changed']
        assert liar.calls('ChatService/Send') == []
    at(alice, server.tcp)
    assert 'key_changed' in [message['kind'] for message in alice.run('read', 'bob')]
    assert texts(bob.run('read', 'alice')) == ['before']


@test
def key_packages_of_a_false_identity_are_not_used(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('verify', 'bob')  # the first contact, and no chat yet
    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(bob)) as false:
        at(alice, liar.address)
        for parts in ({}, {'identities': False}, {'packages': False}):
            liar.answer('KeyService/ClaimKeyPackages', claims(false, **parts))
            assert alice.fails(5, 'new', 'bob')['code'] == 'blocked', parts
        assert liar.calls('ChatService/Create') == []


@test
def packages_that_do_not_fit_the_identity_are_refused_at_first_contact(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(bob)) as false:
        at(alice, liar.address)
        liar.answer('KeyService/ClaimKeyPackages', claims(false, identities=False))

        assert alice.fails(5, 'new', 'bob')['code'] == 'blocked'
        assert liar.calls('ChatService/Create') == []


@test
def a_lie_at_first_contact_is_found_by_comparing_and_by_the_first_true_word(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(bob)) as false:
        at(alice, liar.address)
        liar.answer('KeyService/GetIdentity', swapped(false))
        of_bob = alice.run('verify', 'bob')[0]

        assert of_bob['digits'] != bob.run('verify', 'alice')[0]['digits']
        liar.honest()
        assert alice.fails(5, 'new', 'bob')['code'] == 'blocked'


@test
def a_device_that_the_user_did_not_certify_gets_into_no_chat(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('verify', 'bob')

    def one_more(false):
        def change(reply, _):
            reply['key_packages'] = [*reply.key_packages, false.claimed()]
            return reply
        return change

    def learn(reply, request):
        posing.ask('pose', reply.identity_key)
        return reply

    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(bob)) as false_bob, \
            FalseUser(user_id(alice)) as false_alice, FalseUser(user_id(bob)) as posing:
        at(alice, liar.address)
        liar.answer('KeyService/GetIdentity', learn)
        alice.run('verify', 'bob')  # posing says from now on that bob's true key certified it
        for false in (false_bob, false_alice, posing):
            liar.answer('KeyService/ClaimKeyPackages', one_more(false))
            assert alice.fails(5, 'new', 'bob')['code'] == 'blocked'
        assert liar.calls('ChatService/Create') == []


@test
def a_new_device_takes_no_other_identity_for_its_users_own(stage):
    server = start(stage)
    alice = people(stage, server, 'alice')[0]
    phone = stage.client('phone', server)
    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(alice)) as false:
        liar.answer('KeyService/GetIdentity', swapped(false))
        at(phone, liar.address)

        refused = phone.fails(5, 'login', 'alice')
        assert refused['code'] == 'blocked' and 'backup' in refused['message'], refused
        assert liar.calls('KeyService/AddDevice') == []
    at(phone, server.tcp).run('login', 'alice')
    assert len(alice.run('devices')) == 2


@test
def nobody_comes_in_whom_nobody_named(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    alice.run('verify', 'carol', '--mark')  # known and trusted, and not invited
    with Liar(stage.schema, server.tcp) as liar:
        of_carol = packages_of(carol, bob, liar)
        at(alice, liar.address)
        liar.answer('KeyService/ClaimKeyPackages', lambda reply, _: {
            **reply, 'key_packages': [*reply.key_packages, *of_carol]})

        for words in (['new', 'bob'], ['new', 'bob', '--title', 'two']):
            assert alice.fails(1, *words)['code'] == 'data_loss', words
        assert liar.calls('ChatService/Create') == []
    assert carol.run('chats') == []


@test
def the_identity_of_somebody_else_is_no_answer(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    alice.run('new', 'bob')
    with Liar(stage.schema, server.tcp) as liar:
        kept = []
        liar.answer('KeyService/GetIdentity', lambda reply, _: kept.append(reply) or reply)
        at(alice, liar.address).run('verify', 'carol')
        hers = next(reply for reply in kept if reply.user_id == user_id(carol))
        liar.answer('KeyService/GetIdentity', lambda reply, request: hers if request.user_id == user_id(bob) else reply)

        # True of carol, and it would leave bob's key and removed devices unlooked at.
        assert alice.fails(1, 'send', 'bob', 'x')['code'] == 'data_loss'
        assert liar.calls('ChatService/Send') == []


@test
def a_package_is_certified_for_the_user_whose_it_is_said_to_be_and_ours_by_us(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(alice)) as false:
        theirs = [{**one, 'user_id': user_id(bob)} for one in packages_of(carol, bob, liar)]
        at(alice, liar.address)
        for more, why in ((theirs, 'of bob that has no valid certificate'),
                          ([false.claimed()], 'of alice that we did not certify')):
            liar.answer('KeyService/ClaimKeyPackages', lambda reply, _, more=more: {
                **reply, 'key_packages': [*reply.key_packages, *more]})
            refused = alice.fails(5, 'new', 'bob')
            assert refused['code'] == 'blocked' and why in refused['message'], refused
        assert liar.calls('ChatService/Create') == []


@test
def a_package_that_no_chat_would_take_is_said_to_be_whose_it_is(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(bob)) as false:
        at(alice, liar.address)
        liar.answer('KeyService/GetIdentity', swapped(false))
        for kind, why in (('stale', 'of bob that has expired'), ('foreign', 'of bob that is not valid')):
            liar.answer('KeyService/ClaimKeyPackages', claims(false, kind=kind))
            refused = alice.fails(5, 'new', 'bob')
            assert refused['code'] == 'blocked' and why in refused['message'], refused
        assert liar.calls('ChatService/Create') == []


@test
def a_package_of_a_device_that_its_user_removed_is_refused(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    phone = device_of(stage, server, 'bob', 'phone')
    with Liar(stage.schema, server.tcp) as liar:
        kept = packages_of(bob, alice, liar)
        at(alice, liar.address)
        bob.run('device-remove', phone.run('whoami')[0]['device_id'])
        liar.answer('KeyService/ClaimKeyPackages', lambda reply, _: {**reply, 'key_packages': kept})

        assert len(kept) == 2 and alice.fails(5, 'new', 'bob')['code'] == 'blocked'
        assert liar.calls('ChatService/Create') == []


@test
def a_truncated_key_log_is_noticed_over_the_wire(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')

    def shorter(reply, _):
        reply['key_log'] = reply.key_log[:-1]
        return reply

    with Liar(stage.schema, server.tcp) as liar:
        liar.answer('KeyService/GetIdentity', shorter)
        at(alice, liar.address)
        assert alice.fails(5, 'send', 'bob', 'x')['code'] == 'blocked'
        assert liar.calls('ChatService/Send') == []
    assert texts(bob.run('read', 'alice')) == []


@test
def an_invitation_under_a_false_identity_is_shown_as_what_it_is(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('verify', 'bob')
    chat = secrets.token_bytes(16)
    with Liar(stage.schema, server.tcp) as liar, FalseUser(user_id(bob)) as false:
        package = invite_package(alice, bob, liar)
        false.ask('create', chat)
        false.ask('add', package)
        welcome = false.ask('commit')[1]
        false.ask('merge')
        words = false.ask('encrypt', content('send me the password'))[0]

        def invited(reply, _):
            reply['welcomes'] = [{'chat_id': chat, 'seq': 1, 'epoch': 1, 'welcome': welcome, 'type': 1, 'mode': 1,
                                  'inviter_user': false.user, 'ts_ms': 1}]
            reply['entries'] = [{'chat_id': chat, 'seq': 2, 'kind': 1, 'epoch': 1, 'sender_user': false.user,
                                 'sender_device': false.device, 'ts_ms': 2, 'message': words}]
            return reply

        liar.answer('ChatService/Sync', invited)
        at(alice, liar.address)
        shown = alice.run('read', chat.hex())

        assert [(message['kind'], message['text']) for message in shown] == [('untrusted', 'send me the password')]
        code, of_bob, _ = alice.attempt('verify', 'bob')
        assert code == 5 and of_bob[0]['state'] == 'changed'
        assert alice.fails(5, 'send', chat.hex(), 'here it is')['code'] == 'blocked'
        assert liar.calls('ChatService/Send') == []


@test
def an_invitation_by_a_device_that_its_user_did_not_certify_is_not_taken(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    with Liar(stage.schema, server.tcp) as liar, FalseUser(secrets.token_bytes(16)) as stranger, \
            FalseUser(user_id(bob)) as posing:
        welcomes = []
        for inviter in (stranger, posing):
            chat, package = secrets.token_bytes(16), invite_package(alice, bob, liar)
            inviter.ask('create', chat)
            inviter.ask('add', package)
            welcomes.append({'chat_id': chat, 'seq': 1, 'epoch': 1, 'welcome': inviter.ask('commit')[1], 'type': 2,
                             'mode': 1, 'inviter_user': inviter.user, 'ts_ms': 1})
            liar.answer('KeyService/GetIdentity', lambda reply, _: posing.ask('pose', reply.identity_key) or reply)
            at(alice, liar.address).run('verify', 'bob')
        liar.answer('ChatService/Sync', lambda reply, _: {**reply, 'welcomes': welcomes})

        # Anybody may invite, but nobody who only says that bob's key certified the device.
        assert [row['chat'] for row in alice.run('chats')] == [welcomes[0]['chat_id'].hex()]


def packages_of(victim, helper, liar):
    """KeyPackages of all devices of the victim, as the server hands them out: another client claims them and we look."""
    seen = []

    def look(reply, _):
        seen.extend(reply.key_packages)
        return {**reply, 'key_packages': [], 'no_keys': [one.user_id for one in reply.key_packages]}

    liar.answer('KeyService/ClaimKeyPackages', look)
    before = helper.server
    at(helper, liar.address).attempt('new', victim.name)
    helper.server = before
    liar.honest()
    return seen


def invite_package(victim, helper, liar):
    return packages_of(victim, helper, liar)[0].key_package


def content(text):
    """sotto.content.v1.Content{id, text}"""
    data = text.encode()
    inner = b'\x0a' + bytes([len(data)]) + data
    return b'\x0a\x10' + secrets.token_bytes(16) + b'\x1a' + bytes([len(inner)]) + inner


if __name__ == '__main__':
    main()
