# SPDX-License-Identifier: MIT
"""A relay between clients and a server that loses things at a chosen moment.

    relay = Relay(server.tcp)
    relay.lose_reply_to('ChatService/Send')     the call passes, nothing comes back after it
    client.server_address = relay.address       (see clients.py)
    relay.wait_lost()                           the server has answered, and the answer is gone
    relay.end_after_reply_to('LoginStart')      the call passes and is answered, then the connection ends
    relay.lie(b'alice', b'mally')               from now on the server says the second wherever it says the first
    relay.cut_after(up=100)                     the next connection ends when 100 bytes have reached the server (down: the client)
    relay.has_cut                               it came so far
    relay.hold()                                the next connections reach nobody
    relay.wait_held()                           one is there
    relay.release()                             and now they go on
    relay.sent, relay.received                  all that clients have sent through it; how much came back

It looks for the method's name in the bytes from the client, under the masks of a WebSocket if it is one; it knows
nothing else of the protocol.
"""
import contextlib
import socket
import threading

from door import split_address
from under_test import patient
from websocket import mask_bytes

NAME_BYTES_MAX = 100  # of a method


class Reader:
    """What a client says, as a test can search it: the handshake of a WebSocket left out, its masks taken off."""

    def __init__(self):
        self.rest = b''
        self.is_open = None  # None: no byte yet; False: a stream without masks

    def read(self, data):
        if self.is_open is None:
            self.is_open = data.startswith(b'GET ')
        if not self.is_open:
            return data
        self.rest += data
        if self.rest.startswith(b'GET '):
            _, found, self.rest = self.rest.partition(b'\r\n\r\n')
            assert found, 'a handshake in pieces'
        return b''.join(iter(self.message, None))

    def message(self):
        """The payload of the next frame that is whole, None without one."""
        if len(self.rest) < 2:
            return None
        size = self.rest[1] & 0x7f
        head = {126: 4, 127: 10}.get(size, 2)
        if head > 2:
            size = int.from_bytes(self.rest[2:head], 'big')
        if len(self.rest) < head + 4 + size:
            return None
        mask, payload = self.rest[head:head + 4], self.rest[head + 4:head + 4 + size]
        self.rest = self.rest[head + 4 + size:]
        return mask_bytes(payload, mask)


class Search:
    """Looks for names in a stream that comes in pieces, wherever one ends."""

    def __init__(self):
        self.before = self.piece = b''

    def read(self, piece):
        self.before = (self.before + self.piece)[-NAME_BYTES_MAX:]
        self.piece = piece

    def found(self, name):
        """Whether the name has come to its end with this piece."""
        return name is not None and name in self.before[1 - len(name):] + self.piece


def receive(connection, left):
    """What comes next, no more than what is left; nothing when that is used up or the connection ends."""
    return connection.recv(65536 if left is None else min(left, 65536)) if left != 0 else b''


def end(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class Relay:
    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.lost = threading.Event()
        self.sent = bytearray()
        self.lose_reply = None
        self.lose_call = None
        self.last_call = None
        self.lies = {}
        self.received = 0
        self.cut = {}
        self.has_cut = False
        self.holding = threading.Event()
        self.released = threading.Event()
        self.released.set()
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def lose_reply_to(self, method):
        """The next call of the method reaches the server; from then on that connection hears nothing."""
        self.lose_reply = method.encode()

    def end_after_reply_to(self, method):
        """The next call of the method is answered; what comes next on that connection is its end."""
        self.last_call = method.encode()

    def lose_call_of(self, method):
        """The next call of the method, and all that follows it on that connection, does not reach the server."""
        self.lose_call = method.encode()

    def cut_after(self, up=None, down=None):
        """Breaks the next connection after so many bytes in one direction; the ones after it are whole."""
        self.cut = {'up': up, 'down': down}

    def wait_lost(self):
        assert self.lost.wait(patient()), 'the method was not called, or not answered'

    def hold(self):
        """Lets the next connections wait before they reach the server."""
        self.released.clear()

    def wait_held(self):
        assert self.holding.wait(patient()), 'nobody came'

    def release(self):
        self.released.set()

    def lie(self, true, false):
        """Replaces bytes on their way to the client. The lengths are equal, so that the frames stay whole."""
        assert len(true) == len(false)
        self.lies[true] = false

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.sockets.append(client)
                self.holding.set()
                self.released.wait()
                self.connect(client)

    def connect(self, client):
        try:
            server = socket.create_connection(split_address(self.target))
        except OSError:  # there is none at this moment
            end(client)
            return
        self.sockets.append(server)
        muted, passed, last = threading.Event(), threading.Event(), threading.Event()
        cut, self.cut = self.cut, {}
        for run, arguments in ((self.upstream, (client, server, muted, passed, last, cut.get('up'))),
                               (self.downstream, (server, client, muted, passed, last, cut.get('down')))):
            threading.Thread(target=run, args=arguments, daemon=True).start()

    def upstream(self, client, server, muted, passed, last, left):
        deaf = False
        reader, search = Reader(), Search()
        with contextlib.suppress(OSError):
            while data := receive(client, left):
                said = reader.read(data)
                self.sent += said
                search.read(said)
                if search.found(self.lose_call):
                    self.lose_call = None
                    deaf = True
                    self.lost.set()
                if search.found(self.lose_reply):
                    self.lose_reply = None
                    muted.set()
                if search.found(self.last_call):
                    self.last_call = None
                    last.set()
                if not deaf:
                    server.sendall(data)
                if muted.is_set():
                    passed.set()
                if left is not None:
                    left -= len(data)
        self.has_cut |= left == 0
        end(server)
        if left == 0:
            end(client)

    def downstream(self, server, client, muted, passed, last, left):
        with contextlib.suppress(OSError):
            while data := receive(server, left):
                self.received += len(data)
                if left is not None:
                    left -= len(data)
                if muted.is_set():
                    passed.wait()
                    self.lost.set()
                else:
                    for true, false in self.lies.items():
                        data = data.replace(true, false)
                    client.sendall(data)
                    if last.is_set():
                        break
        self.has_cut |= left == 0
        if not muted.is_set():
            end(client)
        if left == 0 or last.is_set():
            end(server)

    def close(self):
        for one in self.sockets:
            one.close()
