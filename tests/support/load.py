# SPDX-License-Identifier: MIT
"""Starting sotto-load (tests/load) against a server of a scenario or a bench."""
import subprocess

from sotto import wait_object
from under_test import program

# A load generator is one address with many accounts: the limits that keep strangers at bay are raised.
FAST_LIMITS = '''
limits {
    unattached_per_address = 20000
    connections = 20000
    connections_per_account = 20000
    rate "login"    { per_second = 100000  burst = 100000 }
    rate "register" { per_second = 100000  burst = 100000 }
    rate "general"  { per_second = 1000000  burst = 1000000 }
    rate "send"     { per_second = 1000000  burst = 1000000 }
}
'''


def start_load(stage, server, job, *options, door='tcp'):
    """Starts a job of sotto-load by the door `tcp` or `ws`; its lines of JSON are read with sotto.wait_object.
    Jobs that hold connections end when the returned process is stopped, a ledger with end_load."""
    words = [str(option) for option in options]
    url = f'{door}://{server.ready["http" if door == "ws" else door]}'
    return stage.process([program('sotto-load'), job, '--server', url, *words],
                         stage.folder / f'load-{job}.stderr', stdin=subprocess.PIPE)


def end_load(load, place=0, seconds=60):
    """Ends the sending of a ledger; returns what it says when all that was begun is acknowledged and read."""
    load.child.stdin.close()
    _, ledger = wait_object(load, lambda found: found.get('job') == 'ledger', place, seconds)
    load.wait()
    return ledger
