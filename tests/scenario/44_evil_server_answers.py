# SPDX-License-Identifier: MIT
# io_threads: default
"""A server that lies in how it answers: texts that give orders to a terminal, answers to other questions, numbers that
cannot be, promises without an end, other people's entries for our own (E1, E3).
"""
import os
import re
import secrets
import shutil
import sqlite3
import subprocess

from clients import at, people, start, texts
from liar import lied_to
from tap import main, test

# Clears the screen, sets its title, moves up (as C1), and turns the line round; a title may have all of it.
ORDERS = 'x\x1b[2J\x1b]0;owned\x07\x9b1A\u202egpj.exe\u2066\u2028'
OBEYED = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]')
HUGE = (0, 2**63, 2**64 - 1)


def said(client, *words, json=False):
    """All that a command says to a terminal, whatever becomes of it."""
    command = [str(word) for word in client.command(words) if json or word != '--json']
    environment = {**os.environ, 'LC_ALL': 'C.UTF-8'}
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)
    assert ended.returncode >= 0, (words, ended)
    return (ended.stdout + ended.stderr).decode('utf-8')


def labelled(reply, _):
    reply['devices'] = [{**device, 'label': ORDERS} for device in reply.devices]
    return reply


def assert_harmless(client, *words):
    for json in (False, True):
        text = said(client, *words, json=json)
        assert not OBEYED.search(text), (words, text)
        assert 'owned' in text, (words, text)  # it was said, and it was made harmless


@test
def what_others_and_the_server_write_gives_a_terminal_no_orders(stage):
    with lied_to(stage, 'alice', 'bob') as (liar, alice, bob):
        chat = alice.run('new', 'bob', '--title', ORDERS)[0]['chat']
        alice.run('send', chat, ORDERS)
        at(bob, liar.address)

        for words in (('chats',), ('read', chat), ('leave', chat)):
            assert_harmless(bob, *words)
        # A guess at what was meant is a title that somebody else chose.
        alice.run('new', 'bob', '--title', 'picnic\x1b[2J')
        bob.run('chats')
        guess = said(bob, 'send', 'picni', 'text')
        assert 'did you mean' in guess and not OBEYED.search(guess), guess

        liar.answer('KeyService/GetIdentity', labelled)
        assert_harmless(bob, 'devices')
        liar.answer('AuthService/ListLogins', lambda reply, _: {'logins': [
            {**login, 'label': ORDERS, 'user_agent': ORDERS, 'address': ORDERS} for login in reply.logins]})
        assert_harmless(bob, 'logins')
        for code in ('invalid_argument', 'unavailable', 'unauthenticated', 'owned' + ORDERS):
            liar.refuse('ChatService/ListMembers', code, ORDERS)
            assert_harmless(bob, 'members', chat)
        liar.frames('ChatService/Sync', lambda _: [{'goodbye': {'code': 4000, 'reason': ORDERS}}])
        assert_harmless(bob, 'chats')


@test
def a_folder_that_somebody_put_beside_a_profile_gives_a_terminal_no_orders(stage):
    server = start(stage)
    alice, = people(stage, server, 'alice')
    beside = alice.profile.parent / 'x\x1b]0;owned\x07'
    shutil.copytree(alice.profile, beside)

    hint = said(stage.client('nobody', server), 'chats')

    assert '--profile' in hint and 'owned' in hint and not OBEYED.search(hint), hint


@test
def labels_in_a_cure_give_a_terminal_no_orders(stage):
    with lied_to(stage, 'alice', 'bob') as (liar, alice, _):
        alice.run('new', 'bob')
        phone = at(stage.client('phone', alice.server), liar.address)
        phone.run('login', 'alice')
        liar.answer('KeyService/GetIdentity', labelled)
        assert_harmless(phone, 'chats')


