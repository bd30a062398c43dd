# SPDX-License-Identifier: MIT
# io_threads: default
"""Another process holds the database locked: writes fail, soon at once, nothing of it is lost or invented, whoever may
not get in stays out, and what needs no write goes on (R12, OPS-07, OPS-08).

The times of the breaker are settings; here they are short (`make night`: as they are preset, so that the lock holds for a
minute), and every step waits for what the server says.
"""
import contextlib
import re
import sqlite3
import time

from door import RpcError
from groups import CHAT, Groups
from load import FAST_LIMITS, LOAD_SECONDS, end_load, start_load
from logins import Accounts, auth, refusal
from sotto import wait_object
from tap import comment, main, night, test
from under_test import patient

FAILURES = 5
RESET_S = night(0.5, 30)
STORE = night(f'''
store {{ busy_timeout = 100ms  breaker_failures = {FAILURES}  breaker_reset = {int(1000 * RESET_S)}ms }}
''', '')
CONF = FAST_LIMITS + STORE
MANY = 50


@contextlib.contextmanager
def locked(server):
    blocker = sqlite3.connect(server.data / 'sotto.db', patient(), isolation_level=None)
    blocker.execute('BEGIN EXCLUSIVE')
    try:
        yield
    finally:
        blocker.execute('ROLLBACK')
        blocker.close()


def metric(server, series):
    text = server.http('/metrics')[2].decode()
    return int(re.search(rf'^sotto_{re.escape(series)} (\d+)$', text, re.MULTILINE).group(1))


def state(server):
    return metric(server, 'circuit_breaker_state{name="store"}')


def failures(server):
    return metric(server, 'circuit_breaker_failures_total{name="store"}')


def refused(server):
    return metric(server, 'circuit_breaker_refused_total{name="store"}')


def open_breaker(server, person, chat):
    """Sends until the breaker is open; each of these waited for the lock in vain."""
    for number in range(FAILURES):
        assert state(server) == 0, number
        assert refusal(person.send, chat, f'lost {number}')[0] == 'unavailable'
    assert (state(server), failures(server)) == (1, FAILURES)


def send_at_once(person, chat, messages):
    """Many sends in flight; how many of them were refused, and how long that took in seconds."""
    began = time.monotonic()
    calls = [person.door.start_call(CHAT + 'Send', {'chat_id': chat, 'client_msg_id': 1000 + number,
                                                    'message': message})
             for number, message in enumerate(messages)]
    no = 0
    for call in calls:
        try:
            person.door.wait_reply(call, CHAT + 'Send')
        except RpcError as error:
            assert error.code == 'unavailable', error
            no += 1
    return no, time.monotonic() - began


@test
def the_sixth_write_fails_at_once_and_one_at_a_time_tries_again(stage):
    server = stage.server(conf=CONF)
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        messages = [alice.encrypt(f'at once {number}') for number in range(MANY)]
        with locked(server):
            open_breaker(server, alice, chat)
            assert server.http('/healthz')[0] == 503

            before, sent, worst, began = refused(server), 0, 0, time.monotonic()
            # Refused without a try, until one is let through, and while that one is under way no second.
            while failures(server) == FAILURES:
                no, seconds = send_at_once(alice, chat, messages)
                assert no == MANY
                sent += MANY
                worst = worst if failures(server) > FAILURES else max(worst, seconds)
            tried = failures(server) - FAILURES
            assert 1 <= tried <= 1 + (time.monotonic() - began) / RESET_S, tried
            assert refused(server) - before >= sent - tried and state(server) == 1
            comment(f'{MANY} refusals while it was open took {1000 * worst:.1f} ms together')
        alice.messages += 1
        back = {'chat_id': chat, 'client_msg_id': alice.messages, 'message': alice.encrypt('back')}
        while state(server) == 1:
            with contextlib.suppress(RpcError):
                alice.chat('Send', back)

        assert server.http('/healthz')[0] == 200
        alice.send(chat, 'and again')
        # Nothing that was refused is there. With the preset times bob was silent for too long to be still connected.
        bob.door = bob.login.attached()
        assert [bob.open(entry) for entry in bob.sync({chat: 1}).entries] == ['back', 'and again']


@test
def whoever_may_not_get_in_stays_out_and_reading_goes_on(stage):
    server = stage.server(conf=CONF)
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        alice.send(chat, 'before')
        gone = groups.accounts.login('alice')
        auth(alice.door, 'Revoke', {'login_id': gone.login_id})
        used = bob.login.refresh_token
        with locked(server):
            open_breaker(server, alice, chat)

            # No login without a durable row, no token from one, and an ended login stays ended.
            assert refusal(groups.accounts.login, 'alice')[0] == 'unavailable'
            assert refusal(groups.accounts.register, 'carol')[0] == 'unavailable'
            assert refusal(bob.login.refresh)[0] == 'unavailable'
            assert refusal(auth, stage.door(server), 'Attach', {'access_token': gone.access})[0] == 'unauthenticated'
            assert refusal(auth, alice.door, 'Revoke', {'login_id': bob.login.login_id})[0] in \
                ('not_found', 'unavailable')
            # Who is in goes on reading; a cursor is a best effort and stops nobody.
            entries = bob.sync({chat: 1}).entries
            assert [bob.open(entry) for entry in entries] == ['before']
            bob.chat('Ack', {'cursors': [{'chat_id': chat, 'seq': entries[-1].seq}]})
            assert [row.chat_id for row in bob.chat('ListChats').chats] == [chat]
            assert auth(bob.login.attached(), 'WhoAmI').name == 'bob'
        while state(server) == 1:
            with contextlib.suppress(RpcError):
                groups.accounts.login('alice')

        # The refresh that was refused took nothing away.
        assert bob.login.refresh(used).refresh_token != used


@test
def a_lock_under_load_loses_nothing(stage):
    server = stage.server(conf=CONF)
    # One message of each sender in flight: then a refusal costs not even the order.
    load = start_load(stage, server, 'ledger', '--pairs', 40, '--window', 1, '--messages', 100000,
                      '--seconds', LOAD_SECONDS)
    place, _ = wait_object(load, lambda found: found.get('acked', 0) > 500, seconds=LOAD_SECONDS)
    with locked(server):
        place, seen = wait_object(load, lambda found: found.get('refused', 0) > 100, place)
        for _ in range(300):  # one lost transaction may refuse more than a hundred, and it takes five to open
            if state(server) == 1:
                break
            place, seen = wait_object(load, lambda found: 'refused' in found, place)
        assert state(server) == 1
    place, _ = wait_object(load, lambda found, least=seen['acked']: found.get('acked', 0) > least + 500, place, LOAD_SECONDS)
    ledger = end_load(load, place)

    comment(str(ledger))
    assert (ledger['lost'], ledger['twice'], ledger['out_of_order'], ledger['unacknowledged']) == (0, 0, 0, 0)


@test
def a_server_whose_database_is_locked_stops_in_order(stage):
    server = stage.server(conf='limits { drain_timeout = 100ms }' + STORE)
    with Accounts(stage, server) as accounts:
        door = accounts.register('alice').attached()
        with locked(server):
            assert server.stop() == 0
        assert door.wait_closed().code == 1001


if __name__ == '__main__':
    main()
