# SPDX-License-Identifier: MIT
"""Starting sotto-load (tests/load) against a server of a scenario or a bench."""
import subprocess

from sotto import wait_object
from under_test import program

# A load generator is one address with many accounts: the limits that keep strangers at bay are raised. It and the doors of a
# test do nothing for as long as another one takes, and answer no Ping meanwhile.
FAST_LIMITS = '''
limits {
    unattached_per_address = 20000
    connections = 20000
    connections_per_account = 20000
    idle_timeout = 1h
    rate "login"    { per_second = 100000  burst = 100000 }
    rate "register" { per_second = 100000  burst = 100000 }
    rate "general"  { per_second = 1000000  burst = 1000000 }
    rate "send"     { per_second = 1000000  burst = 1000000 }
}
'''
LOAD_SECONDS = 300  # for what takes a load generator seconds where it has the machine to itself


def start_load(stage, server, job, *options, door='tcp'):
    """Starts a job of sotto-load by the door `tcp` or `ws`; its lines of JSON are read with sotto.wait_object.
    Jobs that hold connections end when the returned process is stopped, a ledger with end_load."""
    words = [str(option) for option in options]
    url = f'{door}://{server.ready["http" if door == "ws" else door]}'
    return stage.process([program('sotto-load'), job, '--server', url, *words],
                         stage.folder / f'load-{job}.stderr', stdin=subprocess.PIPE)


def end_load(load, place=0, seconds=LOAD_SECONDS):
    """Ends the sending of a ledger; returns what it says when all that was begun is acknowledged and read."""
    load.child.stdin.close()
    _, ledger = wait_object(load, lambda found: found.get('job') == 'ledger', place, seconds)
    load.wait()
    return ledger
