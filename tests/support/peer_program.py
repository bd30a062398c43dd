# SPDX-License-Identifier: MIT
"""A program of the build that does cryptography for a scenario, which asks it line by line: `command HEX...` on its stdin,
`ok HEX...` or another word on its stdout, "-" for no bytes (tests/interop/group_peer.c, opaque_peer.c).

    class Opaque(PeerProgram): ...
    Opaque('opaque_peer').ask('login-start', password)     -> [ke1]
"""
import subprocess

from tap import skip
from under_test import BUILD, patient


class PeerProgram:
    def __init__(self, name):
        path = BUILD / 'tests' / name
        if not path.exists():
            skip(f'{name} is not built')
        self.child = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, command, *values):
        """The values of the answer; None when it is another word than "ok"."""
        self.child.stdin.write(' '.join([command, *(value.hex() for value in values)]) + '\n')
        self.child.stdin.flush()
        verdict, *answer = self.child.stdout.readline().split() or ['nothing']
        assert verdict != 'nothing', f'{self.child.args[0].name} ended at "{command}"'
        return [bytes.fromhex(part) if part != '-' else b'' for part in answer] if verdict == 'ok' else None

    def close(self):
        self.child.stdin.close()
        self.child.wait(patient())
        self.child.stdout.close()
