# SPDX-License-Identifier: MIT
"""The token tamper matrix (J1) against the running server: more than 45,000 changed and forged tokens, none accepted.

Every refusal must read the same, whatever was wrong with the token. The unit test test_auth_token.c tries the guard
itself with more of them; here the whole way from the socket is tried.
"""
import hashlib
import json
import time

from door import RpcError
from load import FAST_LIMITS
from logins import SERVICE, Accounts, auth, refusal
from tap import comment, main, test
from tokens import HEADER, forge, known_secret, payload_of

WINDOW = 200          # calls in flight
TRIES_A_DOOR = 4000   # then a new connection


def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def attach_body(token):
    """AttachRequest{access_token} by hand: the tokens are no text."""
    return b'\x0a' + varint(len(token)) + token


def mutants(token):
    """Each 7-bit value in each place, truncations from both sides, one byte out, one byte in."""
    for at in range(len(token)):
        for value in range(1, 128):
            if token[at] != value:
                yield token[:at] + bytes([value]) + token[at + 1:]
    for cut in range(len(token)):
        yield token[:cut]
        yield token[cut + 1:]
        yield token[:cut] + token[cut + 1:]
        yield token[:cut] + b'A' + token[cut:]


def forgeries(token, now):
    """The cases of security-bar section 2, each with a MAC that fits as well as it can."""
    payload = payload_of(token.decode())
    claims = json.loads(payload)

    def with_claims(**changes):
        changed = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
        return forge(HEADER, json.dumps(changed, separators=(',', ':')))

    yield forge('{"alg":"none","typ":"JWT"}', payload)
    yield forge('{"alg":"none","typ":"JWT"}', payload).rsplit(b'.', 1)[0] + b'.'
    yield forge('{"alg":"nOnE","typ":"JWT"}', payload).rsplit(b'.', 1)[0] + b'.'
    yield forge('{"alg":"hs256","typ":"JWT"}', payload)
    yield forge('{"alg":"HS384","typ":"JWT"}', payload, digest=hashlib.sha384)
    yield forge('{"alg":"HS512","typ":"JWT"}', payload, digest=hashlib.sha512)
    yield forge('{"alg":"HS256","crit":["exp"],"typ":"JWT"}', payload)
    yield forge('{"alg":"HS256","kid":"x","typ":"JWT"}', payload)
    yield forge('{"typ":"JWT","alg":"HS256"}', payload)
    yield forge(HEADER, payload, key='')
    yield forge(HEADER, payload, key='another secret of 32 bytes or so')
    yield forge(HEADER, payload, key='-----BEGIN PUBLIC KEY-----\n')
    yield forge(HEADER, '[]')
    yield forge(HEADER, payload[:-1] + ',"sub":"' + '0' * 32 + '"}')
    yield forge(HEADER, payload + ' ' * (1500 - len(payload)))  # good, but for more than 2,048 bytes
    yield with_claims(exp=1)
    yield with_claims(exp=now)
    yield with_claims(exp=str(claims['exp']))
    yield with_claims(exp=float(claims['exp']) + 0.5)
    yield with_claims(exp=claims['exp'] + 1)
    yield with_claims(exp=...)
    yield with_claims(iat=claims['iat'] + 600, exp=claims['exp'] + 600)
    yield with_claims(iat=...)
    yield with_claims(nbf=now + 1000)
    yield with_claims(use='api')
    yield with_claims(use=...)
    yield with_claims(jti=...)
    yield with_claims(sid='')
    yield with_claims(dev=7)
    yield with_claims(sub=claims['sub'].upper() if claims['sub'] != claims['sub'].upper() else 'G' * 32)
    yield token + b'='
    yield token + b'.'
    yield token + b'.AAAA'
    yield token.rsplit(b'.', 1)[0] + b'.'
    yield b'\n'.join([token[:20], token[20:]])


class Attacker:
    """Tries tokens, many at a time, on connections of a user of its own; counts the answers."""

    def __init__(self, accounts):
        self.login = accounts.register('mallory')
        self.answers = {}
        self.tried = 0

    def door(self):
        return self.login.attached()

    def settle(self, door, number):
        try:
            door.wait_reply(number, SERVICE + 'Attach')
            answer = 'accepted'
        except RpcError as error:
            answer = (error.code, error.message)
        self.answers[answer] = self.answers.get(answer, 0) + 1

    def attack(self, tokens):
        door, here, flying = self.door(), 0, []
        for token in tokens:
            if here == TRIES_A_DOOR:
                while flying:
                    self.settle(door, flying.pop(0))
                door.close()
                door, here = self.door(), 0
            flying.append(door.start_call(SERVICE + 'Attach', raw=attach_body(token)))
            here += 1
            self.tried += 1
            if len(flying) == WINDOW:
                self.settle(door, flying.pop(0))
        while flying:
            self.settle(door, flying.pop(0))
        door.close()


def start(stage):
    return stage.server(conf=FAST_LIMITS, module_conf=known_secret(stage))


@test
def none_of_45000_changed_tokens_is_accepted_and_all_are_refused_alike(stage):
    server = start(stage)
    with Accounts(stage, server) as accounts:
        alice = accounts.register('alice')
        attacker = Attacker(accounts)

        attacker.attack(mutants(alice.access.encode()))

        comment(f'{attacker.tried} tokens: {attacker.answers}')
        assert attacker.tried >= 45000
        assert list(attacker.answers) == [('unauthenticated', 'the access token is not valid')]
        assert auth(alice.attached(), 'WhoAmI').name == 'alice'


@test
def a_connection_that_shows_a_bad_token_is_told_and_closed(stage):
    server = start(stage)
    with Accounts(stage, server) as accounts:
        alice = accounts.register('alice')
        door = stage.door(server)

        assert refusal(auth, door, 'Attach', {'access_token': alice.access[:-1]})[0] == 'unauthenticated'

        goodbye = door.wait_closed()
        assert (goodbye.code, goodbye.reason) == (4401, 'the access token is not valid'), goodbye


@test
def forged_tokens_of_every_kind_are_refused_alike(stage):
    server = start(stage)
    with Accounts(stage, server) as accounts:
        alice = accounts.register('alice')
        token = alice.access.encode()
        attacker = Attacker(accounts)

        attacker.attack(forgeries(token, int(time.time())))

        assert list(attacker.answers) == [('unauthenticated', 'the access token is not valid')]
        # The forger knows how: with nothing changed, a forged token is a good one.
        forged = forge(HEADER, payload_of(alice.access))
        auth(stage.door(server), 'Attach', {'access_token': forged.decode()})


if __name__ == '__main__':
    main()
