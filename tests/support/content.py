# SPDX-License-Identifier: MIT
"""What a server has stored, as one value to compare: a refused request leaves it as it was."""
import contextlib
import hashlib
import sqlite3

# How far a device has read is written seconds after it was said, whoever calls meanwhile.
LATE = {'chat_seats': {'read_seq'}}
# A deleted chat goes piece by piece, and leaves its number here.
PIECEMEAL = {'chat_tops'}
CHAT = {'chat_log': 'id >> 32'}  # where no column of that name says it
LIVING = 'SELECT num FROM chat_chats WHERE deleted_ms = 0'


def tables_of(connection):
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return sorted(name for name, in rows if name not in PIECEMEAL)


def columns_of(connection, table):
    names = [row[1] for row in connection.execute(f'PRAGMA table_info({table})')]
    return [name for name in names if name not in LATE.get(table, ())]


def living(table, columns):
    """The condition that leaves out what belongs to deleted chats."""
    if table == 'chat_chats':
        return 'deleted_ms = 0'
    chat = 'chat' if 'chat' in columns else CHAT.get(table)
    return f'{chat} IN ({LIVING})' if chat else '1'


def digests(connection):
    """table -> digest of its rows."""
    found = {}
    for table in tables_of(connection):
        names = columns_of(connection, table)
        columns, condition = ', '.join(names), living(table, names)
        digest = hashlib.sha256()
        for row in connection.execute(f'SELECT {columns} FROM {table} WHERE {condition} ORDER BY {columns}'):
            digest.update(repr(row).encode())
        found[table] = digest.hexdigest()
    return found


class Content:
    """The digests, read beside the running server; anew only when something was written since."""

    def __init__(self, server):
        self.connection = sqlite3.connect(f'file:{server.data / "sotto.db"}?mode=ro', uri=True)
        self.connection.isolation_level = None
        self.version = self.found = None

    def read(self):
        self.connection.execute('BEGIN')  # all tables as of one moment
        version = self.connection.execute('PRAGMA data_version').fetchone()
        if version != self.version:
            self.version, self.found = version, digests(self.connection)
        self.connection.execute('COMMIT')
        return self.found

    def close(self):
        self.connection.close()


def content(server):
    """The digests once, whoever writes in between."""
    with contextlib.closing(Content(server)) as once:
        return once.read()


def changed(before, after):
    """The tables whose content is another."""
    return sorted(table for table in before.keys() | after.keys() if before.get(table) != after.get(table))
