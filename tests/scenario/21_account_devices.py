# SPDX-License-Identifier: MIT
# io_threads: default
"""Several devices of one account: listed, added by a sibling, removed for good, and never without a word to whom it concerns."""
from clients import database, device_of, joined, laptop_and_phone, listening, people, person, start, texts, wait_text
from sotto import wait_object
from tap import main, test


def wait_kind(process, kind, start_at=0):
    """Waits until a `listen` prints an event of this kind; returns (next start, event)."""
    return wait_object(process, lambda found: found.get('kind') == kind, start_at)


def labels(client):
    return {row['label']: row for row in client.run('devices')}


@test
def a_second_device_has_an_id_of_its_own_and_both_are_listed(stage):
    server = start(stage)
    alice = stage.client('alice', server)
    alice.run('register', 'alice', '--device', 'laptop')
    phone = device_of(stage, server, 'alice', 'phone')

    rows = labels(alice)

    assert set(rows) == {'laptop', 'phone'}
    assert rows['phone']['id'] == phone.run('whoami')[0]['device_id'] != rows['laptop']['id']
    assert (rows['laptop']['this'], rows['phone']['this']) == (True, False)
    assert labels(phone)['phone']['this'] is True
    for row in rows.values():
        assert row['verified'] is True and row['added'] > 0 and row['last_seen'] >= row['added'] - 1, row
    phone.run('logout')
    assert labels(alice)['phone']['last_seen'] is None


@test
def devices_of_one_name_are_told_apart(stage):
    server = start(stage)
    alice = stage.client('alice', server)
    alice.run('register', 'alice', '--device', 'kitchen')
    device_of(stage, server, 'alice', 'kitchen')
    ids = [row['id'] for row in alice.run('devices')]

    for command in ('devices', 'logins'):
        plain = stage.process([word for word in alice.command([command]) if word != '--json'],
                              stage.folder / 'plain.stderr')
        assert plain.wait() == 0
        shown = '\n'.join(plain.lines)
        assert len(ids) == 2 and all(f'kitchen ({one[:8]})' in shown for one in ids), (command, shown)


@test
def a_new_device_says_what_its_chats_wait_for(stage):
    server = start(stage)
    alice = stage.client('alice', server)
    alice.run('register', 'alice', '--device', 'laptop')
    person(stage, server, 'bob')
    alice.run('new', 'bob')
    phone = device_of(stage, server, 'alice', 'phone')

    chat = phone.run('chats')[0]

    assert chat['state'] == 'waiting' and 'sotto listen' in chat['cure'] and 'laptop' in chat['cure'], chat
    joined(alice, phone)
    assert phone.run('chats')[0]['state'] == 'ready' and 'cure' not in phone.run('chats')[0]


@test
def user_and_peers_are_told_of_a_device_that_comes_and_goes(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    carol.run('verify', 'alice', '--mark')
    chat = alice.run('new', 'bob', 'carol', '--title', 'Garden')[0]['chat']
    laptop, bobs, carols = (client.spawn('listen') for client in (alice, bob, carol))
    phone = device_of(stage, server, 'alice', 'phone')
    phone_id = phone.run('whoami')[0]['device_id']

    place, own = wait_kind(laptop, 'device_added')
    bob_place, to_bob = wait_kind(bobs, 'device_added')
    carol_place, to_carol = wait_kind(carols, 'device_added')

    for event in (own, to_bob, to_carol):
        assert (event['from'], event['from_device'], event['chat']) == ('alice', phone_id, chat), event
    assert own['text'] == f'phone ({phone_id[:8]})' and own['own'] is True
    assert 'phone' not in to_bob['text'] and to_bob['text'] == f'{phone_id[:8]}, not verified'
    assert to_carol['text'] == f'{phone_id[:8]}, certified by the identity key that you verified'

    alice.run('device-remove', phone_id)

    for process, at in ((laptop, place), (bobs, bob_place), (carols, carol_place)):
        _, event = wait_kind(process, 'device_removed', at)
        assert (event['from'], event['from_device'], event['chat']) == ('alice', phone_id, chat), event
    kept = [found['kind'] for found in bob.run('read', chat)]
    assert kept[-2:] == ['device_added', 'device_removed'], kept
    trust = carol.run('verify', 'alice')[0]
    assert trust['state'] == 'verified'
    assert [line['what'] for line in trust['history']][-2:] == ['device added', 'device removed']
    assert trust['history'][-1]['device'] == phone_id


@test
def a_removed_device_is_out_at_once_and_told_by_which_one(stage):
    server = start(stage)
    alice, phone, bob, chat = laptop_and_phone(stage, server)
    bob.run('send', 'alice', 'for both')
    assert texts(phone.run('read', chat)) == ['for both']
    phone.run('devices')
    hears = phone.spawn('listen')
    phone_id = phone.run('whoami')[0]['device_id']

    assert alice.run('device-remove', phone_id[:6]) == [{'removed': phone_id}]

    assert hears.wait() == 3
    said = phone.fails(3, 'whoami')['message']
    assert 'this device was removed on ' in said and ' by laptop (' in said and 'sotto login alice' in said, said
    bob.run('send', 'alice', 'for the laptop alone')
    code, archive, _ = phone.attempt('read', chat)
    assert (code, texts(archive)) == (3, ['for both'])
    assert set(labels(alice)) == {'laptop'} and len(alice.run('logins')) == 1
    assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 1, 'bob': 1}
    assert alice.fails(1, 'device-remove', phone_id)['code'] == 'not_found'
    assert alice.fails(1, 'device-remove', labels(alice)['laptop']['id'])['code'] == 'failed_precondition'


