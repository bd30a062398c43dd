# SPDX-License-Identifier: MIT
"""The log: a request can be found in it by its trace id, in both formats, and the file is where it was asked for."""
import json
import re

from door import RpcError
from tap import main, test

WHOAMI = 'sotto.auth.v1.AuthService/WhoAmI'


def knock(door, **options):
    """A call that is refused; returns the code."""
    try:
        door.call(WHOAMI, **options)
    except RpcError as error:
        return error.code
    return 'ok'


def log_lines(path):
    return path.read_text(encoding='utf-8').splitlines()


@test
def a_request_is_found_by_the_trace_id_of_its_client(stage):
    server = stage.server(options=['--log-level', 'debug'])
    door = stage.door(server)

    assert knock(door, trace_id='kitchen-42') == 'unauthenticated'
    assert knock(door) == 'unauthenticated'

    found = [line for line in log_lines(server.data / 'sottod.log') if WHOAMI in line]
    assert len(found) == 2, found
    assert 'kitchen-42' in found[0] and 'unauthenticated' in found[0], found
    # Who gives none gets one.
    assert re.search(r'\b[0-9a-f]{32}\b', found[1]), found


@test
def as_json_a_line_is_an_object_with_the_trace_id(stage):
    server = stage.server(conf='log { format = "json"  level = debug }')

    knock(stage.door(server), trace_id='kitchen-42')

    lines = [json.loads(line) for line in log_lines(server.data / 'sottod.log')]
    found = [line for line in lines if line.get('trace') == 'kitchen-42']
    assert len(found) == 1 and WHOAMI in json.dumps(found[0]), lines


@test
def a_trace_id_cannot_forge_a_line(stage):
    server = stage.server(options=['--log-level', 'debug'])
    door = stage.door(server)

    for trace in ('a\nready', 'a b', '\x1b[31m', 'x' * 65):
        assert knock(door, trace_id=trace) == 'invalid_argument', trace

    assert not any(line.startswith('ready') or '\x1b' in line for line in log_lines(server.data / 'sottod.log'))


@test
def refusals_of_everyday_fill_no_log(stage):
    server = stage.server()

    knock(stage.door(server), trace_id='kitchen-42')

    assert not any('kitchen-42' in line for line in log_lines(server.data / 'sottod.log'))


@test
def the_file_and_the_level_can_be_chosen(stage):
    elsewhere = stage.folder / 'elsewhere.log'
    server = stage.server(options=['--log-file', str(elsewhere), '--log-level', 'error'])

    assert server.stop() == 0

    assert elsewhere.exists() and elsewhere.stat().st_mode & 0o777 == 0o600
    assert not (server.data / 'sottod.log').exists()
    assert not any('ready' in line for line in log_lines(elsewhere))


if __name__ == '__main__':
    main()
