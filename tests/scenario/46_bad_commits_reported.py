# SPDX-License-Identifier: MIT
# io_threads: default
"""A member with real keys sends commits that the server cannot see through: the others report them, and an owner or an
admin starts the chat anew without that member. From below the client library; what clients make of it is another test.
"""
import secrets
import sqlite3

from door import Closed, RpcError
from groups import ARCHIVE, BAD_MEMBERSHIP, BAD_PATH, BAD_TAG, CHAT, DIRECT, GROUP, SUITE, Groups
from load import FAST_LIMITS
from tap import comment, main, night, test

RELAY = 2
REPORT, RESET = 5, 6
ADMIN = 2
HOW = {BAD_TAG: 1, BAD_MEMBERSHIP: 2, BAD_PATH: 3}  # what members refuse -> BadCommit
KILLS = night(6, 60)
RACES = night(6, 60)


def refusal(call, *arguments, **options):
    """The RpcError of a call that must fail."""
    try:
        call(*arguments, **options)
    except RpcError as error:
        return error
    raise AssertionError('it was not refused')


def report(person, chat, commit, reason=1):
    return person.chat('ReportCommit', {'chat_id': chat, 'seq': commit.seq, 'epoch': commit.epoch - 1,
                                        'reason': reason})


def reset_request(person, old, others, kind=GROUP, mode=ARCHIVE):
    """The request for a new chat with these people in the place of the old one."""
    chat = secrets.token_bytes(16)
    person.ask('create', chat)
    person.queue(others, [])
    return {'chat_id': chat, 'type': kind, 'mode': mode, 'suite': SUITE, 'first': person.bundle(), 'resets': old}


def replaced_by(person, error):
    assert error.code == 'failed_precondition', error
    return person.door.schema.decode('sotto.chat.v1.Replaced', error.details).chat_id


def last_entry(person, chat, after):
    """Sync reads the person's other chats, too."""
    return [entry for entry in person.sync({chat: after}).entries if entry.chat_id == chat][-1]


def chat_of(person, chat):
    return next(found for found in person.chat('ListChats').chats if found.chat_id == chat)


def kinds(server, chat):
    with sqlite3.connect(server.data / 'sotto.db') as connection:
        rows = connection.execute('SELECT l.kind FROM chat_log l JOIN chat_chats c ON c.num = l.id >> 32'
                                  ' WHERE c.chat_id = ? ORDER BY l.id', (chat,)).fetchall()
    connection.close()
    return [kind for kind, in rows]


def broken_chat(people, mode=ARCHIVE):
    """A group of them all, made by the first, in which the last one's commit is refused by all others."""
    chat = people[0].create(people[1:], mode=mode)
    bad = people[-1].commit_badly(chat)
    for person in people[:-1]:
        assert person.open(last_entry(person, chat, 1)) is None
    return chat, bad


