# SPDX-License-Identifier: MIT
"""Answers that get lost, clients that die, epochs that change under a sender: every message is there, once."""
import json

from clients import at, break_off, people, start, texts, wait_text
from relay import Relay
from sotto import wait_object
from tap import main, test, test_over


@test_over('tcp', 'ws')
def a_client_killed_between_send_and_answer_sends_once(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')

    break_off(stage, alice, server, 'ChatService/Send', 'send', 'bob', 'only once')
    after = alice.run('send', 'bob', 'and this')[0]

    assert texts(bob.run('read', 'alice')) == ['only once', 'and this']
    assert texts(alice.run('read', 'bob')) == ['only once', 'and this']
    assert after['seq'] == 3


@test_over('tcp', 'ws')
def a_message_whose_answer_was_lost_is_found_in_the_log(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    relay = Relay(stage.address(server))
    relay.lose_reply_to('ChatService/Send')

    sent = at(alice, relay.address).run('send', 'bob', 'patience', '--timeout', '2')[0]
    relay.close()

    assert sent['seq'] == 2
    assert texts(bob.run('read', 'alice')) == ['patience']
    assert b'\nsotto_chat_messages_total 1\n' in server.http('/metrics')[2]


@test
def a_name_whose_question_was_lost_is_asked_for_again(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'it is me')
    relay = Relay(server.tcp)
    relay.lose_call_of('AuthService/LookupUsers')

    joined = at(bob, relay.address).attempt('chats', '--timeout', '2')
    relay.close()

    assert joined[0] == 4 and [row['title'] for row in joined[1]] != ['alice']
    at(bob, server.tcp)
    assert texts(bob.run('read', 'alice')) == ['it is me']


@test_over('tcp', 'ws')
def a_message_without_a_server_is_kept_and_goes_out_once(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    server.stop()

    error = alice.fails(4, 'send', 'bob', 'into the dark')
    pending = alice.attempt('read', 'bob')
    server.start()

    assert 'kept' in error['message']
    assert pending[0] == 4
    assert [(m['text'], m['seq'], m['state']) for m in pending[1]] == [('into the dark', None, 'pending')]
    alice.run('send', 'bob', 'light')
    assert texts(bob.run('read', 'alice')) == ['into the dark', 'light']
    assert [m['state'] for m in alice.run('read', 'bob')] == ['sent', 'sent']


@test
def a_chat_whose_creation_lost_its_answer_is_there_once(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')

    break_off(stage, alice, server, 'ChatService/Create', 'new', 'bob')
    chat = alice.run('new', 'bob')[0]

    assert chat['state'] == 'ready'
    assert [row['chat'] for row in bob.run('chats')] == [chat['chat']]
    assert [row['chat'] for row in alice.run('chats')] == [chat['chat']]
    bob.run('send', 'alice', 'works')
    assert texts(alice.run('read', 'bob')) == ['works']


@test
def a_creation_that_never_arrived_is_repeated(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    relay = Relay(stage.address(server))
    relay.lose_call_of('ChatService/Create')
    process = at(alice, relay.address).spawn('new', 'bob')
    relay.wait_lost()
    process.child.kill()
    process.wait()
    relay.close()

    chats = at(alice, stage.address(server)).run('chats')

    assert [row['state'] for row in chats] == ['ready']
    assert [row['chat'] for row in bob.run('chats')] == [chats[0]['chat']]


@test
def a_commit_whose_answer_was_lost_is_found_in_the_log(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    phone = stage.client('phone', server)
    phone.run('login', 'alice')

    # The laptop adds the phone, and never hears that it did.
    break_off(stage, alice, server, 'ChatService/Commit', 'listen')
    alice.run('send', 'bob', 'from the laptop')
    phone.run('send', 'bob', 'from the phone')

    assert texts(bob.run('read', 'alice')) == ['from the laptop', 'from the phone']
    assert texts(alice.run('read', 'bob')) == ['from the laptop', 'from the phone']
    assert texts(phone.run('read', 'bob')) == ['from the laptop', 'from the phone']
    assert {row['user']: row['devices'] for row in bob.run('members', 'alice')} == {'alice': 2, 'bob': 1}


@test
def a_sender_behind_the_epoch_catches_up_and_encrypts_anew(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    bob.run('send', 'alice', 'epoch 1')
    phone = stage.client('phone', server)
    phone.run('login', 'alice')
    ear = alice.spawn('listen')
    joined = phone.spawn('listen')
    wait_object(joined, lambda found: found.get('kind') == 'joined')

    # Bob's profile still stands in epoch 1 when this begins.
    sent = bob.run('send', 'alice', 'epoch 2')[0]

    wait_text(joined, 'epoch 2')
    wait_text(ear, 'epoch 2')
    assert sent['epoch'] == 2
    assert texts(alice.run('read', 'bob')) == ['epoch 1', 'epoch 2']


@test
def messages_under_way_while_devices_join_arrive_once(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    ear = alice.spawn('listen')
    wanted = [f'message {number}' for number in range(200)]
    sender = bob.spawn_with('\n'.join(wanted) + '\n', 'send', 'alice', '-')
    for name in ('phone', 'tablet'):
        stage.client(name, server).run('login', 'alice')

    assert sender.wait() == 0, sender.error_text()
    wait_text(ear, wanted[-1])

    assert texts(map(json.loads, ear.lines)) == wanted
    seqs = [json.loads(line)['seq'] for line in sender.lines]
    assert len(seqs) == 200 and seqs == sorted(set(seqs))


@test
def a_server_killed_under_a_sender_and_a_listener_costs_neither_a_message(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    ear = bob.spawn('listen')
    wanted = [f'message {number}' for number in range(600)]
    sender = alice.spawn_with('\n'.join(wanted) + '\n', 'send', 'bob', '-')
    place = 0
    for number in (50, 200, 400):
        place, _ = wait_object(sender, lambda found, least=number: found['seq'] >= least, place)
        server.kill()
        server.start()

    assert sender.wait() == 0, sender.error_text()
    wait_text(ear, wanted[-1])

    assert texts(map(json.loads, ear.lines)) == wanted
    assert texts(bob.run('read', 'alice', '--limit', '1000')) == wanted
    assert texts(alice.run('read', 'bob', '--limit', '1000')) == wanted
    assert len(sender.lines) == 600


@test
def a_killed_listener_shows_nothing_twice_and_loses_nothing(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    shown = []
    for turn in range(4):
        ear = bob.spawn('listen')
        for number in range(3):
            alice.run('send', 'bob', f'{turn}.{number}')
            wait_text(ear, f'{turn}.{number}')  # what came before counts as read by then
        ear.child.kill()
        ear.wait()
        shown += texts(map(json.loads, ear.lines))

    wanted = [f'{turn}.{number}' for turn in range(4) for number in range(3)]
    # What was printed right before the kill may be printed again, nothing else; the archive holds each once.
    assert sorted(set(shown)) == wanted and len(shown) <= len(wanted) + 4
    assert texts(bob.run('read', 'alice')) == wanted


if __name__ == '__main__':
    main()
