# SPDX-License-Identifier: MIT
# io_threads: default
"""The walk of README.md: every line as printed, typed by somebody who knows a password and nothing else.

The commands run on a terminal (a pty), because that is where they ask for passwords.
"""
import os
import pty
import re
import select
import signal
import time

from sotto import SOURCE, program
from tap import main, test
from under_test import deadline

BLOCK = re.compile(r'^```sh\n(.*?)^```$', re.M | re.S)
PASSWORD = b'walk-0-along\n'
SECONDS = 60
# What a listener has to say, and how often, before Ctrl-C: a message; the two chats that a new device gets into.
HEARD = {'bob': (b'hello bob', 1), 'alice-laptop': (b'added you to this chat', 2)}


def type_line(command, cwd, until=None):
    """Runs a shell line on a terminal, answers each prompt for a password, presses Ctrl-C when `until` (words, times) was
    said; returns (exit status, text)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvp('sh', ['sh', '-c', f'exec {command}'])
    text, answered, end = b'', 0, deadline(SECONDS)
    try:
        while time.monotonic() < end:
            if not select.select([terminal], [], [], end - time.monotonic())[0]:
                break
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # the other side is closed: the command has ended
                break
            if not piece:
                break
            text += piece
            if len(re.findall(rb'(?:password|once more): ', text)) > answered:
                answered += 1
                os.write(terminal, PASSWORD)
            if until and text.count(until[0]) >= until[1]:
                os.kill(pid, signal.SIGINT)
                until = None
    finally:
        if time.monotonic() >= end:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
    return os.waitstatus_to_exitcode(status), text.decode('utf-8', 'replace')


@test
def the_walk_works_as_printed(stage):
    program('sotto')
    server = stage.server()
    readme = (SOURCE / 'README.md').read_text(encoding='utf-8')
    lines = [line for block in BLOCK.findall(readme) for line in block.splitlines()]
    assert len(lines) == 16, lines
    folder = stage.folder / 'walk'
    (folder / 'build').mkdir(parents=True)
    (folder / 'build' / 'bin').symlink_to(program('sotto').parent)
    said = {}
    for line in lines:
        # the printed lines mean the default port, a test has its own
        line = re.sub(r' (register|login) ', rf' --server tcp://{server.tcp} \1 ', line)
        listening = line.endswith(' listen')
        until = HEARD[re.search(r'people/(\S+)', line).group(1)] if listening else None
        code, said[line] = type_line(line, folder, until)
        assert code == 0 or (listening and code in (130, -signal.SIGINT)), (line, code, said[line])

    told = '\n'.join(said.values())
    assert 'alice: hello bob' in told and 'are you there?' in told, told
    assert re.search(r'(\d{5}\s+){11}\d{5}', told), told
    assert 'lunch' in said[lines[11]], said[lines[11]]
    assert 'laptop' in said[lines[-1]], said[lines[-1]]


if __name__ == '__main__':
    main()
