# SPDX-License-Identifier: MIT
"""Somebody honest who asks for something small, again and again, while a test attacks the server.

    with Bystander(login) as bystander:
        ...
    comment(bystander.told())

It is a process of its own, so that what it waits for is the server and not the attacker's half of the interpreter. Every
call has to be answered. How long that took is told and not judged: it is the machine's as much as the server's.
"""
import json
import select
import subprocess
import sys
import time

from door import Door
from logins import auth
from protobuf import Schema
from under_test import BUILD, patient

PAUSE_SECONDS = 0.005


class Bystander:
    """Asks on a connection of its own until the block ends; a call that fails fails the block."""

    def __init__(self, login):
        self.login = login
        self.child = None
        self.seconds = []

    def __enter__(self):
        words = [sys.executable, __file__, self.login.accounts.server.tcp]
        self.child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.child.stdin.write(self.login.access + '\n')
        self.child.stdin.flush()
        assert self.child.stdout.readline() == 'attached\n'
        return self

    def __exit__(self, *_):
        told, _ = self.child.communicate(timeout=patient(60))
        assert self.child.returncode == 0, 'a bystander was not answered'
        self.seconds = json.loads(told)

    def told(self):
        in_order = sorted(self.seconds)
        p99 = in_order[len(in_order) * 99 // 100]
        return f'{len(in_order)} calls meanwhile, p99 {1000 * p99:.1f} ms, the slowest {1000 * in_order[-1]:.1f} ms'


def main():
    """The process: an address as its word, a token as its first line; asks until its input ends."""
    door = Door(Schema(BUILD), sys.argv[1])
    auth(door, 'Attach', {'access_token': sys.stdin.readline().rstrip('\n')})
    print('attached', flush=True)
    seconds = []
    while not seconds or not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        begun = time.monotonic()
        auth(door, 'WhoAmI')
        seconds.append(time.monotonic() - begun)
    print(json.dumps(seconds))


if __name__ == '__main__':
    main()
