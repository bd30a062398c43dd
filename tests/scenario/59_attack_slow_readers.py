# SPDX-License-Identifier: MIT
# io_threads: default
# timeout: 600
"""Members of a group that stop reading (R8): they are closed at the bound of their queue, cost bounded memory, disturb
nobody, and lack nothing when they come back."""
from load import FAST_LIMITS, LOAD_SECONDS, start_load
from server_facts import resident_kib, wait_metric
from sotto import wait_object
from tap import main, night, test
from under_test import is_sanitized

MEMBERS, STALLED = night(100, 1000), night(20, 100)
MESSAGES, MESSAGE_BYTES = night(2000, 10000), 4000  # more than the kernel's buffers hold
MEMORY_KIB = 100 * 1024


def stall(stage, door):
    # Nobody renews a token here, and the long form takes longer than the 15 minutes for which one is good.
    server = stage.server(f'server-{door}', conf=FAST_LIMITS, module_conf={'auth': 'access_lifetime = 3h\n'})
    load = start_load(stage, server, 'stall', '--members', MEMBERS, '--readers', STALLED, '--messages', MESSAGES,
                      '--bytes', MESSAGE_BYTES, '--seconds', night(LOAD_SECONDS, 1800), door=door)
    place, _ = wait_object(load, lambda found: 'ready' in found, seconds=night(LOAD_SECONDS, 900))
    before = resident_kib(server)

    place, sent = wait_object(load, lambda found: 'sent' in found, place, seconds=night(LOAD_SECONDS, 1900))
    grown = resident_kib(server) - before
    # Everybody who reads had everything while the others stood still, and those are out.
    assert sent['sent'] == MESSAGES, load.error_text()[-2000:]
    wait_metric(server, 'sotto_connections', lambda value: value == MEMBERS - STALLED)
    load.child.stdin.close()
    _, result = wait_object(load, lambda found: 'job' in found, place, seconds=night(LOAD_SECONDS, 900))

    told = load.error_text()[-2000:]
    assert result == {'job': 'stall', 'stalled': STALLED, 'back': STALLED, 'lost': 0}, f'{result}\n{told}'
    assert grown <= MEMORY_KIB * (4 if is_sanitized() else 1), f'{grown} KiB'
    assert load.wait() == 0


@test
def readers_that_stop_are_closed_and_lack_nothing_later(stage):
    stall(stage, 'tcp')


@test
def so_are_readers_of_websockets(stage):
    stall(stage, 'ws')


if __name__ == '__main__':
    main()
