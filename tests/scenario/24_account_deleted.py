# SPDX-License-Identifier: MIT
# io_threads: default
"""Deleting an account: what its user needs for it, what others see, what is left, and that a crash changes nothing of it."""
import shutil

from clients import acquainted, database, device_of, joined, people, start, texts
from sotto import PASSWORD, program, wait_object
from tables import wait_for
from tap import main, test
from terminal import Terminal

WIPED = ('profile.db', 'profile.db-wal', 'profile.db-shm', 'key')


def is_wiped(client):
    return not any((client.profile / name).exists() for name in WIPED)


def wait_kind(process, kind, chat, start_at=0):
    return wait_object(process, lambda found: found.get('kind') == kind and found['chat'] == chat, start_at)


def kinds(client, chat):
    return [found['kind'] for found in client.run('read', chat)]


def roles(client, chat):
    return {row['user']: row['role'] for row in client.run('members', chat)}


@test
def a_group_hears_of_it_gets_an_owner_and_goes_on(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', 'carol', '--title', 'Garden')[0]['chat']
    alice.run('send', chat, 'before')
    ear = bob.spawn('listen')
    alice_id = alice.run('whoami')[0]['user_id']

    assert alice.run('delete-account', '--yes') == [{'deleted': 'alice'}]

    assert is_wiped(alice)
    place, gone = wait_kind(ear, 'account_deleted', chat)
    assert (gone['from'], gone['from_id'], gone['text']) == ('alice', alice_id, None), gone
    _, role = wait_kind(ear, 'role_changed', chat, place)
    assert (role['from'], role['role']) == ('alice', 'owner') and role['users'][0] in ('bob', 'carol'), role
    ear.stop()
    assert roles(bob, chat) in ({'bob': 'owner', 'carol': 'member'}, {'bob': 'member', 'carol': 'owner'})
    carol.run('send', chat, 'after')  # who was away, and is invited by somebody who is no more
    assert texts(bob.run('read', chat)) == ['before', 'after']
    for told in (kinds(bob, chat), kinds(carol, chat)):
        assert told.count('account_deleted') == 1, told
        assert not {'device_gone', 'device_disputed', 'undecryptable', 'member_removed'} & set(told), told


@test
def a_chat_of_two_stays_to_be_read_and_takes_nothing(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    alice.run('send', 'bob', 'remember me')
    key = bob.run('verify', 'alice')[0]['sha256']
    alice.run('delete-account', '--yes')
    wait_for(lambda: bob.run('chats')[0]['state'], 'gone')

    chat = bob.run('chats')[0]
    assert (chat['title'], chat['members']) == ('alice', ['alice', 'bob']), chat
    assert texts(bob.run('read', 'alice')) == ['remember me']
    assert kinds(bob, 'alice')[-1] == 'account_deleted'
    assert 'deleted the account' in bob.fails(1, 'send', 'alice', 'hello?')['message']
    trust = bob.run('verify', 'alice')[0]
    assert trust['sha256'] == key and trust['deleted'] > 0 and trust['history'][-1]['what'] == 'account deleted'
    bob.run('delete-chat', 'alice')
    assert bob.run('chats') == []
    assert 'deleted the account' in bob.fails(1, 'new', 'alice')['message']


@test
def nobody_gets_the_name_and_nobody_logs_in_under_it(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('delete-account', '--yes')

    for name in ('alice', 'ALICE'):
        assert stage.client(f'poser-{name}', server).fails(1, 'register', name)['code'] == 'already_exists'
    stage.client('late', server).fails(3, 'login', 'alice')
    assert bob.fails(1, 'new', 'alice')['code'] == 'not_found'


@test
def another_device_is_told_and_keeps_what_it_has_read(stage):
    server = start(stage)
    laptop, bob = people(stage, server, 'alice', 'bob')
    chat = laptop.run('new', 'bob', '--title', 'Garden')[0]['chat']
    phone = device_of(stage, server, 'alice', 'phone')
    joined(laptop, phone)
    bob.run('send', chat, 'for both')
    assert texts(phone.run('read', chat)) == ['for both']
    laptop.run('delete-account', '--yes')
    wait_for(lambda: 'account_deleted' in kinds(bob, chat))

    assert 'this account was deleted' in phone.fails(3, 'whoami')['message']
    assert 'this account was deleted' in phone.fails(3, 'login', 'alice')['message']
    code, shown, _ = phone.attempt('read', chat)
    assert (code, texts(shown)) == (3, ['for both']), shown
    assert phone.run('delete-account', '--yes') == [{'deleted': 'alice'}]
    assert is_wiped(phone)
    bob.run('send', chat, 'alone')  # after both leaves went in one commit
    assert roles(bob, chat) == {'bob': 'owner'}


@test
def without_the_password_or_without_meaning_it_nothing_is_deleted(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    wrong = stage.folder / 'wrong'
    wrong.write_text('not her password 1\n', encoding='utf-8')

    alice.fails(2, 'delete-account')  # there is no terminal to ask on
    alice.fails(3, '--password-file', str(wrong), 'delete-account', '--yes')

    alice.run('send', 'bob', 'still here')
    assert texts(bob.run('read', 'alice')) == ['still here']


@test
def a_person_is_told_what_it_means_and_types_the_name(stage):
    server = start(stage)
    alice = people(stage, server, 'alice')[0]
    command = [program('sotto'), '--lang', 'en', '--profile', alice.profile, '--server', stage.url(server),
               'delete-account']
    asked = Terminal(stage, command)
    asked.see('its name is never given out again', 'type the name of the account to go on:')
    asked.type('bob\n')
    asked.see('nothing was deleted')
    assert asked.finish() == 2
    alice.run('whoami')

    asked = Terminal(stage, command)
    asked.see('type the name of the account to go on:')
    asked.type('alice\n')
    asked.see('password:')
    asked.type(PASSWORD + '\n')
    asked.see('the account alice is deleted, and this profile is empty')
    assert asked.finish() == 0 and is_wiped(alice)


@test
def a_server_that_dies_after_the_answer_and_again_goes_on_where_it_was(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    chats = [alice.run('new', 'bob', 'carol', '--title', f'Garden {number}')[0]['chat'] for number in range(5)]
    chats.append(alice.run('new', 'bob')[0]['chat'])
    bob.run('chats')
    carol.run('chats')
    alice.run('delete-account', '--yes')
    server.kill()
    server.start()
    ear = bob.spawn('listen')
    wait_object(ear, lambda found: found.get('kind') == 'account_deleted')
    server.kill()  # some chats know it by now, perhaps not all
    ear.kill()
    server.start()

    for chat in chats:
        wait_for(lambda chat=chat: kinds(bob, chat).count('account_deleted'), 1)
    for chat in chats[:-1]:
        carol.run('send', chat, 'we go on')
        assert set(roles(bob, chat)) == {'bob', 'carol'}
    bob.fails(1, 'send', 'alice', 'hello?')


def as_if_only_auth_had_committed(server, before):
    """Puts what auth has in its tables now into the database as it was before. The server is stopped."""
    after = server.data / 'after.db'
    (server.data / 'sotto.db').rename(after)
    shutil.copy(before, server.data / 'sotto.db')
    connection = database(server)
    connection.execute('PRAGMA foreign_keys = OFF')
    connection.execute('ATTACH ? AS later', (str(after),))
    tables = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name LIKE 'auth_%'")
    for (table,) in tables.fetchall():
        connection.execute(f'DELETE FROM main.{table}')
        connection.execute(f'INSERT INTO main.{table} SELECT * FROM later.{table}')
    connection.close()
    after.unlink()


@test
def a_server_that_dies_before_the_other_modules_heard_tells_them_at_the_next_start(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', 'carol', '--title', 'Garden')[0]['chat']
    bob.run('chats')
    before = stage.folder / 'before.db'
    assert server.stop() == 0
    shutil.copy(server.data / 'sotto.db', before)
    server.start()
    alice.run('delete-account', '--yes')
    assert server.stop() == 0
    as_if_only_auth_had_committed(server, before)
    server.start()

    ear = bob.spawn('listen')
    wait_kind(ear, 'account_deleted', chat)
    ear.stop()
    carol.run('send', chat, 'after')
    assert set(roles(bob, chat)) == {'bob', 'carol'}
    assert bob.run('verify', 'alice')[0]['history'][-1]['what'] == 'account deleted'
    assert 'deleted the account' in bob.fails(1, 'new', 'alice')['message']


@test
def a_client_whose_answer_was_lost_finds_out_and_wipes(stage):
    server = start(stage)
    alice = people(stage, server, 'alice')[0]
    kept = stage.folder / 'kept'
    shutil.copytree(alice.profile, kept)
    alice.run('delete-account', '--yes')
    shutil.rmtree(alice.profile)
    shutil.copytree(kept, alice.profile)  # as if it had never heard

    assert alice.run('delete-account', '--yes') == [{'deleted': 'alice'}]
    assert is_wiped(alice)


if __name__ == '__main__':
    main()
