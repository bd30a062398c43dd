# SPDX-License-Identifier: MIT
# io_threads: default
"""A new device enters its user's chats by itself when its siblings are away."""
import time

from clients import acquainted, break_off, device_of, enters, is_in, people, start, texts, wait_text
from sotto import wait_object
from tap import main, test


@test
def a_new_device_joins_all_chats_while_its_siblings_are_away(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    direct = alice.run('new', 'bob')[0]['chat']
    group = bob.run('new', 'alice', 'carol', '--title', 'Garden')[0]['chat']
    alice.run('send', direct, 'from before')
    bobs = bob.spawn('listen')
    phone = device_of(stage, server, 'alice', 'phone')

    enters(phone, 2)

    phone_id = phone.run('whoami')[0]['device_id']
    wait_object(bobs, lambda found: found.get('kind') == 'device_added' and found['from_device'] == phone_id)
    phone.run('send', direct, 'from the phone')
    phone.run('send', group, 'to the garden')
    assert texts(alice.run('read', direct))[-1] == texts(bob.run('read', direct))[-1] == 'from the phone'
    assert texts(carol.run('read', group)) == ['to the garden']
    bob.run('send', direct, 'for both')
    carol.run('send', group, 'for all')
    assert texts(phone.run('read', direct)) == ['from the phone', 'for both']
    assert texts(phone.run('read', group)) == ['to the garden', 'for all']
    assert {row['user']: row['role'] for row in phone.run('members', group)}['bob'] == 'owner'
    assert {row['user']: row['devices'] for row in bob.run('members', direct)} == {'alice': 2, 'bob': 1}


@test
def a_command_about_a_chat_enters_it_first(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    chats = [alice.run('new', 'bob', 'carol', '--title', title)[0]['chat'] for title in ('Garden', 'Kitchen')]
    phone = device_of(stage, server, 'alice', 'phone')
    assert {row['state'] for row in phone.run('chats')} == {'waiting'}

    phone.run('send', chats[0], 'without listening')
    bob.run('send', chats[1], 'into the kitchen')

    assert texts(phone.run('read', chats[1])) == ['into the kitchen']
    assert texts(carol.run('read', chats[0])) == ['without listening']
    assert {row['state'] for row in phone.run('chats')} == {'ready'}
    pad = device_of(stage, server, 'alice', 'pad')
    assert pad.run('read', chats[0]) == [] and {row['state'] for row in pad.run('chats')} == {'ready'}


@test
def a_new_device_enters_a_dozen_chats_and_is_told_their_titles_once(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    titles = [f'Room {number}' for number in range(12)]
    chats = [bob.run('new', 'alice', '--title', title)[0]['chat'] for title in titles]
    alice.run('chats')
    phone = device_of(stage, server, 'alice', 'phone')
    ears = [client.spawn('listen') for client in (bob, phone)]

    place = 0
    for _ in titles:
        place, _ = wait_object(ears[1], lambda found: found.get('kind') == 'title', place)
    assert sorted(row['title'] for row in phone.run('chats')) == sorted(titles)
    for chat in chats:
        bob.run('send', chat, 'welcome')
    for row in phone.run('chats'):
        assert row['state'] == 'ready', row
        # The commit that made it, its title, the one by which the phone joined, the title for the phone, the message.
        assert row['last_seq'] == 5, row
    for ear in ears:
        ear.kill()
    assert {row['user']: row['devices'] for row in bob.run('members', chats[0])} == {'alice': 2, 'bob': 1}


@test
def a_device_that_is_killed_while_it_joins_is_in_the_chat_once(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    # Until the server has its commit a device is not in the chat; from then on it misses nothing.
    for number, (method, seen) in enumerate((('ChatService/GetGroup', []),
                                             ('ChatService/Commit', ['while it was dead']),
                                             ('ChatService/ListMembers', ['while it was dead']))):
        chat = alice.run('new', 'bob', '--title', f'Room {number}')[0]['chat']
        alice.run('chats')
        phone = device_of(stage, server, 'alice', f'phone-{number}')
        break_off(stage, phone, server, method, 'read', chat)
        alice.run('send', chat, 'while it was dead')

        assert texts(phone.run('read', chat)) == seen, method

        alice.run('send', chat, 'for all')
        assert texts(phone.run('read', chat))[-1] == texts(bob.run('read', chat))[-1] == 'for all'
        phone.run('send', chat, 'from the phone')
        assert texts(alice.run('read', chat)) == texts(bob.run('read', chat)) == [
            'while it was dead', 'for all', 'from the phone'], method
        assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 2, 'bob': 1}, method
        assert [row['kind'] for row in bob.run('read', chat)].count('device_added') == 1
        alice.run('device-remove', phone.run('whoami')[0]['device_id'])
        alice.run('delete-chat', chat)


@test
def devices_are_shown_with_the_chats_they_are_in_and_those_that_wait(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    chats = [alice.run('new', 'bob', '--title', title)[0]['chat'] for title in ('Garden', 'Kitchen', 'Roof')]
    laptop_id = alice.run('whoami')[0]['device_id']
    phone = device_of(stage, server, 'alice', 'phone')
    phone_id = phone.run('whoami')[0]['device_id']

    def shown(client):
        return {row['id']: row for row in client.run('devices')}

    for client in (alice, phone):
        rows = shown(client)
        assert [(rows[one]['chats'], rows[one]['waiting']) for one in (laptop_id, phone_id)] == [(3, 0), (0, 3)], rows
        assert rows[phone_id]['keys_renewed'] is None and rows[phone_id]['key_packages'] > 50, rows
    phone.run('read', chats[0])
    alice.run('delete-chat', chats[1])
    for client in (alice, phone):
        rows = shown(client)
        assert [(rows[one]['chats'], rows[one]['waiting']) for one in (laptop_id, phone_id)] == [(2, 0), (2, 0)], rows
    assert abs(shown(alice)[phone_id]['keys_renewed'] - time.time()) < 600
    plain = stage.process([word for word in alice.command(['devices']) if word != '--json'], stage.folder / 'plain.stderr')
    assert plain.wait() == 0
    assert sum('in 2 chats; ' in line for line in plain.lines) == 2, plain.lines


@test
def a_device_that_is_removed_before_it_knows_that_it_is_in_reads_until_then(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', 'carol', '--title', 'Garden')[0]['chat']
    carol.run('chats')
    cellar = device_of(stage, server, 'carol', 'cellar')
    break_off(stage, cellar, server, 'ChatService/Commit', 'read', chat)
    bob.run('send', chat, 'while it was dead')
    alice.run('remove', chat, 'carol')
    bob.run('send', chat, 'without carol')

    cellar.run('chats')

    assert texts(cellar.run('read', chat)) == ['while it was dead']
    assert [row['left_how'] for row in cellar.run('chats')] == ['removed']


@test
def two_new_devices_join_at_the_same_time(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    chat = alice.run('chats')[0]['chat']
    phone, pad = (device_of(stage, server, 'alice', label) for label in ('phone', 'pad'))
    ears = [client.spawn('listen') for client in (phone, pad)]

    for ear, client in zip(ears, (phone, pad)):
        is_in(ear, client, 1)

    bob.run('send', 'alice', 'for all of you')
    for ear in ears:
        wait_text(ear, 'for all of you')
    assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 3, 'bob': 1}


@test
def a_device_that_was_removed_and_a_member_who_was_removed_do_not_come_back(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    group = alice.run('new', 'bob', 'carol', '--title', 'Garden')[0]['chat']
    carol.run('chats')
    alice.run('remove', group, 'carol')
    phone = device_of(stage, server, 'alice', 'phone')
    enters(phone, 1)
    alice.run('device-remove', phone.run('whoami')[0]['device_id'])
    cellar = device_of(stage, server, 'carol', 'cellar')

    assert phone.spawn('listen').wait() == 3
    carol.spawn('listen', '--timeout', '8').wait()
    assert cellar.run('chats') == [] and [row['state'] for row in carol.run('chats')] == ['left']
    assert {row['user']: row['devices'] for row in bob.run('members', group)} == {'alice': 1, 'bob': 1}


if __name__ == '__main__':
    main()
