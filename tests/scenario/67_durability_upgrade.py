# SPDX-License-Identifier: MIT
# timeout: 600
# io_threads: default
"""Upgrades (R13): a database of every earlier schema becomes the present one with its rows, and a server that is killed
at any write of the way finds each step done or not begun.

The schemas are those of modules/*/migrations, one step after the other; nothing here knows what a step does. A step
that is killed before its commit has written nothing, so the writes of the process (strace) are all the moments there are.
"""
import os
import random
import re
import shutil
import signal
import sqlite3

from clients import people, start, texts
from groups import Groups
from load import FAST_LIMITS
from process import under_strace
from sotto import MODULES, SOURCE, program
from tables import without_sums
from tap import comment, main, night, skip, test

SEED = int(os.environ.get('SOTTO_SEED') or random.SystemRandom().randrange(1 << 32))
KILLS = night(12, 1000)
RECORD = '''CREATE TABLE sotto_migrations ( module TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
    checksum BLOB NOT NULL, applied_ms INTEGER NOT NULL, PRIMARY KEY (module, number)) WITHOUT ROWID'''
APPLICATION_ID = 0x534f5454
LOST = {'chat_log': {'chat': 'id >> 32'}}  # columns that older schemas have, from what the newest has


def steps():
    """{module: [(name, sql), ...]} as they lie in the source tree."""
    return {module: [(path.stem.split('_', 1)[1], path.read_text(encoding='utf-8'))
                     for path in sorted((SOURCE / 'modules' / module / 'migrations').glob('*.sql'))]
            for module in MODULES}


STEPS = steps()
NEWEST = {module: len(rows) for module, rows in STEPS.items()}
FIRST = {module: 1 for module in MODULES}


def earlier():
    """Every state from which one upgrades: the first of all, and each earlier one of each module."""
    found = [FIRST]
    found += [{**NEWEST, module: number} for module in MODULES for number in range(1, NEWEST[module])]
    return [state for number, state in enumerate(found) if state not in found[:number]]


def checksums(path):
    """{(module, number): checksum} as the server recorded them: it embeds the steps in a form of its own."""
    connection = sqlite3.connect(path)
    found = {(module, number): checksum for module, number, checksum in connection.execute(
        'SELECT module, number, checksum FROM sotto_migrations')}
    connection.close()
    return found


