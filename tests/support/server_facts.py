# SPDX-License-Identifier: MIT
"""What a running server says of itself: its metrics, and its memory as the kernel counts it."""
import contextlib
import re
import time

from under_test import deadline


def metric(server, series):
    """The value of one series on /metrics; 0 when it is not there."""
    text = server.http('/metrics')[2].decode('utf-8')
    found = re.search(rf'^{re.escape(series)} (\S+)$', text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def wait_metric(server, series, enough):
    """Asks again until it is; a server without descriptors turns the question away, too."""
    end = deadline()
    value = None
    while True:
        with contextlib.suppress(OSError):
            value = metric(server, series)
            if enough(value):
                return
        assert time.monotonic() < end, f'{series} is {value}'
        time.sleep(0.01)


def resident_kib(server):
    return memory_line(server, 'VmRSS')


class Peak:
    """The most memory that a server had at a time since this was made, however soon it gave it back."""

    def __init__(self, server):
        self.server = server
        with open(f'/proc/{server.pid}/clear_refs', 'w', encoding='ascii') as peak:
            peak.write('5')
        self.before = memory_line(server, 'VmHWM')

    def grown_kib(self):
        return memory_line(self.server, 'VmHWM') - self.before


def memory_line(server, name):
    with open(f'/proc/{server.pid}/status', encoding='ascii') as status:
        return int(re.search(rf'{name}:\s+(\d+)', status.read()).group(1))
