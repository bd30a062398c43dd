# SPDX-License-Identifier: MIT
"""A device renews its keys in its chats: when it starts, after a last-resort KeyPackage, on schedule."""
import shutil
import sqlite3
import time

from clients import database, people, start, texts, wait_text
from tables import wait_for
from tap import main, test
from under_test import patient

DAY = 86400


def times(client):
    """(renewed, due) of the client's one chat, in seconds since 1970."""
    with sqlite3.connect(client.profile / 'profile.db', timeout=patient()) as profile:
        return profile.execute('SELECT renewed, due FROM renewals').fetchone()


def age(client, seconds, due):
    """Makes the last renewal that old."""
    with sqlite3.connect(client.profile / 'profile.db', timeout=patient()) as profile:
        profile.execute('UPDATE renewals SET renewed = renewed - ?, due = ?', (seconds, due))


def epoch(client):
    return client.run('chats')[0]['epoch']


def wait_epoch(client, wanted):
    """Waits until a client's one chat has come that far, and no further."""
    wait_for(lambda: epoch(client), wanted)


def two_in_a_chat(stage, server):
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'hello')
    assert texts(bob.run('read', 'alice')) == ['hello']
    return alice, bob


@test
def a_listener_renews_at_its_start_what_is_a_day_old(stage):
    alice, bob = two_in_a_chat(stage, start(stage))
    before = epoch(alice)
    fresh = times(alice)
    assert fresh[0] > time.time() - 600 and 6 * DAY - 600 < fresh[1] - time.time() <= 7 * DAY, fresh

    age(alice, 2 * DAY, fresh[1] - 2 * DAY)
    ear = alice.spawn('listen')
    wait_epoch(bob, before + 1)
    bob.run('send', 'alice', 'in the new epoch')
    wait_text(ear, 'in the new epoch')
    ear.kill()

    assert times(alice)[0] >= fresh[0] and times(alice)[1] > time.time() + 5 * DAY
    # And not again at the next start.
    ear = alice.spawn('listen')
    bob.run('send', 'alice', 'as before')
    wait_text(ear, 'as before')
    ear.kill()
    assert epoch(bob) == before + 1


@test
def a_listener_renews_on_schedule_what_is_due(stage):
    alice, bob = two_in_a_chat(stage, start(stage))
    before = epoch(alice)
    age(alice, 600, int(time.time()) - 1)
    ear = alice.spawn('listen')
    wait_epoch(bob, before + 1)
    ear.kill()


@test
def who_copied_a_profile_is_out_after_the_renewal(stage):
    server = start(stage)
    alice, bob = two_in_a_chat(stage, server)
    before = epoch(alice)
    thief = stage.client('thief', server)
    shutil.copytree(alice.profile, thief.profile)
    age(alice, 2 * DAY, 0)
    ear = alice.spawn('listen')
    wait_epoch(bob, before + 1)
    ear.kill()
    bob.run('send', 'alice', 'not for thieves')

    assert thief.run('chats')[0]['state'] == 'broken'
    server.stop()
    code, seen, _ = thief.attempt('read', 'bob')
    server.start()

    assert code == 4 and 'undecryptable' in [row['kind'] for row in seen], seen
    assert 'not for thieves' not in texts(seen), seen
    assert 'not for thieves' in texts(alice.run('read', 'bob'))


@test
def after_a_last_resort_the_keys_and_the_package_are_renewed(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    server.stop()
    with database(server) as store:
        store.execute('DELETE FROM keyx_packages WHERE last_resort = 0')
        before = store.execute('SELECT ref FROM keyx_packages WHERE last_resort = 1').fetchall()
    server.start()
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'only by the last resort')
    ear = bob.spawn('listen')
    wait_text(ear, 'only by the last resort')
    wait_epoch(alice, 2)
    wait_for(lambda: times(bob)[0] > time.time() - 600)
    ear.kill()

    server.stop()
    with database(server) as store:
        after = store.execute('SELECT ref FROM keyx_packages WHERE last_resort = 1').fetchall()
    assert len(after) == len(before) and len(set(after) & set(before)) == len(before) - 1, (before, after)


@test
def key_packages_are_replaced_when_they_run_short(stage):
    """Nearly all of bob's are gone; the next invitation that he takes up makes the stock what it was."""
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    stock = bob.run('devices')[0]['key_packages']
    server.stop()
    with database(server) as store:
        store.execute("""DELETE FROM keyx_packages WHERE last_resort = 0 AND ref NOT IN (
                           SELECT MIN(ref) FROM keyx_packages WHERE last_resort = 0 GROUP BY device_id, suite)""")
    server.start()
    short = bob.run('devices')[0]['key_packages']

    alice.run('new', 'bob')
    alice.run('send', 'bob', 'by the last but one')
    assert texts(bob.run('read', 'alice')) == ['by the last but one']

    assert short < 5 < 50 < stock, (short, stock)
    assert bob.run('devices')[0]['key_packages'] == stock


@test
def devices_tell_how_fresh_their_keys_are(stage):
    alice, _ = two_in_a_chat(stage, start(stage))

    own = alice.run('devices')[0]

    assert (own['chats'], own['waiting']) == (1, 0), own
    assert own['this'] and abs(own['keys_renewed'] - time.time()) < 600, own
    assert own['key_packages'] > 50, own


if __name__ == '__main__':
    main()
