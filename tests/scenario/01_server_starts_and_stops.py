# SPDX-License-Identifier: MIT
"""The least that a server must do: come up, say so, be healthy, go away."""
import json
import re

from door import RpcError
from sotto import own_address
from tap import main, test


@test
def a_server_says_ready_with_its_doors_and_modules(stage):
    server = stage.server(name='hearth')

    assert server.ready['name'] == 'hearth'
    assert server.ready['modules'] == 'auth,keyx,chat'
    assert int(server.ready['pid']) == server.process.pid
    for door in ('tcp', 'http', 'admin'):
        host, port = server.ready[door].rsplit(':', 1)
        assert host == own_address() and int(port) > 0


@test
def one_line_on_stdout_and_to_the_letter(stage):
    server = stage.server()
    address = re.escape(own_address()) + ':[0-9]+'

    assert re.fullmatch(rf'ready name=server tcp={address} http={address} admin={address} pid={server.process.pid} '
                        r'modules=auth,keyx,chat', server.process.lines[0]), server.process.lines

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
def metrics_tell_of_every_part_of_the_server(stage):
    server = stage.server()
    try:
        stage.door(server).call('sotto.auth.v1.AuthService/WhoAmI')
    except RpcError:
        pass

    text = server.http('/metrics')[2].decode()

    assert 'sotto_rpc_requests_total{method="sotto.auth.v1.AuthService/WhoAmI",code="unauthenticated"} 1\n' in text
    for series in ('sotto_connections', 'sotto_connections_accepted_total', 'sotto_rpc_seconds_bucket',
                   'sotto_ratelimit_refused_total', 'sotto_ratelimit_entries', 'sotto_broker_published_total',
                   'sotto_broker_hooks_total', 'sotto_store_batch_size_bucket', 'sotto_store_batch_size_median',
                   'sotto_store_commits_total', 'sotto_circuit_breaker_state',
                   'sotto_circuit_breaker_failures_total', 'sotto_jobs_total',
                   'sotto_loop_slow_callbacks_total', 'sotto_auth_logins_total', 'sotto_auth_cleaned_rows_total',
                   'sotto_keyx_claimed_total', 'sotto_chat_messages_total', 'sotto_chat_repeats_total'):
        assert f'\n{series}{{' in text or f'\n{series} ' in text, series
    helped = re.findall(r'^# TYPE (\S+) ', text, re.MULTILINE)
    assert len(helped) == len(set(helped)), 'a series is described twice'


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
