# SPDX-License-Identifier: MIT
# timeout: 600
"""The server is blind: canaries sent through real clients stand nowhere in its database, WAL, logs, metrics or memory.

A search that finds nothing proves nothing until it is seen to find, so each place is also searched for something that
must be there: the server's own name in its memory, a user's name in the database, and canaries planted in copies of
the files in every dress.
"""
import base64
import json
import secrets
import shutil
import subprocess
import zlib

from canary import sightings
from load import FAST_LIMITS, start_load
from logins import Accounts
from sotto import wait_object
from tap import comment, main, skip, test
from under_test import is_sanitized

AUTH = 'sotto.auth.v1.AuthService'
MESSAGES = 1000
WINDOW = 1 << 20


def canary():
    return secrets.token_hex(16).encode()


def core_dump(stage, server):
    """The server's memory as gcore writes it. The core is removed with the stage."""
    if shutil.which('gcore') is None:
        skip('gcore (package gdb) is not installed')
    base = stage.folder / 'core'
    done = subprocess.run(['gcore', '-a', '-o', str(base), str(server.pid)], check=False,
                          capture_output=True, timeout=120)
    path = stage.folder / f'core.{server.pid}'
    assert path.exists(), done.stderr.decode()[-2000:]
    return path.read_bytes()


def places(stage, server):
    """Every file of the data folder, the log on stderr, what the metrics say, and the memory: {name: bytes}. Under a
    sanitizer not the memory: it keeps freed blocks as they were, and its shadow makes a core dump of terabytes."""
    found = {'stderr': server.log_file.read_bytes(), 'metrics': server.http('/metrics')[2]}
    if not is_sanitized():
        found['memory'] = core_dump(stage, server)
    for path in server.data.rglob('*'):
        if path.is_file():
            found[str(path.relative_to(server.data))] = path.read_bytes()
    return found


def assert_blind(found, wanted):
    for name, blob in found.items():
        seen = sightings(blob, wanted)
        assert not seen, f'{name}: {seen}'
    comment(f'{len(wanted)} canaries, 0 found in {sorted(found)}')


def in_database(found, secret):
    return [name for name, blob in found.items() if '.db' in name and secret in blob]


@test
def messages_titles_and_passwords_of_two_people_are_nowhere(stage):
    server_name, user_name = f'name-{canary().decode()}', f'u{canary().decode()[:24]}'
    password, text = f'P1{canary().decode()}', canary()
    server = stage.server(name=server_name, options=['--log-level', 'debug'])
    alice = stage.client(user_name, server, password=password)
    bob = stage.client('bob', server, password=password)
    alice.run('register', user_name)
    bob.run('register', 'bob')
    chat = alice.run('new', 'bob')[0]['chat']
    lines = ''.join(f'{text.decode()} {number}\n' for number in range(MESSAGES))
    assert alice.spawn_with(lines, 'send', chat, '-').wait(120) == 0
    shown = bob.run('read', chat, '--limit', str(2 * MESSAGES), seconds=120)
    assert sum(text.decode() in message.get('text', '') for message in shown) == MESSAGES, shown
    alice.run('new', 'bob', '--title', f'old {text.decode()}')
    assert f'old {text.decode()}' in [row['title'] for row in bob.run('chats')]
    alice.run('rename', f'old {text.decode()}', f'new {text.decode()}')
    assert f'new {text.decode()}' in [row['title'] for row in bob.run('chats')]

    found = places(stage, server)

    assert is_sanitized() or server_name.encode() in found['memory'], 'the search of the memory finds nothing at all'
    assert in_database(found, user_name.encode()), 'the search of the database finds nothing at all'
    assert_blind(found, {'message or title': text, 'password': password.encode()})


@test
def keys_and_tokens_of_a_client_are_nowhere(stage):
    server = stage.server(conf=FAST_LIMITS, options=['--log-level', 'debug'])
    load = start_load(stage, server, 'secrets')
    _, told = wait_object(load, lambda found: 'identity_seed' in found)
    wanted = {name: bytes.fromhex(value) for name, value in told.items()}

    found = places(stage, server)

    assert_blind(found, wanted)
    load.kill()


@test
def the_key_of_the_external_sender_is_in_its_file_alone(stage):
    server = stage.server(options=['--log-level', 'debug'])
    alice, bob = (stage.client(name, server) for name in ('alice', 'bob'))
    alice.run('register', 'alice')
    bob.run('register', 'bob')
    alice.run('new', 'bob')

    found = places(stage, server)
    file = found.pop('secrets/chat')
    found.pop('memory', None)  # where it must be

    assert len(file) == 32 and (server.data / 'secrets/chat').stat().st_mode & 0o777 == 0o600
    assert_blind(found, {'external sender': file})


@test
def what_travelled_as_json_is_nowhere(stage):
    server = stage.server(conf=FAST_LIMITS, options=['--log-level', 'debug'])
    with Accounts(stage, server) as accounts:
        door = stage.json_door(server)
        login = accounts.register('alice')
        wanted = {'refresh token': login.refresh_token, 'long text': canary()}
        login.refresh(door=door)
        # The last one is harmless and short: a core dump shows what each thread copied last, in its registers.
        for number, text in enumerate([wanted['long text'].decode() * 100] * 10 + ['x' * 1500]):
            door.send_text(json.dumps({'id': 100 + number, 'call': {'method': f'{AUTH}/WhoAmI', 'later': text}}))
            door.pump(lambda number=number: 100 + number in door.replies)

        assert_blind(places(stage, server), wanted)


@test
def a_planted_canary_is_found_in_every_place_and_dress(stage):
    server = stage.server()
    alice = stage.client('alice', server)
    alice.run('register', 'alice')
    found = places(stage, server)
    planted = canary()
    forms = {
        'raw': planted,
        'hex': planted.hex().encode(),
        'base64': base64.b64encode(planted),
        'base64, shifted by one': base64.b64encode(b'x' + planted),
        'base64, shifted by two': base64.b64encode(b'xy' + planted + b'z'),
        'UTF-16': planted.decode().encode('utf-16-le'),
        'zlib': zlib.compress(b'{"text":"' + planted + b'"}'),
        'base64 in zlib': zlib.compress(base64.b64encode(planted)),
    }
    kinds = {'memory', 'stderr', 'metrics'} & set(found) | {name for name in found if '.db' in name or name.endswith('.log')}
    assert any(name.endswith('-wal') for name in kinds), json.dumps(sorted(kinds))
    for name in kinds:
        blob = found[name]
        assert not sightings(blob, {'canary': planted}), name
        middle = len(blob) // 2
        before, after = blob[max(0, middle - WINDOW):middle], blob[middle:middle + WINDOW]
        for dress, form in forms.items():
            assert sightings(before + form + after, {'canary': planted}), (name, dress)


if __name__ == '__main__':
    main()
