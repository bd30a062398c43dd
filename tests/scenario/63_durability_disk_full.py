# SPDX-License-Identifier: MIT
# io_threads: default
"""A disk that fills up under load and gets room again (R4): a tmpfs of 8 MiB.

First the load fills it: messages are refused and never acknowledged, logins and reading go on in the room that the
server kept. Then somebody else takes that room, too. With the room back, everything works and nothing is lost.
"""
import contextlib
import errno
import os
import subprocess
import time

from door import RpcError
from groups import Groups
from load import FAST_LIMITS, LOAD_SECONDS, end_load, start_load
from logins import auth, refusal
from sotto import wait_object
from tap import comment, main, skip, test
from under_test import deadline

DISK = '8m'
CONF = FAST_LIMITS + 'store { wal = 256KiB  reserve = 1MiB }\n'
CHUNK = bytes(65536)


@contextlib.contextmanager
def small_disk(folder):
    """A disk of its own for this folder, where the tests may mount one."""
    mount = ['mount', '-t', 'tmpfs', '-o', f'size={DISK},mode=0700', 'sotto', folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        skip('no right to mount a tmpfs')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', folder], check=True)


def fill(path, most=1 << 30):
    """Writes until the disk is full, or so many bytes."""
    with open(path, 'ab', buffering=0) as file:
        try:
            while file.tell() < most:
                file.write(CHUNK)
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


def until(action):
    """Repeats an action that the server may still refuse as unavailable; returns what it returns."""
    end = deadline()
    while True:
        try:
            return action()
        except RpcError as error:
            assert error.code == 'unavailable' and time.monotonic() < end, error


def wait_for(condition):
    end = deadline()
    while not condition():
        assert time.monotonic() < end, 'it did not happen in time'


def is_full(server):
    return b'\nsotto_disk_full 1\n' in server.http('/metrics')[2]


@test
def a_full_disk_refuses_messages_and_nothing_else(stage):
    server = stage.new_server(conf=CONF)
    with small_disk(server.data) as disk:
        fill(disk / 'ballast', 3 << 20)
        server.start()
        with Groups(stage, server) as groups:
            alice, bob = groups.person('alice'), groups.person('bob')
            chat = alice.create([bob])
            groups.accounts.register('carol')
            alice.send(chat, 'before')
            load = start_load(stage, server, 'ledger', '--pairs', 20, '--window', 1, '--messages', 100000,
                              '--bytes', 2000, '--seconds', LOAD_SECONDS)

            # The load fills the disk. What is refused says why, and logins and reading go on.
            place, _ = wait_object(load, lambda found: found.get('refused', 0) > 1000, seconds=LOAD_SECONDS)
            wait_for(lambda: is_full(server))
            assert server.http('/healthz')[0] == 503
            assert refusal(alice.send, chat, 'refused')[0] == 'unavailable'
            for _ in range(20):
                groups.accounts.login('carol')
            groups.accounts.register('dave')
            assert auth(groups.accounts.login('carol').attached(), 'WhoAmI').name == 'carol'
            assert [bob.open(entry) for entry in bob.sync({chat: 1}).entries] == ['before']
            bob.chat('Ack', {'cursors': [{'chat_id': chat, 'seq': 2}]})

            # Not a byte is left to anybody: nobody gets in, nothing crashes, what was promised holds.
            fill(disk / 'more')
            with contextlib.suppress(RpcError):
                groups.accounts.login('carol')
            assert refusal(alice.send, chat, 'refused')[0] == 'unavailable'
            assert [bob.chat('ListChats').chats[0].chat_id, auth(bob.door, 'WhoAmI').name] == [chat, 'bob']
            place, _ = wait_object(load, lambda found: found.get('refused', 0) > 0, place)

            load.child.stdin.close()
            began = time.monotonic()
            (disk / 'more').unlink()
            (disk / 'ballast').unlink()
            last = {'chat_id': chat, 'client_msg_id': 1000, 'message': alice.encrypt('after')}
            until(lambda: alice.chat('Send', last))
            comment(f'messages again after {time.monotonic() - began:.2f} s')
            ledger = end_load(load, place)
            comment(str(ledger))
            assert (ledger['lost'], ledger['twice'], ledger['out_of_order'], ledger['unacknowledged']) == (0, 0, 0, 0)
            assert [bob.open(entry) for entry in bob.sync({chat: 1}).entries][-1] == 'after'
            wait_for(lambda: server.http('/healthz')[0] == 200)
            assert not is_full(server)
            groups.accounts.login('carol')
            stage.hang_up()
            assert server.stop() == 0
            server.start()
            assert server.stop() == 0


if __name__ == '__main__':
    main()
