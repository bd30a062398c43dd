# SPDX-License-Identifier: MIT
# io_threads: default
"""A profile that is an old copy of itself sends: no message is lost, none comes twice, no message key is used twice."""
import contextlib
import shutil
import subprocess

from clients import acquainted, at, device_of, joined, people, start, texts, wait_text, write_offline
from liar import Liar
from sotto import wait_object
from tables import wait_for
from tap import main, test

EPOCH_AT = 2 + 2 + 1 + 16  # of a PrivateMessage: version, wire format, group id with its length


def copy_of(stage, client, name='copy'):
    folder = stage.folder / f'{client.name}-{name}'
    shutil.copytree(client.profile, folder)
    return folder


def put_back(client, folder):
    shutil.rmtree(client.profile)
    shutil.copytree(folder, client.profile)


@contextlib.contextmanager
def watched(stage, server, client):
    """Lets a client speak through somebody who keeps what it sends."""
    with Liar(stage.schema, server.tcp) as liar:
        yield at(client, liar.address), liar
    at(client, server.tcp)


def epochs_sent(liar):
    """The MLS epochs of what was sent, in order."""
    return [int.from_bytes(call.message[EPOCH_AT:EPOCH_AT + 8], 'big') for call in liar.calls('ChatService/Send')]


def kinds(rows):
    return [row['kind'] for row in rows]


