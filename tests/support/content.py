# SPDX-License-Identifier: MIT
"""What a server has stored, as one value to compare: a refused request leaves it as it was."""
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


def content(server):
    """table -> digest of its rows, read beside the running server."""
    connection = sqlite3.connect(f'file:{server.data / "sotto.db"}?mode=ro', uri=True)
    connection.isolation_level = None
    connection.execute('BEGIN')  # all tables as of one moment
    found = {}
    for table in tables_of(connection):
        names = columns_of(connection, table)
        columns, condition = ', '.join(names), living(table, names)
        digest = hashlib.sha256()
        for row in connection.execute(f'SELECT {columns} FROM {table} WHERE {condition} ORDER BY {columns}'):
            digest.update(repr(row).encode())
        found[table] = digest.hexdigest()
    connection.close()
    return found


def changed(before, after):
    """The tables whose content is another."""
    return sorted(table for table in before.keys() | after.keys() if before.get(table) != after.get(table))
