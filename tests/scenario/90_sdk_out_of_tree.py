# SPDX-License-Identifier: MIT
# io_threads: default
# timeout: 600
"""A stranger's module: the example, copied out of the tree, built with nothing but the installed SDK."""
import shutil
import subprocess

from logins import Accounts
from sotto import BUILD, SOURCE, program
from tap import main, test


def run(*command, cwd=None):
    result = subprocess.run([str(part) for part in command], cwd=cwd, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    assert result.returncode == 0, f'{" ".join(map(str, command))}:\n{result.stdout[-4000:]}'
    return result.stdout


def build_echo(stage):
    """Installs the SDK into the stage's folder, builds a copy of echo against it, returns its build folder."""
    sdk = stage.folder / 'sdk'
    copy = stage.folder / 'echo'
    run('cmake', '--install', BUILD, '--component', 'sdk', '--prefix', sdk)
    shutil.copytree(SOURCE / 'sdk' / 'examples' / 'echo', copy)
    # Instrumented like the build that the SDK comes from; the two cannot be mixed.
    cache = (BUILD / 'CMakeCache.txt').read_text().splitlines()
    options = [f'-D{line}' for line in cache if line.startswith(('SOTTO_SANITIZE:', 'SOTTO_COVERAGE:'))]
    run('cmake', '-G', 'Ninja', '-B', copy / 'build', '-S', copy, f'-DCMAKE_PREFIX_PATH={sdk}',
        '-DCMAKE_BUILD_TYPE=RelWithDebInfo', *options)
    run('cmake', '--build', copy / 'build')
    return copy / 'build'


@test
def the_example_builds_out_of_tree_and_passes_its_own_test(stage):
    build = build_echo(stage)

    output = run('ctest', '--output-on-failure', cwd=build)

    assert '100% tests passed, 0 tests failed out of 1' in output, output


@test
def the_module_exports_its_entry_and_nothing_else(stage):
    module = build_echo(stage) / 'modules' / 'echo.so'

    symbols = run('nm', '-D', '--defined-only', module).split()

    assert symbols[1:] == ['T', 'sotto_module_entry'], symbols


@test
def the_real_server_loads_it_and_answers_its_method(stage):
    program('sottod')
    modules = build_echo(stage) / 'modules'
    for other in ('auth', 'keyx', 'chat'):
        shutil.copy(BUILD / 'modules' / f'{other}.so', modules)
    server = stage.server(modules=('auth', 'keyx', 'chat', 'echo'), module_dir=modules,
                          module_conf={'echo': 'prefix = "you said: "\n'})

    status, _, body = server.http('/api/schema')

    assert 'echo' in server.ready['modules'].split(',')
    assert status == 200 and b'sotto.echo.v1' in body
    with Accounts(stage, server) as accounts:
        door = accounts.register('alice').attached()
        assert door.call('sotto.echo.v1.EchoService/Say', {'text': 'hello'}).text == 'you said: hello'


if __name__ == '__main__':
    main()
