# SPDX-License-Identifier: MIT
# timeout: 1200
"""kill -9 of the server at random moments under load, 20 times, and in groups: nothing acknowledged is lost, nothing is
shown twice.

sotto-load keeps the ledger: what was acknowledged, what the readers were shown. The last test is the control: a
server that acknowledges before its commit loses messages under the same treatment, and the ledger says so.
"""
import json
import os
import random

from load import FAST_LIMITS, LOAD_SECONDS, end_load, start_load
from sotto import wait_object
from tap import comment, main, night, skip, test
from under_test import is_sanitized

KILLS = 20
GROUPS = 20
READERS = 7
GROUP_KILLS = night(4, 30)
PAIRS = 100
WINDOW = 16
IN_FLIGHT_AT_LEAST = 100
SEED = int(os.environ.get('SOTTO_SEED') or random.SystemRandom().randrange(1 << 32))


def kill_under_load(server, load, kills, chance, env):
    """Waits each time until enough is in flight, lets a random number of reports pass, kills, starts again."""
    place, _ = wait_object(load, lambda found: 'ready' in found, seconds=LOAD_SECONDS)
    server.env = {**os.environ, **env}
    for _ in range(kills):
        for _ in range(chance.randrange(1, 3)):
            place, _ = wait_object(
                load, lambda found: found.get('in_flight', 0) >= IN_FLIGHT_AT_LEAST, place)
        server.kill()
        server.start()
    return place


def ledger_after_kills(stage, kills, *options, env=None):
    """Load for as long as the kills take: (exit code of sotto-load, its ledger). env is what the server gets when it is
    started again."""
    server = stage.server(conf=FAST_LIMITS)
    load = start_load(stage, server, 'ledger', *options, '--window', WINDOW, '--messages', 100000, '--seconds', 1000)
    place = kill_under_load(server, load, kills, random.Random(SEED), env or {})
    ledger = end_load(load, place)
    comment(f'seed {SEED}, {kills} kills: {json.dumps(ledger)}')
    return load.child.returncode, ledger


@test
def twenty_kills_lose_nothing_and_repeat_nothing(stage):
    code, ledger = ledger_after_kills(stage, KILLS, '--pairs', PAIRS)
    assert ledger['lost'] == 0 and ledger['twice'] == 0, ledger
    assert ledger['out_of_order'] == 0, ledger
    assert ledger['unacknowledged'] == 0, ledger
    assert ledger['reconnects'] >= KILLS and ledger['acknowledged'] > KILLS * IN_FLIGHT_AT_LEAST, ledger
    assert code == 0, code


@test
def kills_under_groups_lose_nothing_for_any_member(stage):
    _, ledger = ledger_after_kills(stage, GROUP_KILLS, '--pairs', GROUPS, '--readers', READERS)
    assert (ledger['lost'], ledger['twice'], ledger['out_of_order'], ledger['unacknowledged']) == (0, 0, 0, 0)
    assert ledger['delivered'] == READERS * ledger['acknowledged'] > 0, ledger


@test
def acknowledging_before_the_commit_is_caught(stage):
    if is_sanitized():
        skip('the control needs the speed of a plain build')
    code, ledger = ledger_after_kills(stage, 8, '--pairs', PAIRS, env={'SOTTO_FAULT': 'ack_early'})
    assert ledger['lost'] > 0, ledger
    assert code == 1, code


if __name__ == '__main__':
    main()
