# SPDX-License-Identifier: MIT
# io_threads: default
"""A device that lost track of a chat enters it anew by itself, and loses no message it sends."""
import shutil
import sqlite3
import time

from clients import break_off, enters, people, start, texts, write_offline
from tap import main, test
from under_test import patient


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


def broken(stage, server):
    """alice, bob, their chat, and alice's profile put back to before a commit of its own."""
    alice, bob, _ = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', '--title', 'Garden')[0]['chat']
    alice.run('send', chat, 'before')
    copy = stage.folder / 'copy'
    shutil.copytree(alice.profile, copy)
    alice.run('add', chat, 'carol')
    shutil.rmtree(alice.profile)
    shutil.copytree(copy, alice.profile)
    return alice, bob, chat


def set_repaired(client, seconds_ago):
    with sqlite3.connect(client.profile / 'profile.db', timeout=patient()) as profile:
        profile.execute('UPDATE renewals SET repaired = ?', (int(time.time()) - seconds_ago,))


@test
def what_waits_in_the_queue_comes_once_through_a_repair(stage):
    server = start(stage)
    alice, bob, chat = broken(stage, server)
    write_offline(alice, server, chat, *(f'queued {number}' for number in range(3)))

    shown = alice.run('read', chat)

    assert texts(shown) == ['before', 'queued 0', 'queued 1', 'queued 2'], shown
    assert 'repaired' in [row['kind'] for row in shown]
    assert texts(bob.run('read', chat)) == ['before', 'queued 0', 'queued 1', 'queued 2']
    assert {row['user']: row['devices'] for row in bob.run('members', chat)} == {'alice': 1, 'bob': 1, 'carol': 1}


@test
def a_chat_that_breaks_again_within_the_hour_says_when_it_is_tried_again(stage):
    server = start(stage)
    alice, bob, chat = broken(stage, server)
    set_repaired(alice, 60)

    for _ in range(2):
        refusal = alice.fails(1, 'send', chat, 'now?')
        assert refusal['code'] == 'failed_precondition' and 'the next try is at' in refusal['message'], refusal
    row = alice.run('chats')[0]
    assert row['state'] == 'broken' and 'the next try is at' in row['cure'], row
    assert 'следующая попытка' in alice.run('--lang', 'ru', 'chats')[0]['cure']
    members = bob.run('read', chat)
    assert 'device_added' not in [row['kind'] for row in members]

    set_repaired(alice, 3601)
    alice.run('send', chat, 'an hour later')
    assert texts(bob.run('read', chat)) == ['before', 'an hour later']
    assert 'now?' not in texts(alice.run('read', chat))


@test
def a_repair_that_is_killed_before_its_answer_misses_nothing(stage):
    server = start(stage)
    alice, bob, chat = broken(stage, server)
    break_off(stage, alice, server, 'ChatService/Commit', 'read', chat)
    bob.run('send', chat, 'while it was dead')

    kept = alice.run('read', chat)

    assert texts(kept) == ['before', 'while it was dead'], kept
    assert [row['kind'] for row in kept].count('repaired') == 1
    alice.run('send', chat, 'here again')
    assert texts(bob.run('read', chat)) == ['before', 'while it was dead', 'here again']
    with sqlite3.connect(alice.profile / 'profile.db', timeout=patient()) as profile:
        assert profile.execute('SELECT COUNT(*) FROM arrivals').fetchone() == (0,)


if __name__ == '__main__':
    main()
