# SPDX-License-Identifier: MIT
"""Job B7: operations of an MLS group, ours and ts-mls in the same tree, each in its own process and one after the other.

`sotto-mlsbench scene` makes the group that ts-mls joins, since ts-mls itself would take hours to fill a tree of thousands.
Two shapes: `full`, where each parent has a key, which a group grows into, and `adds`, where everybody was added and only the
inviter has renewed its path, so that half of the group or more stands under no key. A step of ts-mls that takes longer than its
bound ends it: that row says "> N s", those after it MISSING."""
import json
import subprocess

from measure import GENERATOR_CPU, pin
from peers import NODE
from process import Timeout
from sotto import BUILD, SOURCE, Stage

SHAPES = ('full', 'adds')
TSMLS = SOURCE / 'tests/interop/peers/bench_tsmls.mjs'
PACKAGE = SOURCE / 'tests/interop/node_modules/ts-mls'
ROWS = ('key package', 'join by Welcome', 'memory of a member', 'add one', 'bytes of a Welcome', 'commit with path',
        'process a commit', 'bytes of a commit', 'encrypt 256 bytes', 'decrypt 256 bytes', 'save', 'saved state')
OURS_ALONE = 'add one with path'  # ts-mls has no switch for it
TIMES = 5  # repetitions of a step of ts-mls


def ours(leaves, shape):
    """The rows of sotto-mlsbench by name."""
    output = subprocess.run([BUILD / 'bin' / 'sotto-mlsbench', 'ours', str(leaves), shape],
                            check=True, capture_output=True, text=True).stdout
    return {row['row']: row for row in map(json.loads, output.splitlines())}


def welcome(packages, leaves, shape):
    return subprocess.run([BUILD / 'bin' / 'sotto-mlsbench', 'scene', str(leaves), shape], check=True,
                          capture_output=True, text=True, input='\n'.join(packages) + '\n').stdout


def theirs(leaves, shape, seconds):
    """The rows of ts-mls by name, and the name of the step that took longer than `seconds`, or None."""
    stage = Stage('mls')
    rows, place, doing = {}, 0, 'key package'
    try:
        process = stage.process([NODE, '--expose-gc', TSMLS, TIMES], stage.folder / 'tsmls.stderr', stdin=subprocess.PIPE)
        pin(process.pid, GENERATOR_CPU)
        place, line = process.wait_line(lambda _: True, place, seconds)
        process.child.stdin.write(welcome(json.loads(line)['packages'], leaves, shape).encode())
        process.child.stdin.flush()
        while len(rows) < len(ROWS):
            place, line = process.wait_line(lambda _: True, place + 1, seconds)
            found = json.loads(line)
            doing = found.get('doing', doing)
            if 'row' in found:
                rows[found['row']] = found
    except Timeout:
        if not process.running:
            raise
        return rows, doing
    finally:
        stage.close()
    return rows, None


def add(table, what, row):
    """Times are told in microseconds, since the table has one digit behind the point."""
    factor, unit = (1000, 'us') if row['unit'] == 'ms' else (1, row['unit'])
    table.add('B7', what, unit, [factor * row[key] for key in ('min', 'median', 'max')])


def compare(table, leaves, shape, seconds, with_peer):
    mine = ours(leaves, shape)
    other, too_slow = theirs(leaves, shape, seconds) if with_peer and PACKAGE.exists() else ({}, None)
    add(table, f'{OURS_ALONE}, {leaves:,} leaves, {shape}', mine[OURS_ALONE])
    for name in ROWS:
        add(table, f'{name}, {leaves:,} leaves, {shape}', mine[name])
        if not with_peer:
            continue
        if name in other:
            add(table, '  ts-mls', other[name])
            table.ratio('B7', '  ts-mls beside ours', other[name]['median'], mine[name]['median'])
        elif name == too_slow:
            table.missing('B7', '  ts-mls', f'> {seconds} s')
        else:
            table.missing('B7', '  ts-mls', 'not reached: an earlier step took too long' if PACKAGE.exists()
                          else 'not installed: scripts/bootstrap bench')


def job(table, sizes, seconds, with_peer):
    if with_peer:
        table.missing('B7', 'OpenMLS, mls-rs', 'need a Rust toolchain and crates, which no package list here brings')
    for leaves in sizes:
        for shape in SHAPES:
            compare(table, leaves, shape, seconds, with_peer)
