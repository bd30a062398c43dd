# SPDX-License-Identifier: MIT
"""A child process whose output is read as it comes, and events that are waited for with a deadline.

Nothing in the scenarios sleeps: a test waits for a line, a reply or an exit, and fails when the deadline passes.
"""
import os
import signal
import subprocess
import threading
import time

from under_test import DEADLINE_SECONDS, deadline, patient


def under_strace(*options):
    """The words in front of a command that is to run under strace, where LeakSanitizer cannot work."""
    return ['env', f'ASAN_OPTIONS={os.environ.get("ASAN_OPTIONS", "")}:detect_leaks=0', 'strace', '-f', '-qq', *options]


class Timeout(AssertionError):
    """An event did not come before its deadline."""


class Process:
    """Starts a command. `lines` collects its stdout; stderr goes to the file `errors`."""

    def __init__(self, command, errors, env=None, stdin=subprocess.DEVNULL):
        self.command = [str(part) for part in command]
        self.errors = errors
        self.lines = []
        self.ended_output = False
        self.changed = threading.Condition()
        with open(errors, 'ab') as sink:
            self.child = subprocess.Popen(self.command, stdin=stdin, stdout=subprocess.PIPE,
                                          stderr=sink, env=env)
        self.pid = self.child.pid
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            with self.changed:
                self.lines.append(line.decode('utf-8', 'replace').rstrip('\n'))
                self.changed.notify_all()
        with self.changed:
            self.ended_output = True
            self.changed.notify_all()

    def wait_line(self, matches, start=0, seconds=DEADLINE_SECONDS):
        """Returns (index, line) of the first line from `start` for which matches(line) holds."""
        end = deadline(seconds)
        place = start
        with self.changed:
            while True:
                while place < len(self.lines):
                    if matches(self.lines[place]):
                        return place, self.lines[place]
                    place += 1
                left = end - time.monotonic()
                if self.ended_output or left <= 0:
                    why = 'ended' if self.ended_output else f'said nothing fitting in {patient(seconds)} s'
                    raise Timeout(f'{self.command[0]} {why}; stdout: {self.lines[-20:]}; '
                                  f'stderr: {self.error_text()[-3000:]}')
                self.changed.wait(left)

    def error_text(self):
        return self.errors.read_text(encoding='utf-8', errors='replace')

    @property
    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.running:
            self.child.send_signal(number)

    def wait(self, seconds=DEADLINE_SECONDS):
        """Waits for the exit; returns the code (negative: the signal)."""
        try:
            code = self.child.wait(patient(seconds))
        except subprocess.TimeoutExpired:
            raise Timeout(f'{self.command[0]} did not exit within {patient(seconds)} s') from None
        self.reader.join(patient())
        return code

    def stop(self, seconds=DEADLINE_SECONDS):
        """Asks it to end (SIGTERM) and returns its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """kill -9: what a power cut is to a process."""
        self.signal(signal.SIGKILL)
        return self.wait()
