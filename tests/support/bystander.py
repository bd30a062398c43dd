# SPDX-License-Identifier: MIT
"""Somebody honest who asks for something small, again and again, while a test attacks the server.

    with Bystander(login.attached()) as bystander:
        ...
    comment(bystander.told())

Every call has to be answered. How long that took is told and not judged: it is the machine's as much as the server's.
"""
import threading
import time

from logins import auth


class Bystander:
    """Asks on a connection of its own, from a thread, until the block ends; an answer that is wrong fails the block."""

    def __init__(self, door):
        self.door = door
        self.seconds = []
        self.wrong = None
        self.leaving = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.seconds or not self.leaving.wait(0.005):
                begun = time.monotonic()
                auth(self.door, 'WhoAmI')
                self.seconds.append(time.monotonic() - begun)
        except Exception as error:  # told by the thread of the test
            self.wrong = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.leaving.set()
        self.thread.join()
        if self.wrong:
            raise self.wrong

    def told(self):
        in_order = sorted(self.seconds)
        p99 = in_order[len(in_order) * 99 // 100]
        return f'{len(in_order)} calls meanwhile, p99 {1000 * p99:.1f} ms, the slowest {1000 * in_order[-1]:.1f} ms'
