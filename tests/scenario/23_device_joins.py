# SPDX-License-Identifier: MIT
# io_threads: default
"""A device enters its user's chats by itself: a new one whose siblings are away, and one that lost track."""
import shutil
import time

from clients import acquainted, device_of, people, start, texts, wait_text
from sotto import wait_object
from tap import main, test


def enters(client, count):
    """Lets a device listen until it is in all of its user's chats."""
    ear = client.spawn('listen')
    end = time.monotonic() + 60
    while [row['state'] for row in client.run('chats')] != ['ready'] * count:
        assert time.monotonic() < end, client.run('chats')
    ear.kill()


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
def a_profile_from_an_old_copy_is_repaired(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', 'carol', '--title', 'Garden')[0]['chat']
    bob.run('send', chat, 'before')
    alice.run('read', chat)
    copy = stage.folder / 'copy'
    shutil.copytree(alice.profile, copy)
    carols = carol.run('whoami')[0]['user_id']
    alice.run('remove', chat, 'carol')
    alice.run('send', chat, 'forgotten')
    shutil.rmtree(alice.profile)
    shutil.copytree(copy, alice.profile)
    bob.run('send', chat, 'missed')
    assert [row['state'] for row in alice.run('chats')] == ['broken']

    enters(alice, 1)

    alice.run('send', chat, 'here again')
    assert texts(bob.run('read', chat))[-1] == 'here again'
    bob.run('send', chat, 'welcome back')
    kept = alice.run('read', chat)
    assert texts(kept) == ['before', 'here again', 'welcome back']
    assert 'undecryptable' in [found['kind'] for found in kept]
    assert alice.run('chats')[0]['title'] == 'Garden'
    assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 1, 'bob': 1}
    assert carols not in {row['user_id'] for row in alice.run('members', chat)}


@test
def two_new_devices_join_at_the_same_time(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    chat = alice.run('chats')[0]['chat']
    phone, pad = (device_of(stage, server, 'alice', label) for label in ('phone', 'pad'))
    ears = [client.spawn('listen') for client in (phone, pad)]

    for client in (phone, pad):
        end = time.monotonic() + 60
        while [row['state'] for row in client.run('chats')] != ['ready']:
            assert time.monotonic() < end

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