@test
def whatever_members_refuse_all_read_who_made_it(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, bob, carol, mallory = (groups.person(name) for name in ('alice', 'bob', 'carol', 'mallory'))
        for how, reason in HOW.items():
            chat = alice.create([bob, carol, mallory])
            bob.sync({chat: 1}, live=True)
            bad = mallory.commit_badly(chat, how)
            assert [person.open(last_entry(person, chat, 1)) for person in (alice, carol)] == [None, None]

            first = report(alice, chat, bad, reason)
            assert report(carol, chat, bad, 4) == first

            event = bob.door.wait_event('sotto.chat.v1.EntryEvent')
            while event.entries[0].kind != REPORT or event.entries[0].chat_id != chat:
                event = bob.door.wait_event('sotto.chat.v1.EntryEvent')
            entry = event.entries[0]
            said = bob.door.schema.decode('sotto.chat.v1.CommitReported', entry.message)
            assert (entry.seq, entry.sender_user) == (first.seq, alice.user)
            assert (said.seq, said.epoch, said.user_id, said.reason) == (bad.seq, 1, mallory.user, reason)
            reports = mallory.chat('ListReports', {'chat_id': chat}).reports
            assert [(row.users, row.commit.user_id, row.commit.reason) for row in reports] == \
                [(2, mallory.user, reason)]


@test
def who_is_not_there_neither_reports_nor_reads_it_nor_starts_anew(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, bob, eve, mallory = (groups.person(name) for name in ('alice', 'bob', 'eve', 'mallory'))
        chat = alice.create([bob, eve, mallory])
        alice.commit(chat, remove=[eve])
        mallory.ask('process', last_entry(mallory, chat, 1).message)
        bad = mallory.commit_badly(chat)
        report(alice, chat, bad)
        absent = secrets.token_bytes(16)

        for outsider in (eve, groups.person('oscar')):
            for method, more in (('ReportCommit', {'seq': bad.seq, 'epoch': bad.epoch - 1, 'reason': 1}),
                                 ('ListReports', {})):
                there = refusal(outsider.chat, method, {'chat_id': chat, **more})
                assert (there.code, there.details) == ('not_found', b''), there
                assert there.message == refusal(outsider.chat, method, {'chat_id': absent, **more}).message
            there = refusal(outsider.chat, 'Create', reset_request(outsider, chat, [bob]))
            nowhere = refusal(outsider.chat, 'Create', reset_request(outsider, absent, [bob]))
            assert (there.code, there.message) == (nowhere.code, nowhere.message)
            assert there.code == 'not_found', there
        assert not chat_of(bob, chat).replaced_by
        assert len(kinds(server, chat)) == 4


def expect_refused_resets(alice, carol, chat, bad, stranger, mode):
    """Alice is the owner, carol a member; nothing is reported yet."""
    error = refusal(alice.chat, 'Create', reset_request(alice, chat, [carol], mode=mode))
    assert error.code == 'failed_precondition' and 'nobody reports' in error.message, error
    report(carol, chat, bad)
    asked = {'a member asks': (carol, [alice]), 'a stranger comes': (alice, [carol, stranger])}
    codes = {what: refusal(person.chat, 'Create', reset_request(person, chat, others, mode=mode)).code
             for what, (person, others) in asked.items()}
    assert codes == {'a member asks': 'permission_denied', 'a stranger comes': 'invalid_argument'}, codes
    assert not chat_of(alice, chat).replaced_by


def expect_closed(alice, bob, old, new, bad):
    """Bob's group is the old one still."""
    calls = [lambda: bob.send(old, 'is anybody there?'),
             lambda: bob.chat('Commit', {'chat_id': old, 'bundle': bob.bundle()}),
             lambda: bob.chat('Leave', {'chat_id': old, 'proposals': [bob.ask('propose', bob.user)[0]]}),
             lambda: alice.chat('SetRole', {'chat_id': old, 'user_id': bob.user, 'role': ADMIN}),
             lambda: report(alice, old, bad)]
    for call in calls:
        error = refusal(call)
        assert replaced_by(alice, error) == new, error
        bob.ask('drop')


def start_anew(stage, mode):
    server = stage.server(f'server-{mode}', conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, bob, carol, mallory, oscar = (
            groups.person(name) for name in ('alice', 'bob', 'carol', 'mallory', 'oscar'))
        old, bad = broken_chat([alice, bob, carol, mallory], mode)
        expect_refused_resets(alice, carol, old, bad, oscar, mode)
        alice.chat('SetRole', {'chat_id': old, 'user_id': bob.user, 'role': ADMIN})

        request = reset_request(alice, old, [bob, carol], mode=mode)
        first = alice.chat('Create', request)
        alice.ask('merge')
        new = first.chat_id

        expect_closed(alice, bob, old, new, bad)
        assert replaced_by(alice, refusal(bob.chat, 'Create', reset_request(bob, old, [alice], mode=mode))) == new
        for person in (bob, carol):
            invited, = (found for found in person.sync().welcomes if found.chat_id == new)
            assert (invited.resets, invited.inviter_user) == (old, alice.user)
            person.ask('join', invited.welcome)
        assert alice.chat('Create', request) == first
        carol.send(new, 'among us')
        assert bob.open(last_entry(bob, new, 1)) == 'among us'
        assert (chat_of(bob, new).role, chat_of(bob, new).resets) == (ADMIN, old)
        assert chat_of(mallory, old).replaced_by == new
        assert refusal(mallory.chat, 'ListMembers', {'chat_id': new}).code == 'not_found'
        last = last_entry(mallory, old, bad.seq)
        assert (last.kind, last.sender_user) == (RESET, alice.user)
        expect_same_after_a_restart(stage, server, alice, old, new, request, first)


def expect_same_after_a_restart(stage, server, alice, old, new, request, first):
    before = kinds(server, old)
    stage.hang_up()
    assert server.stop() == 0
    server.start()
    alice.door = alice.login.attached()
    assert alice.chat('Create', request) == first
    assert chat_of(alice, old).replaced_by == new
    assert len(alice.chat('ListReports', {'chat_id': old}).reports) == 1
    alice.chat('DeleteChat', {'chat_id': old})
    assert alice.chat('Create', request) == first
    assert chat_of(alice, new).resets == old
    assert before[-1] == RESET


@test
def an_owner_starts_the_chat_anew_without_who_broke_it(stage):
    start_anew(stage, ARCHIVE)


@test
def a_relay_chat_is_started_anew_as_well(stage):
    start_anew(stage, RELAY)


@test
def a_pair_has_one_direct_chat_after_a_reset_too(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        old = alice.create([bob], DIRECT)
        bad = alice.commit_badly(old)
        report(bob, old, bad)
        new = bob.chat('Create', reset_request(bob, old, [alice], DIRECT)).chat_id

        again = {**reset_request(alice, old, [bob], DIRECT), 'resets': b''}
        error = refusal(alice.chat, 'Create', again)
        assert error.code == 'already_exists', error
        assert alice.door.schema.decode('sotto.chat.v1.CreateConflict', error.details).chat_id == new


def ask_into_the_kill(server, person, method, body, turns):
    """The server is killed some answers after the request: perhaps it was taken, perhaps not. True: it was answered."""
    door = person.door
    call = door.start_call(CHAT + method, body)
    for _ in range(turns):
        door.call(CHAT + 'ListChats', {})
    server.kill()
    try:
        door.wait_reply(call, CHAT + method)
        return True
    except Closed:
        return False
    finally:
        server.start()
        for other in person.groups.people:
            other.door = other.login.attached()


@test
def a_kill_between_leaves_all_of_it_or_nothing_and_the_repeat_is_answered(stage):
    server = stage.server(conf=FAST_LIMITS)
    states = []
    with Groups(stage, server) as groups:
        alice, bob, mallory = (groups.person(name) for name in ('alice', 'bob', 'mallory'))
        for number in range(KILLS):
            old, bad = broken_chat([alice, bob, mallory])
            claim = {'chat_id': old, 'seq': bad.seq, 'epoch': bad.epoch - 1, 'reason': 1}
            ask_into_the_kill(server, bob, 'ReportCommit', claim, number % 3)
            told = REPORT in kinds(server, old)
            bob.chat('ReportCommit', claim)
            assert kinds(server, old).count(REPORT) == 1

            request = reset_request(alice, old, [bob])
            answered = ask_into_the_kill(server, alice, 'Create', request, number)
            closed = RESET in kinds(server, old)
            assert closed or not answered
            assert bool(chat_of(bob, old).replaced_by) == closed == bool(kinds(server, request['chat_id']))
            alice.chat('Create', request)
            assert kinds(server, old)[-1] == RESET and kinds(server, old).count(RESET) == 1
            assert chat_of(bob, old).replaced_by == request['chat_id']
            states.append((told, closed))
    comment(f'{KILLS} rounds; told and closed when the server came back: {sorted(states)}')


@test
def nothing_comes_after_the_entry_that_closes_a_chat(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'keyx': 'claims_per_contact_per_hour = 10000\n'})
    fates = []
    with Groups(stage, server) as groups:
        alice, bob, carol, mallory = (groups.person(name) for name in ('alice', 'bob', 'carol', 'mallory'))
        for number in range(RACES):
            old = alice.create([bob, carol, mallory])
            bad = mallory.commit_badly(old)
            report(bob, old, bad)
            request = reset_request(alice, old, [bob])
            words = mallory.encrypt('last words')
            tries = [(alice, 'Create', request),
                     (alice, 'SetRole', {'chat_id': old, 'user_id': bob.user, 'role': ADMIN}),
                     (carol, 'ReportCommit', {'chat_id': old, 'seq': bad.seq, 'epoch': 1, 'reason': 1}),
                     (mallory, 'Leave', {'chat_id': old, 'proposals': [mallory.ask('propose', mallory.user)[0]]}),
                     (mallory, 'Send', {'chat_id': old, 'client_msg_id': number + 1, 'message': words})]
            turn = number % len(tries)
            calls = []
            for person, method, body in tries[turn:] + tries[:turn]:
                calls.append((person, method, person.door.start_call(CHAT + method, body)))
                if method == 'Create':  # it has further to go than the others
                    for _ in range(number):
                        bob.chat('ListChats')
            for person, method, call in calls:
                try:
                    person.door.wait_reply(call, CHAT + method)
                    fates.append(f'{method} ok')
                except RpcError as error:
                    fates.append(f'{method} {error.code}')
            assert kinds(server, old)[-1] == RESET, kinds(server, old)
            assert replaced_by(bob, refusal(alice.chat, 'SetRole', tries[1][2])) == request['chat_id']
    comment(f'{RACES} rounds: {sorted((fate, fates.count(fate)) for fate in set(fates))}')


if __name__ == '__main__':
    main()
