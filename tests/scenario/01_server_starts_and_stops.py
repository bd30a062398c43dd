# SPDX-License-Identifier: MIT
"""The least that a server must do: come up, say so, be healthy, go away."""
import json

from tap import main, test


@test
def a_server_says_ready_with_its_doors_and_modules(stage):
    server = stage.server(name='hearth')

    assert server.ready['name'] == 'hearth'
    assert server.ready['modules'] == 'auth,keyx,chat'
    assert int(server.ready['pid']) == server.process.pid
    for door in ('tcp', 'admin'):
        host, port = server.ready[door].rsplit(':', 1)
        assert host == '127.0.0.1' and int(port) > 0


@test
def it_says_nothing_else_on_stdout(stage):
    server = stage.server()

    assert server.stop() == 0

    assert len(server.process.lines) == 1, server.process.lines


@test
def healthz_answers_with_a_line_per_module(stage):
    server = stage.server()

    status, _, body = server.http('/healthz')

    assert status == 200
    lines = [json.loads(line) for line in body.decode('utf-8').splitlines() if line.strip()]
    assert len(lines) >= 3, lines


@test
def the_first_frame_of_a_connection_is_a_hello(stage):
    server = stage.server(name='hearth')

    door = stage.door(server)

    assert door.hello.name == 'hearth'
    assert door.hello.version == 1
    assert set(door.hello.features) >= {'auth', 'keyx', 'chat'}


@test
def sigterm_says_goodbye_and_exits_with_0(stage):
    server = stage.server()
    door = stage.door(server)

    server.process.signal(15)

    assert door.wait_closed().code == 1001
    assert server.process.wait() == 0


@test
def after_kill_9_it_comes_back_on_the_same_ports(stage):
    server = stage.server()
    before = dict(server.doors)

    server.kill()
    server.start()

    assert server.doors == before


@test
def a_second_server_on_the_same_data_is_refused(stage):
    server = stage.server()

    second = stage.process(server.command('--listen-tcp', '127.0.0.1:0', '--listen-http', '127.0.0.1:0',
                                          '--listen-admin', '127.0.0.1:0'),
                           stage.folder / 'second.stderr')

    assert second.wait() != 0
    assert server.http('/healthz')[0] == 200


if __name__ == '__main__':
    main()
