# SPDX-License-Identifier: MIT
"""One test of a module, played against the test host of its unit tests and against the real server.

Whatever the test host lets a module do, the server must do as well, or green unit tests mean nothing. The script below
is the life of an account in calls; both hosts must give the same answers, but for what is random or tells the time.
"""
import subprocess

from door import RpcError
from load import FAST_LIMITS
from logins import SERVICE, Accounts
from sotto import BUILD
from tap import comment, main, test
from under_test import patient


class HarnessDoor:
    """A connection to the test host; has the face of door.Door as far as logins.py uses it."""

    def __init__(self, host):
        self.host = host
        self.session = host.ask('connect').split()[1]

    def call(self, method, body=None):
        request, reply = self.host.schema.methods[method]
        encoded = self.host.schema.encode(request, body or {}).hex() or '-'
        verdict, *rest = self.host.ask(f'call {self.session} {method.rpartition("/")[2]} {encoded}').split()
        if verdict == 'ok':
            return self.host.schema.decode(reply, b'' if rest[0] == '-' else bytes.fromhex(rest[0]))
        error = self.host.schema.decode('sotto.frame.v1.Error', b'')
        error.code, error.message = rest[0], '' if rest[1] == '-' else bytes.fromhex(rest[1]).decode()
        raise RpcError(method, error)

    def close(self):
        pass


class TestHost:
    """The program harness_door with the module auth."""

    def __init__(self, stage):
        self.schema = stage.schema
        self.child = subprocess.Popen([BUILD / 'tests' / 'harness_door'], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.child.stdin.write(line + '\n')
        self.child.stdin.flush()
        return self.child.stdout.readline()

    def close(self):
        self.child.stdin.close()
        code = self.child.wait(patient())
        self.child.stdout.close()
        return code


class Recorded(Accounts):
    """Accounts whose calls are written down: (method, code or 'ok', what was said)."""

    def __init__(self, stage, server, connect):
        super().__init__(stage, server)
        self.connect = connect
        self.answers = []

    def door(self):
        door = self.connect()
        plain = door.call

        def call(method, body=None, **options):
            try:
                reply = plain(method, body, **options)
            except RpcError as error:
                self.answers.append((method, error.code, error.message))
                raise
            self.answers.append((method, 'ok', shape(reply)))
            return reply
        door.call = call
        return door


def shape(value):
    """A message without what is random: names, text and numbers of items, lengths of bytes."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return sorted((shape(item) for item in value), key=repr)  # one host's clock stands still: ties
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, str):
        return value if len(value) < 32 and not value[:1].isdigit() else 'text'
    return type(value).__name__


def attempt(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except RpcError:
        return None


def life_of_an_account(accounts):
    alice = accounts.register('Alice')
    for name in ('ALICE', 'a', '_a_', 'x' * 33):
        attempt(accounts.register, name)
    attempt(accounts.login, 'alice', b'wrong')
    attempt(accounts.login, 'nobody')
    phone = accounts.login('alice')
    door = phone.attached()
    for method, body in (('WhoAmI', {}), ('ListLogins', {}), ('LookupUsers', {'names': ['ALICE', 'nobody']}),
                         ('Revoke', {'login_id': b'short'}), ('Revoke', {'login_id': bytes(16)}),
                         ('LoginStart', {'name': 'alice', 'ke1': b'junk'}), ('Refresh', {})):
        attempt(door.call, SERVICE + method, body)
    for method in ('WhoAmI', 'Logout', 'ListLogins'):
        attempt(accounts.door().call, SERVICE + method, {})
    attempt(accounts.door().call, SERVICE + 'Attach', {'access_token': 'junk'})
    used = alice.refresh_token
    alice.refresh()
    alice.refresh(used)
    attempt(door.call, SERVICE + 'Revoke', {'login_id': alice.login_id})
    attempt(alice.refresh)
    attempt(alice.attached)
    attempt(door.call, SERVICE + 'Logout', {'all': True})
    attempt(phone.attached)
    return accounts.answers


@test
def the_test_host_and_the_server_give_the_same_answers(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Recorded(stage, server, lambda: stage.door(server)) as accounts:
        real = life_of_an_account(accounts)
    host = TestHost(stage)
    with Recorded(stage, None, lambda: HarnessDoor(host)) as accounts:
        tried = life_of_an_account(accounts)

    assert host.close() == 0
    assert len(real) == len(tried)
    for number, (expected, got) in enumerate(zip(real, tried)):
        # What never reaches the module is worded by its host.
        said = slice(2 if got[2] == 'refused before the handler' else 3)
        assert expected[said] == got[said], (number, expected, got)
    assert {'ok', 'already_exists', 'invalid_argument', 'unauthenticated', 'not_found'} <= {row[1] for row in real}
    comment(f'{len(real)} calls, of them {sum(code != "ok" for _, code, _ in real)} refused')


if __name__ == '__main__':
    main()
