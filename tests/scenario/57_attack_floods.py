# SPDX-License-Identifier: MIT
"""Floods of requests: every rate holds at ten and at a hundred times its figure (D5), two thousand logins at once (D7),
and no descriptors left (D8)."""
import contextlib
import os
import resource
import signal
import time
from collections import Counter
from itertools import cycle

from bystander import Bystander
from crowd import Crowd
from door import RpcError
from groups import CHAT, Groups
from load import FAST_LIMITS
from logins import PASSWORD, Accounts, auth, refusal
from server_facts import metric, wait_metric
from tables import wait_for
from tap import comment, main, night, test

LOGIN_STARTS = 100  # that the server remembers
LOGIN_START = 'sotto.auth.v1.AuthService/LoginStart'
LOGIN_FINISH = 'sotto.auth.v1.AuthService/LoginFinish'
REGISTER_FINISH = 'sotto.auth.v1.AuthService/RegisterFinish'
WHOAMI = 'sotto.auth.v1.AuthService/WhoAmI'
FLOOD = 2000
IN_FLIGHT = 256  # calls of one connection
TICK_SECONDS = 0.25
DEVICE = {'device_id': bytes(16), 'label': 'flood'}


@contextlib.contextmanager
def held(server):
    """Stops the process meanwhile: what is sent to it waits in the kernel, and is there at once when it goes on."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def outcome(door, number, method):
    try:
        door.wait_reply(number, method)
        return 'ok'
    except RpcError as error:
        return error.code


def answers(door, numbers, method):
    """How many of the calls were answered, and how many refused as too many; anything else fails."""
    passed = refused = 0
    for number in numbers:
        try:
            door.wait_reply(number, method)
            passed += 1
        except RpcError as error:
            if error.code == 'resource_exhausted':
                assert 'try again' in error.message, error.message
                refused += 1
            else:
                passed += 1  # let through to the method, which has its own opinion
    return passed, refused


@test
def every_rate_holds_at_ten_and_a_hundred_times_its_figure(stage):
    classes = {'login': (LOGIN_START, {'name': 'nobody', 'ke1': bytes(96)}, 5, 10),
               'register': (REGISTER_FINISH, {'name': 'x'}, 2, 4),
               'general': (WHOAMI, {}, 100, 200)}
    for times in (10, 100):
        server = stage.server(f'server-{times}')
        for name, (method, body, rate, burst) in classes.items():
            begun = time.monotonic()
            # Enough to use up what may come at once, and then `times` the rate.
            count = burst + rate * times // night(10, 1)
            passed = refused = 0
            for start in range(0, count, 100):
                door = stage.door(server)  # a new one: who is not attached may not stay for long
                numbers = [door.start_call(method, body) for _ in range(min(100, count - start))]
                more = answers(door, numbers, method)
                passed, refused = passed + more[0], refused + more[1]
                door.close()
            seconds = time.monotonic() - begun

            assert passed + refused == count
            assert passed <= 1.1 * (burst + rate * seconds) + 1, (name, times, passed, seconds)
            assert passed >= 0.9 * min(count, burst) - 1, (name, times, passed)
            assert refused == metric(server, f'sotto_ratelimit_refused_total{{rate="{name}"}}'), (name, times)


def outcomes_of(started, method):
    """How many of the calls that were begun had which answer, and the replies."""
    outcomes, replies = {}, []
    for door, number in started:
        try:
            replies.append(door.wait_reply(number, method))
            code = 'answered'
        except RpcError as error:
            code = error.code
        outcomes[code] = outcomes.get(code, 0) + 1
    return outcomes, replies


def all_at_once(doors, method, bodies):
    return [(door, door.start_call(method, body)) for door, body in zip(cycle(doors), bodies)]


@test
def two_thousand_logins_at_once_are_queued_refused_and_forgotten(stage):
    """As many begun at once, and then as many finished at once, of which none is by somebody with the password. The
    attacker has an account, so that no connection is closed before its flood is through."""
    server = stage.server(conf=FAST_LIMITS + 'jobs { quota = 64 }',
                          module_conf={'auth': f'login_starts = {LOGIN_STARTS}\n'})
    with Accounts(stage, server) as accounts:
        honest = accounts.register('alice').attached()
        ke1, = accounts.opaque.ask('login-start', PASSWORD)
        mallory = accounts.register('mallory')
        doors = [mallory.attached() for _ in range(FLOOD // 50)]
        with Bystander(accounts.login('alice')) as bystander:  # whoever is attached is served meanwhile
            start = {'name': 'alice', 'ke1': ke1}
            with held(server):
                started = all_at_once(doors, LOGIN_START, FLOOD * [start])
            for _ in range(10):
                assert auth(honest, 'WhoAmI').name == 'alice'
            outcomes, begun = outcomes_of(started, LOGIN_START)
            # The table is full of logins that nobody will finish: the oldest gives way to whoever means it.
            while len(begun) <= LOGIN_STARTS:  # more than the pool had room for, where that was little
                begun.append(doors[0].call(LOGIN_START, start))
            assert auth(accounts.login('alice').attached(), 'WhoAmI').name == 'alice'
            ids = [reply.login_start_id for reply in begun]
            ids += [os.urandom(16) for _ in range(FLOOD - len(ids))]
            finishing = all_at_once(doors, LOGIN_FINISH, [{'login_start_id': one, 'ke3': bytes(64), 'device': DEVICE}
                                                          for one in ids])
            finished, _ = outcomes_of(finishing, LOGIN_FINISH)

        # None was lost, and what was too much for the pool was told.
        assert outcomes == {'answered': outcomes['answered'],
                            'resource_exhausted': FLOOD - outcomes['answered']}, outcomes
        assert finished == {'unauthenticated': FLOOD}, finished
        # Each of them was one try, so there is room again for whoever knows the password.
        assert auth(accounts.login('alice').attached(), 'WhoAmI').name == 'alice'
        assert auth(honest, 'WhoAmI').name == 'alice'
        comment(bystander.told())


@test
def accounts_of_one_address_have_no_more_logins_together_than_a_stranger(stage):
    burst, rate = 20, 1
    server = stage.server(conf=f'limits {{ rate "login" {{ per_second = {rate}  burst = {burst} }} '
                               'rate "register" { per_second = 100  burst = 100 } }')
    with Accounts(stage, server) as accounts:
        begun = time.monotonic()
        doors = [accounts.register(name).attached() for name in ('mallory', 'mallory2', 'mallory3')]
        ke1, = accounts.opaque.ask('login-start', PASSWORD)
        passed = 0
        for door in doors:
            numbers = [door.start_call(LOGIN_START, {'name': 'alice', 'ke1': ke1}) for _ in range(burst)]
            passed += answers(door, numbers, LOGIN_START)[0]
        spent = len(doors)  # each account began with a RegisterStart
        assert 0 < passed + spent <= burst + 1 + 1.1 * rate * (time.monotonic() - begun), passed


def attaches(login):
    try:
        return auth(login.attached(), 'WhoAmI').name == 'mallory'
    except RpcError as error:
        assert error.code == 'resource_exhausted', error
        return False


@test
def one_account_does_not_take_all_connections(stage):
    server = stage.server(conf='limits { connections_per_account = 5 }')
    with Accounts(stage, server) as accounts:
        mallory, alice = accounts.register('mallory'), accounts.register('alice')
        doors = [mallory.attached() for _ in range(5)]
        code, words = refusal(accounts.login('mallory').attached)  # from another device, too
        assert code == 'resource_exhausted' and 'close some' in words, (code, words)
        auth(doors[0], 'Attach', {'access_token': mallory.access})  # who has one keeps it
        assert auth(alice.attached(), 'WhoAmI').name == 'alice'

        doors.pop().close()
        wait_for(lambda: attaches(mallory))  # the server has to notice first


@test
def who_goes_on_after_a_refusal_is_read_more_slowly(stage):
    server = stage.server()
    with Accounts(stage, server) as accounts:
        doors = [stage.door(server), accounts.register('alice').attached()]
        refused = metric(server, 'sotto_ratelimit_refused_total{rate="general"}')
        begun = time.monotonic()
        numbers = [[door.start_call(WHOAMI) for _ in range(4 * IN_FLIGHT)] for door in doors]
        for door, own in zip(doors, numbers):
            answers(door, own, WHOAMI)
        ticks = (time.monotonic() - begun) / TICK_SECONDS
        refused = metric(server, 'sotto_ratelimit_refused_total{rate="general"}') - refused

        # Of each connection those that are on their way go through, and as many again with each tick.
        assert refused > 2 * IN_FLIGHT
        assert refused <= len(doors) * IN_FLIGHT * (ticks + 2), (refused, ticks)
        comment(f'{refused:.0f} refusals in {ticks:.1f} ticks')


@test
def what_one_account_stores_in_a_day_has_a_bound(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'chat': 'bytes_per_day = 17MiB\nchats_per_day = 3\n'})
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        for _ in range(3):
            chat = alice.create([bob])
        code, text = refusal(alice.create, [bob])
        assert code == 'resource_exhausted' and 'chats_per_day' in text
        alice.ask('drop')
        chat = bob.create([alice])  # her group of the last refusal is not this one

        message = alice.encrypt('x' * 60000)
        numbers = [alice.door.start_call(CHAT + 'Send', {'chat_id': chat, 'client_msg_id': number, 'message': message})
                   for number in range(1, 17 * 1024 * 1024 // len(message) + 2)]
        outcomes = Counter(outcome(alice.door, number, CHAT + 'Send') for number in numbers)
        assert outcomes['ok'] > 0.95 * len(numbers) and outcomes['resource_exhausted'] > 0, outcomes
        assert sum(outcomes.values()) == outcomes['ok'] + outcomes['resource_exhausted']
        code, text = refusal(alice.chat, 'Send', {'chat_id': chat, 'client_msg_id': 1000, 'message': message})
        assert code == 'resource_exhausted' and 'bytes_per_day' in text
        assert alice.sync({chat: 0}).entries  # she reads on
        bob.send(chat, 'and others write')


@test
def an_accept_storm_without_descriptors_is_survived_at_both_doors(stage):
    server = stage.server(conf='limits { unattached_per_address = 20000  attach_timeout = 1s }')
    most = len(os.listdir(f'/proc/{server.pid}/fd')) + 100
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (most, most))
    before = cpu_ticks(server)
    crowds = [Crowd(server.ready[door], network) for network, door in ((10, 'tcp'), (11, 'http'))]
    try:
        with held(server):
            for crowd in crowds:
                crowd.join(100)  # as many as wait at a door on any machine
        for crowd in crowds:
            crowd.join(night(300, 1900)).start()
        for crowd in crowds:
            crowd.wait_closed(crowd.joined)
    finally:
        for crowd in crowds:
            crowd.close()

    wait_metric(server, 'sotto_connections', lambda value: value == 0)
    assert metric(server, 'sotto_connections_refused_total{reason="descriptors"}') > 0
    assert stage.door(server).hello.version == 1
    # A loop that spins on a listener it cannot accept from would burn whole seconds.
    assert cpu_ticks(server) - before < 2 * os.sysconf('SC_CLK_TCK')


def cpu_ticks(server):
    with open(f'/proc/{server.pid}/stat', encoding='ascii') as stat:
        fields = stat.read().rsplit(')', 1)[1].split()
    return int(fields[11]) + int(fields[12])


if __name__ == '__main__':
    main()
