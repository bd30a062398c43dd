# SPDX-License-Identifier: MIT
"""The admin port: what it answers, and that it takes nothing else from anybody."""
import socket

from door import split_address
from sotto import BUILD
from tables import wait_for
from tap import main, test
from under_test import patient
from websocket import RawSocket

FIXTURES = BUILD / 'tests/fixtures'


def good_server(stage, *modules):
    return stage.server(modules=modules or ('good',), module_dir=FIXTURES)


def raw(server, data, shut=False):
    """Sends bytes to the admin port; returns all that comes until it closes."""
    connection = RawSocket(server.ready['admin'])
    connection.send(data)
    if shut:
        connection.socket.shutdown(socket.SHUT_WR)
    answer = connection.read_all()
    connection.close()
    return answer


@test
def metrics_are_prometheus_text(stage):
    server = good_server(stage)

    status, headers, body = server.http('/metrics')

    assert status == 200 and headers['Content-Type'].startswith('text/plain; version=0.0.4')
    text = body.decode('utf-8')
    for series in ('sotto_store_batch_size_bucket{le="1"}', 'sotto_store_batch_size_median ',
                   'sotto_store_queue_jobs{kind="write"} 0', 'sotto_good_callback_seconds_count '):
        assert f'\n{series}' in text, series
    names = [line.split()[2] for line in text.splitlines() if line.startswith('# TYPE ')]
    assert len(names) == len(set(names)), names


@test
def the_schema_is_served_with_every_file_once(stage):
    server = stage.server()

    status, _, body = server.http('/api/schema')

    assert status == 200
    for name in (b'modules/auth/auth.proto', b'modules/keyx/keyx.proto', b'modules/chat/chat.proto'):
        assert body.count(b'\x0a' + bytes([len(name)]) + name) == 1, name


@test
def other_paths_and_methods_and_malformed_heads_are_refused(stage):
    server = good_server(stage)

    for data, status in ((b'GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n', b'404'),
                         (b'POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', b'405'),
                         (b'GET /healthz HTTP/1.1\r\n\r\n', b'400'),
                         (b'GET /healthz HTTP/1.1\nHost: a\n\n', b'400'),
                         (b'GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n', b'400'),
                         (b'GET / HTTP/1.1\r\nX: ' + b'x' * 8200, b'400'),
                         (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00', b'400')):
        answer = raw(server, data)
        assert answer.startswith(b'HTTP/1.1 ' + status), (data[:40], answer[:80])
        assert b'Connection: close' in answer
    assert raw(server, b'GET /heal', shut=True) == b''


def health(server):
    """The status, or None while the server still holds too many connections."""
    try:
        return server.http('/healthz')[0]
    except OSError:
        return None


@test
def only_so_many_connections_are_held(stage):
    server = good_server(stage)
    held = [socket.create_connection(split_address(server.ready['admin']), patient()) for _ in range(40)]

    # Those over the bound are closed at once, which ends their reading; the others wait.
    closed = [connection for connection in held[32:] if connection.recv(1) == b'']

    assert len(closed) == 8
    for connection in held:
        connection.close()
    wait_for(lambda: health(server), 200)


@test
def a_silent_connection_is_closed_after_ten_seconds(stage):
    server = good_server(stage)

    assert raw(server, b'GET /healthz HTTP/1.1\r\n') == b''


@test
def while_it_drains_the_server_is_not_healthy(stage):
    server = good_server(stage)
    door = stage.door(server)  # it drains until this one goes

    server.process.signal(15)
    # Draining begins with the signal; until then the answer is still 200.
    while True:
        status, _, body = server.http('/healthz')
        if status != 200:
            break

    assert status == 503 and b'draining' in body, body
    door.close()
    assert server.process.wait() == 0


if __name__ == '__main__':
    main()
