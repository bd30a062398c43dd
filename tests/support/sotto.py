# SPDX-License-Identifier: MIT
"""The stage of a scenario: real servers, real clients, a temporary folder, and the certainty that all of it ends.

    server = stage.server()                 writes a conf, starts sottod on free ports, waits for "ready"
    alice = stage.client('alice', server)   a profile of its own
    alice.run('register', 'alice')          runs `sotto --json ...`, returns the objects it printed
    door = stage.door(server)               a raw TCP connection (door.py)
    door = stage.websocket(server)          the same over a WebSocket (websocket.py)
    server.kill(); server.start()           kill -9 and back on the same ports

When a test ends, what still runs is stopped; a server that does not stop with 0 fails the test.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from door import Door
from json_door import JsonDoor
from process import Process
from protobuf import Schema
from reports import reports_in, take_reports, watched
from under_test import BUILD, DEADLINE_SECONDS, SOURCE, patient, program  # SOURCE for those who import this file
from websocket import WebSocketDoor

MODULES = ('auth', 'keyx', 'chat')
PASSWORD = 'correct horse battery 7'

# What the client says is compared with English, whatever the developer speaks.
os.environ['SOTTO_LANG'] = 'en'


def own_address():
    """An address of loopback that this process has to itself: while a server of its own is down, nobody else's listener or
    connection is given its port."""
    number = os.getpid()
    return f'127.{64 | number >> 16 & 63}.{number >> 8 & 255}.{number & 255}'


class Server:
    """One sottod with a data folder of its own. Its ports stay the same over restarts."""

    def __init__(self, stage, name, modules=MODULES, conf='', module_conf=None, options=(),
                 module_dir=None, env=None):
        self.stage = stage
        self.name = name
        self.options = list(options)
        self.env = {**os.environ, **env} if env else None
        self.module_dir = module_dir or BUILD / 'modules'
        self.folder = stage.folder / name
        self.data = self.folder / 'data'
        self.conf = self.folder / 'sotto.conf'
        self.log_file = self.folder / 'stderr'
        self.doors = dict.fromkeys(('tcp', 'http', 'admin'), f'{own_address()}:0')
        self.process = None
        self.ready = {}
        self.data.mkdir(parents=True, mode=0o700)
        self.write_conf(modules, conf, module_conf or {})

    def write_conf(self, modules, conf, module_conf):
        """Writes the conf file; module_conf maps a module's name to the text of its own file."""
        lines = [f'name = "{self.name}"', conf]
        if 'SOTTO_IO_THREADS' in os.environ and 'io_threads' not in conf:
            lines.append(f'io_threads = {os.environ["SOTTO_IO_THREADS"]}')
        lines += [f'module "{module}" {{ enabled = yes }}' for module in modules]
        self.conf.write_text('\n'.join(lines) + '\n', encoding='utf-8')
        (self.folder / 'modules').mkdir(exist_ok=True)
        for module, text in module_conf.items():
            (self.folder / 'modules' / f'{module}.conf').write_text(text, encoding='utf-8')

    def command(self, *more):
        doors = [part for door, address in self.doors.items() for part in (f'--listen-{door}', address)]
        return [program('sottod'), '-c', self.conf, '--data', self.data, '--module-dir',
                self.module_dir, *doors, *self.options, *more]

    def launch(self):
        """Starts it without waiting, for tests of a start that is refused."""
        self.process = self.stage.process(self.command(), self.log_file, env=self.env)
        return self.process

    def start(self, seconds=DEADLINE_SECONDS):
        """Starts it and waits for the ready line, which becomes the dict `ready`."""
        self.launch()
        _, line = self.process.wait_line(lambda text: text.startswith('ready '), seconds=seconds)
        self.ready = dict(part.split('=', 1) for part in line.split()[1:])
        self.doors = {door: self.ready[door] for door in self.doors if self.ready[door] != '-'}
        return self

    @property
    def tcp(self):
        return self.ready['tcp']

    @property
    def web(self):
        return self.ready['http']

    @property
    def pid(self):
        return int(self.ready['pid'])

    def stop(self):
        return self.process.stop()

    def kill(self):
        return self.process.kill()

    def log(self):
        return self.log_file.read_text(encoding='utf-8', errors='replace') if self.log_file.exists() else ''

    def http(self, path, door='admin', data=None, headers=None):
        """One HTTP request; returns (status, headers, body)."""
        request = urllib.request.Request(f'http://{self.ready[door]}{path}', data=data,
                                         headers=headers or {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=patient()) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()


class Refused(AssertionError):
    """A command of the client ended with another exit code than expected."""

    def __init__(self, command, code, output, errors):
        super().__init__(f'sotto {" ".join(command)}: exit code {code}\nstdout: {output}\nstderr: {errors}')
        self.code = code


class Client:
    """One profile of the terminal client."""

    def __init__(self, stage, name, server, password=PASSWORD):
        self.stage = stage
        self.name = name
        self.server = server
        self.profile = stage.folder / f'profile-{name}'
        self.password_file = stage.folder / f'password-{name}'
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(password + '\n', encoding='utf-8')
        self.runs = 0

    def command(self, words):
        return [program('sotto'), '--profile', self.profile, '--server', self.stage.url(self.server),
                '--json', '--password-file', self.password_file, *words]

    def spawn(self, *words, **options):
        """Starts a command and leaves it running (`listen`); read it with wait_object()."""
        self.runs += 1
        return self.stage.process(self.command(words),
                                  self.stage.folder / f'{self.profile.name}-{self.runs}.stderr', **options)

    def spawn_with(self, text, *words):
        """The same with this text on stdin."""
        process = self.spawn(*words, stdin=subprocess.PIPE)
        process.child.stdin.write(text.encode())
        process.child.stdin.close()
        return process

    def attempt(self, *words, seconds=DEADLINE_SECONDS):
        """Runs a command; returns (exit code, objects printed, text on stderr)."""
        process = self.spawn(*words)
        code = process.wait(seconds)
        return code, [json.loads(line) for line in process.lines if line], process.error_text()

    def run(self, *words, seconds=DEADLINE_SECONDS):
        """Runs a command that must succeed; returns the objects it printed."""
        code, objects, errors = self.attempt(*words, seconds=seconds)
        if code != 0:
            raise Refused(words, code, objects, errors)
        return objects

    def fails(self, code, *words, seconds=DEADLINE_SECONDS):
        """Runs a command that must end with this exit code; returns its error object, or {}."""
        got, objects, errors = self.attempt(*words, seconds=seconds)
        if got != code:
            raise Refused(words, got, objects, errors)
        said = [line for line in errors.splitlines() if line.startswith('{')]
        found = objects + [json.loads(line) for line in said]
        return next((o['error'] for o in found if 'error' in o), {})


def wait_object(process, matches=lambda found: True, start=0, seconds=DEADLINE_SECONDS):
    """Waits until a spawned command prints an object for which matches holds; returns (next start, object)."""
    def fits(line):
        return line.startswith('{') and matches(json.loads(line))
    place, line = process.wait_line(fits, start, seconds)
    return place + 1, json.loads(line)


class Stage:
    """Everything of one test. Made and closed by tap.py."""

    def __init__(self, name):
        self.name = name
        self.scheme = 'tcp'  # by which clients reach servers; see test_over
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='sotto-'))
        self.processes = []
        self.servers = []
        self.open_doors = []
        self.told = ''
        self._schema = None

    @property
    def schema(self):
        if self._schema is None:
            self._schema = Schema(BUILD)
        return self._schema

    def address(self, server):
        return server.tcp if self.scheme == 'tcp' else server.web

    def url(self, server):
        return f'{self.scheme}://{self.address(server)}'

    def process(self, command, errors, **options):
        ours = pathlib.Path(command[0]).is_relative_to(BUILD)
        process = Process(watched(command) if ours else command, errors, **options)
        self.processes.append(process)
        return process

    def new_server(self, name='server', **options):
        """A server that is configured and not started."""
        server = Server(self, name, **options)
        self.servers.append(server)
        return server

    def server(self, name='server', **options):
        return self.new_server(name, **options).start()

    def client(self, name, server, **options):
        return Client(self, name, server, **options)

    def door(self, server, **options):
        door = Door(self.schema, server.tcp, **options)
        self.open_doors.append(door)
        return door

    def websocket(self, server, address=None, **options):
        """A WebSocket; address: of a proxy on the way."""
        door = WebSocketDoor(self.schema, address or server.ready['http'], **options)
        self.open_doors.append(door)
        return door

    def json_door(self, server, **options):
        door = JsonDoor(self.schema, server.ready['http'], **options)
        self.open_doors.append(door)
        return door

    def hang_up(self):
        """Closes all doors: a server that stops then need not wait for anybody."""
        for door in self.open_doors:
            door.close()

    def story(self):
        """What the servers said, for the report of a failed test."""
        return self.told

    def close(self):
        """Ends all processes; complains about a server that ends badly, and about every report of a sanitizer or of
        valgrind. Removes the folder."""
        problems = []
        self.hang_up()
        running = [server for server in self.servers if server.process and server.process.running]
        for server in running:
            try:
                code = server.stop()
                if code != 0:
                    problems.append(f'{server.name} stopped with {code}')
            except AssertionError as error:
                problems.append(str(error))
        for process in self.processes:
            if process.running:
                process.kill()
        for process in self.processes:
            problems += reports_in(process.error_text())
        if reports := take_reports():
            problems.append(reports)
        self.told = '\n'.join(f'[{server.name}] {server.log()[-6000:]}' for server in self.servers)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not problems, '; '.join(problems)
