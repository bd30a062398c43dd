# SPDX-License-Identifier: MIT
"""Accounts with the terminal client: what a person types, what comes back, and which exit code."""
import json
import os
import re
import resource

from clients import at, people, person, start, texts, wait_text
from liar import Liar
from relay import Relay
from tables import wait_for
from tap import main, skip, test


@test
def registering_is_one_step_and_logs_in(stage):
    server = start(stage)
    alice = stage.client('alice', server)

    made = alice.run('register', 'Alice', '--device', 'kitchen')[0]
    who = alice.run('whoami')[0]
    login = alice.run('logins')[0]

    assert made['user'] == 'Alice' and made['keys_ready'] is True
    assert (who['user_id'], who['device_id']) == (made['user_id'], made['device_id'])
    assert len(who['user_id']) == len(who['device_id']) == 32
    assert login['current'] is True and login['label'] == 'kitchen' and login['id'] == who['login_id']
    assert login['user_agent'].startswith('sotto/') and login['address'] == '127.0.0.1'


@test
def names_and_passwords_are_checked_before_anything_is_sent(stage):
    # The server does not run: a refusal here cannot be its.
    class Nowhere:
        tcp = '127.0.0.1:1'
    for name in ('ab', '_bob', 'bob-', 'b b', 'x' * 33):
        assert 'user name' in stage.client('c', Nowhere).fails(2, 'register', name)['message']
    for number, password in enumerate(('short1', 'onlyletters', '1234567890', 'a1' * 37)):
        client = stage.client(f'p{number}', Nowhere, password=password)
        assert 'password' in client.fails(2, 'register', 'alice')['message']


@test
def a_taken_name_is_refused_without_case(stage):
    server = start(stage)
    person(stage, server, 'alice')

    assert stage.client('other', server).fails(1, 'register', 'ALICE')['code'] == 'already_exists'


@test
def a_wrong_password_and_an_unknown_name_read_the_same(stage):
    server = start(stage)
    person(stage, server, 'alice')

    wrong = stage.client('w', server, password='not the password 1').fails(3, 'login', 'alice')
    unknown = stage.client('u', server).fails(3, 'login', 'nobody')

    assert wrong == unknown, (wrong, unknown)


@test
def without_a_login_the_cure_is_named(stage):
    server = start(stage)
    error = stage.client('alice', server).fails(3, 'whoami')
    assert error['code'] == 'unauthenticated' and 'sotto login' in error['message']


@test
def without_a_server_it_is_the_network(stage):
    class Nowhere:
        tcp = '127.0.0.1:1'
    assert stage.client('alice', Nowhere).fails(4, 'register', 'alice')['code'] == 'network'


@test
def other_doors_are_refused_by_name(stage):
    class Web:
        tcp = '127.0.0.1:1'
    client = stage.client('alice', Web)
    for url in ('tcps://h:1', 'wss://h/ws', 'http://h', 'tcp://h:99999', 'ws://h:0/ws', 'ws://h/ws?x'):
        assert 'tcp://' in client.fails(2, 'whoami', '--server', url)['message']


@test
def a_logout_ends_the_login_and_a_new_one_keeps_device_and_history(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    before = alice.run('whoami')[0]
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'before')
    bob.run('send', 'alice', 'an answer')

    assert alice.run('logout')[0]['ended'] == 1
    alice.fails(3, 'whoami')
    after = alice.run('login', 'alice')[0]

    assert after['device_id'] == before['device_id'] and after['login_id'] != before['login_id']
    assert texts(alice.run('read', 'bob')) == ['before', 'an answer']


