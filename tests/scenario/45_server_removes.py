# SPDX-License-Identifier: MIT
# io_threads: default
"""The server proposes to take a removed device out of a chat. Members do it when the user's signed key log says so."""
from clients import at, laptop_and_phone, start, texts
from liar import Liar
from sotto import wait_object
from tap import main, test

AT_ONCE = {'chat': 'removal_grace = 0\n'}


def wait_kind(process, kind, start_at=0):
    return wait_object(process, lambda found: found.get('kind') == kind, start_at)


def devices_in(client, chat):
    return {row['user']: row['devices'] for row in client.run('members', chat)}


@test
def a_member_who_listens_does_it_while_the_siblings_are_away(stage):
    server = start(stage, module_conf=AT_ONCE)
    alice, phone, bob, chat = laptop_and_phone(stage, server)
    phone_id = phone.run('whoami')[0]['device_id']
    bob.run('send', 'alice', 'for both')
    phone.run('device-remove', phone_id)

    hears = bob.spawn('listen')
    place, gone = wait_kind(hears, 'device_gone')
    _, removed = wait_kind(hears, 'device_removed', place)

    for event in (gone, removed):
        assert (event['from'], event['from_device'], event['chat']) == ('alice', phone_id, chat), event
    assert devices_in(bob, chat) == {'alice': 1, 'bob': 1}
    bob.run('send', 'alice', 'for the laptop alone')
    assert texts(alice.run('read', chat)) == ['for both', 'for the laptop alone']
    kinds = [found['kind'] for found in alice.run('read', chat)]
    assert kinds[-3:] == ['device_gone', 'device_removed', 'text'], kinds


@test
def a_removal_that_a_restart_came_upon_is_proposed_afterwards(stage):
    server = start(stage)
    _, phone, bob, chat = laptop_and_phone(stage, server)
    phone_id = phone.run('whoami')[0]['device_id']
    phone.run('device-remove', phone_id)
    assert server.stop() == 0
    (server.folder / 'modules' / 'chat.conf').write_text(AT_ONCE['chat'], encoding='utf-8')
    server.start()

    hears = bob.spawn('listen')
    place, gone = wait_kind(hears, 'device_gone')
    wait_kind(hears, 'device_removed', place)

    assert gone['from_device'] == phone_id
    assert devices_in(bob, chat) == {'alice': 1, 'bob': 1}


@test
def without_a_signed_removal_in_the_key_log_nobody_does_it(stage):
    server = start(stage, module_conf=AT_ONCE)
    alice, phone, bob, chat = laptop_and_phone(stage, server)
    phone_id = phone.run('whoami')[0]['device_id']
    seen = []
    with Liar(stage.schema, server.tcp) as liar:
        at(bob, liar.address)
        liar.answer('KeyService/GetIdentity', lambda reply, _: seen.append(reply) or reply)
        bob.run('send', 'alice', 'for both')
        assert seen
        liar.answer('KeyService/GetIdentity', lambda reply, _: seen[-1])
        phone.run('device-remove', phone_id)

        hears = bob.spawn('listen')
        _, event = wait_kind(hears, 'device_disputed')
        assert (event['from'], event['from_device']) == ('alice', phone_id), event
        hears.stop()
        bob.fails(1, 'send', 'alice', 'into the void')
        assert liar.calls('ChatService/Commit') == []

        liar.honest()
        bob.run('send', 'alice', 'at last')
        assert devices_in(bob, chat) == {'alice': 1, 'bob': 1}
    assert texts(alice.run('read', chat)) == ['for both', 'into the void', 'at last']


@test
def nothing_is_sent_while_the_server_keeps_a_removed_device_in_the_chat(stage):
    """A stolen phone and the server together: the removal is known from the key log, and is not taken."""
    server = start(stage)
    alice, phone, bob, chat = laptop_and_phone(stage, server)
    phone_id = phone.run('whoami')[0]['device_id']
    bob.run('send', 'alice', 'for both')
    phone.run('device-remove', phone_id)
    with Liar(stage.schema, server.tcp) as liar:
        at(bob, liar.address)
        for code in ('aborted', 'permission_denied'):
            liar.withhold('ChatService/Commit', code, 'not now')
            assert 'a device that alice removed' in bob.fails(5, 'send', 'alice', 'secret')['message'], code
        liar.withhold('ChatService/Commit', 'unavailable', 'not now')
        assert bob.fails(1, 'send', 'alice', 'which waits')['code'] == 'aborted'
        assert liar.calls('ChatService/Send') == []
        liar.honest()

        bob.run('send', 'alice', 'for the laptop alone')

        assert devices_in(bob, chat) == {'alice': 1, 'bob': 1}
        assert texts(alice.run('read', chat)) == ['for both', 'which waits', 'for the laptop alone']


if __name__ == '__main__':
    main()
