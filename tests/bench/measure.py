# SPDX-License-Identifier: MIT
"""What every job of the bench needs: processes on their own CPU, their CPU seconds and memory, rows of the table."""
import json
import os
import pathlib
import re
import statistics

from load import LOAD_SECONDS
from sotto import wait_object

SERVER_CPU, GENERATOR_CPU = 0, 1
GENERATOR_LIMIT = 0.9  # of one CPU


def pin(pid, cpu):
    if (os.cpu_count() or 1) < 2:
        return
    for thread in os.listdir(f'/proc/{pid}/task'):
        os.sched_setaffinity(int(thread), {cpu})


def cpu_seconds(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='utf-8').rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def resident_bytes(pid):
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text(encoding='utf-8')
    return int(re.search(r'^Rss:\s+(\d+) kB', text, re.M).group(1)) * 1024


def drive(server_pid, load, job, seconds):
    """Waits for the result of a load job and adds what the CPUs of both sides did: per_server_cpu_s is deliveries (or
    whatever the job counts) for each second of the server's CPU, generator_cpu the generator's share of its CPU."""
    place, _ = wait_object(load, lambda found: 'ready' in found, seconds=LOAD_SECONDS)
    pin(load.pid, GENERATOR_CPU)
    before = cpu_seconds(server_pid), cpu_seconds(load.pid)
    _, result = wait_object(load, lambda found: found.get('job') == job, place, LOAD_SECONDS)
    spent = cpu_seconds(server_pid) - before[0], cpu_seconds(load.pid) - before[1]
    whole = result.get('seconds', seconds + (1 if job in ('pairs', 'group') else 0))
    rate = next(result[key] for key in ('deliveries_per_s', 'messages_per_s', 'per_s') if key in result)
    result['rate'] = rate
    result['per_server_cpu_s'] = rate * whole / max(spent[0], 0.01)
    result['generator_cpu'] = spent[1] / max(whole, 0.01)
    load.stop()
    return result


class Table:
    """The rows of one run: printed as they come, kept for build/bench.json."""

    def __init__(self):
        self.rows = []

    def add(self, job, what, unit, values, note=''):
        found = {'job': job, 'what': what, 'unit': unit, 'median': statistics.median(values),
                 'min': min(values), 'max': max(values), 'note': note}
        self.rows.append(found)
        print(f'{job:6} {what:56} {found["median"]:>12,.1f} {unit:14} '
              f'[{found["min"]:,.1f} .. {found["max"]:,.1f}] {note}', flush=True)

    def missing(self, job, what, why):
        self.rows.append({'job': job, 'what': what, 'missing': why})
        print(f'{job:6} {what:56} {"MISSING":>12} {why}', flush=True)

    def over(self, job, what, unit, bound):
        """A value that was not waited for: it is more than the bound."""
        self.rows.append({'job': job, 'what': what, 'unit': unit, 'over': bound})
        print(f'{job:6} {what:56} {f"> {bound:,.1f}":>12} {unit}', flush=True)

    def load(self, job, what, results, unit='deliveries/s'):
        """A load job in several repetitions, with what each second of CPU gave and the latencies."""
        slow = statistics.median(result['generator_cpu'] for result in results) > GENERATOR_LIMIT
        self.add(job, what, unit, [result['rate'] for result in results],
                 'the generator was the limit' if slow else '')
        self.add(job, '  for each second of server CPU', unit.split('/', maxsplit=1)[0],
                 [result['per_server_cpu_s'] for result in results])
        for quantile in ('reader_p50_ms', 'reader_p99_ms', 'ack_p50_ms', 'ack_p99_ms'):
            if quantile in results[0]:
                self.add(job, f'  {quantile}', 'ms', [result[quantile] for result in results])

    def median(self, job, what=None):
        """The first row of a job (whose text is `what`), or None."""
        return next((row['median'] for row in self.rows
                     if row['job'] == job and 'median' in row and what in (None, row['what'])), None)

    def ratio(self, name, what, above, below):
        if above and below:
            self.rows.append({'job': name, 'what': what, 'unit': 'ratio', 'median': above / below})
            print(f'{name:6} {what:56} {above / below:>12.2f} ratio', flush=True)

    def write(self, path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(self.rows, indent=1) + '\n', encoding='utf-8')
