# SPDX-License-Identifier: MIT
"""Memory by claimed length (D2) and small inputs that want to become large ones (D3), at both doors."""
import contextlib
import os
import struct
import time

from bystander import Bystander
from crowd import Crowd
from door import Closed, RpcError
from groups import CHAT, Groups
from load import FAST_LIMITS
from logins import Accounts, auth
from server_facts import Peak, metric, resident_kib, wait_metric
from tap import comment, main, night, test
from under_test import is_sanitized
from websocket import PROTO, WebSocketDoor, upgrade_request, ws_frame

CROWD = night(200, 1000)  # of each shape
AGAIN_SECONDS = night(0, 10)  # for which an attack is repeated while somebody is served
SYNC = 'sotto.chat.v1.ChatService/Sync'
LOOKUP = 'sotto.auth.v1.AuthService/LookupUsers'
POLICY = 1008
GOODBYE_TOO_BIG, GOODBYE_PROTOCOL = b'\x08\xf1\x07', b'\x08\xea\x07'  # their codes, 1009 and 1002, as they stand on the wire
MESSAGE_BYTES = 64 * 1024
WELCOME_BYTES = 4 * 1024 * 1024 - 64
HELD_KIB = 64 * 1024  # of answers that are larger than a send queue
SYNC_COUNT = f'sotto_rpc_seconds_count{{method="{SYNC}"}}'
LARGE_ANSWERS = 30  # as many as a user may ask for at once
# AddressSanitizer keeps freed memory back, by default more than what is measured here.
SMALL_QUARANTINE = {'ASAN_OPTIONS': f'{os.environ.get("ASAN_OPTIONS", "")}:quarantine_size_mb=1:'
                                    'thread_local_quarantine_size_kb=64'}
MANY = 'limits { unattached_per_address = 20000 }'


def websocket(server, length_bytes):
    return upgrade_request(server.ready['http'], protocol=PROTO) + b'\x82' + length_bytes + b'\0\0\0\0x'


def claims(server):
    """(name, door, bytes, what the server says before it closes; None: it waits for the rest)."""
    http = b'POST /ws HTTP/1.1\r\nHost: localhost\r\n'
    wide = struct.pack('>Q', 2**63 - 1)
    return [
        ('a frame of 4 GiB', 'tcp', b'\xff\xff\xff\xff', GOODBYE_TOO_BIG),
        ('a whole frame that never comes', 'tcp', struct.pack('>I', 4096) + b'\x12', None),
        ('a name of 2 GiB inside a small frame', 'tcp', b'\0\0\0\x08\x12\xff\xff\xff\xff\x07\x0a\x01', GOODBYE_PROTOCOL),
        ('a websocket frame of 2 GiB', 'http', websocket(server, b'\xff' + struct.pack('>Q', 2**31)), GOODBYE_TOO_BIG),
        ('a websocket frame of 8 EiB', 'http', websocket(server, b'\xff' + wide), GOODBYE_TOO_BIG),
        ('a websocket frame that never comes', 'http', websocket(server, b'\xfe\x10\x00'), None),
        ('a body of 8 EiB', 'http', http + b'Content-Length: 9223372036854775807\r\n\r\nx', b' 4'),
        ('a body in one chunk of 4 GiB', 'http', http + b'Transfer-Encoding: chunked\r\n\r\nffffffff\r\nx', b' 4'),
        ('a head that never ends', 'http', b'GET / HTTP/1.1\r\nHost: localhost\r\nX: ' + b'a' * 8000, None),
    ]


@test
def a_length_that_is_only_claimed_costs_nothing(stage):
    server = stage.server(conf=MANY)
    stage.door(server).close()  # what a first connection sets up is not an attack's
    before = resident_kib(server)
    crowds = []

    try:
        for network, (name, door, data, said) in enumerate(claims(server), start=10):
            crowd = Crowd(server.ready[door], network).join(CROWD, data).start()
            crowds.append(crowd)
            if said is not None:
                crowd.wait_closed(CROWD)
        grown = resident_kib(server) - before
        waiting = sum(crowd.open for crowd in crowds)
    finally:
        for crowd in crowds:
            crowd.close()

    assert waiting > 0, 'nobody was waiting while the memory was counted'
    assert grown <= len(crowds) * CROWD * 16 * (4 if is_sanitized() else 1), f'{grown} KiB'
    for (name, _, _, said), crowd in zip(claims(server), crowds):
        assert said is None or all(said in heard for heard in crowd.heard), (name, crowd.heard[:1])
    assert server.http('/healthz')[0] == 200


def attached_websocket(stage, server, login):
    door = WebSocketDoor(stage.schema, server.ready['http'])
    stage.open_doors.append(door)
    auth(door, 'Attach', {'access_token': login.access})
    return door


def with_login(test_function):
    """Runs the body with a server that has no rates and one login; somebody else is served meanwhile."""
    def run(stage):
        server = stage.server(conf=FAST_LIMITS, env=SMALL_QUARANTINE)
        with Accounts(stage, server) as accounts:
            login = accounts.register('alice')
            with Bystander(accounts.register('bob')) as bystander:
                end = time.monotonic() + AGAIN_SECONDS
                test_function(stage, server, login)
                while time.monotonic() < end:
                    test_function(stage, server, login)
            comment(bystander.told())
        assert server.http('/healthz')[0] == 200
    run.__name__ = test_function.__name__
    return run


def send_until_closed(door, data, times):
    """Sends as often as the server lets us; returns the code of its close frame."""
    try:
        for _ in range(times):
            door.send_bytes(data)
    except ConnectionError:
        pass
    return door.wait_close_code()