@test
def answers_to_other_calls_and_to_none_are_not_taken(stage):
    with lied_to(stage, 'alice', 'bob') as (liar, alice, bob):
        alice.run('new', 'bob')
        alice.run('send', 'bob', 'true')
        at(bob, liar.address)
        wrong = {'error': {'code': 'not_found', 'message': 'another call'}}

        liar.frames('AuthService/WhoAmI', lambda frame: [{'id': 0, 'reply': wrong}, {'id': frame.id + 1, 'reply': wrong},
                                                         {'id': 2**64 - 1, 'reply': wrong}, frame, frame,
                                                         {'id': frame.id, 'reply': wrong}])
        assert bob.run('whoami')[0]['user'] == 'bob'
        # What belongs to one call, said to another: it is no user, no list and no chat.
        kept = []
        liar.honest()
        liar.frames('ChatService/Sync', lambda frame: kept.append(frame.reply) or [frame])
        assert texts(bob.run('read', 'alice')) == ['true']
        liar.honest()
        for method, words in (('AuthService/WhoAmI', ('whoami',)), ('ChatService/ListMembers', ('members', 'alice')),
                              ('KeyService/GetIdentity', ('devices',)), ('AuthService/LookupUsers', ('new', 'carol'))):
            liar.frames(method, lambda frame: [{'id': frame.id, 'reply': kept[-1]}])
            code, shown, errors = bob.attempt(*words)
            assert code in (0, 1, 5) and not any(row.get('user') for row in shown), (words, code, shown, errors)
        liar.honest()
        assert bob.run('whoami')[0]['user'] == 'bob'


@test
def users_whom_nobody_asked_about_are_not_learned(stage):
    with lied_to(stage, 'alice', 'bob', 'carol') as (liar, alice, bob, carol):
        at(alice, liar.address)

        def with_others(reply, _):
            squatters = [{'user_id': bytes.fromhex(bob.run('whoami')[0]['user_id']), 'name': 'carol'}]
            reply['users'] = squatters + list(reply.users) + [
                {'user_id': secrets.token_bytes(16), 'name': f'squatter{number}'} for number in range(2000)]
            return reply

        liar.answer('AuthService/LookupUsers', with_others)
        alice.run('new', 'bob')
        liar.honest()

        alice.run('new', 'carol')
        alice.run('send', 'carol', 'for carol alone')
        assert texts(carol.run('read', 'alice')) == ['for carol alone']
        assert texts(bob.run('read', 'alice')) == []
        with sqlite3.connect(alice.profile / 'profile.db', timeout=30) as profile:
            assert profile.execute('SELECT COUNT(*) FROM contacts').fetchone()[0] <= 3


@test
def chats_that_are_not_do_not_fill_the_profile(stage):
    with lied_to(stage, 'alice', 'bob') as (liar, alice, _):
        at(alice, liar.address)
        alice.run('new', 'bob')

        def with_others(reply, _):
            reply['chats'] = list(reply.chats) + [
                {'chat_id': secrets.token_bytes(16), 'type': 2, 'mode': 1} for _ in range(20)]
            return reply

        liar.answer('ChatService/ListChats', with_others)
        for _ in range(4):
            alice.attempt('read', 'nobody')

        with sqlite3.connect(alice.profile / 'profile.db', timeout=30) as profile:
            kept = profile.execute("SELECT COUNT(*) FROM meta WHERE name LIKE 'unentered %'").fetchone()[0]
        assert 0 < kept <= 20, kept


@test
def another_users_identity_is_not_taken_for_our_own(stage):
    with lied_to(stage, 'alice', 'bob') as (liar, alice, bob):
        others = []
        at(bob, liar.address)
        bob.run('new', 'alice')
        liar.answer('KeyService/GetIdentity', lambda reply, _: others.append(reply) or reply)
        bob.run('send', 'alice', 'so that we know her identity')
        hers = next(reply for reply in others if reply.user_id.hex() == alice.run('whoami')[0]['user_id'])

        for lie in (hers, {}, {'user_id': bytes.fromhex(bob.run('whoami')[0]['user_id'])}):
            liar.answer('KeyService/GetIdentity', lambda *_, lie=lie: lie)
            assert bob.fails(1, 'devices')['code'] == 'data_loss', lie
        # A device without an id is none; when it comes again, it is compared with nothing that was remembered.
        liar.answer('KeyService/GetIdentity', lambda reply, _: {**reply, 'devices': [
            *reply.devices, {}, {'device_id': b'short', 'label': 'owned'}]})
        for _ in range(2):
            assert [row['this'] for row in bob.run('devices')] == [True]
        liar.honest()
        assert [row['this'] for row in bob.run('devices')] == [True]


