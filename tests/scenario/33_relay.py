# SPDX-License-Identifier: MIT
"""The mode relay: what everybody has is gone from the server, what somebody lacks is not, and whoever comes too late
is told."""
# io_threads: default
from clients import people, start, texts
from groups import Groups
from load import FAST_LIMITS
from server_facts import wait_metric
from tables import ask, file_bytes, is_on_disk, wait_for, wait_rows
from tap import main, night, test

MIB = 1024 * 1024


def relay(stage, *names):
    """People in one relay chat, and the server. The first made it."""
    server = stage.server(conf=FAST_LIMITS, module_conf={'chat': 'relay_keep = 30d\n'})
    members = people(stage, server, *names)
    chat = members[0].run('new', *names[1:], '--title', 'Relay', '--mode', 'relay')[0]
    assert chat['mode'] == 'relay'
    return server, members


def restart_with(server, keep):
    """The same server with another patience."""
    assert server.stop() == 0
    (server.folder / 'modules' / 'chat.conf').write_text(f'relay_keep = {keep}\n', encoding='utf-8')
    server.start()


@test
def the_rows_are_gone_when_everybody_has_read_and_the_file_shrinks(stage):
    server, (alice, bob, carol) = relay(stage, 'alice', 'bob', 'carol')
    bob.run('chats')
    wanted = [f'{number} ' + '€' * 3900 for number in range(night(250, 2500))]
    sender = alice.spawn_with('\n'.join(wanted) + '\n', 'send', 'Relay', '-')
    assert sender.wait(night(120, 600)) == 0, sender.error_text()
    sample = ask(server, 'SELECT message FROM chat_log WHERE kind = 1 ORDER BY id DESC LIMIT 1')[-500:]
    assert is_on_disk(server, sample)

    assert texts(bob.run('read', 'Relay', '--limit', '10000')) == wanted
    assert ask(server, 'SELECT COUNT(*) FROM chat_log') >= len(wanted)
    large = file_bytes(server)
    assert large > 2 * MIB
    assert texts(carol.run('read', 'Relay', '--limit', '10000')) == wanted

    wait_rows(server, 'chat_log', 0)
    wait_for(lambda: file_bytes(server) < large - MIB)
    wait_for(lambda: is_on_disk(server, sample), False)
    wait_metric(server, 'sotto_chat_purged_total{because="read"}', lambda count: count == len(wanted) + 2)
    wait_metric(server, 'sotto_store_pages_released_total', lambda count: count > 0)


@test
def a_device_that_is_away_keeps_the_entries_through_restarts(stage):
    server, (alice, bob, carol) = relay(stage, 'alice', 'bob', 'carol')
    bob.run('chats')
    alice.run('send', 'Relay', 'one')
    bob.run('send', 'Relay', 'two')
    alice.run('read', 'Relay')
    bob.run('read', 'Relay')
    # The title and what carol has not asked for yet; the commit that added her is read by its Welcome.
    wait_rows(server, 'chat_log', 3)
    assert server.stop() == 0
    server.start()
    wait_rows(server, 'chat_log', 3)

    assert texts(carol.run('read', 'Relay')) == ['one', 'two']
    wait_rows(server, 'chat_log', 0)
    assert server.stop() == 0
    server.start()
    sent = alice.run('send', 'Relay', 'three')[0]

    assert sent['seq'] == 5
    assert texts(carol.run('read', 'Relay', '--limit', '1')) == ['three']
    assert [row['mode'] for row in carol.run('chats')] == ['relay']


@test
def a_kill_between_the_last_acknowledgement_and_the_purge_loses_neither(stage):
    server, (alice, bob) = relay(stage, 'alice', 'bob')
    rounds = night(2, 10)
    for number in range(rounds):
        alice.run('send', 'Relay', f'message {number}')
        bob.run('read', 'Relay')
        server.kill()
        server.start()
        wait_rows(server, 'chat_log', 0)

    assert texts(bob.run('read', 'Relay')) == [f'message {number}' for number in range(rounds)]
    assert texts(alice.run('read', 'Relay')) == [f'message {number}' for number in range(rounds)]


@test
def who_comes_too_late_is_told_how_many_messages_were_not_kept(stage):
    server, (alice, bob, carol) = relay(stage, 'alice', 'bob', 'carol')
    for member in (alice, bob, carol):
        member.run('read', 'Relay')
    wait_rows(server, 'chat_log', 0)
    for number in range(3):
        alice.run('send', 'Relay', f'lost {number}')
    bob.run('read', 'Relay')
    restart_with(server, '1s')
    wait_rows(server, 'chat_log', 0)
    restart_with(server, '30d')
    alice.run('send', 'Relay', 'in time')

    shown = carol.run('read', 'Relay')

    assert [(row['kind'], row['text']) for row in shown] == [
        ('not_kept', '3 messages were not kept'), ('text', 'in time')]
    # The profile has the number; the words are those of whoever reads.
    assert carol.run('--lang', 'ru', 'read', 'Relay')[0]['text'] == 'не сохранилось 3 сообщения'
    carol.run('send', 'Relay', 'thanks')
    assert texts(alice.run('read', 'Relay', '--limit', '1')) == ['thanks']
    assert [row['kind'] for row in bob.run('read', 'Relay')] == ['text'] * 5


@test
def who_missed_commits_that_were_not_kept_joins_anew(stage):
    server, (alice, bob) = relay(stage, 'alice', 'bob')
    bob.run('read', 'Relay')
    other = stage.client('alice-2', server)
    other.run('login', 'alice')
    ear = alice.spawn('listen')
    wait_for(lambda: [row['state'] for row in other.run('chats')], ['ready'])
    ear.stop()
    restart_with(server, '1s')
    wait_rows(server, 'chat_log', 0)
    restart_with(server, '30d')
    chat = alice.run('chats')[0]['chat']

    behind = bob.run('chats')[0]
    assert behind['state'] == 'broken' and '`sotto read`' in behind['cure'], behind
    shown = bob.run('read', 'Relay')
    assert [row['kind'] for row in shown] == ['not_kept', 'repaired'] and 'the group changed' in shown[0]['text'], shown
    assert bob.run('chats')[0]['state'] == 'ready'
    bob.run('send', 'Relay', 'back again')
    assert texts(alice.run('read', 'Relay'))[-1] == 'back again'
    wait_for(lambda: other.run('chats')[0]['state'], 'ready')
    assert texts(other.run('read', chat))[-1] == 'back again'
    alice.run('read', 'Relay')
    wait_rows(server, 'chat_log', 0)


@test
def an_operator_may_offer_one_mode_only(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'chat': 'modes = "relay"\n'})
    alice, _ = people(stage, server, 'alice', 'bob')

    refusal = alice.fails(1, 'new', 'bob')

    assert refusal['code'] == 'unimplemented' and 'choose relay' in refusal['message']
    assert alice.run('new', 'bob', '--mode', 'relay')[0]['mode'] == 'relay'


@test
def only_what_a_device_of_the_chat_has_acknowledged_counts(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, bob, mallory = (groups.person(name) for name in ('alice', 'bob', 'mallory'))
        chat = alice.create([bob], mode=2)
        alice.send(chat, 'hello')
        for person in (alice, mallory):
            person.chat('Ack', {'cursors': [{'chat_id': chat, 'seq': 1000}], 'welcomes_joined': [chat]})
        assert [entry.seq for entry in bob.sync({chat: 1}).entries] == [2]
        bob.chat('Ack', {'cursors': [{'chat_id': chat, 'seq': 2}]})
        wait_rows(server, 'chat_log', 0)


if __name__ == '__main__':
    main()
