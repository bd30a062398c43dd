# SPDX-License-Identifier: MIT
"""The WebSocket door from a client's side, down to the single byte: RFC 6455 by hand, so that a test can also do what
no client may.

    door = stage.websocket(server)          the same as stage.door(server), over a WebSocket
    door.call('sotto.auth.v1.AuthService/WhoAmI')
    door.send_bytes(ws_frame(PING, b'x'))   anything at all
    door.close_code                         what the server closed with

    raw = RawSocket(server.http_address)    without a handshake
"""
import base64
import hashlib
import os
import socket
import struct
import time
import zlib

from door import FRAME, Closed, Door, split_address
from under_test import DEADLINE_SECONDS, deadline, patient

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
PROTO, JSON = 'sotto.v1.proto', 'sotto.v1.json'
KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


def mask_bytes(data, mask):
    size = len(data)
    whole = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, 'big') ^ int.from_bytes(whole, 'big')).to_bytes(size, 'big')


def ws_frame(opcode, payload=b'', fin=True, rsv=0, mask=b'\x37\xfa\x21\x3d', length=None, form=None):
    """A client's frame. mask=None leaves it unmasked; length claims another length; form 7, 16 or 64 chooses how the
    length is written."""
    size = len(payload) if length is None else length
    form = form or (7 if size < 126 else 16 if size < 65536 else 64)
    masked = 0x80 if mask is not None else 0
    head = bytes([(FIN if fin else 0) | rsv | opcode])
    if form == 7:
        head += bytes([masked | size])
    else:
        head += bytes([masked | (126 if form == 16 else 127)]) + struct.pack('>H' if form == 16 else '>Q', size)
    return head + (mask + mask_bytes(payload, mask) if mask is not None else payload)


def close_payload(code, reason=b''):
    return struct.pack('>H', code) + reason


def upgrade_request(host, path='/ws', protocol=PROTO, key=None, fields=(), without=(), version='HTTP/1.1'):
    """The bytes of a handshake. fields adds or replaces header lines, without leaves some out."""
    lines = {'Host': host, 'Upgrade': 'websocket', 'Connection': 'Upgrade',
             'Sec-WebSocket-Key': key or base64.b64encode(os.urandom(16)).decode(),
             'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Protocol': protocol}
    lines.update(dict(fields))
    text = ''.join(f'{name}: {value}\r\n' for name, value in lines.items() if name not in without)
    return f'GET {path} {version}\r\n{text}\r\n'.encode('latin-1')


class RawSocket:
    """Bytes to and from the HTTP port, with a deadline."""

    def __init__(self, address):
        self.socket = socket.create_connection(split_address(address), patient())
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.socket.sendall(data)

    def read_all(self):
        """What comes until the server closes."""
        end = deadline()
        data = b''
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0.01))
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                return data
            if not piece:
                return data
            data += piece

    def close(self):
        self.socket.close()


def read_answer(data):
    """(status, header fields in lower case, rest) of an HTTP answer."""
    head, _, rest = data.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    fields = dict(line.split(': ', 1) for line in lines[1:])
    return int(lines[0].split()[1]), {name.lower(): value for name, value in fields.items()}, rest


