# SPDX-License-Identifier: MIT
# io_threads: default
"""Sotto as `cmake --install` lays it out: the server starts with its installed conf as a user who owns none of it, an
installed client reaches it, and the unit for systemd is in order and shut in."""
import os
import pwd
import shutil
import subprocess

from sotto import BUILD, PASSWORD
from tap import comment, main, test
from under_test import patient

SERVICE_USER = 'nobody'
# systemd-analyze counts from 0, shut in, to 100.
EXPOSURE_MAX = '20'


def run(*command, env=None):
    """Runs a command that has to succeed; returns what it says."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **(env or {})}, timeout=patient(), check=False)
    assert done.returncode == 0, f'{" ".join(map(str, command))}:\n{done.stdout[-3000:]}'
    return done.stdout


def install(stage, *options):
    """Into a folder of its own, returned, that every user reaches, as those of a machine."""
    prefix = stage.folder / 'installed'
    for folder in (stage.folder, stage.folder.parent):
        if folder.owner() == pwd.getpwuid(os.geteuid()).pw_name and folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o711)
    run('cmake', '--install', BUILD, '--prefix', prefix, *options)
    return prefix


def as_service(prefix):
    """What runs a command as a user who owns nothing of the installed files, but for the data folder, which systemd makes."""
    data = prefix / 'var/lib/sotto'
    data.mkdir(mode=0o700, parents=True)
    if os.geteuid() != 0:
        comment('not root: the server runs as the user who installed it')
        return []
    user = pwd.getpwnam(SERVICE_USER)
    os.chown(data, user.pw_uid, user.pw_gid)
    return ['setpriv', f'--reuid={user.pw_uid}', f'--regid={user.pw_gid}', '--clear-groups', '--no-new-privs']


@test
def the_installed_server_runs_as_another_user_and_is_reached(stage):
    prefix = install(stage)
    server = stage.process([*as_service(prefix), prefix / 'bin/sottod', '-c', prefix / 'etc/sotto/sotto.conf',
                            '--listen-tcp', '127.0.0.1:0', '--listen-http', '-', '--listen-admin', '127.0.0.1:0'],
                           stage.folder / 'sottod.stderr')
    _, line = server.wait_line(lambda line: line.startswith('ready '))
    ready = dict(part.split('=', 1) for part in line.split()[1:])
    password = stage.folder / 'password'
    password.touch(mode=0o600)
    password.write_text(PASSWORD + '\n', encoding='utf-8')

    said = run(prefix / 'bin/sotto', '--profile', stage.folder / 'profile', '--server', f'tcp://{ready["tcp"]}', '--json',
               '--password-file', password, 'register', 'alice')
    assert '"user":"alice"' in said.replace(' ', ''), said
    assert ready['modules'] == 'auth,keyx,chat'
    assert (prefix / 'var/lib/sotto/sotto.db').exists()
    assert 'sound' in run(prefix / 'bin/sottoctl', '--data', prefix / 'var/lib/sotto', 'db', 'backup', stage.folder / 'copy.db')
    server.child.terminate()
    assert server.wait() == 0, server.error_text()


@test
def a_package_gets_the_places_of_the_machine_and_no_operators_conf_is_overwritten(stage):
    root = stage.folder / 'root'
    for _ in range(2):
        run('cmake', '--install', BUILD, '--prefix', '/usr', '--component', 'server', env={'DESTDIR': str(root)})
        conf = root / 'etc/sotto/sotto.conf'
        text = conf.read_text(encoding='utf-8')
        assert 'data = "/var/lib/sotto"' in text and 'module_dir = "/usr/lib' in text, text
        conf.write_text(text + '# mine\n', encoding='utf-8')
    assert text.endswith('# mine\n'), 'the second time took the operator\'s conf away'
    assert (root / 'usr/bin/sottod').exists() and not (root / 'usr/bin/sotto').exists()
    assert (root / 'usr/share/man/man8/sottod.8').exists() and (root / 'usr/share/doc/sotto/operating.md').exists()
    unit = (root / 'usr/lib/systemd/system/sottod.service').read_text(encoding='utf-8')
    assert 'ExecStart=/usr/bin/sottod -c /etc/sotto/sotto.conf\n' in unit and '{' not in unit, unit


@test
def the_unit_is_in_order_and_shut_in(stage):
    if not shutil.which('systemd-analyze'):
        comment('systemd-analyze is not here: the unit was not checked')
        return
    prefix = install(stage, '--component', 'server')
    unit = prefix / 'lib/systemd/system/sottod.service'
    pages = {'MANPATH': str(prefix / 'share/man'), 'SYSTEMD_LOG_LEVEL': 'warning'}

    assert run('systemd-analyze', 'verify', unit, env=pages) == ''
    run('systemd-analyze', 'security', '--offline=yes', f'--threshold={EXPOSURE_MAX}', '--no-pager', unit)


if __name__ == '__main__':
    main()
