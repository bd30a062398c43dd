# SPDX-License-Identifier: MIT
"""What `make run` shows a newcomer must work as it is printed, word for word."""
import os
import shlex
import stat
import sys

from sotto import BUILD, SOURCE
from tap import main, test

DOORS = ('--listen-tcp', '127.0.0.1:0', '--listen-http', '127.0.0.1:0', '--listen-admin', '127.0.0.1:0')


def start(stage):
    """Starts scripts/run on free ports; returns (process, the commands it says to type next)."""
    env = {**os.environ, 'SOTTO_BUILD': str(BUILD), 'SOTTO_DATA': str(stage.folder / 'data')}
    process = stage.process([sys.executable, SOURCE / 'scripts' / 'run', *DOORS], stage.folder / 'run.stderr',
                            env=env)
    process.wait_line(lambda line: line.startswith('Health and metrics'))
    return process, [line.strip() for line in process.lines if line.startswith('    build/bin/sotto ')]


def type_command(stage, line, *more):
    """Runs a printed command as a shell would, with the profiles below the stage's folder."""
    words = shlex.split(line.replace('build/bin/sotto', str(BUILD / 'bin' / 'sotto')))
    words = [word.replace('people/', f'{stage.folder}/people/') for word in words]
    password = stage.folder / 'password'
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text('correct horse 1 battery staple\n')
    process = stage.process([words[0], '--password-file', password, *words[1:], *more],
                            stage.folder / 'sotto.stderr')
    code = process.wait()
    assert code == 0, f'{line}: {code}: {process.error_text()}'
    return process.lines


@test
def the_printed_commands_take_two_people_to_their_first_message(stage):
    _, commands = start(stage)
    alice, bob, new, send, listen = commands
    server = shlex.split(alice)[4]
    assert server.startswith('tcp://127.0.0.1:')

    type_command(stage, alice)
    type_command(stage, bob)
    type_command(stage, new)
    type_command(stage, send)
    heard = type_command(stage, listen, '--count', '1')

    assert heard[-1].endswith('alice: hello bob'), heard


@test
def on_a_used_data_folder_the_printed_commands_go_on_with_the_people_of_before(stage):
    process, commands = start(stage)
    for command in commands[:4]:
        type_command(stage, command)
    process.signal(2)
    assert process.wait() == 0

    _, (send, listen, third) = start(stage)
    type_command(stage, send)
    heard = type_command(stage, listen, '--count', '2')
    type_command(stage, third)

    assert [line.split('alice: ')[1] for line in heard if 'alice: ' in line] == ['hello bob', 'hello again'], heard


@test
def the_data_folder_and_the_secrets_are_for_the_owner_alone(stage):
    start(stage)
    data = stage.folder / 'data'

    for path in [data, *data.rglob('*')]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert list((data / 'secrets').iterdir())


@test
def ctrl_c_ends_it_with_0(stage):
    process, _ = start(stage)

    process.signal(2)

    assert process.wait() == 0


if __name__ == '__main__':
    main()
