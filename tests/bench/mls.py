# SPDX-License-Identifier: MIT
"""Job B7: operations of an MLS group, ours beside ts-mls and OpenMLS, each in its own process and one after the other.

`sotto-mlsbench scene` makes the group that two guests join, ours or others: to fill a tree would take others hours. Two shapes:
`full`, where each parent has a key, which a group grows into, and `adds`, where everybody was added and only the inviter has
renewed its path, so that half of the group or more stands under no key. A step of ts-mls that takes longer than its bound is
ended, and the bound is its row: "> N us". What is being done is said on stderr, since a step may take a minute."""
import dataclasses
import json
import pathlib
import subprocess
import sys

from measure import GENERATOR_CPU, pin
from peers import NODE
from process import Timeout
from sotto import BUILD, SOURCE, Stage

SHAPES = ('full', 'adds')
OURS = BUILD / 'bin' / 'sotto-mlsbench'
ROWS = ('key package', 'join by Welcome', 'memory of a member', 'add one', 'bytes of a Welcome', 'commit with path',
        'process a commit', 'bytes of a commit', 'encrypt 256 bytes', 'decrypt 256 bytes', 'save', 'saved state')
OURS_ALONE = 'add one with path'  # others have no switch for it
KNOWN_OPENMLS = {'row': 'add one', 'leaves': 1000, 'unit': 'ms', 'min': 734, 'median': 734, 'max': 734}  # native code, elsewhere
MICROSECONDS = 1000  # of a row in ms: the table has one digit behind the point
OTHER_STEPS_SECONDS = 600  # of a step that has no bound of its own


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    package: pathlib.Path
    program: pathlib.Path
    arguments: tuple  # of node
    lacks: str  # why a row is missing that it never has
    tree: str = 'beside'  # or inside the Welcome


PEERS = (
    Peer('ts-mls', SOURCE / 'tests/interop/node_modules/ts-mls', SOURCE / 'tests/interop/peers/bench_tsmls.mjs',
         ('--expose-gc', '--stack-size=3900'), 'an earlier step took too long'),
    Peer('OpenMLS in wasm', SOURCE / 'tests/interop/node_modules/@wireapp/core-crypto',
         SOURCE / 'tests/interop/peers/bench_openmls.mjs', (), 'core-crypto saves in each step and tells no sizes', 'inside'),
)


def progress(leaves, shape, who, what):
    print(f'B7: {leaves:,} leaves, {shape}, {who}: {what}', file=sys.stderr, flush=True)


def scene(who, packages, leaves, shape, tree):
    """The Welcome and the tree for whoever has these two key packages, a line of hex each."""
    progress(leaves, shape, who, 'making the group')
    return subprocess.run([OURS, 'scene', str(leaves), shape, tree], check=True, stdout=subprocess.PIPE,
                          input='\n'.join([*packages, '']).encode()).stdout


def measure(who, command, leaves, shape, seconds, tree='beside'):
    """The rows of a command that is two guests, by name; and why there are no more, None when it ended well."""
    stage = Stage('mls')
    rows, told, place = {}, set(), 0
    try:
        process = stage.process(command, stage.folder / 'stderr', stdin=subprocess.PIPE)
        pin(process.pid, GENERATOR_CPU)
        place, line = process.wait_line(lambda _: True)
        with process.child.stdin as stdin:
            stdin.write(scene(who, json.loads(line)['packages'], leaves, shape, tree))
        found = {}
        while 'end' not in found:
            place, line = process.wait_line(lambda _: True, place + 1, seconds)
            found = json.loads(line)
            if 'row' in found:
                rows[found['row']] = found
            elif 'doing' in found and found['doing'] not in told:
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


def theirs(peer, leaves, shape, seconds):
    """The rows of a peer by name, and why others are missing."""
    if not peer.package.exists():
        return {}, 'not installed: scripts/bootstrap bench'
    rows, why_missing = measure(peer.name, [NODE, *peer.arguments, peer.program, seconds], leaves, shape,
                                seconds + OTHER_STEPS_SECONDS, peer.tree)
    return rows, why_missing or peer.lacks


def add(table, what, row):
    factor, unit = (MICROSECONDS, 'us') if row['unit'] == 'ms' else (1, row['unit'])
    table.add('B7', what, unit, [factor * row[key] for key in ('min', 'median', 'max')])


def add_other(table, name, mine, other, why_missing):
    """The row of a peer for one of ours, and how many times ours it is."""
    if other is None:
        table.missing('B7', f'  {name}', why_missing)
    elif 'over' in other:
        table.over('B7', f'  {name}', 'us', MICROSECONDS * other['over'])
        table.over('B7', f'  {name} beside ours', 'ratio', other['over'] / mine['median'])
    else:
        add(table, f'  {name}', other)
        table.ratio('B7', f'  {name} beside ours', other['median'], mine['median'])


def compare(table, leaves, shape, seconds, peers):
    mine = ours(leaves, shape)
    others = [(peer.name, *theirs(peer, leaves, shape, seconds)) for peer in peers]
    add(table, f'{OURS_ALONE}, {leaves:,} leaves, {shape}', mine[OURS_ALONE])
    for row in ROWS:
        add(table, f'{row}, {leaves:,} leaves, {shape}', mine[row])
        for name, rows, why_missing in others:
            add_other(table, name, mine[row], rows.get(row), why_missing)
        if others and (row, leaves) == (KNOWN_OPENMLS['row'], KNOWN_OPENMLS['leaves']):
            add_other(table, 'OpenMLS as native code, known figure', mine[row], KNOWN_OPENMLS, None)


def count_behind(table):
    """The last line of the job: in how many rows another implementation was ahead of ours."""
    ratios = [row.get('median', row.get('over')) for row in table.rows if row['job'] == 'B7' and row.get('unit') == 'ratio']
    table.add('B7', f'rows in which another is ahead, of {len(ratios)}', 'rows', [sum(ratio < 1 for ratio in ratios)])


def job(table, sizes, seconds, with_peers):
    if with_peers:
        table.missing('B7', 'OpenMLS, mls-rs as native code', 'need a Rust toolchain and crates, which no package list here brings')
    for leaves in sizes:
        for shape in SHAPES:
            compare(table, leaves, shape, seconds, PEERS if with_peers else ())
    if with_peers:
        count_behind(table)
