# SPDX-License-Identifier: MIT
# io_threads: default
"""Groups that change: who comes, who goes, who may what, what each of them sees of it, and what nobody can read."""
import json
import shutil

from clients import people, start, texts, wait_text
from load import FAST_LIMITS
from sotto import wait_object
from tap import main, test


def events(objects, *kinds):
    """(kind, from, users) of the events of these kinds, in order."""
    return [(found['kind'], found['from'], found.get('users', [])) for found in objects if found['kind'] in kinds]


def wait_event(process, kind, start_at=0):
    """Waits until a `listen` prints an event of this kind; returns (next start, event)."""
    return wait_object(process, lambda found: found.get('kind') == kind, start_at)


def picnic(stage, server, *names):
    """A group of these people; the first one is its owner."""
    everybody = people(stage, server, *names)
    everybody[0].run('new', *names[1:], '--title', 'Picnic')
    for one in everybody[1:]:
        one.run('chats')
    return everybody


def roles(client):
    return {row['user']: row['role'] for row in client.run('members', 'Picnic')}


def lines(client):
    """What happened in the chat, in the words for people."""
    plain = client.stage.process([word for word in client.command(['read', 'Picnic']) if word != '--json'],
                                 client.stage.folder / 'plain.stderr')
    assert plain.wait() == 0
    return [line.split('* ', 1)[1] for line in plain.lines if '* ' in line]


def copy_of(client, name):
    """The profile as it is now, as if somebody had copied the disk."""
    copy = client.stage.client(name, client.server)
    shutil.copytree(client.profile, copy.profile)
    return copy


# ---- who comes ----------------------------------------------------------------------------------