@test
def a_removed_device_that_was_away_learns_of_it_and_can_come_back_as_a_new_one(stage):
    server = start(stage)
    alice, phone, bob, chat = laptop_and_phone(stage, server)
    bob.run('send', 'alice', 'before')
    phone.run('read', chat)
    before = phone.run('whoami')[0]['device_id']
    phone.run('logout')
    alice.run('device-remove', before)

    assert 'was removed on ' in phone.fails(3, 'login', 'alice')['message']
    after = phone.run('login', 'alice', '--device', 'phone again')[0]['device_id']

    assert after != before
    assert phone.run('chats')[0]['state'] == 'waiting'
    joined(alice, phone)
    bob.run('send', 'alice', 'after')
    assert texts(phone.run('read', chat)) == ['before', 'after']
    assert set(labels(alice)) == {'laptop', 'phone again'}


@test
def ten_devices_are_there_at_once_until_one_is_removed(stage):
    server = start(stage, module_conf={'auth': 'logins_per_user = 10\n'})
    alice, bob = people(stage, server, 'alice', 'bob')
    others = [stage.client(f'alice-{number}', server) for number in range(2, 11)]
    for login in [other.spawn('login', 'alice') for other in others]:
        assert login.wait() == 0, login.error_text()
    chat = bob.run('new', 'alice')[0]['chat']
    ears = listening(server, alice, *others)

    bob.run('send', 'alice', 'to all ten')
    places = [wait_text(ear, 'to all ten')[0] for ear in ears]
    alice.run('device-remove', others[-1].run('whoami')[0]['device_id'])
    assert ears[-1].wait() == 3
    bob.run('send', 'alice', 'to nine of them')
    for ear, place in zip(ears[:-1], places):
        wait_text(ear, 'to nine of them', place)

    assert len(alice.run('devices')) == len(alice.run('logins')) == 9
    assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 9, 'bob': 1}
    assert 'to nine of them' not in texts(others[-1].attempt('read', chat)[1])


@test
def one_device_too_many_is_refused_with_the_cure_and_can_apply_it_itself(stage):
    server = start(stage, module_conf={'keyx': 'devices_max = 2\n'})
    alice = stage.client('alice', server)
    alice.run('register', 'alice', '--device', 'laptop')
    device_of(stage, server, 'alice', 'phone')
    pad = stage.client('pad', server)

    assert 'sotto device-remove' in pad.fails(1, 'login', 'alice', '--device', 'pad')['message']
    pad.run('device-remove', labels(pad)['phone']['id'])

    assert pad.run('whoami')[0]['keys_ready'] is True
    assert set(labels(alice)) == {'laptop', 'pad'}


@test
def without_a_backup_that_opens_a_new_device_is_sent_to_another_one(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')
    server.stop()
    with database(server) as content:
        content.execute('UPDATE keyx_backups SET container = substr(container, 1, 40) || zeroblob(length(container) - 40)')
    server.start()
    phone = stage.client('phone', server)

    said = phone.fails(1, 'login', 'alice')['message']

    assert 'backup' in said and 'log in on a device that has the keys' in said, said
    phone.fails(3, 'whoami')
    assert [row['current'] for row in alice.run('logins')] == [True]


@test
def a_device_that_was_removed_while_it_was_the_only_one_in_a_chat_makes_room_for_the_next(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    chat = alice.run('new', 'bob')[0]['chat']
    lost = alice.run('whoami')[0]['device_id']
    phone = device_of(stage, server, 'alice', 'phone')
    phone.run('device-remove', lost)
    waits = phone.run('chats')[0]
    assert waits['state'] == 'waiting' and 'next member' in waits['cure'], waits

    bob.run('send', 'alice', 'only for the phone')

    assert texts(phone.run('read', chat)) == ['only for the phone']
    assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 1, 'bob': 1}


@test
def a_member_who_listens_lets_the_next_device_in_when_the_only_one_was_removed(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    chat = alice.run('new', 'bob')[0]['chat']
    lost = alice.run('whoami')[0]['device_id']
    phone = device_of(stage, server, 'alice', 'phone')
    hears, arrivals = bob.spawn('listen'), phone.spawn('listen')
    alice.run('send', chat, 'my old device')
    wait_text(hears, 'my old device')

    phone.run('device-remove', lost)

    wait_kind(hears, 'device_added')
    wait_kind(hears, 'device_removed')  # in the same commit, or later when the phone came in by itself
    assert wait_kind(arrivals, 'joined')[1]['chat'] == chat
    assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 1, 'bob': 1}


@test
def siblings_see_what_each_other_sends_and_receives(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    chat = alice.run('new', 'bob')[0]['chat']
    phone = device_of(stage, server, 'alice', 'phone')
    joined(alice, phone)
    laptop, pocket = listening(server, alice, phone)

    alice.run('send', chat, 'from the laptop')
    phone.run('send', chat, 'from the phone')
    bob.run('send', 'alice', 'from bob')

    assert wait_text(pocket, 'from the laptop')[1]['own'] is True
    assert wait_text(laptop, 'from the phone')[1]['own'] is True
    wait_text(pocket, 'from bob')
    wait_text(laptop, 'from bob')
    assert texts(alice.run('read', chat)) == texts(phone.run('read', chat)) == ['from the laptop', 'from the phone', 'from bob']


if __name__ == '__main__':
    main()