class WebSocketDoor(Door):
    """One connection that speaks a sub-protocol. Not for threads."""

    def __init__(self, schema, address, hello=True, protocol=PROTO, deflate=False, **request):
        self.address = address
        self.protocol = protocol
        self.request = request
        self.ws_pongs = []
        self.deflate = deflate  # the server may compress
        self.payload_bytes = 0  # of all frames that came
        self.close_code = None  # of the server's close frame: None, or 1005 for an empty one
        self.close_reason = b''
        self.close_sent = False
        self.answer = None      # fields of the 101
        self.goodbye = None
        super().__init__(schema, address, hello=False)
        self.shake_hands()
        if hello:
            self.hello = self.wait_hello()

    def shake_hands(self):
        request = upgrade_request(self.address, protocol=self.protocol, **self.request)
        self.send_bytes(request)
        end = deadline()
        while b'\r\n\r\n' not in self.pending:
            self.read_some(end)
        status, self.answer, self.pending = read_answer(self.pending)
        assert status == 101, (status, self.answer, self.pending)
        key = next(line.split(': ')[1] for line in request.decode('latin-1').split('\r\n')
                   if line.startswith('Sec-WebSocket-Key'))
        accept = base64.b64encode(hashlib.sha1((key + KEY_SUFFIX).encode()).digest()).decode()
        assert self.answer['sec-websocket-accept'] == accept
        assert self.answer['sec-websocket-protocol'] == self.protocol

    # Sending

    def send_frame(self, frame):
        self.send_bytes(ws_frame(BINARY, self.schema.encode(FRAME, frame)))

    # Receiving

    def take(self, size, end):
        while len(self.pending) < size:
            self.read_some(end)
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    def read_ws_frame(self, end):
        """One frame of the server, which never masks and never leaves a bit set that was not agreed on."""
        first, size = self.take(2, end)
        assert not first & (RSV2 | RSV3 | (0 if self.deflate else RSV1)) and not size & 0x80, (first, size)
        if size >= 126:
            form = size
            size = int.from_bytes(self.take(2 if form == 126 else 8, end), 'big')
            assert size >= (126 if form == 126 else 65536), 'a length that is not in its shortest form'
        self.payload_bytes += size
        payload = self.take(size, end)
        if first & RSV1:
            assert first & 0x0f in (TEXT, BINARY), 'only messages are compressed'
            payload = zlib.decompressobj(-15).decompress(payload + b'\0\0\xff\xff')
        return first, payload

    def read_frame(self, end):
        """The next Frame; control frames on the way are dealt with as a client does."""
        while True:
            first, payload = self.read_ws_frame(end)
            opcode = first & 0x0f
            assert first & FIN, 'the server sends messages in one piece'
            if opcode == PING:
                self.send_bytes(ws_frame(PONG, payload))
            elif opcode == PONG:
                self.ws_pongs.append(payload)
                raise Woken
            elif opcode == CLOSE:
                self.read_close(payload)
                raise Woken
            else:
                return self.read_message(opcode, payload)

    def read_message(self, opcode, payload):
        assert opcode == BINARY, opcode
        return self.schema.decode(FRAME, payload)

    def read_close(self, payload):
        assert len(payload) != 1
        self.close_code = struct.unpack('>H', payload[:2])[0] if payload else 1005
        self.close_reason = payload[2:]
        if not self.close_sent:
            self.send_close(self.close_code)

    def hang_up(self, seconds):
        """As a client does: a close frame, and the server's in answer."""
        self.send_close(self.goodbye.code)
        self.pump(lambda: False, seconds)

    def send_close(self, code=1005, reason=b''):
        self.close_sent = True
        payload = close_payload(code, reason) if code != 1005 else b''
        try:
            self.send_bytes(ws_frame(CLOSE, payload))
        except ConnectionError:
            pass

    def pump(self, done, seconds=DEADLINE_SECONDS):
        end = deadline(seconds)
        while True:
            result = done()
            if result:
                return result
            try:
                self.sort(self.read_frame(end))
            except Woken:
                pass

    def wait_close_code(self, seconds=DEADLINE_SECONDS):
        """Reads until the server closes; the code of its close frame."""
        self.wait_closed(seconds)
        return self.close_code


class Woken(Exception):
    """A control frame came: whoever waits looks again."""


__all__ = ['BINARY', 'CLOSE', 'CONTINUATION', 'FIN', 'JSON', 'PING', 'PONG', 'PROTO', 'RSV1', 'RSV2', 'RSV3', 'TEXT',
           'Closed', 'RawSocket', 'WebSocketDoor', 'close_payload', 'read_answer', 'upgrade_request', 'ws_frame']
