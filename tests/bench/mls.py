# SPDX-License-Identifier: MIT
"""Job B7: operations of an MLS group, ours and ts-mls in the same tree, each in its own process and one after the other.

`sotto-mlsbench scene` makes the group that two guests join, ours or those of ts-mls, which would itself take hours to fill a tree.
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
OURS = BUILD / 'bin' / 'sotto-mlsbench'
TSMLS = SOURCE / 'tests/interop/peers/bench_tsmls.mjs'
PACKAGE = SOURCE / 'tests/interop/node_modules/ts-mls'
ROWS = ('key package', 'join by Welcome', 'memory of a member', 'add one', 'bytes of a Welcome', 'commit with path',
        'process a commit', 'bytes of a commit', 'encrypt 256 bytes', 'decrypt 256 bytes', 'save', 'saved state')
OURS_ALONE = 'add one with path'  # ts-mls has no switch for it
MICROSECONDS = 1000  # of a row in ms: the table has one digit behind the point
OTHER_STEPS_SECONDS = 600  # of a step that has no bound of its own


def progress(leaves, shape, who, what):
    print(f'B7: {leaves:,} leaves, {shape}, {who}: {what}', file=sys.stderr, flush=True)


def scene(who, packages, leaves, shape):
    """The Welcome and the tree for whoever has these two key packages, a line of hex each."""
    progress(leaves, shape, who, 'making the group')
    return subprocess.run([OURS, 'scene', str(leaves), shape], check=True, stdout=subprocess.PIPE,
                          input='\n'.join([*packages, '']).encode()).stdout


def measure(who, command, leaves, shape, seconds):
    """The rows of a command that is two guests, by name; and why there are no more, None when it ended well."""
    stage = Stage('mls')
    rows, told, place = {}, set(), 0
    try:
        process = stage.process(command, stage.folder / 'stderr', stdin=subprocess.PIPE)
        pin(process.pid, GENERATOR_CPU)
        place, line = process.wait_line(lambda _: True)
        with process.child.stdin as stdin:
            stdin.write(scene(who, json.loads(line)['packages'], leaves, shape))
        while 'saved state' not in rows:
            place, line = process.wait_line(lambda _: True, place + 1, seconds)
            found = json.loads(line)
            if 'row' in found:
                rows[found['row']] = found
            elif found['doing'] not in told:
                told.add(found['doing'])
                progress(leaves, shape, who, found['doing'])
        process.wait(seconds)
    except Timeout as ended:
        print(ended, file=sys.stderr)
        return rows, 'it ended early' if process.ended_output else 'it took too long'
    finally:
        stage.close()
    return rows, None


def ours(leaves, shape):
    progress(leaves, shape, 'ours', 'all rows')
    rows, why_missing = measure('ours', [OURS, 'ours'], leaves, shape, OTHER_STEPS_SECONDS)
    assert why_missing is None, why_missing
    return rows


def theirs(leaves, shape, seconds):
    command = [NODE, '--expose-gc', '--stack-size=3900', TSMLS, seconds]
    return measure('ts-mls', command, leaves, shape, seconds + OTHER_STEPS_SECONDS)


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
