# SPDX-License-Identifier: MIT
"""The people of the access matrix (tests/access/table.py) at a real server, and what their requests name.

    with Cast(stage, server) as cast:
        it = cast.named('chat', 'others', 'owner')      a chat in which the owner of the cast's chat is not
        body = cast.fill(row.body, it, 'owner')         the request, with IT and ME put in
        cast.door('owner')                              where to send it

Owner, admin, member and one who was removed share a chat; the stranger is in none; the other device is a second one of
the owner's, without a seat; `nobody` and `expired` have the stranger's things and no login. Two outsiders have a chat
and logins of their own: what they own is "others".
"""
import secrets
import struct

from groups import CHAT, Groups
from logins import auth
from table import Ref
from tokens import expired

USERS = ('owner', 'admin', 'member', 'removed', 'stranger')
ADMIN = 2


class User:
    """A person, as requests name users and their keys."""

    def __init__(self, person):
        self.person = person
        self.user = person.user
        self.name = person.login.name
        self.device = person.login.device
        self.identity_key = person.identity_key
        self.signature = person.signature
        self.certificate = person.certificate
        self.device_key = person.device_key

    @property
    def package(self):
        return self.person.ask('package')[0]

    @property
    def backup(self):
        return container(self.user)


class NoUser:
    """Somebody who does not exist."""

    def __init__(self):
        self.user = secrets.token_bytes(16)
        self.name = 'nobody-' + secrets.token_hex(4)
        self.identity_key = self.device_key = secrets.token_bytes(32)
        self.device = secrets.token_bytes(16)
        self.signature = secrets.token_bytes(64)
        self.certificate = secrets.token_bytes(137)
        self.backup = container(self.user)


class NoLogin:
    def __init__(self):
        self.login_id = secrets.token_bytes(16)
        self.refresh_token = secrets.token_bytes(32)
        self.access = secrets.token_hex(100)


class Chat:
    def __init__(self, chat):
        self.chat = chat


def container(user):
    """A backup container, as far as a server can tell: head, one slot, an empty body (crypto/backup)."""
    slot = bytes([1]) + bytes(16 + 24 + 32 + 16)
    return b'SOTTOBKP' + bytes([1]) + user + struct.pack('>QB', 1, 1) + slot + bytes(24) + struct.pack('>I', 0) + bytes(16)


class Cast:
    def __init__(self, stage, server):
        self.stage = stage
        self.server = server
        self.groups = Groups(stage, server)

    def __enter__(self):
        self.people = {name: self.groups.person(name) for name in USERS}
        self.people['other_device'] = self.groups.device('owner')
        self.people['nobody'] = self.people['expired'] = self.people['stranger']
        self.outsiders = [self.groups.person(name) for name in ('outsider', 'confidant')]
        self.others_chat = self.outsiders[0].create(self.outsiders[1:])
        self.spare = secrets.token_bytes(16)
        self.new_chat()
        return self

    def __exit__(self, *_):
        self.groups.__exit__()

    def new_chat(self):
        owner, admin, member, removed = (self.people[name] for name in USERS[:4])
        self.chat = owner.create([admin, member, removed])
        owner.chat('SetRole', {'chat_id': self.chat, 'user_id': admin.user, 'role': ADMIN})
        owner.commit(self.chat, remove=[removed])

    def new_login(self, caller):
        """The caller's device logs in again and attaches."""
        person = self.people[caller]
        person.login.keep(self.groups.accounts.login(person.login.name, device=person.login.device).reply)
        person.door = person.login.attached()

    def renew(self, names, caller):
        """After a request that changed what it names."""
        if names == 'chat':
            self.new_chat()
        else:
            self.new_login(caller)

    def named(self, names, which, caller):
        if names == 'chat':
            return Chat({'own': self.chat, 'others': self.others_chat, 'absent': secrets.token_bytes(16)}[which])
        if names == 'login' and which != 'own':
            return NoLogin() if which == 'absent' else self.groups.accounts.login('outsider', device=self.spare)
        if names == 'login':
            return self.people[caller].login
        return NoUser() if which == 'absent' else User(self.outsiders[0] if which == 'others' else self.people[caller])

    def fill(self, value, it, caller):
        if isinstance(value, Ref):
            start, *path = value.path
            found = {'it': it, 'me': User(self.people[caller]), 'member': User(self.people['member'])}[start]
            for name in path:
                found = getattr(found, name)
            return found
        if isinstance(value, dict):
            return {name: self.fill(inner, it, caller) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner, it, caller) for inner in value]
        return value

    def door(self, caller):
        """An attached connection of the caller's; for the last two callers one that is not."""
        if caller in ('nobody', 'expired'):
            return self.stage.door(self.server)
        return self.people[caller].door

    def show_expired(self, door):
        """Sends a token whose time has passed."""
        return door.start_call('sotto.auth.v1.AuthService/Attach', {'access_token': expired(self.people['expired'].login.access)})

    def all_are_well(self):
        """Nobody lost anything: logins, seats, the chat of the outsiders."""
        for person in [*self.people.values(), *self.outsiders]:
            assert auth(person.door, 'WhoAmI').user_id == person.user
        for person, chat in ((self.people['owner'], self.chat), (self.outsiders[0], self.others_chat)):
            person.send(chat, 'still here')
            assert person.door.call(CHAT + 'ListMembers', {'chat_id': chat}).members
