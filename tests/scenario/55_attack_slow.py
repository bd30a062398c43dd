# SPDX-License-Identifier: MIT
# io_threads: default
# timeout: 600
"""Five thousand slow connections in every shape that the doors know, and honest users among them (D1). In the long form
five thousand in each shape by itself as well.

All attackers come from loopback addresses, end by themselves and are bounded in number and time.
"""
import itertools
import time

from crowd import Crowd
from logins import Accounts, auth
from server_facts import metric, resident_kib, wait_metric
from tap import comment, main, night, test
from under_test import is_sanitized
from websocket import JSON, PROTO, upgrade_request, ws_frame

CROWD = 5000
PING = b'\0\0\0\x0c\x2a\x0a\x0a\x08pingping'  # a whole Frame with a Ping
ATTACH_TIMEOUT = night('3s', '10s')
HONEST_LOGINS = 12
REINFORCEMENTS_MAX = 50


def upgraded(server, protocol=PROTO):
    return upgrade_request(server.ready['http'], protocol=protocol)


def shapes(server):
    """(name, door, what is sent at once, what follows a byte at a time, whether it reads)."""
    head = b'GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Slow: '
    return [
        ('silent tcp', 'tcp', b'', b'', True),
        ('a frame byte by byte', 'tcp', b'\0\0\x0f\xff', b'\x12', True),
        ('pings that nobody reads the answers of', 'tcp', b'', PING, False),
        ('silent http', 'http', b'', b'', True),
        ('a head byte by byte', 'http', head, b'a', True),
        ('lines of a head byte by byte', 'http', head + b'1\r\n', b'X-Slow: 1\r\n', True),
        ('a body byte by byte', 'http', b'POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4096\r\n\r\n', b'a', True),
        ('silent websocket', 'http', upgraded(server), b'', True),
        ('a websocket frame byte by byte', 'http', upgraded(server) + b'\x82\xfe\x0f\xff\0\0\0\0', b'a', True),
        ('a message in empty fragments', 'http', upgraded(server) + ws_frame(2, b'', fin=False),
         ws_frame(0, b'', fin=False), True),
        ('websocket pings that nobody reads the answers of', 'http', upgraded(server), ws_frame(9, b'ping'), False),
        ('a text in json byte by byte', 'http', upgraded(server, JSON) + b'\x81\xfe\x0f\xff\0\0\0\0', b'a', True),
    ]


def log_in_among(accounts, crowds, reinforce):
    """Honest logins, each of which ends while attackers are there. On a machine so slow that all are sent away before,
    more of them come."""
    fewest, seconds = CROWD, []
    while len(seconds) < HONEST_LOGINS:
        begun = time.monotonic()
        login = accounts.login('alice')
        door = login.attached()
        assert auth(door, 'WhoAmI').name == 'alice', len(seconds)
        there = sum(crowd.open for crowd in crowds)
        door.close()
        if there > 0:
            seconds.append(time.monotonic() - begun)
            fewest = min(fewest, there)
        else:
            reinforce()
    comment(f'{HONEST_LOGINS} honest logins among {fewest} attackers or more, the slowest {1000 * max(seconds):.0f} ms')


class Attack:
    """Five thousand in these shapes, as many in each, and what comes after them."""

    def __init__(self, server, some):
        self.server, self.some = server, some
        self.crowds = []

    def send(self, shape):
        _, door, first, drip, reads = shape
        assert len(self.crowds) < len(self.some) + REINFORCEMENTS_MAX
        crowd = Crowd(self.server.ready[door], 10 + len(self.crowds))
        self.crowds.append(crowd)
        crowd.join(-(-CROWD // len(self.some)), first, drip, reads).start()

    def run(self, accounts, reinforcement):
        """Until all of them are gone."""
        before = resident_kib(self.server)
        try:
            for shape in self.some:
                self.send(shape)
            log_in_among(accounts, self.crowds, lambda: self.send(reinforcement))
            grown = resident_kib(self.server) - before
            for (name, *_), crowd in zip(itertools.chain(self.some, itertools.repeat(reinforcement)), self.crowds):
                crowd.wait_closed(crowd.joined)
                assert crowd.open == 0, name
        finally:
            for crowd in self.crowds:
                crowd.close()
        assert sum(crowd.joined for crowd in self.crowds) >= CROWD
        assert grown <= CROWD * (256 if is_sanitized() else 64), f'{grown} KiB for {CROWD} connections'
        wait_metric(self.server, 'sotto_connections', lambda value: value == 0)


@test
def five_thousand_slow_connections_keep_nobody_out_and_end_in_time(stage):
    server = stage.server(conf=f'limits {{ attach_timeout = {ATTACH_TIMEOUT}\n rate "login" {{ per_second = 100 burst = 100 }} }}')
    every = shapes(server)
    with Accounts(stage, server) as accounts:
        accounts.register('alice')
        for some in [every, *night([], [[shape] for shape in every])]:
            Attack(server, some).run(accounts, every[0])
    assert metric(server, 'sotto_connections_refused_total{reason="address"}') == 0


if __name__ == '__main__':
    main()