@test
def sequence_numbers_that_cannot_be_are_not_taken(stage):
    with lied_to(stage, 'alice', 'bob', 'carol') as (liar, alice, bob, _):
        at(alice, liar.address)
        for seq in (0, 7, 2**63, 2**64 - 1):
            liar.answer('ChatService/Create', lambda reply, _, seq=seq: {**reply, 'seq': seq})
            code, shown, errors = alice.attempt('new', 'bob')
            assert (code, 'data_loss' in errors) == (1, True) or [row['state'] for row in shown] == ['creating'], shown
            assert [row['state'] for row in alice.run('chats')] == ['creating'], seq
        liar.honest()
        chat = alice.run('new', 'bob')[0]  # asked once more, and answered like the first time
        assert chat['state'] == 'ready' and len(alice.run('chats')) == 1, chat

        for number, seq in enumerate(HUGE):
            liar.answer('ChatService/Send', lambda reply, _, seq=seq: {**reply, 'seq': seq})
            assert alice.fails(1, 'send', 'bob', f'message {number}')['code'] == 'data_loss', seq
            liar.honest()
            alice.run('chats')
        alice.run('send', 'bob', 'the last one')
        expected = [*(f'message {number}' for number in range(len(HUGE))), 'the last one']
        assert texts(bob.run('read', 'alice')) == expected  # each of them once
        assert texts(alice.run('read', 'bob')) == expected

        at(bob, liar.address)
        alice.run('send', 'bob', 'true')
        for seq in HUGE:
            liar.answer('ChatService/Sync', lambda reply, _, seq=seq: {
                **reply, 'entries': [{**entry, 'seq': seq} for entry in reply.entries]})
            assert texts(bob.run('read', 'alice')) == expected, seq
        liar.honest()
        assert texts(bob.run('read', 'alice')) == [*expected, 'true']


@test
def a_server_that_promises_more_for_ever_does_not_hold_a_client(stage):
    with lied_to(stage, 'alice', 'bob') as (liar, alice, bob):
        alice.run('new', 'bob')
        alice.run('send', 'bob', 'true')
        at(bob, liar.address)
        first = []

        def more(reply, _):
            first.append(reply)
            return {**(first[0] if len(first) > 1 else reply), 'more': True}  # the same page, again and again
        liar.answer('ChatService/Sync', more)
        assert texts(bob.run('read', 'alice')) == ['true']
        assert len(liar.calls('ChatService/Sync')) < 20


@test
def an_entry_of_another_chat_does_not_pass_for_our_message(stage):
    with lied_to(stage, 'alice', 'bob', 'carol') as (liar, alice, _, _):
        with_bob = alice.run('new', 'bob')[0]
        with_carol = alice.run('new', 'carol')[0]
        at(alice, liar.address)
        me = alice.run('whoami')[0]
        liar.refuse('ChatService/Send', 'unavailable', 'later')
        alice.fails(4, 'send', 'bob', 'for bob')
        number = liar.calls('ChatService/Send')[-1].client_msg_id
        claim = {'chat_id': bytes.fromhex(with_carol['chat']), 'seq': with_carol['last_seq'] + 5, 'kind': 1, 'epoch': 1,
                 'client_msg_id': number, 'sender_user': bytes.fromhex(me['user_id']),
                 'sender_device': bytes.fromhex(me['device_id'])}

        liar.answer('ChatService/Sync', lambda reply, _: {**reply, 'entries': [*reply.entries, claim]})
        alice.attempt('read', 'carol')
        liar.honest()

        assert texts(alice.run('read', with_carol['chat'])) == []
        alice.run('send', 'bob', 'and this')
        assert texts(alice.run('read', with_bob['chat'])) == ['for bob', 'and this']


@test
def a_welcome_for_another_device_is_no_invitation(stage):
    with lied_to(stage, 'alice', 'bob', 'carol') as (liar, alice, bob, carol):
        at(bob, liar.address)
        at(carol, liar.address)
        hers = []
        liar.answer('ChatService/Sync', lambda reply, _: hers.extend(reply.welcomes) or reply)
        alice.run('new', 'carol')
        carol.run('chats')
        assert len(hers) == 1
        for change in ({}, {'chat_id': secrets.token_bytes(16)}, {'seq': 2**63}, {'welcome': hers[0].welcome[:-1]}):
            liar.answer('ChatService/Sync', lambda reply, _, change=change: {**reply, 'welcomes': [{**hers[0], **change}]})
            assert bob.run('chats') == [], change


if __name__ == '__main__':
    main()
