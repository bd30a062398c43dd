# SPDX-License-Identifier: MIT
"""Deleting a chat: gone from the server, told to everybody, and kept by each reader until he deletes it, too."""
# io_threads: default
import shutil
import subprocess

from clients import people, start, texts
from sotto import program, wait_object
from tables import ask, is_on_disk, wait_for, wait_rows
from tap import main, test
from terminal import Terminal

TABLES = ('chats', 'members', 'seats', 'log', 'purges', 'group_infos', 'welcomes', 'invitations', 'pairs')


def kinds(objects):
    return [found['kind'] for found in objects if 'kind' in found]


@test
def an_owner_deletes_a_group_for_everybody(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', 'carol', '--title', 'Plans')[0]['chat']
    bob.run('send', 'Plans', 'the wall has ears')
    for member in (alice, carol):
        member.run('read', 'Plans')
    sample = ask(server, 'SELECT message FROM chat_log ORDER BY id DESC LIMIT 1')
    ear = bob.spawn('listen')
    wait_object(ear, lambda found: found.get('kind') == 'joined')

    assert bob.fails(1, 'delete-chat', 'Plans')['code'] == 'permission_denied'
    gone = alice.run('delete-chat', 'Plans')[0]
    _, told = wait_object(ear, lambda found: found.get('kind') == 'deleted')

    assert (gone['chat'], gone['state'], gone['left_how'], gone['left_by']) == (chat, 'left', 'deleted', 'alice')
    assert (told['chat'], told['from']) == (chat, 'alice')
    for table in TABLES:
        wait_rows(server, f'chat_{table}', 0)
    wait_for(lambda: is_on_disk(server, sample), False)
    # Carol was away; what bob has read stays with him.
    assert [(row['state'], row['left_how'], row['left_by']) for row in carol.run('chats')] == [('left', 'deleted', 'alice')]
    assert kinds(carol.run('read', 'Plans'))[-1:] == ['deleted']
    carol_hears = carol.spawn('listen')
    wait_object(carol_hears, lambda found: found.get('kind') == 'deleted')
    carol_hears.stop()
    assert carol.fails(1, 'send', 'Plans', 'hello?')['code'] == 'permission_denied'
    assert texts(bob.run('read', 'Plans')) == ['the wall has ears']
    assert alice.run('chats') == []
    wait_rows(server, 'chat_notices', 0)


@test
def what_was_deleted_is_deleted_here_by_the_same_command(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    bob.run('send', 'alice', 'once')
    alice.run('delete-chat', 'bob')
    assert texts(bob.run('read', 'alice')) == ['once']
    ear = bob.spawn('listen')

    bob.run('delete-chat', 'alice')

    assert bob.run('chats') == []
    assert bob.fails(1, 'read', 'alice')['code'] == 'not_found'
    assert bob.fails(1, 'delete-chat', 'alice')['code'] == 'not_found'
    ear.stop()


@test
def either_of_two_deletes_a_chat_of_two_and_a_new_one_is_another(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    first = alice.run('new', 'bob')[0]['chat']
    bob.run('read', 'alice')

    bob.run('delete-chat', 'alice')
    second = bob.run('new', 'alice')[0]['chat']
    bob.run('send', 'alice', 'hello again')

    assert second != first
    assert texts(alice.run('read', 'bob')) == ['hello again']
    assert [(row['chat'], row['state']) for row in alice.run('chats')] == [(second, 'ready'), (first, 'left')]
    alice.run('send', 'bob', 'and back')
    assert texts(bob.run('read', 'alice', '--limit', '1')) == ['and back']


@test
def a_deletion_survives_a_kill_of_the_server(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob', '--title', 'Short')
    for number in range(3):
        alice.run('send', 'Short', f'message {number}')
    bob.run('chats')
    alice.run('delete-chat', 'Short')
    server.kill()
    server.start()

    for table in TABLES:
        wait_rows(server, f'chat_{table}', 0)
    wait_object(bob.spawn('listen'), lambda found: found.get('kind') == 'deleted')


@test
def on_a_terminal_it_says_what_goes_and_asks(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob', '--title', 'Short')
    bob.run('chats')

    def asked(person, *options):
        return Terminal(stage, [program('sotto'), '--profile', person.profile, 'delete-chat', 'Short', *options])

    screen = asked(alice)
    screen.see('Delete the chat Short here, and for everybody if it is yours')
    screen.type('n\n')
    screen.see('nothing was done')
    assert screen.finish() == 2
    assert [row['state'] for row in bob.run('chats')] == ['ready']
    screen = asked(alice)
    screen.see('(y/n)?')
    screen.type('y\n')
    assert screen.finish() == 0
    assert [row['state'] for row in bob.run('chats')] == ['left']
    screen = asked(bob)
    screen.see('Delete what this device has of the chat Short')
    screen.type('n\n')
    assert screen.finish() == 2
    assert asked(bob, '--yes').finish() == 0
    assert bob.run('chats') == []


def set_back(server, copy):
    """As docs/operating.md says: stop, remove, move, start."""
    assert server.stop() == 0
    for file in server.data.glob('sotto.db*'):
        file.unlink()
    shutil.move(copy, server.data / 'sotto.db')
    server.start()


@test
def after_the_server_went_back_to_a_backup_untouched_chats_go_on_and_others_are_made_anew(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    for other in (bob, carol):
        alice.run('new', other.name)
        other.run('send', 'alice', 'before')
        alice.run('read', other.name)
    alice.run('new', 'carol', '--title', 'Plans')
    copy = stage.folder / 'copy.db'
    subprocess.run([program('sottoctl'), '--data', server.data, 'db', 'backup', copy], check=True, stdout=subprocess.DEVNULL)
    bob.run('send', 'alice', 'since then')
    alice.run('read', 'bob')
    alice.run('add', 'Plans', 'bob')
    carol.run('read', 'Plans')
    set_back(server, copy)

    carol.run('send', 'alice', 'as if nothing were')
    assert texts(alice.run('read', 'carol')) == ['before', 'as if nothing were']
    for member in (alice, carol):  # who made the change that is forgotten, and who followed it
        refused = member.fails(1, 'send', 'Plans', 'where are we?')
        assert refused['code'] == 'failed_precondition' and member.run('queue') == [], refused
    alice.run('delete-chat', 'bob')
    bob.run('chats')
    alice.run('new', 'bob')
    bob.run('send', 'alice', 'anew')
    assert texts(alice.run('read', 'bob')) == ['anew']
    old = next(row['chat'] for row in bob.run('chats') if row['state'] == 'left')
    assert texts(bob.run('read', old)) == ['before', 'since then']


if __name__ == '__main__':
    main()
