# SPDX-License-Identifier: MIT
# timeout: 200
"""Group commit: with 1,600 sends in flight one sync on the disk serves many acknowledgements.

Both witnesses are outside of the code that claims it: the kernel's count of syncs (strace -c) and /metrics.
"""
import re
import shutil
import signal

from load import FAST_LIMITS, start_load
from sotto import wait_object
from tap import comment, main, skip, test

PAIRS = 100
WINDOW = 16
SECONDS = 3
BATCH_AT_LEAST = 20
BUCKET = re.compile(r'^sotto_store_batch_size_bucket\{le="([^"]+)"\} (\d+)', re.M)


def buckets(server):
    """The batch histogram: [(upper bound, transactions up to it)], cumulative."""
    status, _, body = server.http('/metrics')
    assert status == 200, status
    return [(float(bound.replace('+Inf', 'inf')), int(count))
            for bound, count in BUCKET.findall(body.decode())]


def median_at_least(before, after):
    """A lower bound of the median of the batches between two readings: the bucket below the one that holds it."""
    grown = [(bound, count - dict(before)[bound]) for bound, count in after]
    half = grown[-1][1] / 2
    lower = 0
    for bound, count in grown:
        if count >= half:
            return lower, grown
        lower = bound
    return lower, grown


@test
def one_sync_serves_many_acknowledgements(stage):
    if shutil.which('strace') is None:
        skip('strace is not installed')
    server = stage.server(conf=FAST_LIMITS)
    load = start_load(stage, server, 'pairs', '--pairs', PAIRS, '--window', WINDOW, '--seconds', SECONDS)
    place, _ = wait_object(load, lambda found: 'ready' in found, seconds=120)
    before = buckets(server)
    report = stage.folder / 'strace'
    strace = stage.process(['strace', '-f', '-c', '-e', 'trace=fsync,fdatasync', '-o', report, '-p',
                            server.pid], stage.folder / 'strace.stderr')
    place, first = wait_object(load, lambda found: 'acked' in found, place)
    _, result = wait_object(load, lambda found: found.get('job') == 'pairs', place, seconds=60)
    strace.signal(signal.SIGINT)
    strace.wait()
    last = [line for line in load.lines if '"acked"' in line][-1]
    acked = int(re.search(r'"acked":(\d+)', last).group(1)) - first['acked']
    counted = re.findall(r'^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?f(?:data)?sync$',
                         report.read_text(), re.M)
    syncs = sum(int(count) for count in counted)
    lower, grown = median_at_least(before, buckets(server))

    comment(f'{acked} acknowledgements, {syncs} syncs; median batch over {lower:g}; batches {grown}')
    comment(str(result))
    assert syncs > 0, report.read_text()
    assert syncs < acked / BATCH_AT_LEAST, (syncs, acked)
    assert lower >= BATCH_AT_LEAST, (lower, grown)


if __name__ == '__main__':
    main()
