# SPDX-License-Identifier: MIT
"""Accounts on the real server: registration, login, attachment, and what a stranger gets."""
import base64
import json
import time

from door import Closed
from load import FAST_LIMITS
from logins import Accounts, auth, refusal
from tap import main, test


def claims_of(token):
    body = token.split('.')[1]
    return json.loads(base64.urlsafe_b64decode(body + '=' * (-len(body) % 4)))


@test
def a_new_name_registers_and_logs_in_and_a_taken_one_does_not(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Accounts(stage, server) as accounts:
        alice = accounts.register('Alice')
        again = accounts.login('alice')

        assert again.reply.user_id == alice.reply.user_id
        assert again.reply.name == 'Alice'
        assert refusal(accounts.register, 'ALICE') == ('already_exists', 'this name is taken')


@test
def a_wrong_password_and_an_unknown_user_are_told_the_same(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Accounts(stage, server) as accounts:
        accounts.register('alice')

        wrong = refusal(accounts.login, 'alice', b'wrong')
        unknown = refusal(accounts.login, 'nobody', b'wrong')

        assert wrong == unknown
        assert wrong[0] == 'unauthenticated'


@test
def an_attached_connection_knows_who_it_is(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Accounts(stage, server) as accounts:
        alice = accounts.register('alice')
        who = auth(alice.attached(), 'WhoAmI')

        assert who.user_id == alice.reply.user_id
        assert who.device_id == alice.device
        assert who.login_id == alice.login_id
        assert auth(alice.attached(), 'LookupUsers', {'names': ['ALICE', 'bob']}).users[0].name == 'alice'


@test
def an_unattached_connection_may_only_knock(stage):
    server = stage.server(conf=FAST_LIMITS)
    door = stage.door(server)

    for method in ('WhoAmI', 'ListLogins', 'Revoke', 'Logout', 'LookupUsers'):
        assert refusal(auth, door, method)[0] == 'unauthenticated', method


@test
def access_tokens_live_as_long_as_configured_and_no_two_are_alike(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'auth': 'access_lifetime = 20m\n'})
    with Accounts(stage, server) as accounts:
        accounts.register('alice')
        tokens = [claims_of(accounts.login('alice').access) for _ in range(2)]

        for token in tokens:
            assert set(token) == {'sub', 'dev', 'sid', 'jti', 'use', 'iat', 'exp'}
            assert token['exp'] - token['iat'] == 1200
        assert tokens[0]['jti'] != tokens[1]['jti']


@test
def a_connection_is_closed_when_its_token_expires(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'auth': 'access_lifetime = 10s\n'})
    with Accounts(stage, server) as accounts:
        alice = accounts.register('alice')
        door = alice.attached()

        assert door.wait_closed().code == 4401
        late = stage.door(server)
        assert refusal(auth, late, 'Attach', {'access_token': alice.access})[0] == 'unauthenticated'


@test
def accounts_and_logins_survive_a_kill(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Accounts(stage, server) as accounts:
        alice = accounts.register('alice')
        server.kill()
        server.start()

        assert auth(alice.attached(), 'WhoAmI').name == 'alice'
        alice.refresh()
        assert accounts.login('alice').reply.user_id == alice.reply.user_id


@test
def logins_and_registrations_are_limited_by_address(stage):
    limits = '''
limits {
    rate "login" { per_second = 1  burst = 5 }
}
'''
    server = stage.server(conf=limits)
    door = stage.door(server)
    begun = time.monotonic()
    numbers = [door.start_call('sotto.auth.v1.AuthService/LoginStart', {'name': 'alice', 'ke1': b''})
               for _ in range(20)]
    codes = []
    for number in numbers:
        try:
            codes.append(refusal(door.wait_reply, number, 'sotto.auth.v1.AuthService/LoginStart')[0])
        except Closed:
            break

    # The bucket lets five through at once, and one more for each second that the twenty take.
    assert 5 <= codes.count('invalid_argument') <= 6 + (time.monotonic() - begun), codes
    assert codes.count('invalid_argument') + codes.count('resource_exhausted') == len(codes), codes
    counted = server.http('/metrics')[2].decode()
    assert f'sotto_ratelimit_refused_total{{rate="login"}} {codes.count("resource_exhausted")}\n' in counted, counted
    assert 'sotto_ratelimit_refused_total{rate="register"} 0\n' in counted, counted


@test
def registrations_have_a_rate_of_their_own(stage):
    server = stage.server()
    door = stage.door(server)
    method = 'sotto.auth.v1.AuthService/RegisterFinish'
    begun = time.monotonic()
    numbers = [door.start_call(method, {'name': 'alice'}) for _ in range(30)]
    codes = [refusal(door.wait_reply, number, method)[0] for number in numbers]

    # The preset: four at once, and two a second.
    assert 4 <= codes.count('invalid_argument') <= 5 + 2 * (time.monotonic() - begun), codes
    assert codes.count('invalid_argument') + codes.count('resource_exhausted') == len(codes), codes
    counted = server.http('/metrics')[2].decode()
    refused = codes.count('resource_exhausted')
    assert f'sotto_ratelimit_refused_total{{rate="register"}} {refused}\n' in counted, counted


if __name__ == '__main__':
    main()
