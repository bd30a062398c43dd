# SPDX-License-Identifier: MIT
"""People in chats, seen from below the client library: real keys and MLS groups by the program group_peer, and the
server's methods in plain sight.

    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])                  alice is the owner, bob has joined
        alice.send(chat, 'hello')                   -> reply with seq
        bob.sync({chat: 1})                         -> SyncReply
        alice.commit(chat, remove=[bob])
"""
import hashlib
import secrets
from types import SimpleNamespace

from logins import Accounts
from peer_program import PeerProgram

CHAT = 'sotto.chat.v1.ChatService/'
KEYX = 'sotto.keyx.v1.KeyService/'
DIRECT, GROUP, ARCHIVE, RELAY, SUITE = 1, 2, 1, 2, 3
BAD_TAG, BAD_MEMBERSHIP, BAD_PATH = 1, 2, 3  # tests/support/mls_spoil.h


class Person(PeerProgram):
    """One device of a user, attached."""

    def __init__(self, groups, login):
        super().__init__('group_peer')
        self.groups = groups
        self.login = login
        self.user = login.reply.user_id
        self.door = login.attached()
        self.messages = 0
        self.identity_key, self.signature, self.certificate, self.device_key = \
            self.ask('device', self.user + login.device)

    def keyx(self, method, body=None):
        return self.door.call(KEYX + method, body or {})

    def chat(self, method, body=None):
        return self.door.call(CHAT + method, body or {})

    def enrol(self, packages=3):
        self.keyx('PublishIdentity', {'identity_key': self.identity_key, 'signature': self.signature})
        self.keyx('AddDevice', {'certificate': self.certificate, 'signature_key': self.device_key})
        made = [self.ask('package')[0] for _ in range(packages + 1)]
        self.keyx('UploadKeyPackages', {'key_packages': made[1:], 'last_resort': made[0]})
        return self

    def queue(self, add, remove):
        for package in self.packages(add):
            self.ask('add', package)
        for other in remove:
            self.ask('remove', other.user)

    def packages(self, others):
        if not others:
            return []
        reply = self.keyx('ClaimKeyPackages', {'user_ids': [other.user for other in others], 'suite': SUITE})
        assert not reply.no_keys, reply.no_keys
        return [claimed.key_package for claimed in reply.key_packages]

    def bundle(self):
        commit, welcome, group_info, start = self.ask('commit')
        return {'commit': commit, 'welcome': welcome, 'group_info': group_info, 'start': start}

    def create(self, others, kind=GROUP, mode=ARCHIVE, chat=None, resets=b''):
        """A chat in which the others have joined, perhaps in the place of another; returns its id."""
        chat = chat or secrets.token_bytes(16)
        self.ask('create', chat)
        self.queue(others, [])
        bundle = self.bundle()
        self.chat('Create', {'chat_id': chat, 'type': kind, 'mode': mode, 'suite': SUITE, 'first': bundle,
                             'resets': resets})
        self.ask('merge')
        for other in others:
            other.ask('join', bundle['welcome'])
        return chat

    def commit(self, chat, add=(), remove=()):
        """A commit that is accepted; those who were added have joined. Returns the reply."""
        self.queue(add, remove)
        bundle = self.bundle()
        reply = self.chat('Commit', {'chat_id': chat, 'bundle': bundle})
        self.ask('merge')
        for other in add:
            other.ask('join', bundle['welcome'])
        return reply

    def commit_badly(self, chat, how=BAD_TAG):
        """A commit of nothing that the server takes and members refuse. Returns the reply."""
        commit, _, group_info, _ = self.ask('spoil', bytes([how]))
        return self.chat('Commit', {'chat_id': chat, 'bundle': {'commit': commit, 'group_info': group_info}})

    def encrypt(self, text):
        return self.ask('encrypt', text.encode())[0]

    def send(self, chat, text):
        self.messages += 1
        return self.chat('Send', {'chat_id': chat, 'client_msg_id': self.messages, 'message': self.encrypt(text)})

    def sync(self, cursors=None, live=False):
        cursors = [{'chat_id': chat, 'seq': seq} for chat, seq in (cursors or {}).items()]
        return self.chat('Sync', {'cursors': cursors, 'live': live})

    def open(self, entry):
        """The text of an entry, '' for a commit; None when it cannot be opened."""
        answer = self.ask('process', entry.message)
        return answer[0].decode() if answer else None


def successor_id(chat):
    """The id of a chat that is made in the place of this one, as clients know it."""
    random = secrets.token_bytes(8)
    return random + hashlib.sha256(b'sotto reset v1' + chat + random).digest()[:8]


def seat(client):
    """A real client, as this file knows people: it joins by itself."""
    return SimpleNamespace(user=bytes.fromhex(client.run('whoami')[0]['user_id']), ask=lambda *_: None)


class Groups:
    """Registers people at one server. close() ends their programs."""

    def __init__(self, stage, server):
        self.accounts = Accounts(stage, server)
        self.people = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for person in self.people:
            person.close()
        self.accounts.__exit__()

    def add(self, login):
        person = Person(self, login)
        self.people.append(person)
        return person

    def person(self, name):
        """A new user with keys."""
        return self.add(self.accounts.register(name)).enrol()

    def device(self, name):
        """Another device of a user, without keys."""
        return self.add(self.accounts.login(name))
