# SPDX-License-Identifier: MIT
"""A server that cannot do its job says why, all of it, and does not start: conf files, flags, modules, doors."""
import pathlib
import shutil
import socket
import subprocess

from sotto import BUILD, SOURCE, program
from tap import main, test
from under_test import patient

FIXTURES = BUILD / 'tests/fixtures'
CONF = 78
MACHINE = 1


def run(stage, conf, *options, modules=FIXTURES, files=None):
    """Runs sottod on a conf file until it ends by itself; returns code, stdout, stderr."""
    folder = pathlib.Path(stage.folder)
    path = folder / 'sotto.conf'
    path.write_text(conf, encoding='utf-8')
    (folder / 'modules').mkdir(exist_ok=True)
    for name, text in (files or {}).items():
        (folder / 'modules' / f'{name}.conf').write_text(text, encoding='utf-8')
    doors = ['--listen-tcp', '127.0.0.1:0', '--listen-admin', '127.0.0.1:0']
    done = subprocess.run([str(part) for part in (program('sottod'), '-c', path, '--data', folder / 'data',
                                                  '--module-dir', modules, *doors, *options)],
                          capture_output=True, text=True, timeout=patient(), check=False)
    return done.returncode, done.stdout, done.stderr


@test
def every_mistake_of_all_conf_files_is_printed_with_file_and_line(stage):
    conf = ('nmae = "x"\nlimits { send_queue = 4 }\n'
            'module "good" { }\nmodule "failconfigure" { }\n')
    code, out, err = run(stage, conf, '--check-config', files={'good': 'sise = 1KiB\nsize = 1\n'})

    assert code == CONF and out == '', (code, out)
    for line in ('sotto.conf:1: nmae: unknown key, did you mean "name"?',
                 'sotto.conf:2: send_queue: ',
                 'modules/good.conf:1: sise: unknown key, did you mean "size"?',
                 'modules/good.conf:2: size: ',
                 'sotto.conf:4: size: this is not my size',
                 'sotto.conf:4: other: nor is that'):
        assert line in err, (line, err)


@test
def a_module_that_cannot_be_loaded_is_named_with_the_cure(stage):
    code, out, err = run(stage, '\nmodule "absent" { }\nmodule "wrongabi" { }\nmodule "crash" { }\n')

    assert code == CONF and out == '', (code, out)
    assert f'sotto.conf:2: module "absent": {FIXTURES}/absent.so: cannot open' in err, err
    assert 'build it or set enabled = no' in err, err
    assert 'sotto.conf:3: module "wrongabi": ' in err and 'built for ABI 2.3' in err, err
    assert 'sotto.conf:4: module "crash": ' in err and 'crashed' in err, err


@test
def without_chat_so_the_server_does_not_start_and_names_it(stage):
    modules = stage.folder / 'installed'
    modules.mkdir()
    for name in ('auth', 'keyx'):
        shutil.copy(BUILD / f'modules/{name}.so', modules)
    conf = 'module "auth" { }\nmodule "keyx" { }\nmodule "chat" { }\n'

    for options in ((), ('--check-config',)):
        code, out, err = run(stage, conf, *options, modules=modules)
        assert code == CONF and out == '', (code, out)
        assert f'sotto.conf:3: module "chat": {modules}/chat.so: cannot open' in err, err


@test
def needs_that_nobody_meets_are_all_named(stage):
    conf = 'module "seeker" { }\nmodule "eater" { }\nmodule "circlea" { }\nmodule "circleb" { }\n'
    code, _, err = run(stage, conf, '--check-config')

    assert code == CONF
    assert 'module "seeker": requires "unicorn/1"' in err, err
    assert 'module "eater": requires "cake/1"' in err, err
    assert 'circlea -> circleb -> circlea' in err, err


@test
def a_module_that_refuses_to_init_or_start_or_migrate_stops_the_server(stage):
    for name, reason in (('failinit', 'the moon is not full'), ('failstart', 'the tide is out'),
                         ('badsql', 'migration 1 (thief) failed')):
        code, out, err = run(stage, f'module "good" {{ }}\nmodule "{name}" {{ }}\n')

        assert code == CONF and out == '', (name, code, out)
        assert 'sotto.conf:2: module' in err and reason in err, (name, err)