@test
def a_revoked_login_is_out_at_once(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')
    phone = stage.client('phone', server)
    login = phone.run('login', 'alice', '--device', 'phone')[0]['login_id']
    listening = phone.spawn('listen')
    phone.run('whoami')

    assert {row['id'] for row in alice.run('logins')} >= {login}
    alice.run('revoke', login)

    assert listening.wait() == 3
    assert 'sotto login' in phone.fails(3, 'whoami')['message']
    assert [row['id'] for row in alice.run('logins')] == [alice.run('whoami')[0]['login_id']]
    assert alice.fails(2, 'revoke', 'xyz')['code'] == 'invalid_argument'


@test
def logging_out_everywhere_ends_every_device(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')
    phone = stage.client('phone', server)
    phone.run('login', 'alice')

    assert alice.run('logout', '--all')[0]['ended'] == 2

    alice.fails(3, 'whoami')
    phone.fails(3, 'whoami')


@test
def a_profile_belongs_to_one_account(stage):
    server = start(stage)
    alice, _ = people(stage, server, 'alice', 'bob')

    assert 'belongs to alice' in alice.fails(1, 'login', 'bob')['message']
    assert 'belongs to alice' in alice.fails(1, 'register', 'carol')['message']


@test
def a_registration_that_broke_off_is_finished_by_the_next_command(stage):
    server = start(stage)
    bob = person(stage, server, 'bob')
    relay = Relay(server.tcp)
    relay.lose_call_of('KeyService/PublishIdentity')
    alice = at(stage.client('alice', server), relay.address)
    half = alice.spawn('register', 'alice')
    relay.wait_lost()
    half.child.kill()
    half.wait()
    relay.close()

    assert 'no keys yet' in bob.fails(1, 'new', 'alice')['message']
    at(alice, server.tcp)
    assert alice.run('whoami')[0]['keys_ready'] is True
    assert bob.run('new', 'alice')[0]['members']


def too_late(frame):
    """The answer, and behind it what a server says to a connection that showed no login in time."""
    return [frame, {'goodbye': {'code': 4401, 'reason': 'no Attach in time'}}]


@test
def who_is_slow_to_show_a_login_shows_it_on_the_next_connection(stage):
    """To wait for other processes of the profile, or for a busy machine, may take longer than a server waits."""
    server = start(stage)
    with Liar(stage.schema, server.tcp) as liar:
        alice, phone = (at(stage.client(name, server), liar.address) for name in ('alice', 'phone'))
        for method in ('RegisterFinish', 'LoginFinish'):
            liar.frames(f'AuthService/{method}', too_late)
        alice.run('register', 'alice')
        phone.run('login', 'alice')
        answers = [too_late]
        liar.frames('AuthService/Attach', lambda frame: answers.pop()(frame)[1:] if answers else [frame])
        assert alice.run('whoami')[0]['keys_ready'] is True

    assert answers == [] and len(liar.calls('AuthService/Attach')) >= 4


@test
def short_lived_tokens_are_renewed_by_several_processes(stage):
    server = start(stage, module_conf={'auth': 'access_lifetime = 10s\n'})
    alice, bob = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    listening = bob.spawn('listen')

    # Longer than a token lives: the listener has to renew while it listens.
    for number in range(8):
        alice.run('send', 'bob', f'message {number}')
        bob.run('whoami')
        wait_text(listening, f'message {number}')
    assert alice.attempt('listen', '--timeout', '12')[0] == 0
    alice.run('send', 'bob', 'late')
    wait_text(listening, 'late')
    assert len(bob.run('logins')) == 1


@test
def a_connection_that_ends_while_the_password_is_stretched_costs_nothing(stage):
    """As on a slow machine, where it takes longer than a server waits for somebody to log in."""
    server = start(stage)
    relay = Relay(server.tcp)
    alice, phone = (at(stage.client(name, server), relay.address) for name in ('alice', 'phone'))

    relay.end_after_reply_to('AuthService/RegisterStart')
    alice.run('register', 'alice')
    assert relay.last_call is None
    relay.end_after_reply_to('AuthService/LoginStart')
    assert phone.run('login', 'alice')[0]['keys_ready'] is True
    assert relay.last_call is None
    relay.close()


@test
def a_second_device_is_added_by_the_first(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    direct = alice.run('new', 'bob')[0]['chat']
    group = alice.run('new', 'bob', '--title', 'Garden')[0]['chat']
    alice.run('send', direct, 'before the phone')
    phone = stage.client('phone', server)
    phone.run('login', 'alice', '--device', 'phone')
    assert {row['state'] for row in phone.run('chats')} == {'waiting'}

    laptop = alice.spawn('listen')
    arrivals = phone.spawn('listen')
    bob_hears = bob.spawn('listen')
    place = 0
    for _ in range(2):
        place, _ = wait_joined(arrivals, place)
    bob.run('send', direct, 'for both')
    wait_text(arrivals, 'for both')
    wait_text(laptop, 'for both')
    phone.run('send', 'Garden', 'from the phone')

    wait_text(bob_hears, 'from the phone')
    _, own = wait_text(laptop, 'from the phone')
    assert own['own'] is True and own['chat'] == group
    assert texts(phone.run('read', direct)) == ['for both']
    assert {row['user']: row['devices'] for row in bob.run('members', direct)} == {'alice': 2, 'bob': 1}


def wait_joined(process, place):
    from sotto import wait_object  # pylint: disable=import-outside-toplevel
    return wait_object(process, lambda found: found.get('kind') == 'joined', place)


@test
def a_profile_is_sealed_and_for_its_owner_alone(stage):
    server = start(stage)
    alice, _ = people(stage, server, 'alice', 'bob')
    alice.run('new', 'bob')
    alice.run('send', 'bob', 'CANARY-OF-THE-PROFILE')

    for path in [alice.profile, *alice.profile.rglob('*')]:
        mode = os.stat(path).st_mode
        assert mode & 0o077 == 0, (path, oct(mode))
        if path.is_file():
            assert b'CANARY' not in path.read_bytes(), path
    assert (alice.profile / 'key').stat().st_size == 32
    os.chmod(alice.profile / 'key', 0o644)
    assert 'chmod 600' in alice.fails(1, 'whoami')['message']


@test
def a_profile_with_a_passphrase_opens_with_it_only(stage):
    server = start(stage)
    secret = stage.folder / 'passphrase'
    secret.write_text('open sesame\n', encoding='utf-8')
    alice = stage.client('alice', server)

    alice.run('register', 'alice', '--passphrase-file', str(secret))

    assert alice.run('whoami', '--passphrase-file', str(secret))[0]['user'] == 'alice'
    assert 'passphrase' in alice.fails(1, 'whoami')['message']
    secret.write_text('open barley\n', encoding='utf-8')
    assert 'passphrase' in alice.fails(1, 'whoami', '--passphrase-file', str(secret))['message']


def core_limits(pid):
    """The soft and the hard one of a process, as the kernel prints them."""
    with open(f'/proc/{pid}/limits', encoding='ascii') as limits:
        return next(line for line in limits if line.startswith('Max core file size')).split()[4:6]


@test
def a_client_that_crashes_leaves_no_dump_of_its_keys(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        skip('core dumps are forbidden here anyway')
    kept = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        process = alice.spawn('listen')
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, kept)
    wait_for(lambda: core_limits(process.pid), ['0', '0'])


@test
def an_error_is_one_sentence_and_with_json_one_object(stage):
    class Nowhere:
        tcp = '127.0.0.1:1'
    client = stage.client('alice', Nowhere)
    words = client.command(['whoami'])

    plain = stage.process([word for word in words if word != '--json'], stage.folder / 'plain')
    as_json = stage.process(words, stage.folder / 'json')

    assert plain.wait() == as_json.wait() == 3
    assert plain.lines == as_json.lines == []
    assert re.fullmatch(r'sotto: [^\n]+\n', plain.error_text()), plain.error_text()
    error = json.loads(as_json.error_text())
    assert set(error) == {'error'} and set(error['error']) == {'code', 'message'}, error
    assert error['error']['code'] == 'unauthenticated' and error['error']['message'] in plain.error_text()


@test
def a_profile_remembers_its_server_and_a_password_is_no_argument(stage):
    server = start(stage)
    alice = person(stage, server, 'alice')
    words = [str(word) for word in alice.command(['whoami'])]
    place = words.index('--server')
    lost = stage.process([*words[:place + 1], 'tcp://127.0.0.1:1', *words[place + 2:]], stage.folder / 'lost')
    assert lost.wait() == 4  # and is not what the profile remembers

    remembered = stage.process(words[:place] + words[place + 2:], stage.folder / 'remembered')
    quiet = stage.process([word for word in words if word != '--json'] + ['--quiet'], stage.folder / 'quiet')

    assert remembered.wait() == quiet.wait() == 0, remembered.error_text()
    assert json.loads(remembered.lines[0])['user'] == 'alice' and quiet.lines == []
    assert alice.fails(2, 'login', 'alice', '--password', 'correct horse battery 7')['message']


@test
def usage_errors_exit_with_2_and_help_with_0(stage):
    client = stage.client('alice', start(stage))
    for words in (['new'], ['send', 'x'], ['nonsense'], ['whoami', 'more'], ['chats', '--mark'],
                  ['listen', '--count', 'x'], ['whoami', '--nonsense'], ['chats', '--type', 'x']):
        assert client.fails(2, *words)['message'], words
    for words in (['--help'], ['send', '--help'], ['help', 'verify']):
        process = client.spawn(*words)
        assert process.wait() == 0 and process.lines


if __name__ == '__main__':
    main()
