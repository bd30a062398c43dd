# SPDX-License-Identifier: MIT
# timeout: 200
"""SIGTERM under load, again and again (R9): every client is told and comes back, the server exits with 0, and the ledger
of what was acknowledged is whole.

That the server cuts its own end off after ten seconds is shown by tests/unit/test_process.c.
"""
from load import FAST_LIMITS, end_load, start_load
from sotto import wait_object
from tap import comment, main, night, test

STOPS = night(8, 50)
PAIRS = 50
WINDOW = 4
MESSAGES = 100000  # more than the senders get through


def all_back(load, place, times, acked):
    """Waits until all clients have come back so many times and more has been acknowledged than before."""
    def holds(found):
        return (found.get('connected') == 2 * PAIRS and found['reconnects'] == 2 * PAIRS * times and
                found['acked'] > acked)
    return wait_object(load, holds, place, seconds=60)


@test
def a_server_stopped_under_load_loses_nobody_and_nothing(stage):
    server = stage.server(conf=FAST_LIMITS)
    load = start_load(stage, server, 'ledger', '--pairs', PAIRS, '--window', WINDOW, '--messages', MESSAGES,
                      '--seconds', night(120, 1500))
    place, seen = all_back(load, 0, 0, 0)
    for stops in range(1, STOPS + 1):
        assert server.stop() == 0
        server.start()
        place, seen = all_back(load, place, stops, seen['acked'])
    ledger = end_load(load, place)

    comment(f'{STOPS} stops: {ledger}')
    assert (ledger['lost'], ledger['twice'], ledger['out_of_order'], ledger['unacknowledged']) == (0, 0, 0, 0)
    assert ledger['told'] == ledger['reconnects'] == 2 * PAIRS * STOPS, ledger
    assert 'cut off' not in server.log() and 'still open' not in server.log()


if __name__ == '__main__':
    main()
