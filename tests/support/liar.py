# SPDX-License-Identifier: MIT
"""A server that lies: it stands between real clients and a real server, reads every frame and says something else.

    liar = Liar(stage.schema, server.tcp)
    at(alice, liar.address)                                  (see clients.py)
    liar.answer('KeyService/GetIdentity', change)            change(reply, request) -> reply
    liar.event('sotto.chat.v1.EntryEvent', change)           change(event) -> event, or None for silence
    liar.frames('ChatService/Send', change)                  change(frame) -> the frames that go in place of the answer's
    liar.refuse('ChatService/Send', code, message)           an error instead
    liar.withhold('ChatService/Commit', code, message)       the same, and the real server gets an empty request
    liar.calls('ChatService/Send')                           what clients asked since the start, in order

    with lied_to(stage, 'alice', 'bob') as (liar, alice, bob): ...

Bodies are decoded messages (protobuf.py). Everything that nobody lies about passes as it came. `FalseUser` makes another
identity for a user, as consistent as its true one: keys, signatures, certificates, key log, KeyPackages.
"""
import contextlib
import hashlib
import socket
import struct
import threading
import time

from clients import people, start
from door import FRAME, split_address
from peer_program import PeerProgram


def read_exactly(source, size):
    data = b''
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            raise OSError('closed')
        data += part
    return data


def read_frame(source):
    return read_exactly(source, struct.unpack('>I', read_exactly(source, 4))[0])


class Liar:
    def __init__(self, schema, target):
        self.schema = schema
        self.target = target
        self.answers = {}
        self.events = {}
        self.instead = {}
        self.withheld = set()
        self.asked = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def answer(self, method, change):
        """From now on answers of this method pass through change(reply, request)."""
        self.answers[method] = change

    def frames(self, method, change):
        self.instead[method] = change

    def refuse(self, method, code, message):
        self.frames(method, lambda frame: [{'id': frame.id, 'reply': {'error': {'code': code, 'message': message}}}])

    def withhold(self, method, code, message):
        self.withheld.add(method)
        self.refuse(method, code, message)

    def event(self, type_name, change):
        self.events[type_name] = change

    def honest(self):
        self.answers.clear()
        self.instead.clear()
        self.withheld.clear()
        self.events.clear()

    def calls(self, method):
        return [body for asked, body in list(self.asked) if asked.endswith(method)]

    # the wire

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.sockets.append(client)
                try:
                    server = socket.create_connection(split_address(self.target))
                except OSError:  # there is none at this moment
                    client.close()
                    continue
                self.sockets.append(server)
                open_calls = {}
                for source, sink, pass_on in ((client, server, self.upstream), (server, client, self.downstream)):
                    threading.Thread(target=self.pump, args=(source, sink, pass_on, open_calls), daemon=True).start()

    def pump(self, source, sink, pass_on, open_calls):
        with contextlib.suppress(OSError):
            while True:
                for data in pass_on(read_frame(source), open_calls):
                    sink.sendall(struct.pack('>I', len(data)) + data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def upstream(self, data, open_calls):
        frame = self.schema.decode(FRAME, data)
        if 'call' in frame and frame.call.method in self.schema.methods:
            request = self.schema.decode(self.schema.methods[frame.call.method][0], frame.call.body)
            open_calls[frame.id] = (frame.call.method, request)
            self.asked.append((frame.call.method, request))
            if frame.call.method.split('.')[-1] in self.withheld:
                return [self.schema.encode(FRAME, {'id': frame.id, 'call': {'method': frame.call.method}})]
        return [data]

    def downstream(self, data, open_calls):
        frame = self.schema.decode(FRAME, data)
        if 'reply' in frame and frame.id in open_calls:
            lies = self.replies(frame, *open_calls.pop(frame.id))
            return [data] if lies is None else [self.schema.encode(FRAME, one) for one in lies]
        if 'event' in frame and frame.event.type in self.events:
            kind = frame.event.type
            event = self.events[kind](self.schema.decode(kind, frame.event.body))
            if event is None:
                return []
            return [self.schema.encode(FRAME, {'event': {'type': kind, 'body': self.schema.encode(kind, event)}})]
        return [data]

    def replies(self, frame, method, request):
        """The frames that go down in place of this answer, None for itself."""
        short = method.split('.')[-1]
        if short in self.instead:
            return self.instead[short](frame)
        change = self.answers.get(short)
        if not change or 'error' in frame.reply:
            return None
        kind = self.schema.methods[method][1]
        reply = change(self.schema.decode(kind, frame.reply.body), request)
        return [{'id': frame.id, 'reply': {'body': self.schema.encode(kind, reply)}}]


@contextlib.contextmanager
def lied_to(stage, *names):
    """A liar in front of a server, and people who are registered there and have not met it: (liar, client, ...)."""
    server = start(stage)
    with Liar(stage.schema, server.tcp) as liar:
        yield liar, *people(stage, server, *names)


class FalseUser(PeerProgram):
    """Another identity for a user id, with one device: what a server can make up by itself."""

    def __init__(self, user, device=bytes(15) + b'\1'):
        super().__init__('group_peer')
        self.user = user
        self.device = device
        self.since_ms = int(time.time() * 1000)
        self.identity_key, self.signature, self.certificate, self.device_key = self.ask('device', user + device)

    def key_log(self):
        bodies = [(1, self.identity_key + self.signature), (2, self.device_key + self.certificate)]
        entries, head = [], bytes(32)
        for number, (kind, body) in enumerate(bodies, start=1):
            entry = struct.pack('>BBIQ', 1, kind, number, self.since_ms) + self.user + body
            head = hashlib.sha256(head + entry).digest()
            entries.append({'number': number, 'entry': entry, 'hash': head})
        return entries

    def identity(self):
        """A GetIdentityReply."""
        device = {'device_id': self.device, 'certificate': self.certificate, 'signature_key': self.device_key}
        return {'user_id': self.user, 'identity_key': self.identity_key, 'signature': self.signature,
                'devices': [device], 'key_log': self.key_log()}

    def claimed(self, kind='package'):
        """One of its KeyPackages, as ClaimKeyPackages hands it out; or a stale or foreign one."""
        return {'user_id': self.user, 'device_id': self.device, 'key_package': self.ask(kind)[0]}
