# SPDX-License-Identifier: MIT
"""Trust on first use: what is compared, and what happens when the operator swaps a key behind the client's back."""
import hashlib
import secrets

from clients import database, people, start, texts
from sotto import wait_object
from tap import main, test


def user_id(client):
    return bytes.fromhex(client.run('whoami')[0]['user_id'])


def swap_identity(server, user, key):
    """Plays the dishonest operator: another identity key for a user. Returns the one before."""
    server.stop()
    tables = database(server)
    before = tables.execute('SELECT identity_key FROM keyx_identities WHERE user_id = ?', (user,)).fetchone()[0]
    tables.execute('UPDATE keyx_identities SET identity_key = ? WHERE user_id = ?', (key, user))
    tables.close()
    server.start()
    return before


@test
def both_sides_see_the_same_number_and_the_key_of_the_other(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    users = {'alice': user_id(alice), 'bob': user_id(bob)}

    of_bob = alice.run('verify', 'bob')[0]
    of_alice = bob.run('verify', 'alice')[0]
    server.stop()
    keys = dict(database(server).execute('SELECT user_id, identity_key FROM keyx_identities'))

    assert of_bob['digits'] == of_alice['digits'] and len(of_bob['digits']) == 60
    assert of_bob['sha256'] == hashlib.sha256(keys[users['bob']]).hexdigest()
    assert of_alice['sha256'] == hashlib.sha256(keys[users['alice']]).hexdigest()
    assert len(of_bob['emoji']) == len(of_bob['emoji_names']) == 16
    assert of_bob['emoji'] != of_alice['emoji']
    assert of_bob['state'] == 'unverified' and of_bob['new_sha256'] is None
    assert [line['what'] for line in of_bob['history']] == ['first contact']


@test
def a_contact_marked_as_verified_stays_so(stage):
    server = start(stage)
    alice, _ = people(stage, server, 'alice', 'bob')
    chat = alice.run('new', 'bob')[0]['chat']

    assert alice.run('verify', 'bob', '--mark')[0]['state'] == 'verified'

    shown = alice.run('verify', 'bob')[0]
    assert shown['state'] == 'verified'
    assert [line['what'] for line in shown['history']] == ['first contact', 'verified']
    trust = {row['user']: row['trust'] for row in alice.run('members', chat)}
    assert trust == {'alice': 'self', 'bob': 'verified'}


@test
def a_swapped_key_blocks_sending_until_it_is_accepted(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'before')
    false_key = secrets.token_bytes(32)
    true_key = swap_identity(server, user_id(bob), false_key)

    blocked = alice.fails(5, 'send', 'bob', 'to whom?')
    code, shown, _ = alice.attempt('verify', 'bob')

    assert blocked['code'] == 'blocked' and 'verify bob' in blocked['message']
    assert code == 5 and shown[0]['state'] == 'changed'
    assert shown[0]['sha256'] == hashlib.sha256(true_key).hexdigest()
    assert shown[0]['new_sha256'] == hashlib.sha256(false_key).hexdigest()
    assert [line['what'] for line in shown[0]['history']] == ['first contact', 'changed']
    assert texts(alice.run('read', 'bob')) == ['before']
    alice.fails(5, 'verify', 'bob', '--mark')
    alice.fails(5, 'send', 'bob', 'still not')

    accepted = alice.run('verify', 'bob', '--accept')[0]
    assert accepted['state'] == 'unverified'
    assert accepted['sha256'] == hashlib.sha256(false_key).hexdigest()
    assert [line['what'] for line in accepted['history']] == ['first contact', 'changed', 'accepted']
    alice.run('send', 'bob', 'after')
    assert texts(alice.run('read', 'bob')) == ['before', 'after']


@test
def the_block_holds_when_the_true_key_is_put_back(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    true_key = swap_identity(server, user_id(bob), secrets.token_bytes(32))
    alice.fails(5, 'send', 'bob', 'one')

    swap_identity(server, user_id(bob), true_key)

    alice.fails(5, 'send', 'bob', 'two')
    assert alice.run('verify', 'bob', '--accept')[0]['state'] == 'unverified'


@test
def a_key_that_is_swapped_again_before_the_acceptance_is_not_accepted_unseen(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    swap_identity(server, user_id(bob), secrets.token_bytes(32))
    code, _, _ = alice.attempt('verify', 'bob')
    assert code == 5

    last_key = secrets.token_bytes(32)
    swap_identity(server, user_id(bob), last_key)
    code, shown, _ = alice.attempt('verify', 'bob', '--accept')
    assert code == 5 and shown[0]['state'] == 'changed'
    assert shown[0]['new_sha256'] == hashlib.sha256(last_key).hexdigest()

    assert alice.run('verify', 'bob', '--accept')[0]['sha256'] == hashlib.sha256(last_key).hexdigest()


@test
def no_chat_is_started_with_a_swapped_key(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    alice.run('verify', 'bob')
    swap_identity(server, user_id(bob), secrets.token_bytes(32))

    assert alice.fails(5, 'new', 'bob')['code'] == 'blocked'
    assert alice.fails(5, 'new', 'bob', 'carol', '--title', 'Trap')['code'] == 'blocked'
    assert alice.run('chats') == [] and carol.run('chats') == []


@test
def a_first_contact_with_a_key_that_proves_nothing_is_refused(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    swap_identity(server, user_id(bob), secrets.token_bytes(32))

    assert alice.fails(5, 'new', 'bob')['code'] == 'blocked'
    assert alice.fails(5, 'verify', 'bob')['code'] == 'blocked'


@test
def a_swap_of_ones_own_key_is_noticed(stage):
    server = start(stage)
    alice, _ = people(stage, server, 'alice', 'bob')
    swap_identity(server, user_id(alice), secrets.token_bytes(32))

    assert alice.fails(5, 'new', 'bob')['code'] == 'blocked'


@test
def a_rewritten_key_log_is_noticed(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    who = user_id(bob)
    server.stop()
    tables = database(server)
    tables.execute('DELETE FROM keyx_log WHERE user_id = ? AND number > 1', (who,))
    tables.close()
    server.start()

    assert alice.fails(5, 'send', 'bob', 'x')['code'] == 'blocked'


@test
def a_change_is_shown_in_the_chat(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    swap_identity(server, user_id(bob), secrets.token_bytes(32))
    alice.fails(5, 'send', 'bob', 'x')

    ear = alice.spawn('listen')
    _, event = wait_object(ear, lambda found: found.get('kind') == 'key_changed')

    assert event['from'] == 'bob'


@test
def a_new_device_under_the_same_key_blocks_nobody(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    stage.client('phone', server).run('login', 'bob')

    alice.run('send', 'bob', 'hello')

    assert alice.run('verify', 'bob')[0]['state'] == 'unverified'


if __name__ == '__main__':
    main()
