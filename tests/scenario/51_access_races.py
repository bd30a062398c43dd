# SPDX-License-Identifier: MIT
"""Races of membership (A2) on the real server: whoever is removed reads nothing that came after, however close."""
from door import RpcError
from groups import CHAT, DIRECT, Groups
from load import FAST_LIMITS
from tap import comment, main, test

ROUNDS = 12


@test
def a_fetch_beside_a_removal_shows_nothing_that_came_after_it(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, bob, carol = (groups.person(name) for name in ('alice', 'bob', 'carol'))
        most = 0
        for number in range(ROUNDS):
            chat = alice.create([bob, carol])
            alice.queue([], [bob])
            bundle = alice.bundle()

            # In one burst: alice's removal and her next message in the new epoch, bob's reads in between.
            removal = alice.door.start_call(CHAT + 'Commit', {'chat_id': chat, 'bundle': bundle})
            reads = [bob.door.start_call(CHAT + 'Sync', {'cursors': [{'chat_id': chat, 'seq': 1}]})
                     for _ in range(4)]
            end = alice.door.wait_reply(removal, CHAT + 'Commit').seq
            alice.ask('merge')
            alice.send(chat, f'secret {number}')
            reads += [bob.door.start_call(CHAT + 'Sync', {'cursors': [{'chat_id': chat, 'seq': 1}]})
                      for _ in range(4)]

            for read in reads:
                reply = bob.door.wait_reply(read, CHAT + 'Sync')
                seqs = [entry.seq for entry in reply.entries if entry.chat_id == chat]
                assert all(seq <= end for seq in seqs), (seqs, end)
                most = max(most, len(seqs))
        assert most == 1
        comment(f'{ROUNDS} rounds, {8 * ROUNDS} reads')


@test
def a_send_beside_the_own_removal_is_before_it_or_refused(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, bob, carol = (groups.person(name) for name in ('alice', 'bob', 'carol'))
        fates = set()
        for number in range(ROUNDS):
            chat = alice.create([bob, carol])
            alice.queue([], [bob])
            bundle = alice.bundle()
            message = {'chat_id': chat, 'client_msg_id': number + 1, 'message': bob.encrypt('last words')}

            removal = alice.door.start_call(CHAT + 'Commit', {'chat_id': chat, 'bundle': bundle})
            words = bob.door.start_call(CHAT + 'Send', message)
            end = alice.door.wait_reply(removal, CHAT + 'Commit').seq
            alice.ask('merge')
            try:
                assert bob.door.wait_reply(words, CHAT + 'Send').seq < end
                fates.add('sent')
            except RpcError as error:
                assert error.code in ('aborted', 'not_found'), error
                fates.add(error.code)
        comment(f'{ROUNDS} rounds: {sorted(fates)}')


@test
def of_two_who_open_a_direct_chat_at_once_one_wins_and_the_other_is_told(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        calls = {}
        for person, other, letter in ((alice, bob, b'a'), (bob, alice, b'b')):
            person.ask('create', letter * 16)
            person.queue([other], [])
            calls[letter] = {'chat_id': letter * 16, 'type': DIRECT, 'mode': 1, 'suite': 3, 'first': person.bundle()}
        first = alice.door.start_call(CHAT + 'Create', calls[b'a'])
        second = bob.door.start_call(CHAT + 'Create', calls[b'b'])

        won, told = [], []
        for person, call in ((alice, first), (bob, second)):
            try:
                won.append(person.door.wait_reply(call, CHAT + 'Create').chat_id)
            except RpcError as error:
                assert error.code == 'already_exists'
                told.append(stage.schema.decode('sotto.chat.v1.CreateConflict', error.details).chat_id)
        assert len(won) == 1 and won == told
        assert [chat.chat_id for chat in bob.chat('ListChats').chats] == won


if __name__ == '__main__':
    main()
