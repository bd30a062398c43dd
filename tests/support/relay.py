# SPDX-License-Identifier: MIT
"""A relay between clients and a server that loses things at a chosen moment.

    relay = Relay(server.tcp)
    relay.lose_reply_to('ChatService/Send')     the call passes, nothing comes back after it
    client.server_address = relay.address       (see clients.py)
    relay.lost.wait(30)                         the server has answered, and the answer is gone
    relay.lie(b'alice', b'mally')               from now on the server says the second wherever it says the first
    relay.sent                                  all that clients have sent through it

It looks for the method's name in the bytes from the client; it knows nothing else of the protocol.
"""
import contextlib
import socket
import threading

from door import split_address


class Relay:
    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.lost = threading.Event()
        self.sent = bytearray()
        self.lose_reply = None
        self.lose_call = None
        self.lies = {}
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def lose_reply_to(self, method):
        """The next call of the method reaches the server; from then on that connection hears nothing."""
        self.lose_reply = method.encode()

    def lose_call_of(self, method):
        """The next call of the method, and all that follows it on that connection, does not reach the server."""
        self.lose_call = method.encode()

    def lie(self, true, false):
        """Replaces bytes on their way to the client. The lengths are equal, so that the frames stay whole."""
        assert len(true) == len(false)
        self.lies[true] = false

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(split_address(self.target))
                self.sockets += [client, server]
                muted = threading.Event()
                threading.Thread(target=self.upstream, args=(client, server, muted), daemon=True).start()
                threading.Thread(target=self.downstream, args=(server, client, muted), daemon=True).start()

    def upstream(self, client, server, muted):
        deaf = False
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self.sent += data
                if self.lose_call and self.lose_call in data:
                    self.lose_call = None
                    deaf = True
                    self.lost.set()
                if self.lose_reply and self.lose_reply in data:
                    self.lose_reply = None
                    muted.set()
                if not deaf:
                    server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def downstream(self, server, client, muted):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if muted.is_set():
                    self.lost.set()
                else:
                    for true, false in self.lies.items():
                        data = data.replace(true, false)
                    client.sendall(data)
        if not muted.is_set():
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def close(self):
        for one in self.sockets:
            one.close()
