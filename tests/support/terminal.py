# SPDX-License-Identifier: MIT
"""A program on a terminal: typed at like a person does, read like a person reads.

    ann = Terminal(stage, [program('sotto'), ...])
    ann.type('/new bob\\n')
    ann.see('no messages yet')          waits until the screen, or what scrolled off it, shows this
    ann.bottom()                        the line of the cursor, with the rows it was wrapped from

The screen knows the few orders that a line editor gives (xterm: CR, LF, BS, and CSI A B C D G J K P @ m), so a test
sees what would stand there, not the bytes that came.
"""
import errno
import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
import time
import unicodedata

from process import Timeout
from under_test import DEADLINE_SECONDS, deadline

CSI = re.compile(r'\x1b\[([?0-9;]*)([A-Za-z@])')


class Screen:
    """Rows of cells without an end; a cell behind a wide character is None."""

    def __init__(self, columns):
        self.columns = columns
        self.rows = [[]]
        self.row = self.column = 0
        self.rest = ''

    def put(self, character):
        width = 0 if unicodedata.combining(character) or character in '\u200d\ufe0f' else (
            2 if unicodedata.east_asian_width(character) in 'WF' else 1)
        line = self.rows[self.row]
        if width == 0:
            return
        if self.column + width > self.columns:
            self.down()
            self.column = 0
            line = self.rows[self.row]
        line += [' '] * (self.column + width - len(line))
        line[self.column] = character
        if width == 2:
            line[self.column + 1] = None
        self.column += width

    def down(self):
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])

    def order(self, numbers, letter):
        count = int(numbers.split(';')[0] or 0) if numbers.replace(';', '').isdigit() or not numbers else 0
        line = self.rows[self.row]
        if letter == 'A':
            self.row = max(0, self.row - max(1, count))
        elif letter == 'B':
            for _ in range(max(1, count)):
                self.down()
        elif letter == 'C':
            self.column = min(self.columns - 1, self.column + max(1, count))
        elif letter == 'D':
            self.column = max(0, self.column - max(1, count))
        elif letter == 'G':
            self.column = max(1, count) - 1
        elif letter == 'K' and count == 0:
            del line[self.column:]
        elif letter == 'J' and count == 0:
            del line[self.column:]
            del self.rows[self.row + 1:]
        elif letter == 'P':
            del line[self.column:self.column + max(1, count)]
        elif letter == '@':
            line[self.column:self.column] = [' '] * max(1, count)

    def feed(self, text):
        text, self.rest = self.rest + text, ''
        at = 0
        while at < len(text):
            character = text[at]
            if character == '\x1b':
                match = CSI.match(text, at)
                if not match and len(text) - at < 16:
                    self.rest = text[at:]
                    return
                if match:
                    self.order(*match.groups())
                at = match.end() if match else at + 1
                continue
            if character == '\r':
                self.column = 0
            elif character == '\n':
                self.down()
            elif character == '\b':
                self.column = max(0, self.column - 1)
            elif character >= ' ':
                self.put(character)
            at += 1

    def lines(self):
        return [''.join(cell for cell in row if cell is not None).rstrip() for row in self.rows]


class Terminal:
    """A child on a pty of its own, ended with the test."""

    def __init__(self, stage, command, columns=80, env=None, cwd=None):
        self.screen = Screen(columns)
        self.raw = b''
        self.ended = False
        self.code = None
        self.changed = threading.Condition()
        environment = {**os.environ, 'TERM': 'xterm', 'TZ': 'UTC', **(env or {})}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
            if cwd:
                os.chdir(cwd)
            os.execve(command[0], [str(word) for word in command], {k: v for k, v in environment.items() if v is not None})
        threading.Thread(target=self.read, daemon=True).start()
        stage.open_doors.append(self)  # closed with them

    def read(self):
        tail = b''
        while True:
            try:
                piece = os.read(self.fd, 65536)
            except OSError as error:
                piece = b''
                if error.errno != errno.EIO:  # the other side is closed: the child has ended
                    break
            if not piece:
                break
            with self.changed:
                self.raw += piece
                tail += piece
                try:
                    text, tail = tail.decode(), b''
                except UnicodeDecodeError as error:
                    text, tail = tail[:error.start].decode(), tail[error.start:]
                self.screen.feed(text)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def type(self, text):
        os.write(self.fd, text.encode())

    def text(self):
        return '\n'.join(self.screen.lines())

    def bottom(self):
        """The line being typed, unwrapped."""
        lines = self.screen.lines()
        at = self.screen.row
        while at > 0 and len(self.screen.rows[at - 1]) >= self.screen.columns - 1:
            at -= 1
        return ''.join(lines[at:])

    def wait(self, holds, what, seconds=DEADLINE_SECONDS):
        end = deadline(seconds)
        with self.changed:
            while not holds():
                left = end - time.monotonic()
                if left <= 0 or (self.ended and not holds()):
                    raise Timeout(f'the terminal does not show {what!r}:\n{self.text()}')
                self.changed.wait(min(left, 1))

    def see(self, *texts, times=1, seconds=DEADLINE_SECONDS):
        for text in texts:
            self.wait(lambda text=text: self.text().count(text) >= times, text, seconds)

    def see_bottom(self, text):
        self.wait(lambda: self.bottom() == text, text)

    def echoes(self):
        """Whether what is typed is shown by the terminal itself."""
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def signal(self, number):
        os.kill(self.pid, number)

    def finish(self, seconds=DEADLINE_SECONDS):
        """Waits for the exit; returns the code (negative: the signal)."""
        end = deadline(seconds)
        with self.changed:
            while not self.ended and time.monotonic() < end:
                self.changed.wait(0.2)
        if not self.ended:
            raise Timeout(f'the program did not end:\n{self.text()}')
        self.reap()
        return self.code

    def reap(self):
        if self.code is None:
            _, status = os.waitpid(self.pid, 0)
            self.code = os.waitstatus_to_exitcode(status)

    def close(self):
        if self.code is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.reap()
        try:
            os.close(self.fd)
        except OSError:
            pass
