# SPDX-License-Identifier: MIT
# io_threads: default
# timeout: 180
"""Five thousand slow connections in every shape that the doors know, and honest users among them (D1).

All attackers come from loopback addresses, end by themselves and are bounded in number and time.
"""
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


def log_in_among(accounts, crowds):
    """Honest logins while attackers are there; returns how many of them there were at the least."""
    fewest, seconds = CROWD, []
    for number in range(HONEST_LOGINS):
        begun = time.monotonic()
        login = accounts.login('alice')
        door = login.attached()
        assert auth(door, 'WhoAmI').name == 'alice', number
        seconds.append(time.monotonic() - begun)
        door.close()
        fewest = min(fewest, sum(crowd.open for crowd in crowds))
    comment(f'{HONEST_LOGINS} honest logins among {fewest} attackers or more, the slowest {1000 * max(seconds):.0f} ms')
    return fewest


@test
def five_thousand_slow_connections_keep_nobody_out_and_end_in_time(stage):
    server = stage.server(conf=f'limits {{ attach_timeout = {ATTACH_TIMEOUT}\n rate "login" {{ per_second = 100 burst = 100 }} }}')
    every = shapes(server)
    crowds = []
    with Accounts(stage, server) as accounts:
        accounts.register('alice')
        before = resident_kib(server)
        for network, (_, door, first, drip, reads) in enumerate(every, start=10):
            crowds.append(Crowd(server.ready[door], network).join(-(-CROWD // len(every)), first, drip, reads).start())
        try:
            fewest = log_in_among(accounts, crowds)
            grown = resident_kib(server) - before
            for (name, *_), crowd in zip(every, crowds):
                crowd.wait_closed(crowd.joined)
                assert crowd.open == 0, name
        finally:
            for crowd in crowds:
                crowd.close()

    assert sum(crowd.joined for crowd in crowds) >= CROWD
    assert fewest > 0, 'the attackers were gone before the last honest login'
    assert grown <= CROWD * (256 if is_sanitized() else 64), f'{grown} KiB for {CROWD} connections'
    wait_metric(server, 'sotto_connections', lambda value: value == 0)
    assert metric(server, 'sotto_connections_refused_total{reason="address"}') == 0


if __name__ == '__main__':
    main()
