# SPDX-License-Identifier: MIT
"""Public keys are for every user, private ones leave their device never: not on the wire, not to the server's disk."""
import hashlib
import json
import secrets

from canary import sightings
from clients import at, people, person, start
from groups import KEYX, Groups
from load import FAST_LIMITS
from logins import Accounts, refusal
from relay import Relay
from sotto import BUILD
from tap import main, test


def private_keys(stage, client):
    """What the profile keeps sealed, opened by a program that is no part of the client: {name: bytes}."""
    peek = stage.process([BUILD / 'tests' / 'profile_peek', client.profile], stage.folder / 'peek.stderr')
    assert peek.wait() == 0, peek.error_text()
    return {name: bytes.fromhex(value) for name, value in json.loads(peek.lines[0]).items()}


@test
def registering_and_talking_send_no_private_key(stage):
    server = start(stage)
    relay = Relay(server.tcp)
    alice = at(stage.client('alice', server), relay.address)
    alice.run('register', 'alice')
    bob = person(stage, server, 'bob')
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'hello')
    bob.run('send', 'alice', 'hello')
    alice.run('read', 'bob')
    keys = private_keys(stage, alice)
    sent = bytes(relay.sent)
    stored = b''.join(path.read_bytes() for path in server.data.rglob('*') if path.is_file())
    public = bytes.fromhex(alice.run('whoami')[0]['user_id'])
    relay.close()

    assert {'identity_seed', 'device_seed'} == set(keys) and keys['identity_seed'] != bytes(32)
    assert not sightings(sent, keys) and not sightings(stored, keys)
    # The search finds what is there: the public half of the same keys, and the user.
    assert public in sent
    identity = bytes.fromhex(bob.run('verify', 'alice')[0]['sha256'])
    assert identity in {hashlib.sha256(sent[i:i + 32]).digest() for i in range(len(sent) - 31)}


@test
def the_identity_key_of_a_user_is_for_whoever_is_attached(stage):
    server = stage.server(conf=FAST_LIMITS)
    method = KEYX + 'GetIdentity'
    with Groups(stage, server) as groups, Accounts(stage, server) as accounts:
        alice, eve = groups.person('alice'), groups.person('eve')
        keyless = accounts.register('keyless').reply.user_id

        assert eve.keyx('GetIdentity', {'user_id': alice.user}).identity_key == alice.identity_key
        none = refusal(eve.door.call, method, {'user_id': keyless})
        assert none == ('not_found', 'this user has no keys yet')
        assert refusal(eve.door.call, method, {'user_id': secrets.token_bytes(16)}) == none
        assert refusal(eve.door.call, method, {'user_id': b'short'})[0] == 'invalid_argument'
        assert refusal(stage.door(server).call, method, {'user_id': alice.user})[0] == 'unauthenticated'


@test
def a_first_contact_is_remembered_and_known_the_second_time(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')

    first = bob.run('new', 'alice')[0]['chat']
    met = bob.run('verify', 'alice')[0]
    bob.run('new', 'alice', '--title', 'Again')
    again = bob.run('verify', 'alice')[0]

    assert [line['what'] for line in met['history']] == ['first contact']
    assert again == met
    assert {row['user']: row['trust'] for row in bob.run('members', first)}['alice'] == 'unverified'
    assert alice.run('verify', 'bob')[0]['digits'] == met['digits']


@test
def who_has_no_keys_yet_can_be_found_and_not_written_to(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')
    with Accounts(stage, server) as accounts:
        accounts.register('keyless')

    for command in (('new', 'keyless'), ('verify', 'keyless')):
        error = alice.fails(1, *command)
        assert 'keyless has no keys yet' in error['message'], error
    assert alice.run('chats') == []


if __name__ == '__main__':
    main()