@test
def a_module_that_is_not_required_is_left_out(stage):
    conf = ''.join(f'module "{name}" {{ required = no }}\n'
                   for name in ('absent', 'crash', 'failconfigure', 'badsql', 'failinit', 'failstart', 'seeker'))
    server = stage.server(modules=('good',), conf=conf, module_dir=FIXTURES)

    assert server.ready['modules'] == 'good'
    status, _, body = server.http('/healthz')
    assert status == 200, body


@test
def a_module_that_never_stops_is_named_and_left_behind(stage):
    server = stage.server(modules=('good', 'neverdone'), module_dir=FIXTURES)

    assert server.stop() == 0
    assert 'module "neverdone" has not stopped in time' in server.log()


@test
def a_busy_port_is_named_with_the_cure(stage):
    with socket.socket() as busy:
        busy.bind(('127.0.0.1', 0))
        busy.listen()
        address = f'127.0.0.1:{busy.getsockname()[1]}'
        for door in ('tcp', 'admin'):
            code, out, err = run(stage, 'module "good" { }\n', f'--listen-{door}', address)

            assert code == MACHINE and out == '', (code, out)
            assert address in err and 'in use by another program' in err, err


@test
def a_start_that_fails_late_says_why_and_nothing_else(stage):
    """The modules have started by then, and chat is reading its rosters."""
    conf = 'module "auth" { }\nmodule "keyx" { }\nmodule "chat" { }\n'
    with socket.socket() as busy:
        busy.bind(('127.0.0.1', 0))
        busy.listen()
        address = f'127.0.0.1:{busy.getsockname()[1]}'
        code, out, err = run(stage, conf, '--listen-admin', address, modules=BUILD / 'modules')

        assert code == MACHINE and out == '', (code, out)
        complaints = [line for line in err.splitlines() if ' error ' in line]
        assert len(complaints) == 1 and address in complaints[0], err


@test
def a_data_folder_without_a_parent_or_with_guests_is_refused(stage):
    code, _, err = run(stage, '', '--data', pathlib.Path(stage.folder) / 'no/such/parent')
    assert code == MACHINE and 'make its parent' in err, err

    shared = pathlib.Path(stage.folder) / 'shared'
    shared.mkdir()
    shared.chmod(0o777)
    code, _, err = run(stage, '', '--data', shared)
    assert code == MACHINE and 'chmod 700' in err, err


@test
def a_damaged_database_is_refused(stage):
    server = stage.server(modules=('good',), module_dir=FIXTURES)
    server.stop()
    (server.data / 'sotto.db').write_bytes(b'no database at all, but long enough to be read\n' * 200)

    server.launch()

    assert server.process.wait() == MACHINE
    assert 'restore a backup' in server.log(), server.log()


@test
def unknown_flags_are_refused_and_known_ones_answer(stage):
    code, _, err = run(stage, '', '--no-such-flag')
    assert code == CONF and '--no-such-flag: unknown flag' in err, err

    assert run(stage, '', '--version')[:2] == (0, run(stage, '', '--version')[1])
    assert run(stage, '', '--version')[1].startswith('sottod ')
    code, out, _ = run(stage, '', '--help')
    assert code == 0 and '--check-config' in out


@test
def a_dump_is_a_conf_file_that_says_the_same(stage):
    conf = 'name = "hearth"\nlog { level = warn }\nmodule "good" { }\n'
    code, first, err = run(stage, conf, '--dump-config', files={'good': 'size = 3MiB\n'})
    assert code == 0, err
    assert 'name = "hearth"' in first and 'size = 3MiB' in first, first
    head = first.split('# modules/')[0]

    code, second, err = run(stage, head, '--dump-config', files={'good': 'size = 3MiB\n'})

    assert code == 0, err
    assert first == second


