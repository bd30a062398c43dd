# SPDX-License-Identifier: MIT
"""Job B7: operations of an MLS group, ours and ts-mls in the same tree, each in its own process and one after the other.

`sotto-mlsbench scene` makes the group that ts-mls joins, since ts-mls itself would take hours to fill a tree of thousands.
Two shapes: `full`, where each parent has a key, which a group grows into, and `adds`, where everybody was added and only the
inviter has renewed its path, so that half of the group or more stands under no key. A step of ts-mls that takes longer than its
bound is ended, and the bound is its row: "> N us". What is being done is said on stderr, since a step may take a minute."""
import json
import subprocess
import sys

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
MICROSECONDS = 1000  # of a row in ms: the table has one digit behind the point
OTHER_STEPS_SECONDS = 600  # what ts-mls does without a bound: it joins twice without checking, which grows with the group


def progress(leaves, shape, who, what):
    print(f'B7: {leaves:,} leaves, {shape}, {who}: {what}', file=sys.stderr, flush=True)


def ours(leaves, shape):
    """The rows of sotto-mlsbench by name."""
    progress(leaves, shape, 'ours', 'making the group, all rows')
    output = subprocess.run([BUILD / 'bin' / 'sotto-mlsbench', 'ours', str(leaves), shape],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    return {row['row']: row for row in map(json.loads, output.splitlines())}


def scene(packages, leaves, shape):
    """The Welcome and the tree for whoever has these two key packages, a line of hex each."""
    progress(leaves, shape, 'ts-mls', 'making the group')
    return subprocess.run([BUILD / 'bin' / 'sotto-mlsbench', 'scene', str(leaves), shape], check=True,
                          stdout=subprocess.PIPE, text=True, input='\n'.join(packages) + '\n').stdout


def theirs(leaves, shape, seconds):
    """The rows of ts-mls by name, and why there are no more: None when there are all."""
    stage = Stage('mls')
    rows, place = {}, 0
    try:
        process = stage.process([NODE, '--expose-gc', '--stack-size=3900', TSMLS, seconds], stage.folder / 'tsmls.stderr',
                                stdin=subprocess.PIPE)
        pin(process.pid, GENERATOR_CPU)
        place, line = process.wait_line(lambda _: True, place)
        process.child.stdin.write(scene(json.loads(line)['packages'], leaves, shape).encode())
        process.child.stdin.flush()
        told = set()
        while len(rows) < len(ROWS):
            place, line = process.wait_line(lambda _: True, place + 1, seconds + OTHER_STEPS_SECONDS)
            found = json.loads(line)
            if 'row' in found:
                rows[found['row']] = found
            elif found['doing'] not in told:
                told.add(found['doing'])
                progress(leaves, shape, 'ts-mls', found['doing'])
    except Timeout as ended:
        print(ended, file=sys.stderr)
        return rows, 'it ended early' if process.ended_output else 'it took too long'
    finally:
        stage.close()
    return rows, None


def add(table, what, row):
    factor, unit = (MICROSECONDS, 'us') if row['unit'] == 'ms' else (1, row['unit'])
    table.add('B7', what, unit, [factor * row[key] for key in ('min', 'median', 'max')])


def add_other(table, mine, other, why_missing):
    """The row of ts-mls for one of ours, and how many times ours it is."""
    if other is None:
        table.missing('B7', '  ts-mls', why_missing)
    elif 'over' in other:
        table.over('B7', '  ts-mls', 'us', MICROSECONDS * other['over'])
        table.over('B7', '  ts-mls beside ours', 'ratio', other['over'] / mine['median'])
    else:
        add(table, '  ts-mls', other)
        table.ratio('B7', '  ts-mls beside ours', other['median'], mine['median'])


def compare(table, leaves, shape, seconds, with_peer):
    mine = ours(leaves, shape)
    other, why_missing = {}, 'not installed: scripts/bootstrap bench'
    if with_peer and PACKAGE.exists():
        other, why_missing = theirs(leaves, shape, seconds)
    add(table, f'{OURS_ALONE}, {leaves:,} leaves, {shape}', mine[OURS_ALONE])
    for name in ROWS:
        add(table, f'{name}, {leaves:,} leaves, {shape}', mine[name])
        if with_peer:
            add_other(table, mine[name], other.get(name), why_missing or 'an earlier step took too long')


def job(table, sizes, seconds, with_peer):
    if with_peer:
        table.missing('B7', 'OpenMLS, mls-rs', 'need a Rust toolchain and crates, which no package list here brings')
    for leaves in sizes:
        for shape in SHAPES:
            compare(table, leaves, shape, seconds, with_peer)
