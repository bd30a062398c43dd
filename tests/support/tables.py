# SPDX-License-Identifier: MIT
"""Looking into the files of a server that runs: what an operator, or a thief of the disk, would find."""
import sqlite3
import time

from under_test import deadline, patient

FILES = ('sotto.db', 'sotto.db-wal')
PAGE_BYTES, SUM_BYTES = 4096, 8


def ask(server, sql, *values):
    """The first column of the first row."""
    path = f'file:{server.data / "sotto.db"}?mode=ro'
    connection = sqlite3.connect(path, uri=True, timeout=patient())
    try:
        return connection.execute(sql, values).fetchone()[0]
    finally:
        connection.close()


def without_sums(path):
    """Takes the checksums off the pages of a stopped server's database, so that it takes what another program writes
    there. A free page of zeros keeps its own, without which it would be a lost one. Returns the path."""
    with open(path, 'r+b') as file:
        for end in range(PAGE_BYTES, path.stat().st_size + 1, PAGE_BYTES):
            file.seek(end - PAGE_BYTES)
            if any(file.read(PAGE_BYTES - SUM_BYTES)):
                file.seek(end - SUM_BYTES)
                file.write(bytes(SUM_BYTES))
    return path


def wait_for(question, wanted=True):
    """Asks until the answer is the wanted one; fails with the last answer."""
    end = deadline()
    while (answer := question()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert answer == wanted, f'it stayed {answer!r}, not {wanted!r}'


def wait_rows(server, table, wanted):
    wait_for(lambda: ask(server, f'SELECT COUNT(*) FROM {table}'), wanted)


def file_bytes(server):
    """How large the database is, its WAL included."""
    return sum((server.data / name).stat().st_size for name in FILES if (server.data / name).exists())


def is_on_disk(server, data):
    """Whether these bytes are anywhere in the files, in a row or in what is left of one."""
    return any(data in (server.data / name).read_bytes() for name in FILES if (server.data / name).exists())
