# SPDX-License-Identifier: MIT
"""Damaging copies of a database and knowing what may be lost by it.

    original = Original(folder)             rows of all tables and which pages they stand on, by SQLite itself
    copy = original.copy(target)            the files without the -shm
    harm = damage(copy, random, original)   one harm: what was done and to which pages
    lost, new = original.compare(other)     rows by table that are missing in, or only in, another database
"""
import collections
import shutil
import sqlite3
import struct

NAME = 'sotto.db'
WAL_HEADER, FRAME_HEADER = 32, 24
# last: only the newest transaction of the log, or nothing of it, is harmed, as far as anybody can tell
Harm = collections.namedtuple('Harm', 'kind pages last', defaults=(False,))


def rows_of(path):
    """{table: Counter of its rows} of a database."""
    connection = sqlite3.connect(path)
    tables = [name for name, in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    found = {table: collections.Counter(connection.execute(f'SELECT * FROM {table}')) for table in tables}
    connection.close()
    return found


class Original:
    def __init__(self, folder):
        self.folder = folder
        scratch = self.copy(folder.parent / f'{folder.name}-read')
        self.rows = rows_of(scratch / NAME)
        connection = sqlite3.connect(scratch / NAME)
        self.page_bytes, = connection.execute('PRAGMA page_size').fetchone()
        self.pages = {page: (name, kind, cells) for page, name, kind, cells in connection.execute(
            'SELECT pageno, name, pagetype, ncell FROM dbstat')}
        connection.close()

    def copy(self, target):
        target.mkdir(mode=0o700)
        for name in (NAME, NAME + '-wal'):
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, target / name)
        return target

    def compare(self, path):
        found = rows_of(path)
        lost = {table: rows - found.get(table, collections.Counter()) for table, rows in self.rows.items()}
        new = {table: rows - self.rows.get(table, collections.Counter()) for table, rows in found.items()}
        count = lambda differing: {table: rows.total() for table, rows in differing.items() if rows}
        return count(lost), count(new)

    def may_lose(self, pages):
        """{table: rows that stand on these pages}; a row that runs over several pages stands on each."""
        may = collections.Counter()
        for page in pages:
            name, kind, cells = self.pages.get(page, (None, None, 0))
            if name:
                may[name] += 1 if kind == 'overflow' else cells
        return may


def change(path, offset, data):
    with open(path, 'r+b') as file:
        file.seek(offset)
        file.write(data)


def flip(path, chance):
    """One random bit; returns where."""
    data = path.read_bytes()
    offset = chance.randrange(len(data))
    change(path, offset, bytes([data[offset] ^ 1 << chance.randrange(8)]))
    return offset


def harm_file(path, chance, page_bytes):
    """One harm to the database itself."""
    count = path.stat().st_size // page_bytes
    kind = chance.choice(('bit', 'bit', 'zero', 'cut'))
    if kind == 'bit':
        return Harm('bit', {flip(path, chance) // page_bytes + 1})
    if kind == 'zero':
        page = chance.randrange(count) + 1
        change(path, (page - 1) * page_bytes, bytes(page_bytes))
        return Harm('zero', {page})
    size = chance.randrange(1, path.stat().st_size)
    with open(path, 'r+b') as file:
        file.truncate(size)
    return Harm('cut', set(range(size // page_bytes + 1, count + 1)))


def checksum(data, sums, order):
    """SQLite's checksum of a log, over some of its bytes and what came before (fileformat2, section 4.2)."""
    first, second = sums
    words = struct.unpack(f'{order}{len(data) // 4}I', data)
    for even, odd in zip(words[::2], words[1::2]):
        first = (first + even + second) & 0xffffffff
        second = (second + odd + first) & 0xffffffff
    return first, second


def last_transaction(data, frame_bytes):
    """The first frame (from 0) of the newest transaction in a log. One that a kill cut short is none, though its frames
    may all be there: until the last moment their checksums are those of what the transaction wrote before."""
    order = '>' if data[3] & 1 else '<'
    sums = checksum(data[:24], (0, 0), order)
    starts = [0]
    for frame in range((len(data) - WAL_HEADER) // frame_bytes):
        whole = data[WAL_HEADER + frame * frame_bytes:][:frame_bytes]
        sums = checksum(whole[:8] + whole[FRAME_HEADER:], sums, order)
        if whole[8:16] != data[16:24] or struct.unpack_from('>2I', whole, 16) != sums:
            break
        if struct.unpack_from('>I', whole, 4)[0]:
            starts.append(frame + 1)
    return starts[-2] if len(starts) > 1 else 0


def looks_torn(data, frame_bytes, offset):
    """Whether harm from here on may be the torn end of the newest transaction. The frame that ends the one before is
    among it when its header goes: with the checksum and the mark of the end, it might as well begin the newest."""
    frame, within = divmod(offset - WAL_HEADER, frame_bytes)
    newest = last_transaction(data, frame_bytes)
    return frame >= newest or (frame == newest - 1 and within < FRAME_HEADER)


def harm_log(path, chance, page_bytes):
    """One harm to the log beside it."""
    kind = chance.choice(('log bit', 'log bit', 'log zero', 'log cut'))
    frame_bytes = FRAME_HEADER + page_bytes
    data = path.read_bytes()
    if kind == 'log cut':
        with open(path, 'r+b') as file:
            file.truncate(chance.randrange(len(data)))
        return Harm(kind, set(), True)
    if kind == 'log bit':
        offset = flip(path, chance)
    else:
        offset = WAL_HEADER + chance.randrange((len(data) - WAL_HEADER) // frame_bytes) * frame_bytes
        change(path, offset, bytes(frame_bytes))
    frame = (offset - WAL_HEADER) // frame_bytes
    if frame < 0:
        return Harm(kind, set())
    page, = struct.unpack_from('>I', data, WAL_HEADER + frame * frame_bytes)
    return Harm(kind, {page}, looks_torn(data, frame_bytes, offset))


def damage(folder, chance, original):
    log = folder / (NAME + '-wal')
    if log.exists() and log.stat().st_size > WAL_HEADER and chance.random() < 0.4:
        return harm_log(log, chance, original.page_bytes)
    return harm_file(folder / NAME, chance, original.page_bytes)