@test
def an_old_copy_that_sends_at_once_loses_no_message_and_uses_no_key_twice(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    chat = alice.run('chats')[0]
    alice.run('send', 'bob', 'before')
    copy = copy_of(stage, alice)
    for number in range(3):
        alice.run('send', 'bob', f'forgotten {number}')
    bob.run('send', 'alice', 'an answer')
    put_back(alice, copy)

    with watched(stage, server, alice) as (alice, liar):
        for number in range(4):
            alice.run('send', 'bob', f'new {number}')
        sent = epochs_sent(liar)

    assert len(sent) == 4 and min(sent) > chat['epoch'], sent
    heard = bob.run('read', 'alice')
    assert texts(heard) == ['before', 'forgotten 0', 'forgotten 1', 'forgotten 2', 'an answer',
                            'new 0', 'new 1', 'new 2', 'new 3']
    assert 'undecryptable' not in kinds(heard)
    kept = alice.run('read', 'bob')
    assert texts(kept) == ['before', 'an answer', 'new 0', 'new 1', 'new 2', 'new 3']
    said = [row['text'] for row in kept if row['kind'] == 'undecryptable']
    assert len(said) == 3 and all('older copy' in text for text in said), kept
    bob.run('send', 'alice', 'still together')
    assert texts(alice.run('read', 'bob'))[-1] == 'still together'


@test
def an_old_copy_that_writes_before_it_is_online_loses_nothing(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    copy = copy_of(stage, alice)
    for number in range(3):
        alice.run('send', 'bob', f'forgotten {number}')
    put_back(alice, copy)
    write_offline(alice, server, 'bob', 'offline 0', 'offline 1')

    with watched(stage, server, alice) as (alice, liar):
        assert texts(alice.run('read', 'bob')) == ['offline 0', 'offline 1']
        sent = epochs_sent(liar)

    assert len(sent) == 2 and min(sent) > 1, sent
    assert texts(bob.run('read', 'alice')) == ['forgotten 0', 'forgotten 1', 'forgotten 2', 'offline 0', 'offline 1']


@test
def what_the_copy_still_has_in_its_queue_and_was_delivered_comes_once(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    write_offline(alice, server, 'bob', 'queued 0', 'queued 1')
    copy = copy_of(stage, alice)
    assert texts(alice.run('read', 'bob')) == ['queued 0', 'queued 1']
    put_back(alice, copy)
    write_offline(alice, server, 'bob', 'typed into the copy')

    alice.run('send', 'bob', 'and online')

    order = ['queued 0', 'queued 1', 'typed into the copy', 'and online']
    assert texts(alice.run('read', 'bob')) == texts(bob.run('read', 'alice')) == order


@test
def what_was_sent_in_a_later_epoch_and_waits_in_the_copy_is_read_once(stage):
    server = start(stage)
    alice, bob, _ = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', '--title', 'Garden')[0]['chat']
    phone = device_of(stage, server, 'alice', 'phone')
    phone.run('read', chat)
    alice.run('chats')
    write_offline(alice, server, chat, 'queued')
    copy = copy_of(stage, alice)
    bob.run('add', chat, 'carol')  # so that what waits is encrypted anew, and the copy cannot know it again
    assert texts(alice.run('read', chat)) == ['queued']
    ear = bob.spawn('listen')
    wait_text(ear, 'queued')
    put_back(alice, copy)

    alice.run('send', chat, 'from the copy')

    wait_text(ear, 'from the copy')
    ear.kill()
    assert sum('"queued"' in line for line in ear.lines) == 1, ear.lines
    assert len([row for row in alice.run('read', chat) if row['kind'] == 'undecryptable']) == 1  # it did come twice
    for reader in (alice, bob, phone):
        assert texts(reader.run('read', chat)) == ['queued', 'from the copy']
    bob.run('send', chat, 'queued')
    assert texts(phone.run('read', chat)) == ['queued', 'from the copy', 'queued']


@test
def an_old_copy_in_which_nothing_was_forgotten_goes_on_as_before(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    alice.run('send', 'bob', 'before')
    put_back(alice, copy_of(stage, alice))
    bob.run('send', 'alice', 'missed')

    alice.run('send', 'bob', 'after')

    assert texts(alice.run('read', 'bob')) == texts(bob.run('read', 'alice')) == ['before', 'missed', 'after']
    assert alice.run('chats')[0]['epoch'] == 1


@test
def a_copy_that_is_restored_again_and_again_is_found_out_each_time(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    for number in range(3):
        alice.run('send', 'bob', f'life {number}')
        copy = copy_of(stage, alice, f'copy-{number}')
        alice.run('send', 'bob', f'end of life {number}')
        put_back(alice, copy)
        alice.run('send', 'bob', f'life {number} again')

    heard = bob.run('read', 'alice')
    assert texts(heard) == [text for number in range(3)
                            for text in (f'life {number}', f'end of life {number}', f'life {number} again')]
    assert 'undecryptable' not in kinds(heard)


@test
def the_listener_of_an_old_copy_tells_of_it_and_sends_what_waits(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    copy = copy_of(stage, alice)
    alice.run('send', 'bob', 'forgotten')
    put_back(alice, copy)
    write_offline(alice, server, 'bob', 'typed into the copy')

    ear = alice.spawn('listen')

    wait_object(ear, lambda found: found.get('kind') == 'undecryptable')
    wait_for(lambda: texts(bob.run('read', 'alice')), ['forgotten', 'typed into the copy'])
    assert ear.running, ear.error_text()


@test
def a_relay_that_forgot_what_the_copy_forgot_is_no_way_around(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    chat = alice.run('new', 'bob', '--title', 'Relay', '--mode', 'relay')[0]['chat']
    bob.run('read', chat)
    copy = copy_of(stage, alice)
    for number in range(3):
        alice.run('send', chat, f'forgotten {number}')
        assert texts(bob.run('read', chat))[-1] == f'forgotten {number}'
    put_back(alice, copy)

    alice.run('send', chat, 'new')

    heard = bob.run('read', chat)
    assert texts(heard)[-1] == 'new' and 'undecryptable' not in kinds(heard), heard


@test
def a_server_that_hides_it_cannot_answer_a_new_message_like_the_forgotten_one(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    copy = copy_of(stage, alice)
    alice.run('send', 'bob', 'forgotten')
    put_back(alice, copy)

    def hide(reply, _):
        reply['sent_top'] = 0
        reply['entries'] = [entry for entry in reply.entries if not entry.mark]
        return reply

    with watched(stage, server, alice) as (alice, liar):
        liar.answer('ChatService/Sync', hide)
        alice.attempt('send', 'bob', 'new')
        alice.run('read', 'bob')

    assert 'new' in texts(bob.run('read', 'alice'))


@test
def two_copies_that_run_at_the_same_time_lose_no_message(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    twin = stage.client('twin', server)
    shutil.copytree(alice.profile, twin.profile)
    one, two = (client.spawn('send', 'bob', '-', stdin=subprocess.PIPE) for client in (alice, twin))
    for process, text in ((one, b'from one\n'), (two, b'from the other\n')):
        process.child.stdin.write(text)
        process.child.stdin.flush()
        process.wait_line(lambda line: '"seq"' in line)
        process.child.stdin.close()
        assert process.wait() == 0

    assert sorted(texts(bob.run('read', 'alice'))) == ['from one', 'from the other']


@test
def a_second_device_follows_what_an_old_copy_sends(stage):
    server = start(stage)
    alice, bob = acquainted(stage, server, 'alice', 'bob')
    phone = device_of(stage, server, 'alice', 'phone')
    joined(alice, phone)
    copy = copy_of(stage, alice)
    alice.run('send', 'bob', 'forgotten')
    put_back(alice, copy)
    alice.run('send', 'bob', 'new')
    assert texts(phone.run('read', 'bob')) == texts(bob.run('read', 'alice')) == ['forgotten', 'new']


if __name__ == '__main__':
    main()
