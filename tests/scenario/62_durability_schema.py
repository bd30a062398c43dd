# SPDX-License-Identifier: MIT
"""The database of the real modules: made once, left alone by a second start, and closed to rows without a parent.

That the server itself opens every connection with foreign keys in force is shown by tests/unit/test_store.c.
"""
import sqlite3

from clients import people, start
from tables import without_sums
from tap import comment, main, test


def schema(server):
    connection = sqlite3.connect(f'file:{server.data / "sotto.db"}?mode=ro', uri=True)
    rows = connection.execute('SELECT type, name, sql FROM sqlite_master ORDER BY name').fetchall()
    connection.close()
    return rows


def applied(server):
    return [line for line in server.log().splitlines() if 'applied' in line and 'migration' in line]


@test
def a_first_start_migrates_and_a_second_has_nothing_to_do(stage):
    server = stage.server()
    first, made = applied(server), schema(server)
    assert server.stop() == 0
    server.start()

    assert len(first) >= 3, server.log()
    assert applied(server) == first
    assert schema(server) == made


@test
def a_database_with_a_changed_migration_is_refused(stage):
    server = stage.server()
    assert server.stop() == 0
    connection = sqlite3.connect(without_sums(server.data / 'sotto.db'))
    table, = [name for kind, name, sql in schema(server) if kind == 'table' and 'checksum' in sql.lower()]
    connection.execute(f"UPDATE {table} SET checksum = zeroblob(32) WHERE module = 'chat'")
    connection.commit()
    connection.close()

    server.launch()

    assert server.process.wait() == 78
    assert 'module "chat"' in server.log().splitlines()[-1] or 'chat' in server.log(), server.log()


def orphans(connection):
    """For each table with parents a row of it that names a parent that is not there: (table, refused)."""
    tables = [name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        parents = connection.execute(f'PRAGMA foreign_key_list({table})').fetchall()
        row = connection.execute(f'SELECT * FROM {table} LIMIT 1').fetchone()
        if not parents or row is None:
            continue
        for parent in parents:
            column = parent[3]
            absent = 'X' * 16 if 'id' in column else 999999
            absent = absent.encode() if isinstance(absent, str) else absent
            try:
                connection.execute(f'UPDATE {table} SET {column} = ?', (absent,))
                connection.execute('COMMIT')
                yield table, column, False
            except sqlite3.IntegrityError:
                yield table, column, True
            finally:
                if connection.in_transaction:
                    connection.execute('ROLLBACK')
                connection.execute('BEGIN')


@test
def a_row_without_its_parent_is_refused_in_every_table_that_has_one(stage):
    server = start(stage)
    alice, _, _ = people(stage, server, 'alice', 'bob', 'carol')
    alice.run('new', 'bob')
    alice.run('new', 'bob', 'carol', '--title', 'Picnic')
    alice.run('send', 'Picnic', 'hello')
    assert server.stop() == 0
    connection = sqlite3.connect(server.data / 'sotto.db', isolation_level=None)
    connection.execute('PRAGMA foreign_keys = ON')
    connection.execute('BEGIN')

    found = list(orphans(connection))

    connection.close()
    assert all(refused for _, _, refused in found), found
    tables = {table for table, _, _ in found}
    assert tables >= {'auth_logins', 'auth_refresh', 'keyx_devices', 'keyx_log', 'keyx_packages', 'chat_chats',
                      'chat_members', 'chat_seats', 'chat_log', 'chat_pairs'}, tables
    comment(f'{len(found)} references of {len(tables)} tables')


if __name__ == '__main__':
    main()