@test
def a_dump_shows_where_a_secret_is_and_not_the_secret(stage):
    secret = 'k3Vq9mZt1xLr7wBn5cYh2sDf8gJp4aQe'
    file = stage.folder / 'token'
    file.touch(mode=0o600)
    file.write_text(secret, encoding='utf-8')
    conf = 'module "auth" { }\nmodule "keyx" { }\nmodule "chat" { }\n'

    for action in ('--dump-config', '--check-config'):
        code, out, err = run(stage, conf, action, modules=BUILD / 'modules',
                             files={'auth': f'token_secret = "file:{file}"\n'})
        assert code == 0, err
        assert secret not in out + err
        assert action == '--check-config' or f'token_secret = "file:{file}"' in out, out


@test
def the_hard_limits_can_be_lowered_and_not_raised(stage):
    limits = {'attach_timeout': '11s', 'unattached_frame': '5KiB', 'send_queue': '257KiB', 'frame': '18MiB'}
    conf = 'limits {\n' + ''.join(f'{key} = {value}\n' for key, value in limits.items()) + '}\n'
    conf += 'module "auth" { }\nmodule "keyx" { }\nmodule "chat" { }\n'
    files = {'auth': 'logins_per_user = 11\n', 'keyx': 'devices_max = 11\n',
             'chat': 'devices_per_chat = 5001\nmessage_size_max = 65KiB\n'}

    code, _, err = run(stage, conf, '--check-config', modules=BUILD / 'modules', files=files)

    assert code == CONF, err
    for key in (*limits, 'logins_per_user', 'devices_max', 'devices_per_chat', 'message_size_max'):
        assert f': {key}: ' in err, (key, err)


@test
def the_conf_files_of_the_source_tree_are_up_to_date_and_in_order(stage):
    folder = pathlib.Path(stage.folder)
    source = SOURCE / 'conf/sotto.conf'

    code, out, err = run(stage, '', '-c', source, '--module-dir', BUILD / 'modules', '--config-doc', folder / 'doc')

    assert code == 0, (out, err)
    made = sorted(path.relative_to(folder / 'doc') for path in (folder / 'doc').rglob('*.conf'))
    assert made == sorted(path.relative_to(SOURCE / 'conf') for path in (SOURCE / 'conf').rglob('*.conf'))
    for name in made:
        assert (folder / 'doc' / name).read_text() == (SOURCE / 'conf' / name).read_text(), \
            f'conf/{name} is old: build/bin/sottod -c conf/sotto.conf --config-doc conf'


@test
def a_first_conf_has_every_module_that_is_installed(stage):
    installed, doc = stage.folder / 'installed', stage.folder / 'doc'
    installed.mkdir()
    for name in ('auth', 'keyx', 'chat'):
        shutil.copy(BUILD / f'modules/{name}.so', installed)
    (installed / 'No-Module.so').touch()
    (installed / 'README').touch()

    done = subprocess.run([program('sottod'), '--module-dir', installed, '--config-doc', doc],
                          capture_output=True, text=True, timeout=patient(), check=False)

    assert done.returncode == 0, done.stderr
    made = sorted(str(path.relative_to(doc)) for path in doc.rglob('*.conf'))
    assert made == ['modules/auth.conf', 'modules/chat.conf', 'modules/keyx.conf', 'sotto.conf'], made
    conf, files = (doc / 'sotto.conf').read_text(), {path.stem: path.read_text() for path in doc.glob('modules/*')}
    code, out, err = run(stage, conf, '--dump-config', modules=installed, files=files)
    assert code == 0, err
    for name in ('auth', 'keyx', 'chat'):
        assert f'module "{name}" {{\n    enabled = yes\n    required = yes\n}}' in out, out


@test
def a_first_conf_without_any_module_is_refused_with_the_cure(stage):
    (stage.folder / 'empty').mkdir()

    done = subprocess.run([program('sottod'), '--module-dir', stage.folder / 'empty', '--config-doc',
                           stage.folder / 'doc'], capture_output=True, text=True, timeout=patient(), check=False)

    assert done.returncode == CONF and 'name their folder with --module-dir' in done.stderr, done.stderr
    assert not (stage.folder / 'doc').exists()


if __name__ == '__main__':
    main()
