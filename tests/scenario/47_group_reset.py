# SPDX-License-Identifier: MIT
# io_threads: default
"""A chat that cannot be repaired is started anew: who wants it confirms, and nobody is led into another chat by it."""
import threading

from broken import broken_group, row_of
from clients import at, device_of, joined, people, person, start, texts
from groups import DIRECT, RELAY, Groups, seat, successor_id
from liar import Liar
from sotto import program, wait_object
from tap import main, test
from terminal import Terminal
from under_test import patient

COMMIT = 2


def kill_when_answered(liar, client, method, *words):
    """Runs a command, whose call of this method is done and never answered, and kills it there."""
    answered = threading.Event()
    liar.frames(method, lambda frame: answered.set() or [])
    process = client.spawn(*words)
    assert answered.wait(patient())
    process.kill()
    liar.honest()


def without_welcomes(reply, _):
    reply['welcomes'] = []
    return reply


def assert_reset(client, chat):
    row = row_of(client, chat)
    assert row['state'] == 'reset' and 'sotto confirm' in row['cure'], row


@test
def members_confirm_and_go_on_in_the_new_chat(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, bob, carol, _, chat = broken_group(stage, groups, server, 'alice', 'bob', 'carol')
        alice.run('reports', chat)

        new = alice.run('reset', 'Garden', '--without', 'mallory', '--yes')[0]

        assert (new['title'], new['role'], sorted(new['members'])) == ('Garden', 'owner', ['alice', 'bob', 'carol'])
        old = row_of(alice, chat)
        assert [old[name] for name in ('state', 'left_how', 'left_by', 'replaced_by')] == \
            ['left', 'replaced', 'alice', new['chat']]
        alice.run('send', 'Garden', 'in the new one')

        assert_reset(bob, chat)
        offer = bob.attempt('confirm', 'Garden')[1][0]
        assert (offer['by'], offer['members'], offer['missing'], offer['refused'], offer['successor']) == \
            ('alice', ['alice', 'bob', 'carol'], ['mallory'], None, new['chat'])
        assert bob.run('confirm', 'Garden', '--yes')[0]['chat'] == new['chat']
        assert texts(bob.run('read', 'Garden')) == ['in the new one']
        assert texts(bob.run('read', chat)) == ['from before']
        bob.run('send', 'Garden', 'here I am')
        assert texts(alice.run('read', 'Garden'))[-1] == 'here I am'
        assert {row['user']: row['role'] for row in alice.run('members', 'Garden')} == \
            {row['user']: row['role'] for row in bob.run('members', 'Garden')}

        assert [found['kind'] for found in carol.run('read', chat)][-1] == 'reset'
        assert_reset(carol, chat)
        assert len(carol.run('chats')) == 1 and texts(carol.run('read', 'Garden')) == ['from before']
        carol.fails(1, 'send', 'Garden', 'nowhere')
        carol.fails(1, 'read', new['chat'])
        carol.run('leave', 'Garden')
        wait_object(alice.spawn('listen'),
                    lambda found: found.get('kind') == 'member_left' and found['from'] == 'carol')


@test
def a_relay_chat_keeps_what_comes_until_it_is_confirmed(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, bob, _, chat = broken_group(stage, groups, server, 'alice', 'bob', mode=RELAY)
        alice.run('chats')
        alice.run('reset', chat, '--without', 'mallory', '--yes')
        for text in ('first', 'second'):
            alice.run('send', 'Garden', text)
        bob.run('chats')
        bob.run('chats')

        bob.run('confirm', 'Garden', '--yes')

        assert texts(bob.run('read', 'Garden')) == ['first', 'second']


@test
def a_chat_of_two_keeps_its_name(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, mallory = person(stage, server, 'alice'), groups.person('mallory')
        chat = mallory.create([seat(alice)], kind=DIRECT)
        alice.run('send', 'mallory', 'from before')
        mallory.commit_badly(chat)
        alice.run('chats')
        mallory.create([seat(alice)], kind=DIRECT, chat=successor_id(chat), resets=chat)

        assert_reset(alice, chat.hex())
        assert alice.run('new', 'mallory')[0]['state'] == 'reset'
        new = alice.run('confirm', 'mallory', '--yes')[0]
        sent = alice.run('send', 'mallory', 'and here')[0]

        assert sent['chat'] == new['chat'] != chat.hex()
        assert texts(alice.run('read', chat.hex())) == ['from before']


@test
def either_of_two_starts_their_chat_anew(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, mallory = person(stage, server, 'alice'), groups.person('mallory')
        chat = mallory.create([seat(alice)], kind=DIRECT)
        alice.run('send', 'mallory', 'from before')
        mallory.commit_badly(chat)
        alice.run('chats')
        alice.fails(2, 'reset', 'mallory', '--without', 'mallory', '--yes')

        new = alice.run('reset', 'mallory', '--yes')[0]

        assert (new['type'], new['members'], new['state']) == ('direct', ['alice', 'mallory'], 'ready')
        assert [welcome.resets for welcome in mallory.sync().welcomes if welcome.chat_id.hex() == new['chat']] == [chat]
        assert alice.run('send', 'mallory', 'and here')[0]['chat'] == new['chat']
        assert alice.run('new', 'mallory')[0]['chat'] == new['chat']


@test
def on_a_terminal_people_see_why_and_are_asked(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, mallory, dora = person(stage, server, 'alice'), groups.person('mallory'), groups.person('dora')
        chat = mallory.create([dora, seat(alice)])
        alice.run('send', chat.hex(), 'all is well')
        commit = dora.commit(chat)
        mallory.chat('ReportCommit', {'chat_id': chat, 'seq': commit.seq, 'epoch': commit.epoch - 1, 'reason': 1})
        assert row_of(alice, chat.hex())['state'] == 'ready'  # a report is a claim, this one is false
        new = mallory.create([seat(alice)], chat=successor_id(chat), resets=chat)
        command = [program('sotto'), '--profile', alice.profile, '--server', f'tcp://{server.tcp}']

        asked = Terminal(stage, [*command, 'confirm', chat.hex()])
        asked.see('mallory starts the chat')
        asked.see('Not any more: dora')
        asked.see('refused by 1 member')
        asked.see('says the server')
        asked.type('n\n')
        asked.see('nothing was done')
        assert_reset(alice, chat.hex())

        asked = Terminal(stage, [*command, 'delete-chat', new.hex()])
        asked.see('This device is not in the chat')
        asked.type('n\n')
        asked.see('nothing was done')

        screen = Terminal(stage, command)
        screen.see_bottom('sotto>')
        screen.type(f'/open {chat.hex()}\n')
        screen.see_bottom('dora, mallory>')
        screen.type('/reports\n')
        screen.see('its confirmation tag is not that of the epoch')
        screen.type('/confirm\n')
        screen.see('add --yes to do it')
        screen.type('/confirm --yes\n')
        screen.see_bottom('mallory>')
        screen.type('here I am\n')
        screen.see('here I am')
        screen.type('/quit\n')
        assert screen.finish() == 0
        assert texts(alice.run('read', chat.hex())) == ['all is well']


@test
def each_device_of_a_user_confirms_for_itself(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        laptop, mallory = person(stage, server, 'alice'), groups.person('mallory')
        chat = mallory.create([seat(laptop)])
        laptop.run('send', chat.hex(), 'before the phone')
        phone = device_of(stage, server, 'alice', 'phone')
        joined(laptop, phone)
        commit = next(entry for entry in mallory.sync({chat: 1}).entries if entry.kind == COMMIT)
        mallory.chat('ReportCommit', {'chat_id': chat, 'seq': commit.seq, 'epoch': commit.epoch, 'reason': 4})
        mallory.create([seat(laptop)], chat=successor_id(chat), resets=chat)
        assert_reset(laptop, chat.hex())

        new = laptop.run('confirm', chat.hex(), '--yes')[0]['chat']

        assert_reset(phone, chat.hex())
        laptop.run('send', new, 'for the phone, too')
        assert phone.run('confirm', chat.hex(), '--yes')[0]['chat'] == new
        assert texts(phone.run('read', new)) == ['for the phone, too']
        phone.run('delete-chat', chat.hex())
        assert [row['chat'] for row in phone.run('chats')] == [new]  # nothing waits in a closed chat


@test
def without_a_report_or_the_right_nothing_is_started_anew(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
        alice.run('new', 'bob', 'carol', '--title', 'Well')
        alice.fails(1, 'reset', 'Well', '--yes')
        assert [row['state'] for row in alice.run('chats')] == ['ready']
        dora, erik, _, chat = broken_group(stage, groups, server, 'dora', 'erik')
        for client in (dora, erik):
            client.run('chats')
        erik.fails(1, 'reset', chat, '--yes')
        dora.fails(2, 'reset', chat)
        dora.fails(2, 'reset', chat, 'mallory', '--yes')
        dora.fails(1, 'reset', chat, '--without', 'carol', '--yes')
        erik.fails(1, 'confirm', chat, '--yes')

        assert row_of(dora, chat)['state'] == row_of(erik, chat)['state'] == 'broken'
        assert bob.run('chats') and carol.run('chats')


@test
def a_reset_whose_process_was_killed_is_finished_by_the_next(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        alice, bob, _, chat = broken_group(stage, groups, server, 'alice', 'bob')
        alice.run('chats')
        kill_when_answered(liar, at(alice, liar.address), 'ChatService/Create',
                        'reset', 'Garden', '--without', 'mallory', '--yes')

        rows = {row['chat']: row for row in alice.run('chats')}

        old = rows.pop(chat)
        assert [row['state'] for row in rows.values()] == ['ready'] and old['replaced_by'] in rows, (old, rows)
        first, again = liar.calls('ChatService/Create')
        assert (first.chat_id, first.first.commit) == (again.chat_id, again.first.commit)
        bob.run('confirm', 'Garden', '--yes')
        bob.run('send', 'Garden', 'in one piece')
        assert texts(alice.run('read', 'Garden')) == ['in one piece']


@test
def a_confirmation_whose_process_was_killed_is_finished_by_a_listener(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        alice, bob, _, chat = broken_group(stage, groups, server, 'alice', 'bob')
        alice.run('chats')
        bob.run('chats')
        alice.run('reset', 'Garden', '--without', 'mallory', '--yes')
        liar.answer('ChatService/Sync', without_welcomes)
        assert_reset(at(bob, liar.address), chat)  # without the invitation, so it takes a commit of its own
        bob.run('chats')
        kill_when_answered(liar, bob, 'ChatService/Commit', 'confirm', 'Garden', '--yes')

        ear = bob.spawn('listen')
        wait_object(ear, lambda found: found.get('kind') == 'joined' and found['chat'] != chat)
        ear.stop()

        alice.run('send', 'Garden', 'are you there?')
        assert texts(bob.run('read', 'Garden')) == ['are you there?']
        assert {row['user']: row['devices'] for row in alice.run('members', 'Garden')} == {'alice': 1, 'bob': 1}


@test
def who_was_added_meanwhile_stands_in_the_way_until_taken_out_and_comes_back_after(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        alice, bob, _, chat = broken_group(stage, groups, server, 'alice', 'bob')
        dora = person(stage, server, 'dora')
        alice.run('chats')
        bob.run('chats')
        alice.run('reset', 'Garden', '--without', 'mallory', '--yes')
        alice.run('add', 'Garden', 'dora')
        liar.answer('ChatService/Sync', without_welcomes)
        assert_reset(at(bob, liar.address), chat)  # the invitation is gone: what counts is who is in it by now

        refusal = bob.fails(1, 'confirm', 'Garden', '--yes')['message']
        assert 'dora' in refusal, refusal
        alice.run('remove', 'Garden', 'dora')
        bob.run('confirm', 'Garden', '--yes')
        liar.honest()
        alice.run('add', 'Garden', 'dora')

        bob.run('send', 'Garden', 'all of us')
        assert texts(alice.run('read', 'Garden')) == ['all of us']
        assert texts(dora.run('read', 'Garden')) == ['all of us']


if __name__ == '__main__':
    main()