def make(path, state, sums=None):
    """An empty database of a state, by SQLite alone; without checksums no server takes it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute('PRAGMA synchronous = OFF')
    connection.execute('PRAGMA auto_vacuum = NONE')
    connection.execute(f'PRAGMA application_id = {APPLICATION_ID}')
    connection.execute(RECORD)
    for module, upto in state.items():
        for number, (name, sql) in enumerate(STEPS[module][:upto], start=1):
            connection.executescript(sql)
            connection.execute('INSERT INTO sotto_migrations VALUES (?, ?, ?, ?, 1)',
                               (module, number, name, sums[module, number] if sums else b''))
    return connection


def schema(connection):
    return set(connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql NOTNULL AND tbl_name != "
                                  "'sotto_migrations'"))


def columns(connection):
    """{table: its columns}, without the record of migrations."""
    tables = [name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {table: [row[1] for row in connection.execute(f'PRAGMA table_info({table})')]
            for table in tables if not table.startswith(('sqlite_', 'sotto_'))}


def rows(connection, shape):
    """The rows of the tables and columns of a shape."""
    return {table: sorted(connection.execute(f'SELECT {", ".join(names)} FROM {table}').fetchall(), key=repr)
            for table, names in shape.items()}


def shared(one, other):
    return {table: [name for name in names if name in other[table]]
            for table, names in one.items() if table in other}


def fill(connection, source):
    """Takes the rows of a database of the newest schema, as far as the older one has a place for them."""
    older = columns(connection)
    shape = shared(older, columns(source))
    for table, names in shape.items():
        lost = {name: value for name, value in LOST.get(table, {}).items() if name in older[table]}
        marks = ', '.join('?' * (len(names) + len(lost)))
        connection.executemany(f'INSERT OR IGNORE INTO {table} ({", ".join([*names, *lost])}) VALUES ({marks})',
                               source.execute(f'SELECT {", ".join([*names, *lost.values()])} FROM {table}'))
    return shape


def lived_in(stage):
    """The database of a server that people used, and its folder."""
    server = stage.server('lived', conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        people = [groups.person(name) for name in ('alice', 'bob', 'carol')]
        chat = people[0].create(people[1:])
        direct = people[1].create([people[2]], kind=1)
        for number in range(60):
            people[0].send(chat, f'number {number}')
        people[1].send(direct, 'hello')
        people[0].commit(chat, remove=[people[2]])
        people[0].login.refresh()
    stage.hang_up()
    assert server.stop() == 0
    return server


def arrange(stage, server):
    """Gives the pages of a file checksums, as a server does with those of the first releases at the first start."""
    arranged = server.data / 'arranged.db'
    process = stage.process([program('sottoctl'), '--data', server.data, 'db', 'recover', arranged],
                            stage.folder / 'sottoctl.stderr')
    assert process.wait() == 0, process.error_text()
    arranged.rename(server.data / 'sotto.db')


def old_server(stage, name, state, lived, is_arranged=False):
    """A server on a database of an earlier schema with rows; returns it, the shape and the rows. The first releases
    made files that could not shrink and had no checksums, which are rearranged at the first start."""
    server = stage.new_server(name, conf=FAST_LIMITS)
    shutil.copytree(lived.data / 'secrets', server.data / 'secrets')
    source = sqlite3.connect(lived.data / 'sotto.db')
    connection = make(server.data / 'sotto.db', state, checksums(lived.data / 'sotto.db'))
    shape = fill(connection, source)
    kept = rows(connection, shape)
    connection.close()
    source.close()
    if is_arranged:
        arrange(stage, server)
    return server, shape, kept


def state_of(connection):
    """How many steps of each module are recorded; they are numbered without a gap."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sotto_migrations'").fetchall():
        return {module: 0 for module in MODULES}
    found = {}
    for module in MODULES:
        numbers = [number for number, in connection.execute(
            'SELECT number FROM sotto_migrations WHERE module = ? ORDER BY number', (module,))]
        assert numbers == list(range(1, len(numbers) + 1)), (module, numbers)
        found[module] = len(numbers)
    return found


def expect_whole(path, scratch):
    """No step is half there: the schema is that of the steps that are recorded."""
    connection = sqlite3.connect(path)
    assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    state = state_of(connection)
    with make(scratch, state) as wanted:
        assert schema(connection) == schema(wanted), (state, schema(connection) ^ schema(wanted))
    wanted.close()
    connection.close()
    scratch.unlink()
    return state


def expect_upgraded(server, shape, kept, newest):
    connection = sqlite3.connect(server.data / 'sotto.db')
    assert state_of(connection) == NEWEST
    assert schema(connection) == newest
    now = rows(connection, shared(shape, columns(connection)))
    connection.close()
    for table, found in now.items():
        assert found == kept[table], (table, len(found), len(kept[table]))


def newest_schema(lived):
    connection = sqlite3.connect(lived.data / 'sotto.db')
    found = schema(connection)
    assert state_of(connection) == NEWEST
    connection.close()
    return found


@test
def every_earlier_schema_becomes_the_present_one_with_its_rows(stage):
    lived = lived_in(stage)
    newest = newest_schema(lived)
    for number, state in enumerate(earlier()):
        server, shape, kept = old_server(stage, f'old-{number}', state, lived)
        assert sum(map(len, kept.values())) > 80, kept

        server.start()
        assert server.stop() == 0

        expect_upgraded(server, shape, kept, newest)
    comment(f'{len(earlier())} earlier states of {sum(NEWEST.values())} steps')


