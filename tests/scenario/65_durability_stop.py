# SPDX-License-Identifier: MIT
# timeout: 600
"""SIGTERM: every client is told at once how long it has left, and gets the answers it waits for (RT-12); under load, again
and again (R9), every client comes back, the server exits with 0, and the ledger of what was acknowledged is whole.

That the server cuts its own end off after ten seconds is shown by tests/unit/test_process.c.
"""
import signal
import sqlite3

from clients import people, texts
from door import RpcError
from groups import CHAT, Groups
from load import FAST_LIMITS, LOAD_SECONDS, end_load, start_load
from logins import SERVICE as AUTH
from sotto import wait_object
from tap import comment, main, night, test
from under_test import patient

STOPS = night(8, 50)
PAIRS = 50
WINDOW = 4
MESSAGES = 100000  # more than the senders get through


SHUTDOWN = 1001
CLIENT_STOPS = night(3, 20)
LINES = 200  # between two stops


def told_of_the_end(door):
    """Waits for the notice of the end; a new call is refused from then on."""
    goodbye = door.wait_notice()
    assert goodbye.code == SHUTDOWN and 0 < goodbye.closes_in_ms <= 5000 and goodbye.resume_after_ms > 0, goodbye
    try:
        door.call(AUTH + 'WhoAmI')
    except RpcError as refused:
        assert refused.code == 'unavailable', refused
    else:
        raise AssertionError('a call was taken after the notice')


@test
def who_is_attached_is_told_at_once_and_gets_the_answers_that_are_due(stage):
    server = stage.server()
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        others = [stage.websocket(server), stage.json_door(server)]
        for door in others:
            door.call(AUTH + 'Attach', {'access_token': bob.login.access})
        held = sqlite3.connect(server.data / 'sotto.db', patient(), isolation_level=None)
        held.execute('BEGIN IMMEDIATE')
        send = alice.door.start_call(CHAT + 'Send', {'chat_id': chat, 'client_msg_id': 1,
                                                     'message': alice.encrypt('a last word')})
        alice.door.call(AUTH + 'WhoAmI')  # behind it: the Send is at work

        server.process.signal(signal.SIGTERM)

        for door in (alice.door, bob.door, *others):
            told_of_the_end(door)
        assert send not in alice.door.replies and server.process.running
        held.execute('ROLLBACK')
        assert alice.door.wait_reply(send, CHAT + 'Send').seq == 2
        for door in (alice.door, bob.door, *others):
            assert door.wait_closed().code == SHUTDOWN
        assert server.process.wait() == 0
    assert 'still' not in server.log(), server.log()


@test
def who_does_not_hang_up_is_closed_in_the_end(stage):
    server = stage.server(conf='limits { drain_timeout = 100ms }')
    doors = [stage.door(server), stage.websocket(server), stage.json_door(server)]

    server.process.signal(signal.SIGTERM)

    for door in doors:
        assert 0 < door.wait_notice().closes_in_ms <= 100
    for door in doors:
        assert door.pump(lambda door=door: not door.goodbye.closes_in_ms and door.goodbye).code == SHUTDOWN
        assert door.wait_closed().code == SHUTDOWN
    assert server.process.wait() == 0
    assert '3 connections are still open' in server.log()


@test
def people_who_write_while_the_server_stops_lose_and_double_nothing(stage):
    server = stage.server(conf=FAST_LIMITS)
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    bob.run('chats')
    ear, place = bob.spawn('listen'), 0
    wanted = []
    for stop in range(CLIENT_STOPS):
        lines = [f'{stop}-{line}' for line in range(LINES)]
        wanted += lines
        writer = alice.spawn_with('\n'.join(lines) + '\n', 'send', 'bob', '-')
        place, _ = wait_object(ear, lambda found, first=lines[0]: found.get('text') == first, place)
        assert server.stop() == 0
        server.start()
        assert writer.wait() == 0, writer.error_text()
    alice.run('send', 'bob', 'the end')
    wanted.append('the end')
    wait_object(ear, lambda found: found.get('text') == 'the end', place)

    heard = [line for line in texts(bob.run('read', 'alice', '--limit', str(2 * len(wanted)))) if line]
    assert heard == wanted, (len(heard), len(wanted))
    assert texts(alice.run('read', 'bob', '--limit', str(2 * len(wanted)))) == wanted


def all_back(load, place, times, acked):
    """Waits until all clients have come back so many times and more has been acknowledged than before."""
    def holds(found):
        return (found.get('connected') == 2 * PAIRS and found['reconnects'] == 2 * PAIRS * times and
                found['acked'] > acked)
    return wait_object(load, holds, place, LOAD_SECONDS)


@test
def a_server_stopped_under_load_loses_nobody_and_nothing(stage):
    server = stage.server(conf=FAST_LIMITS)
    load = start_load(stage, server, 'ledger', '--pairs', PAIRS, '--window', WINDOW, '--messages', MESSAGES,
                      '--seconds', night(2 * LOAD_SECONDS, 1500))
    place, seen = all_back(load, 0, 0, 0)
    for stops in range(1, STOPS + 1):
        assert server.stop() == 0
        server.start()
        place, seen = all_back(load, place, stops, seen['acked'])
    ledger = end_load(load, place)

    comment(f'{STOPS} stops: {ledger}')
    assert (ledger['lost'], ledger['twice'], ledger['out_of_order'], ledger['unacknowledged']) == (0, 0, 0, 0)
    assert ledger['told'] == ledger['reconnects'] == 2 * PAIRS * STOPS, ledger
    assert 'cut off' not in server.log() and 'still open' not in server.log()


if __name__ == '__main__':
    main()