@test
def any_member_adds_and_all_see_who_came_and_by_whom(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')
    dave, erin = people(stage, server, 'dave', 'erin')
    alice.run('send', 'Picnic', 'before')
    ear, dave_hears = carol.spawn('listen'), dave.spawn('listen')
    wait_text(ear, 'before')

    shown = bob.run('add', 'Picnic', 'dave', 'erin')
    _, event = wait_event(ear, 'member_added')
    wait_event(dave_hears, 'title')
    alice.run('send', 'Picnic', 'after')
    wait_text(dave_hears, 'after')

    assert (shown[0]['type'], shown[0]['title'], shown[0]['role']) == ('group', 'Picnic', 'member')
    assert shown[0]['members'] == ['alice', 'bob', 'carol', 'dave', 'erin']
    assert (event['from'], event['users']) == ('bob', ['dave', 'erin'])
    assert events(bob.run('read', 'Picnic'), 'member_added') == [('member_added', 'bob', ['dave', 'erin'])]
    # Who comes learns the title, knows who is what, and reads nothing from before.
    assert texts(erin.run('read', 'Picnic')) == ['after']
    assert roles(erin) == {'alice': 'owner', **{name: 'member' for name in ('bob', 'carol', 'dave', 'erin')}}
    assert erin.fails(1, 'add', 'Picnic', 'dave')['code'] == 'already_exists'
    assert erin.fails(1, 'add', 'Picnic', 'nobody')['code'] == 'not_found'


@test
def a_chat_of_two_stays_as_it_is(stage):
    server = start(stage)
    alice, _, _ = people(stage, server, 'alice', 'bob', 'carol')
    alice.run('new', 'bob')

    for words in (('add', 'bob', 'carol'), ('remove', 'bob', 'bob'), ('leave', 'bob'), ('rename', 'bob', 'x'),
                  ('role', 'bob', 'bob', 'admin')):
        assert alice.fails(2, *words)['code'] == 'invalid_argument', words
    assert alice.run('chats')[0]['members'] == ['alice', 'bob']


# ---- who is removed -----------------------------------------------------------------------------


@test
def who_is_removed_sees_why_and_reads_nothing_that_came_later(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')
    alice.run('send', 'Picnic', 'for all of us')
    bob.run('read', 'Picnic')
    # Whoever has the keys that bob had, and asks after the removal, has no more than he.
    thief = copy_of(bob, 'thief')
    bob_hears, carol_hears = bob.spawn('listen'), carol.spawn('listen')
    wait_text(carol_hears, 'for all of us')

    shown = alice.run('remove', 'Picnic', 'bob')[0]
    _, told = wait_event(bob_hears, 'member_removed')
    _, seen = wait_event(carol_hears, 'member_removed')
    alice.run('send', 'Picnic', 'without bob')
    wait_text(carol_hears, 'without bob')

    assert shown['members'] == ['alice', 'carol']
    assert (told['from'], told['users'], seen['from'], seen['users']) == ('alice', ['bob'], 'alice', ['bob'])
    for gone in (bob, thief):
        row = gone.run('chats')[0]
        assert (row['state'], row['left_how'], row['left_by'], row['left_ts']) == \
            ('left', 'removed', 'alice', told['ts']), row
        assert texts(gone.run('read', 'Picnic')) == ['for all of us']
        error = gone.fails(1, 'send', 'Picnic', 'let me in')
        assert error['code'] == 'permission_denied' and error['message'].startswith('alice removed you'), error
        assert gone.fails(1, 'members', 'Picnic')['code'] == 'not_found'
    assert 'without bob' not in ' '.join(bob_hears.lines)


@test
def only_owner_and_admins_remove_and_an_admin_not_the_owner(stage):
    server = start(stage)
    alice, bob, carol, dave = picnic(stage, server, 'alice', 'bob', 'carol', 'dave')

    assert bob.fails(1, 'remove', 'Picnic', 'carol')['code'] == 'permission_denied'
    assert bob.run('chats')[0]['state'] == 'ready'
    alice.run('role', 'Picnic', 'bob', 'admin')
    assert bob.fails(1, 'remove', 'Picnic', 'alice')['code'] == 'permission_denied'
    bob.run('remove', 'Picnic', 'carol')
    assert bob.fails(2, 'remove', 'Picnic', 'bob')['code'] == 'invalid_argument'
    assert bob.fails(1, 'remove', 'Picnic', 'carol')['code'] == 'not_found'
    bob.run('send', 'Picnic', 'three of us')
    assert texts(dave.run('read', 'Picnic')) == ['three of us']
    assert carol.run('chats')[0]['left_by'] == 'bob'


@test
def who_was_away_while_removed_and_added_again_is_in(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')
    alice.run('send', 'Picnic', 'before')
    bob.run('read', 'Picnic')

    alice.run('remove', 'Picnic', 'bob')
    alice.run('send', 'Picnic', 'not for bob')
    carol.run('add', 'Picnic', 'bob')
    alice.run('send', 'Picnic', 'all again')

    assert texts(bob.run('read', 'Picnic')) == ['before', 'all again']
    bob.run('send', 'Picnic', 'I was gone?')
    assert texts(carol.run('read', 'Picnic'))[-1] == 'I was gone?'


# ---- who leaves ---------------------------------------------------------------------------------


@test
def who_leaves_is_gone_and_a_listener_makes_it_final(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')
    before = alice.run('chats')[0]['epoch']
    ears = [alice.spawn('listen'), carol.spawn('listen')]
    bob_hears = bob.spawn('listen')
    wait_event(bob_hears, 'title')
    wait_event(ears[1], 'title')

    shown = bob.run('leave', 'Picnic')[0]
    for ear in ears:
        _, event = wait_event(ear, 'member_left')
        assert (event['from'], event['users']) == ('bob', ['bob'])
    alice.run('send', 'Picnic', 'two of us')
    wait_text(ears[1], 'two of us')

    assert (shown['state'], shown['left_how'], shown['left_by']) == ('left', 'left', 'bob')
    row = alice.run('chats')[0]
    assert row['members'] == ['alice', 'carol'] and row['epoch'] == before + 1
    assert bob.fails(1, 'send', 'Picnic', 'wait')['message'].startswith('you left this chat')
    assert bob.run('leave', 'Picnic')[0]['state'] == 'left'
    assert texts(bob.run('read', 'Picnic')) == []
    assert 'two of us' not in ' '.join(bob_hears.lines)
    carol.run('add', 'Picnic', 'bob')
    carol.run('send', 'Picnic', 'and three')
    assert texts(bob.run('read', 'Picnic')) == ['and three']


@test
def when_nobody_is_there_the_next_one_commits(stage):
    server = start(stage)
    alice, bob, carol, dave = picnic(stage, server, 'alice', 'bob', 'carol', 'dave')

    bob.run('leave', 'Picnic')
    dave.run('leave', 'Picnic')
    server.stop()
    server.start()
    carol.run('send', 'Picnic', 'who is left?')

    assert texts(alice.run('read', 'Picnic')) == ['who is left?']
    found = events(alice.run('read', 'Picnic'), 'member_left', 'member_removed')
    assert found == [('member_left', 'bob', ['bob']), ('member_left', 'dave', ['dave'])]
    assert set(roles(alice)) == {'alice', 'carol'}


@test
def who_left_in_one_batch_with_other_changes_left_once_and_has_a_name(stage):
    server = start(stage)
    alice, bob, carol, erin, dave = people(stage, server, 'alice', 'bob', 'carol', 'erin', 'dave')
    alice.run('new', 'bob', 'carol', '--title', 'Picnic')
    carol.run('chats')

    alice.run('add', 'Picnic', 'dave')
    alice.run('add', 'Picnic', 'erin')
    alice.run('role', 'Picnic', 'bob', 'owner')
    alice.run('leave', 'Picnic')

    found = events(carol.run('read', 'Picnic'), 'member_left', 'member_removed')
    assert found == [('member_left', 'alice', ['alice'])], found
    carol.run('send', 'Picnic', 'on we go')
    found = events(carol.run('read', 'Picnic'), 'member_left', 'member_removed')
    assert found == [('member_left', 'alice', ['alice'])], found
    # Dave first looks when she is no member any more.
    assert events(dave.run('read', 'Picnic'), 'member_left') == [('member_left', 'alice', ['alice'])]
    assert set(roles(erin)) == {'bob', 'carol', 'dave', 'erin'}


@test
def a_message_written_without_a_connection_goes_out_after_the_leaving(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')
    thief = copy_of(bob, 'thief')

    bob.run('leave', 'Picnic')
    server.stop()
    alice.fails(4, 'send', 'Picnic', 'kept')
    server.start()
    alice.run('read', 'Picnic')

    assert texts(carol.run('read', 'Picnic')) == ['kept']
    assert texts(thief.run('read', 'Picnic')) == []


@test
def the_last_owner_names_another_one_before_leaving(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')

    error = alice.fails(1, 'leave', 'Picnic')
    assert error['code'] == 'failed_precondition' and 'make another member owner first' in error['message'], error
    alice.run('send', 'Picnic', 'I stay')
    alice.run('role', 'Picnic', 'bob', 'owner')
    alice.run('leave', 'Picnic')
    assert bob.fails(1, 'role', 'Picnic', 'bob', 'member')['code'] == 'failed_precondition'
    assert roles(carol) == {'bob': 'owner', 'carol': 'member'}
    carol.run('leave', 'Picnic')
    bob.run('send', 'Picnic', 'nobody there')
    assert bob.fails(1, 'leave', 'Picnic')['code'] == 'failed_precondition'


@test
def all_devices_of_who_leaves_are_out(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')
    ear = bob.spawn('listen')
    wait_event(ear, 'title')
    phone = stage.client('bob-phone', server)
    phone.run('login', 'bob')
    phone_hears = phone.spawn('listen')
    wait_event(phone_hears, 'joined')
    before = {row['user']: row['devices'] for row in alice.run('members', 'Picnic')}

    bob.run('leave', 'Picnic')
    wait_event(phone_hears, 'member_left')
    alice.run('send', 'Picnic', 'no device of bob')

    assert before['bob'] == 2 and 'bob' not in roles(carol)
    for device in (bob, phone):
        assert [(row['state'], row['left_how']) for row in device.run('chats')] == [('left', 'left')]
        assert texts(device.run('read', 'Picnic')) == []
    assert texts(carol.run('read', 'Picnic')) == ['no device of bob']
    assert len(events(carol.run('read', 'Picnic'), 'member_left')) == 1


# ---- titles and roles ---------------------------------------------------------------------------


@test
def owner_and_admins_rename_and_nobody_else(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')
    ear = carol.spawn('listen')
    wait_event(ear, 'title')

    error = bob.fails(1, 'rename', 'Picnic', 'Mine')
    alice.run('role', 'Picnic', 'bob', 'admin')
    wait_event(ear, 'role_changed')
    shown = bob.run('rename', 'Picnic', 'Rain check')[0]
    _, event = wait_event(ear, 'renamed')

    assert error['code'] == 'permission_denied' and error['message'].endswith('ask alice'), error
    assert shown['title'] == 'Rain check' and (event['from'], event['text']) == ('bob', 'Rain check')
    for member in (alice, bob, carol):
        assert [row['title'] for row in member.run('chats')] == ['Rain check']
    found = events(carol.run('read', 'Rain check'), 'role_changed', 'renamed')
    assert found == [('role_changed', 'alice', ['bob']), ('renamed', 'bob', [])]
    assert [e['role'] for e in carol.run('read', 'Rain check') if e['kind'] == 'role_changed'] == ['admin']


@test
def roles_are_given_by_the_owner_and_seen_by_all(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')

    assert bob.fails(1, 'role', 'Picnic', 'carol', 'admin')['code'] == 'permission_denied'
    assert alice.fails(2, 'role', 'Picnic', 'carol', 'king')['code'] == 'invalid_argument'
    assert alice.fails(1, 'role', 'Picnic', 'alice', 'member')['code'] == 'failed_precondition'
    assert alice.run('role', 'Picnic', 'carol', 'owner')[0]['role'] == 'owner'
    alice.run('role', 'Picnic', 'carol', 'owner')
    carol.run('role', 'Picnic', 'alice', 'member')

    assert roles(bob) == {'alice': 'member', 'bob': 'member', 'carol': 'owner'}
    seen = [(e['from'], e['users'], e['role']) for e in bob.run('read', 'Picnic') if e['kind'] == 'role_changed']
    assert seen == [('alice', ['carol'], 'owner'), ('carol', ['alice'], 'member')]
    assert lines(bob) == ['alice gave carol the role owner', 'carol gave alice the role member']
    assert lines(alice) == ['alice gave carol the role owner', 'carol gave you the role member']


@test
def read_shows_what_happened_between_the_messages(stage):
    server = start(stage)
    alice, bob, carol = picnic(stage, server, 'alice', 'bob', 'carol')
    alice.run('send', 'Picnic', 'one')
    alice.run('remove', 'Picnic', 'carol')
    alice.run('send', 'Picnic', 'two')
    alice.run('add', 'Picnic', 'carol')

    shown = bob.run('read', 'Picnic')
    place = next(e['seq'] for e in shown if e.get('text') == 'two')

    kinds = [found['kind'] for found in shown]
    assert kinds == ['text', 'member_removed', 'text', 'member_added'], kinds
    assert [e['kind'] for e in bob.run('read', 'Picnic', '--limit', '1')] == ['text', 'member_added']
    assert [e['kind'] for e in bob.run('read', 'Picnic', '--since', str(place - 1))] == ['text', 'member_added']
    assert lines(bob)[-2:] == ['alice removed carol', 'alice added carol']


# ---- races --------------------------------------------------------------------------------------


@test
def of_two_admins_who_remove_each_other_one_stays(stage):
    server = start(stage)
    alice, bob, carol, dave = picnic(stage, server, 'alice', 'bob', 'carol', 'dave')
    for admin in ('bob', 'carol'):
        alice.run('role', 'Picnic', admin, 'admin')
    bob.run('chats')
    carol.run('chats')

    racers = [bob.spawn('remove', 'Picnic', 'carol'), carol.spawn('remove', 'Picnic', 'bob')]
    ends = sorted(racer.wait() for racer in racers)

    assert ends == [0, 1], [racer.error_text() for racer in racers]
    assert len(roles(alice)) == 3 and {'alice', 'dave'} < set(roles(alice))
    alice.run('send', 'Picnic', 'peace')
    assert texts(dave.run('read', 'Picnic')) == ['peace']


@test
def leaving_sending_and_adding_at_once_end_in_one_chat(stage):
    server = stage.server(conf=FAST_LIMITS)
    alice, bob, carol, dave = picnic(stage, server, 'alice', 'bob', 'carol', 'dave')
    people(stage, server, 'erin', 'frank')
    ear = alice.spawn('listen')

    racers = [bob.spawn('leave', 'Picnic'), carol.spawn('add', 'Picnic', 'erin'), dave.spawn('add', 'Picnic', 'frank'),
              carol.spawn('send', 'Picnic', 'c'), dave.spawn('send', 'Picnic', 'd')]
    assert [racer.wait() for racer in racers] == [0] * 5, [racer.error_text() for racer in racers]
    wait_text(ear, 'c')
    wait_text(ear, 'd')
    alice.run('send', 'Picnic', 'done')

    rows = {member.name: member.run('chats')[0] for member in (alice, carol, dave)}
    assert len({row['epoch'] for row in rows.values()}) == 1, rows
    for member in (carol, dave):
        assert texts(member.run('read', 'Picnic'))[-1] == 'done'
    assert set(roles(alice)) == {'alice', 'carol', 'dave', 'erin', 'frank'}
    assert bob.run('chats')[0]['left_how'] == 'left'
    assert not any(json.loads(line)['kind'] == 'undecryptable' for line in ear.lines)


if __name__ == '__main__':
    main()