@test
@with_login
def a_message_in_more_fragments_than_it_may_have_ends_the_connection(stage, server, login):
    peak = Peak(server)

    for piece in (b'a', b''):  # a byte a fragment, and nothing in a fragment
        door = attached_websocket(stage, server, login)
        door.send_bytes(ws_frame(2, piece, fin=False))
        assert send_until_closed(door, ws_frame(0, piece, fin=False) * 100, 30) == POLICY

    assert peak.grown_kib() < 4 * MESSAGE_BYTES // 1024 + (8192 if is_sanitized() else 512)


@test
@with_login
def pings_of_a_peer_that_reads_nothing_do_not_pile_up(stage, server, login):
    door = attached_websocket(stage, server, login)
    peak = Peak(server)

    for _ in range(400):
        door.send_bytes(ws_frame(9, b'p' * 100) * 500)
    door.send_bytes(ws_frame(9, b'the last'))

    # One pong at most waits to be sent, so the connection never has more in its queue than it may have.
    assert door.pump(lambda: b'the last' in door.ws_pongs)
    assert auth(door, 'WhoAmI').name == 'alice'
    assert peak.grown_kib() < (16 if is_sanitized() else 2) * 1024


def memory_of(server, door, method, raw):
    """What one refused or answered request adds to the server, in KiB, and how it was answered."""
    peak = Peak(server)
    try:
        door.call(method, raw=raw)
        answer = 'ok'
    except RpcError as error:
        answer = error.code
    return peak.grown_kib(), answer


@test
@with_login
def a_request_of_tiny_parts_is_refused_before_it_is_large(stage, server, login):
    door = login.attached()
    limit = 16 * MESSAGE_BYTES // 1024 + (8192 if is_sanitized() else 256)  # 16 times what came, at the worst moment
    held = 4 * MESSAGE_BYTES // 1024 + (8192 if is_sanitized() else 256)    # and afterwards
    before = resident_kib(server)
    nested = b''
    for _ in range(1000):
        nested = b'\x0a' + bytes([len(nested) & 0x7f | 0x80, len(nested) >> 7]) + nested

    for name, method, raw in (('empty submessages', SYNC, b'\x0a\x00' * 30000),
                              ('empty names', LOOKUP, b'\x0a\x00' * 2000),
                              ('unknown fields', LOOKUP, b'\xf8\x07\x01' * 1300),
                              ('messages in messages', LOOKUP, nested)):
        grown, answer = memory_of(server, door, method, raw)
        assert answer in ('invalid_argument', 'resource_exhausted'), (name, answer)
        assert grown <= limit, (name, grown)
        assert resident_kib(server) - before <= held, name
    assert auth(door, 'WhoAmI').name == 'alice'


def padded(welcome, size):
    """The Welcome with zeros behind what is sealed in it for its readers, who would not open it any more."""
    def vector(at):
        width = 1 << (welcome[at] >> 6)
        length = int.from_bytes(welcome[at:at + width], 'big') & ((1 << 8 * width - 2) - 1)
        return at + width, at + width + length
    _, end_of_secrets = vector(6)
    start, end = vector(end_of_secrets)
    sealed = welcome[start:end] + bytes(size - end_of_secrets - 4 - (end - start))
    return welcome[:end_of_secrets] + struct.pack('>I', 2 << 30 | len(sealed)) + sealed


@test
def large_answers_that_nobody_reads_take_the_memory_of_a_few(stage):
    server = stage.server(env=SMALL_QUARANTINE if is_sanitized() else None)
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        alice.ask('create', bytes(16))
        alice.queue([bob], [])
        first = alice.bundle()
        first['welcome'] = padded(first['welcome'], WELCOME_BYTES)
        alice.chat('Create', {'chat_id': bytes(16), 'type': 2, 'mode': 1, 'suite': 3, 'first': first})
        peak = Peak(server)
        closed = metric(server, 'sotto_connections_closed_total')
        answered = metric(server, SYNC_COUNT)

        # One after the other that reads nothing and says nothing, and then all at once, behind one another.
        doors = [bob.login.attached() for _ in range(LARGE_ANSWERS)]
        for door in doors:
            door.start_call(SYNC)
        wait_metric(server, SYNC_COUNT, lambda count: count >= answered + LARGE_ANSWERS)
        wait_metric(server, 'sotto_connections_closed_total', lambda count: count > closed)
        pipeline = bob.login.attached()
        numbers = [pipeline.start_call(SYNC) for _ in range(LARGE_ANSWERS)]
        with contextlib.suppress(Closed, OSError):  # who does not keep up is sent away, to resume
            pipeline.wait_reply(numbers[-1], SYNC)
        assert len(bob.login.attached().call(SYNC).welcomes[0].welcome) == WELCOME_BYTES

        limit = HELD_KIB * 2 * (5 if is_sanitized() else 1)  # with the shadow of that memory
        assert peak.grown_kib() < limit, f'{peak.grown_kib()} KiB'
        comment(f'{LARGE_ANSWERS} answers of {WELCOME_BYTES >> 10} KiB: {peak.grown_kib()} KiB at most')


@test
def what_attackers_left_open_goes_by_itself(stage):
    server = stage.server(conf='limits { unattached_per_address = 20000  attach_timeout = 1s }')
    crowd = Crowd(server.tcp).join(300, struct.pack('>I', 4096) + b'\x12').start()
    try:
        crowd.wait_closed(300)
    finally:
        crowd.close()

    wait_metric(server, 'sotto_connections', lambda value: value == 0)
    assert metric(server, 'sotto_connections_refused_total{reason="address"}') == 0


if __name__ == '__main__':
    main()
