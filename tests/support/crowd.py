# SPDX-License-Identifier: MIT
"""A crowd of hostile connections from many loopback addresses, driven by one thread.

    crowd = Crowd(server.tcp)
    crowd.join(500, b'', drip=b'\\0')      500 connections that send nothing at first and then a byte now and then
    crowd.start()
    ...                                    what an honest client does meanwhile
    crowd.wait_closed(5000)                until the server has closed so many of them

Only loopback addresses are used, the numbers are the caller's, and close() ends everything.
"""
import contextlib
import itertools
import resource
import selectors
import socket
import threading
import time

from door import split_address
from under_test import patient

PER_ADDRESS = 50  # below the server's cap on connections that have not attached
DRIP_SECONDS = 0.2
HEARD_BYTES = 600


class Member:
    """One connection: what it says at once, what it repeats byte by byte, whether it reads."""

    def __init__(self, connection, drip, reads):
        self.socket = connection
        self.drip = itertools.cycle(drip[i:i + 1] for i in range(len(drip))) if drip else None
        self.reads = reads
        self.heard = b''


class Crowd:
    def __init__(self, address, network=10):
        """network: the second byte of the addresses that the crowd comes from."""
        self.address = split_address(address)
        self.network = network
        self.members = set()
        self.heard = []  # what was heard by those that were closed, at most its end
        self.closed = threading.Condition()
        self.closed_count = 0
        self.joined = 0
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 16384)), hard))

    def join(self, count, first=b'', drip=b'', reads=True):
        """Adds connections; before start(). Who does not read notices the end by writing, so it needs a drip."""
        assert reads or drip
        for _ in range(count):
            source = f'127.{self.network}.{self.joined // PER_ADDRESS}.1'
            connection = socket.create_connection(self.address, patient(), (source, 0))
            self.joined += 1
            if first:
                connection.sendall(first)
            connection.setblocking(False)
            member = Member(connection, drip, reads)
            self.members.add(member)
            if reads:
                self.selector.register(connection, selectors.EVENT_READ, member)
        return self

    def start(self):
        self.thread.start()
        return self

    def leave(self, member):
        if member.reads:
            self.selector.unregister(member.socket)
        member.socket.close()
        self.members.discard(member)
        with self.closed:
            self.heard.append(member.heard)
            self.closed_count += 1
            self.closed.notify_all()

    def hear(self, member):
        try:
            data = member.socket.recv(4096)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b''
        if data:
            member.heard = (member.heard + data)[-HEARD_BYTES:]
        else:
            self.leave(member)

    def speak(self):
        for member in list(self.members):
            if member.drip is None:
                continue
            try:
                member.socket.send(next(member.drip))
            except BlockingIOError:
                pass
            except OSError:
                self.leave(member)

    def run(self):
        next_drip = time.monotonic() + DRIP_SECONDS
        while not self.stopping and self.members:
            for key, _ in self.selector.select(max(0, next_drip - time.monotonic())):
                self.hear(key.data)
            if time.monotonic() >= next_drip:
                self.speak()
                next_drip = time.monotonic() + DRIP_SECONDS

    @property
    def open(self):
        return len(self.members)

    def wait_closed(self, count):
        """Waits until the server has ended so many connections."""
        with self.closed:
            done = self.closed.wait_for(lambda: self.closed_count >= count, patient())
            assert done, f'{self.closed_count} of {self.joined} were closed'

    def close(self):
        self.stopping = True
        if self.thread.is_alive():
            self.thread.join()
        for member in list(self.members):
            with contextlib.suppress(OSError):
                member.socket.close()
        self.selector.close()
