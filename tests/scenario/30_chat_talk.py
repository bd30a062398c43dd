# SPDX-License-Identifier: MIT
"""Two people talk, and five: live, after having been away, from two terminals, through restarts."""
import hashlib
import json
import signal

from clients import at, database, listening, people, person, start, texts, wait_text
from relay import Relay
from sotto import BUILD
from tables import wait_for
from tap import main, test, test_over


@test_over('tcp', 'ws')
def two_people_talk_live(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    chat = alice.run('new', 'bob')[0]
    alice_hears, bob_hears = alice.spawn('listen'), bob.spawn('listen')

    sent = alice.run('send', 'bob', 'hello bob')[0]
    _, got = wait_text(bob_hears, 'hello bob')
    bob.run('send', 'alice', 'hello alice')
    wait_text(alice_hears, 'hello alice')

    assert chat['type'] == 'direct' and chat['mode'] == 'archive' and chat['members'] == ['alice', 'bob']
    assert sent['chat'] == chat['chat'] and sent['seq'] == 2 and len(sent['id']) == 32
    assert (got['chat'], got['id'], got['seq']) == (sent['chat'], sent['id'], sent['seq'])
    assert (got['from'], got['kind'], got['own']) == ('alice', 'text', False)
    assert got['from_device'] == alice.run('whoami')[0]['device_id'] and got['epoch'] == 1


@test
def the_sender_gets_none_back(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    alice_hears = alice.spawn('listen')

    alice.run('send', 'bob', 'mine')
    bob.run('send', 'alice', 'yours')
    wait_text(alice_hears, 'yours')

    assert 'mine' not in [json.loads(line).get('text') for line in alice_hears.lines]


@test_over('tcp', 'ws')
def what_was_missed_is_caught_up_in_order(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    # More than one page of a Sync: 300 messages of 700 bytes.
    wanted = [f'{number:04d} ' + 'x' * 600 for number in range(300)]
    sender = alice.spawn_with('\n'.join(wanted) + '\n', 'send', 'bob', '-')
    assert sender.wait() == 0
    acknowledged = [json.loads(line)['seq'] for line in sender.lines]

    shown = bob.run('listen', '--count', '300')

    assert acknowledged == sorted(set(acknowledged)) and len(acknowledged) == 300
    assert texts(shown) == wanted
    assert [m['seq'] for m in shown if m['kind'] == 'text'] == acknowledged
    assert texts(bob.run('listen', '--timeout', '1')) == []
    assert texts(bob.run('read', 'alice', '--limit', '1000')) == wanted
    assert texts(bob.run('read', 'alice', '--limit', '2')) == wanted[-2:]
    assert texts(bob.run('read', 'alice', '--since', str(acknowledged[-3]))) == wanted[-2:]


@test_over('tcp', 'ws')
def all_of_a_group_of_five_see_a_message(stage):
    server = start(stage)
    members = people(stage, server, 'alice', 'bob', 'carol', 'dave', 'erin')
    alice, others = members[0], members[1:]
    chat = alice.run('new', 'bob', 'carol', 'dave', 'erin', '--title', 'Picnic')[0]
    ears = [member.spawn('listen') for member in members]

    alice.run('send', 'Picnic', 'who brings cake?')
    for ear in ears[1:]:
        wait_text(ear, 'who brings cake?')
    others[3].run('send', 'Picnic', 'I do')

    assert chat['type'] == 'group' and len(chat['members']) == 5
    for ear in ears[:4]:
        wait_text(ear, 'I do')
    assert 'I do' not in [json.loads(line).get('text') for line in ears[4].lines]
    for member in others:
        assert [row['title'] for row in member.run('chats', '--type', 'group')] == ['Picnic']
        assert member.run('chats', '--type', 'direct') == []
    roles = {row['user']: row['role'] for row in alice.run('members', 'Picnic')}
    assert roles.pop('alice') == 'owner' and set(roles.values()) == {'member'} and len(roles) == 4


@test
def several_names_make_a_group_without_a_title(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')

    made = alice.run('new', 'bob', 'carol')[0]

    assert (made['type'], made['members']) == ('group', ['alice', 'bob', 'carol'])
    assert [(row['chat'], row['title']) for row in carol.run('chats')] == [(made['chat'], 'alice, bob')]
    alice.run('send', made['chat'][:6], 'by a beginning of the id')
    assert texts(bob.run('read', made['chat'])) == ['by a beginning of the id']


@test
def a_second_new_finds_the_same_chat(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')

    first = alice.run('new', 'bob')[0]['chat']

    assert alice.run('new', 'bob')[0]['chat'] == first
    assert bob.run('new', 'alice')[0]['chat'] == first
    assert alice.run('new', 'bob', '--title', 'Other')[0]['chat'] != first


@test
def of_two_who_start_at_once_both_get_one_chat(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')

    racers = [alice.spawn('new', 'bob'), bob.spawn('new', 'alice')]
    assert [racer.wait() for racer in racers] == [0, 0], [racer.error_text() for racer in racers]
    chats = [json.loads(racer.lines[0]) for racer in racers]

    assert chats[0]['chat'] == chats[1]['chat']
    assert [chat['state'] for chat in chats] == ['ready', 'ready']
    for sender, reader, name in ((alice, bob, 'alice'), (bob, alice, 'bob')):
        sender.run('send', 'bob' if sender is alice else 'alice', f'from {name}')
        assert f'from {name}' in texts(reader.run('read', name))
    assert len(alice.run('chats')) == len(bob.run('chats')) == 1


@test
def who_is_not_in_a_chat_gets_nothing_of_it(stage):
    server = start(stage)
    alice, _, mallory = people(stage, server, 'alice', 'bob', 'mallory')
    chat = alice.run('new', 'bob')[0]['chat']

    assert mallory.fails(1, 'members', chat)['code'] in ('permission_denied', 'not_found')
    assert mallory.fails(1, 'send', chat, 'let me in')['code'] == 'not_found'
    assert mallory.fails(1, 'read', chat)['code'] == 'not_found'
    assert mallory.run('chats') == []


@test
def two_terminals_work_on_one_profile(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    *ears, bob_hears = listening(server, alice, alice, bob)
    for number in range(10):
        alice.run('send', 'bob', f'a {number}')
        bob.run('send', 'alice', f'b {number}')
        alice.run('read', 'bob', '--limit', '1')

    for ear in ears:
        wait_text(ear, 'b 9')
        assert texts(map(json.loads, ear.lines)) == [f'b {number}' for number in range(10)]
    wait_text(bob_hears, 'a 9')
    assert texts(map(json.loads, bob_hears.lines)) == [f'a {number}' for number in range(10)]


@test
def a_listener_shows_what_another_terminal_read_while_it_connected(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'read before')
    bob.run('read', 'alice')
    relay = Relay(server.tcp)
    relay.hold()
    ear = at(bob, relay.address).spawn('listen')
    relay.wait_held()

    at(bob, server.tcp)
    alice.run('send', 'bob', 'where are you?')
    assert texts(bob.run('read', 'alice', '--limit', '1')) == ['where are you?']
    bob.run('send', 'alice', 'here')
    relay.release()
    wait_text(ear, 'where are you?')
    alice.run('send', 'bob', 'good')
    wait_text(ear, 'good')

    assert texts(map(json.loads, ear.lines)) == ['where are you?', 'good']
    relay.close()


@test
def several_senders_of_one_profile_do_not_disturb_each_other(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')

    senders = [alice.spawn('send', 'bob', f'message {number}') for number in range(12)]
    assert [sender.wait() for sender in senders] == [0] * 12, [s.error_text() for s in senders]

    assert sorted(texts(bob.run('read', 'alice'))) == sorted(f'message {n}' for n in range(12))
    seqs = [json.loads(sender.lines[0])['seq'] for sender in senders]
    assert len(set(seqs)) == 12


@test
def a_listener_survives_a_restart_of_the_server(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'one')
    ear = bob.spawn('listen')
    wait_text(ear, 'one')

    server.kill()
    server.start()
    alice.run('send', 'bob', 'two')
    wait_text(ear, 'two')
    assert server.stop() == 0
    server.start()
    alice.run('send', 'bob', 'three')
    wait_text(ear, 'three')

    assert texts(map(json.loads, ear.lines)) == ['one', 'two', 'three']


@test
def unread_messages_are_counted_until_they_are_read(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    for text in ('one', 'two'):
        alice.run('send', 'bob', text)

    row = bob.run('chats', '--unread')[0]
    assert (row['unread'], row['last_text'], row['title']) == (2, 'two', 'alice')
    bob.run('read', 'alice')
    assert bob.run('chats', '--unread') == []
    assert alice.run('chats')[0]['unread'] == 0


@test
def a_list_of_chats_shows_who_what_and_when(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    direct = alice.run('new', 'bob')[0]['chat']
    group = alice.run('new', 'bob', 'carol', '--title', 'Picnic')[0]['chat']
    sent = alice.run('send', direct, 'to bob')[0]
    later = carol.run('send', 'Picnic', 'to all')[0]

    rows = bob.run('chats')

    assert direct != group and [row['chat'] for row in rows] == [group, direct]
    assert rows[1] == {'chat': direct, 'title': 'alice', 'type': 'direct', 'mode': 'archive',
                       'members': ['alice', 'bob'], 'state': 'ready', 'role': rows[1]['role'], 'epoch': 1,
                       'last_seq': sent['seq'], 'last_ts': sent['ts'], 'last_text': 'to bob', 'unread': 1}
    assert (rows[0]['title'], rows[0]['type'], rows[0]['last_text']) == ('Picnic', 'group', 'to all')
    assert (rows[0]['last_seq'], rows[0]['last_ts'], rows[0]['role']) == (later['seq'], later['ts'], 'member')
    assert [row['chat'] for row in bob.run('chats', '--type', 'direct')] == [direct]
    assert [row['chat'] for row in bob.run('chats', '--type', 'group')] == [group]


@test
def ctrl_c_and_a_timeout_end_listening_in_order(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    ear = bob.spawn('listen')
    alice.run('send', 'bob', 'one')
    wait_text(ear, 'one')
    wait_for(lambda: bob.run('chats')[0]['unread'], 0)  # it is shown first and counts as read a moment later

    ear.signal(signal.SIGINT)

    assert ear.wait() in (0, -signal.SIGINT), ear.error_text()
    alice.run('send', 'bob', 'two')
    assert texts(bob.run('listen', '--count', '1')) == ['two']
    assert texts(bob.run('listen', '--timeout', '1')) == []
    assert bob.fails(1, 'listen', '--count', '1', '--timeout', '1')['code'] == 'deadline_exceeded'


@test
def what_does_not_exist_is_said_with_its_cure(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')

    assert alice.fails(1, 'new', 'nobody')['code'] == 'not_found'
    assert alice.fails(2, 'new', 'alice')['code'] == 'invalid_argument'
    assert alice.fails(2, 'new', 'bob', '--mode', 'forever')['code'] == 'invalid_argument'
    bob = person(stage, server, 'bob')
    assert alice.fails(1, 'new', 'bob', '--mode', 'peers')['code'] == 'unimplemented'
    assert alice.run('chats') == bob.run('chats') == []
    assert alice.fails(1, 'send', 'nobody', 'x')['code'] == 'not_found'
    assert alice.fails(1, 'read', 'nobody')['code'] == 'not_found'


@test
def a_text_has_its_limits_and_any_script(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    longest = '€' * 4000
    odd = 'line\nbreak "quotes" \\ tab\t \x1b[31m 日本語 👩‍👩‍👧'

    alice.run('send', 'bob', longest)
    alice.run('send', 'bob', odd)

    assert alice.fails(2, 'send', 'bob', longest + '€')['code'] == 'invalid_argument'
    assert alice.fails(2, 'send', 'bob', '')['code'] == 'invalid_argument'
    assert texts(bob.run('read', 'alice')) == [longest, odd]


@test
def the_same_text_twice_gives_two_ciphertexts(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    chat = alice.run('new', 'bob')[0]['chat']
    for _ in range(2):
        alice.run('send', 'bob', 'the same')
    bob.run('read', 'alice')
    server.stop()


    tables = database(server)
    columns = [row[1] for row in tables.execute('PRAGMA table_info(chat_log)')]
    blob = 'message' if 'message' in columns else columns[-1]
    rows = [row[0] for row in tables.execute(f'SELECT {blob} FROM chat_log ORDER BY id')]

    assert chat
    assert len(rows) == 3 and len({hashlib.sha256(row).digest() for row in rows}) == 3
    assert not any(b'the same' in row for row in rows)
    assert len(rows[1]) == len(rows[2])


@test
def a_listener_of_one_chat_shows_only_that(stage):
    server = start(stage)
    alice, bob, carol = people(stage, server, 'alice', 'bob', 'carol')
    bob.run('new', 'alice')
    carol.run('new', 'alice')
    alice.run('chats')
    ear = alice.spawn('listen', 'bob', '--count', '1')

    carol.run('send', 'alice', 'from carol')
    bob.run('send', 'alice', 'from bob')

    assert ear.wait() == 0
    assert texts(map(json.loads, ear.lines)) == ['from bob']
    assert alice.run('chats', '--unread')[0]['title'] == 'carol'
    assert alice.fails(1, 'listen', 'bob', '--count', '1', '--timeout', '1')['code'] == 'deadline_exceeded'



@test
def the_sample_program_of_the_library_works(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')

    hello = stage.process([BUILD / 'tests' / 'sotto-hello', alice.profile, f'tcp://{server.tcp}', 'alice',
                           alice.password_file, 'bob'], stage.folder / 'hello.stderr')

    assert hello.wait() == 0, hello.error_text()
    assert hello.lines == ['alice: hello', 'alice: hello']
    assert texts(bob.run('read', 'alice')) == ['hello']


if __name__ == '__main__':
    main()
