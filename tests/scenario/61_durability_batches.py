# SPDX-License-Identifier: MIT
# timeout: 600
"""Group commit: with 1,600 sends in flight one sync on the disk serves many acknowledgements.

Both witnesses are outside of the code that claims it: the kernel's count of syncs (strace -c) and /metrics.
"""
import re
import shutil
import signal

from load import FAST_LIMITS, LOAD_SECONDS, end_load, start_load
from sotto import wait_object
from tables import wait_for
from tap import comment, main, skip, test

PAIRS = 100
WINDOW = 16
GROWN = 10000  # acknowledgements until the windows are full and the batches have grown
ACKS = 50000  # are counted
BATCH_AT_LEAST = 20
BUCKET = re.compile(r'^sotto_store_batch_size_bucket\{le="([^"]+)"\} (\d+)', re.M)
SUM = re.compile(r'^sotto_store_batch_size_sum (\d+)', re.M)


def batches(server):
    """The batch histogram: [(upper bound, transactions up to it)], cumulative; and the writes in all of them."""
    status, _, body = server.http('/metrics')
    assert status == 200, status
    return [(float(bound.replace('+Inf', 'inf')), int(count))
            for bound, count in BUCKET.findall(body.decode())], int(SUM.search(body.decode()).group(1))


def batch_of_the_median_write(before, after):
    """A lower bound of it, between two readings. Not of the median transaction: on a busy machine each wave of sends begins
    with a transaction of one, and half of all transactions may be those."""
    earlier, half = dict(before[0]), (after[1] - before[1]) / 2
    lower = below = done = 0
    for bound, count in after[0]:
        grown = count - earlier[bound]
        below += (grown - done) * bound if grown > done else 0  # at most
        if below > half:
            break
        lower, done = bound, grown
    return lower


@test
def one_sync_serves_many_acknowledgements(stage):
    if shutil.which('strace') is None:
        skip('strace is not installed')
    server = stage.server(conf=FAST_LIMITS)
    load = start_load(stage, server, 'ledger', '--pairs', PAIRS, '--window', WINDOW, '--messages', 100000, '--seconds',
                      LOAD_SECONDS)
    wait_object(load, lambda found: 'ready' in found, seconds=LOAD_SECONDS)
    report = stage.folder / 'strace'
    strace = stage.process(['strace', '-f', '-c', '-e', 'trace=fsync,fdatasync', '-o', report, '-p',
                            server.pid], stage.folder / 'strace.stderr')
    wait_for(lambda: 'attached' in strace.error_text())
    place, first = wait_object(load, lambda found: found.get('acked', 0) >= GROWN, len(load.lines), LOAD_SECONDS)
    before = batches(server)
    place, last = wait_object(load, lambda found: found.get('acked', 0) >= first['acked'] + ACKS, place,
                              LOAD_SECONDS)
    strace.signal(signal.SIGINT)
    strace.wait()
    ledger = end_load(load, place)
    acked = last['acked'] - first['acked']
    counted = re.findall(r'^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?f(?:data)?sync$',
                         report.read_text(), re.M)
    syncs = sum(int(count) for count in counted)
    lower = batch_of_the_median_write(before, batches(server))

    comment(f'{acked} acknowledgements, {syncs} syncs; the median write in a batch of over {lower:g}')
    comment(str(ledger))
    assert syncs > 0, report.read_text()
    assert syncs < acked / BATCH_AT_LEAST, (syncs, acked)
    assert lower >= BATCH_AT_LEAST, (before, batches(server))


if __name__ == '__main__':
    main()
