# SPDX-License-Identifier: MIT
"""The WebSocket door: the same frames as over TCP, its own life around them, and its limits."""
import struct

from door import RpcError
from logins import Accounts, auth
from server_facts import metric, resident_kib
from tap import main, test
from under_test import deadline, is_sanitized
from websocket import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RawSocket, read_answer, ws_frame

NORMAL, SHUTDOWN, TOO_BIG, UNAUTHENTICATED, IDLE, LIMIT = 1000, 1001, 1009, 4401, 4408, 4429
WHOAMI = 'sotto.auth.v1.AuthService/WhoAmI'


def expect_unauthenticated(door):
    try:
        door.call(WHOAMI)
        raise AssertionError('answered without Attach')
    except RpcError as error:
        assert error.code == 'unauthenticated'


@test
def hello_ping_and_a_call_over_a_websocket(stage):
    server = stage.server(name='hearth')

    door = stage.websocket(server)

    assert door.hello.name == 'hearth' and set(door.hello.features) >= {'auth', 'keyx', 'chat'}
    door.send_frame({'ping': {'data': b'are you there'}})
    assert door.pump(lambda: door.pongs) == [b'are you there']
    door.send_bytes(ws_frame(PING, b'and you'))
    assert door.pump(lambda: door.ws_pongs) == [b'and you']
    expect_unauthenticated(door)
    assert metric(server, 'sotto_door_connections{door="ws"}') == 1
    assert metric(server, 'sotto_http_requests_total{outcome="upgraded"}') == 1


@test
def a_client_that_closes_gets_its_code_back_and_nothing_else(stage):
    server = stage.server()

    for code in (1000, 1001, 1005, 3000, 4999):
        door = stage.websocket(server)
        door.send_close(code)
        assert door.wait_close_code() == code, code
        assert door.goodbye is None


@test
def goodbye_stands_before_every_close_of_the_server(stage):
    large = stage.websocket(stage.server())
    silent = stage.websocket(stage.server('impatient', conf='limits { attach_timeout = 2s }'))
    large.send_bytes(ws_frame(BINARY, b'', length=4097))

    assert large.wait_closed().code == TOO_BIG and large.close_code == TOO_BIG
    assert silent.wait_closed().code == UNAUTHENTICATED and silent.close_code == UNAUTHENTICATED
    assert silent.close_reason == b'no Attach in time'


@test
def the_end_of_the_server_reaches_every_websocket(stage):
    server = stage.server()
    doors = [stage.websocket(server) for _ in range(10)]

    server.process.signal(15)

    for door in doors:
        assert door.wait_closed().code == SHUTDOWN and door.close_code == SHUTDOWN
        door.close()
    assert server.process.wait() == 0


@test
def a_connection_over_the_cap_is_turned_away_and_counted(stage):
    server = stage.server(conf='limits { connections = 3 }')
    doors = [stage.websocket(server), stage.door(server), stage.websocket(server)]

    raw = RawSocket(server.ready['http'])
    status, fields, _ = read_answer(raw.read_all())

    assert status == 503 and fields['retry-after'] == '1'
    raw.close()
    assert metric(server, 'sotto_connections_refused_total{reason="cap"}') == 1
    expect_unauthenticated(doors[0])


@test
def a_head_has_ten_seconds_like_an_attach(stage):
    server = stage.server(conf='limits { attach_timeout = 500ms }')
    slow = RawSocket(server.ready['http'])
    slow.send(b'GET /ws HTTP/1.1\r\nHost: ')

    status, fields, _ = read_answer(slow.read_all())

    assert status == 408 and fields['connection'] == 'close'
    slow.close()


@test
def a_message_in_pieces_is_one_frame(stage):
    door = stage.websocket(stage.server())
    ping = door.schema.encode('sotto.frame.v1.Frame', {'ping': {'data': b'0123456789'}})

    door.send_bytes(ws_frame(BINARY, ping[:3], fin=False) + ws_frame(CONTINUATION, b'', fin=False)
                    + ws_frame(PING, b'between') + ws_frame(CONTINUATION, ping[3:]))

    assert door.pump(lambda: door.pongs) == [b'0123456789'] and door.ws_pongs == [b'between']
    door.send_bytes(ws_frame(CLOSE, struct.pack('>H', NORMAL)))
    assert door.wait_close_code() == NORMAL


@test
def silence_is_answered_with_a_ping_and_then_with_the_end(stage):
    server = stage.server(conf='limits { ping_after = 300ms  idle_timeout = 3s }')
    with Accounts(stage, server) as accounts:
        token = accounts.register('alice').access
    door = stage.websocket(server)
    auth(door, 'Attach', {'access_token': token})
    end = deadline()

    assert door.read_ws_frame(end) == (FIN | PING, b'')
    door.send_bytes(ws_frame(PONG))  # alive: it asks again
    assert door.read_ws_frame(end) == (FIN | PING, b'')

    assert door.wait_closed().code == IDLE and door.close_code == IDLE


@test
def an_idle_websocket_costs_less_than_three_kilobytes(stage):
    server = stage.server(conf='limits { unattached_per_address = 2000 }')
    for _ in range(100):
        stage.websocket(server)
    before = resident_kib(server)

    for _ in range(400):
        stage.websocket(server)

    grown = resident_kib(server) - before
    assert is_sanitized() or grown <= 400 * 3, f'{grown} KiB for 400 connections'


if __name__ == '__main__':
    main()
