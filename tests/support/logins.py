# SPDX-License-Identifier: MIT
"""Accounts seen from below the client library: OPAQUE by the program opaque_peer, tokens in plain sight.

    accounts = Accounts(stage, server)
    alice = accounts.register('alice')            registers on a connection of its own
    phone = accounts.login('alice')               another device of the same user
    door = alice.attached()                       a connection that is attached
    alice.refresh()                               alice.access and alice.refresh_token are new

The password costs nothing to stretch, so that hundreds of logins take no time.
"""
import secrets

from door import RpcError
from peer_program import PeerProgram

SERVICE = 'sotto.auth.v1.AuthService/'
PASSWORD = b'correct horse battery 7'


def auth(door, method, body=None, **options):
    return door.call(SERVICE + method, body or {}, **options)


def refusal(function, *arguments, **options):
    """Calls and expects a refusal; returns (code, message)."""
    try:
        function(*arguments, **options)
    except RpcError as error:
        return error.code, error.message
    raise AssertionError(f'{function.__name__}{arguments} was not refused')


class Opaque(PeerProgram):
    """A running opaque_peer that stretches nothing."""

    def __init__(self):
        super().__init__('opaque_peer')
        self.ask('stretch', b'\0')


class Login:
    """One login of one device, as the last LoginReply describes it."""

    def __init__(self, accounts, name, device=None):
        self.accounts = accounts
        self.name = name
        self.device = device or secrets.token_bytes(16)
        self.reply = None

    def keep(self, reply):
        self.reply = reply
        return self

    @property
    def access(self):
        return self.reply.access_token

    @property
    def refresh_token(self):
        return self.reply.refresh_token

    @property
    def login_id(self):
        return self.reply.login_id

    def described(self):
        return {'device_id': self.device, 'label': 'test', 'user_agent': 'scenario/1.0'}

    def attached(self):
        """A new connection, attached."""
        door = self.accounts.door()
        auth(door, 'Attach', {'access_token': self.access})
        return door

    def refresh(self, token=None, door=None):
        request = {'refresh_token': token or self.refresh_token, 'device_id': self.device}
        return self.keep(auth(door or self.accounts.door(), 'Refresh', request))


class Accounts:
    """Registers and logs in at one server. close() ends its helper program."""

    def __init__(self, stage, server):
        self.stage = stage
        self.server = server
        self.opaque = Opaque()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.opaque.close()

    def door(self):
        return self.stage.door(self.server)

    def register(self, name, password=PASSWORD):
        door = self.door()
        login = Login(self, name)
        request, = self.opaque.ask('register-start', password)
        reply = auth(door, 'RegisterStart', {'name': name, 'request': request})
        record, _ = self.opaque.ask('register-finish', password, reply.response)
        finish = {'name': name, 'record': record, 'idempotency_key': secrets.token_bytes(16),
                  'device': login.described()}
        login.keep(auth(door, 'RegisterFinish', finish))
        door.close()
        return login

    def login(self, name, password=PASSWORD, device=None):
        door = self.door()
        login = Login(self, name, device)
        ke1, = self.opaque.ask('login-start', password)
        start = auth(door, 'LoginStart', {'name': name, 'ke1': ke1})
        # With a wrong password there is no KE3; zeros show what the server says to that.
        answer = self.opaque.ask('login-finish', password, start.ke2) or [bytes(64)]
        finish = {'login_start_id': start.login_start_id, 'ke3': answer[0], 'device': login.described()}
        login.keep(auth(door, 'LoginFinish', finish))
        door.close()
        return login