def run_until_write(stage, server, name, number):
    """Starts the server and kills it at its n-th write of this kind; True: it was ready before."""
    options = ('-s', '16', '-o', stage.folder / 'strace', '-e', f'trace={name},write',
               '-e', f'inject={name}:signal=SIGKILL:when={number}')
    process = stage.process([*under_strace(*options), *server.command()], server.log_file)
    try:
        _, line = process.wait_line(lambda text: text.startswith('ready '))
    except AssertionError:
        assert process.wait() == -signal.SIGKILL, process.error_text()
        return False
    os.kill(int(re.search(r'pid=(\d+)', line).group(1)), signal.SIGTERM)
    process.wait()
    return True


def count_writes(stage, server, name):
    """How many writes of this kind the main thread makes on the way to ready."""
    assert run_until_write(stage, server, name, 65535)
    lines = (stage.folder / 'strace').read_text().splitlines()
    ready, = [number for number, line in enumerate(lines) if 'write(1, "ready' in line]
    main_thread = lines[ready].split()[0]
    return sum(line.split()[0] == main_thread and f' {name}(' in line for line in lines[:ready])


def kill_on_the_way(stage, name, lived, is_arranged, kills):
    """Kills upgrades from the first schema at chosen writes; returns which states that left."""
    chance = random.Random(SEED)
    newest = newest_schema(lived)
    server, shape, kept = old_server(stage, name, FIRST, lived, is_arranged)
    original = server.data.with_name('original')
    shutil.copytree(server.data, original)
    every = []
    for call in ('fdatasync', 'pwrite64'):
        count = count_writes(stage, server, call)
        every += [(call, number) for number in range(1, count + 1)]
        shutil.rmtree(server.data)
        shutil.copytree(original, server.data)
    seen = set()
    kills = min(kills, len(every))
    # One in each part of the way, so that early and late ones are among them.
    moments = [every[chance.randrange(len(every) * part // kills, len(every) * (part + 1) // kills)] for part in range(kills)]
    for call, number in moments:
        ended = run_until_write(stage, server, call, number)
        state = expect_whole(server.data / 'sotto.db', stage.folder / 'wanted.db')
        seen.add(tuple(state.values()))
        assert not ended or state == NEWEST

        server.start()
        assert server.stop() == 0
        expect_upgraded(server, shape, kept, newest)
        shutil.rmtree(server.data)
        shutil.copytree(original, server.data)
    comment(f'seed {SEED}: {len(moments)} of {len(every)} writes; steps of {MODULES} done then: {sorted(seen)}')
    return seen


@test
def a_kill_at_any_write_of_an_upgrade_leaves_whole_steps(stage):
    if shutil.which('strace') is None:
        skip('strace is not installed')
    lived = lived_in(stage)

    kill_on_the_way(stage, 'rearranged', lived, False, KILLS // 3)
    seen = kill_on_the_way(stage, 'first', lived, True, KILLS)

    assert len(seen) >= 2, seen


@test
def a_chat_from_before_groups_were_followed_is_shown_by_the_next_change(stage):
    """The server that is upgraded has no tree; the client's next commit brings it, and nobody notices."""
    server = start(stage)
    alice, bob, carol, dave = people(stage, server, 'alice', 'bob', 'carol', 'dave')
    alice.run('new', 'bob', 'carol', '--title', 'Old')
    bob.run('chats')
    assert server.stop() == 0
    with sqlite3.connect(without_sums(server.data / 'sotto.db')) as connection:
        connection.execute('DELETE FROM chat_trees')
    connection.close()
    server.start()

    bob.run('add', 'Old', 'dave')
    alice.run('remove', 'Old', 'carol')
    alice.run('send', 'Old', 'as ever')

    for reader in (bob, dave):
        assert texts(reader.run('read', 'Old'))[-1] == 'as ever'
    with sqlite3.connect(server.data / 'sotto.db') as connection:
        assert connection.execute('SELECT epoch FROM chat_trees').fetchall() == [(3,)]
    connection.close()


if __name__ == '__main__':
    main()
