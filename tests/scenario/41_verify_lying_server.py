# SPDX-License-Identifier: MIT
"""A server that lies about names and chats: nobody writes to somebody else than they named."""
from clients import at, people, person, start, texts
from relay import Relay
from tap import main, test


@test
def a_server_that_logs_one_in_as_somebody_else_is_refused(stage):
    server = start(stage)
    relay = Relay(server.tcp)
    relay.lie(b'alice', b'mally')
    alice = at(stage.client('alice', server), relay.address)

    assert alice.fails(1, 'register', 'alice')['code'] == 'data_loss'
    relay.close()


@test
def the_chat_that_a_pair_has_already_is_not_one_with_a_third(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    person(stage, server, 'mallory')
    direct = alice.run('new', 'bob')[0]['chat']
    second = stage.client('second', server)
    second.run('login', 'alice')
    group = bob.run('new', 'alice', 'mallory', '--title', 'three')[0]['chat']
    assert [chat['chat'] for chat in second.run('chats') if chat['state'] == 'ready'] == [group]

    relay = Relay(server.tcp)
    relay.lie(bytes.fromhex(direct), bytes.fromhex(group))
    assert at(second, relay.address).fails(1, 'new', 'bob')['code'] == 'data_loss'
    relay.close()

    assert at(second, server.tcp).run('new', 'bob')[0]['chat'] == direct  # it waits for the first device


@test
def a_group_that_is_called_like_a_user_does_not_get_the_messages_for_that_user(stage):
    server = start(stage)
    alice, bob, mallory = people(stage, server, 'alice', 'bob', 'mallory')
    alice.run('new', 'bob', '--title', 'work')  # alice knows bob, and has no chat of two with him
    mallory.run('new', 'alice', '--title', 'bob')
    assert 'bob' in [chat['title'] for chat in alice.run('chats')]

    assert alice.fails(1, 'send', 'bob', 'for his eyes')['code'] == 'not_found'
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'for his eyes')
    assert texts(bob.run('read', 'alice')) == ['for his eyes']
    assert texts(mallory.run('read', 'bob')) == []


if __name__ == '__main__':
    main()
