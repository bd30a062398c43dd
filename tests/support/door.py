# SPDX-License-Identifier: MIT
"""The TCP door from a client's side: 4-byte big-endian length, then a Frame (docs/protocol.md).

    door = Door(schema, server.tcp)
    door.hello.name
    reply = door.call('sotto.auth.v1.AuthService/LoginStart', {'name': 'alice', 'ke1': bytes(96)})
    event = door.wait_event('sotto.chat.v1.NewEntries')

A refused call raises RpcError. Nothing here knows a module; methods and messages come from the descriptor sets.
"""
import socket
import struct
import time

from under_test import DEADLINE_SECONDS, deadline, patient

FRAME = 'sotto.frame.v1.Frame'


class RpcError(Exception):
    """The server refused a call: code as on the wire ("not_found"), message, details as bytes."""

    def __init__(self, method, error):
        super().__init__(f'{method}: {error.code}: {error.message}')
        self.code = error.code
        self.message = error.message
        self.details = error.details


class Closed(Exception):
    """The server closed the connection; goodbye is its last word (code, reason) or None."""

    def __init__(self, goodbye):
        super().__init__(f'connection closed, goodbye: {goodbye}')
        self.goodbye = goodbye


def split_address(address):
    """'127.0.0.1:7500' or '[::1]:7500' -> (host, port)."""
    host, _, port = address.rpartition(':')
    return host.strip('[]'), int(port)


class Door:
    """One connection. Not for threads."""

    def __init__(self, schema, address, hello=True):
        self.schema = schema
        self.pending = b''
        self.socket = socket.create_connection(split_address(address), patient())
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.events = []
        self.replies = {}
        self.pongs = []
        self.goodbye = None
        self.last_id = 0
        self.hello = self.wait_hello() if hello else None

    def close(self):
        self.socket.close()

    # Sending

    def send_bytes(self, data):
        """Raw bytes, for tests of what the server does with nonsense."""
        self.socket.sendall(data)

    def send_frame(self, frame):
        data = self.schema.encode(FRAME, frame)
        self.send_bytes(struct.pack('>I', len(data)) + data)

    def start_call(self, method, body=None, deadline_ms=0, raw=None, trace_id=''):
        """Sends a call and returns its id; `raw` replaces the encoded body."""
        self.last_id += 1
        if raw is None:
            raw = self.schema.encode(self.schema.methods[method][0], body or {})
        call = {'method': method, 'body': raw}
        if deadline_ms:
            call['deadline_ms'] = deadline_ms
        if trace_id:
            call['trace_id'] = trace_id
        self.send_frame({'id': self.last_id, 'call': call})
        return self.last_id

    # Receiving

    def read_some(self, end):
        left = end - time.monotonic()
        if left <= 0:
            raise AssertionError('nothing came from the server before the deadline')
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            raise AssertionError('nothing came from the server before the deadline') from None
        except ConnectionError:
            data = b''
        if not data:
            raise Closed(self.goodbye)
        self.pending += data

    def read_frame(self, end):
        while len(self.pending) < 4:
            self.read_some(end)
        size = struct.unpack('>I', self.pending[:4])[0]
        while len(self.pending) < 4 + size:
            self.read_some(end)
        data = self.pending[4:4 + size]
        self.pending = self.pending[4 + size:]
        return self.schema.decode(FRAME, data)

    def pump(self, done, seconds=DEADLINE_SECONDS):
        """Reads and sorts frames until done() returns something true; returns that."""
        end = deadline(seconds)
        while True:
            result = done()
            if result:
                return result
            self.sort(self.read_frame(end))

    def sort(self, frame):
        if 'reply' in frame:
            self.replies[frame.id] = frame.reply
        elif 'event' in frame:
            self.events.append(frame.event)
        elif 'ping' in frame:
            self.send_frame({'pong': {'data': frame.ping.data}})
        elif 'pong' in frame:
            self.pongs.append(frame.pong.data)
        elif 'goodbye' in frame:
            self.goodbye = frame.goodbye
        elif 'hello' in frame:
            self.hello = frame.hello

    def wait_hello(self):
        self.hello = None
        return self.pump(lambda: self.hello)

    def wait_reply(self, number, method, seconds=DEADLINE_SECONDS):
        self.pump(lambda: number in self.replies, seconds)
        reply = self.replies.pop(number)
        if 'error' in reply:
            raise RpcError(method, reply.error)
        return self.schema.decode(self.schema.methods[method][1], reply.body)

    def call(self, method, body=None, **options):
        """Calls and waits: the decoded reply, or RpcError."""
        return self.wait_reply(self.start_call(method, body, **options), method)

    def wait_event(self, type_name, matches=lambda event: True, seconds=DEADLINE_SECONDS):
        """The next event of a type (decoded) for which matches holds; others of the type before it are dropped."""
        def find():
            for event in list(self.events):
                if event.type == type_name:
                    self.events.remove(event)
                    body = self.schema.decode(type_name, event.body)
                    if matches(body):
                        return [body]
            return None
        return self.pump(find, seconds)[0]

    def wait_notice(self, seconds=DEADLINE_SECONDS):
        """Reads until the server says that it is going to close: the goodbye with the time that is left."""
        return self.pump(lambda: self.goodbye and self.goodbye.closes_in_ms and self.goodbye, seconds)

    def hang_up(self, _seconds):
        self.close()

    def wait_closed(self, seconds=DEADLINE_SECONDS):
        """Reads until the server closes, or says that it will, and hangs up then; returns the goodbye, or None if there
        was none."""
        try:
            self.wait_notice(seconds)
            self.hang_up(seconds)
            return self.goodbye
        except Closed as closed:
            return closed.goodbye
