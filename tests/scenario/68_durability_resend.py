# SPDX-License-Identifier: MIT
# timeout: 600
"""Requests that come again (R3): each up to five times, each time on a new connection, because its answer was lost.

REPEATS says for every method what "the same" means; a method without a row fails the test. Whatever it says about the
answer, a repeat changes nothing in the database. The last test does it to messages, some thousands of them in any order.
"""
import os
import random
import secrets
import sqlite3
import sys

from content import changed, content
from door import RpcError
from groups import ARCHIVE, CHAT, GROUP, KEYX, SUITE, Groups
from load import FAST_LIMITS
from logins import PASSWORD, SERVICE as AUTH, Login
from sotto import BUILD, SOURCE
from tap import comment, main, night, test

sys.path.insert(0, str(SOURCE / 'tests' / 'access'))
from cast import container  # noqa: E402 # imports the table of tests/access

SEED = int(os.environ.get('SOTTO_SEED') or random.SystemRandom().randrange(1 << 32))
TIMES = 5
REQUESTS = night(3000, 100000)
CLAIMS = night(20, 190)
UPLOAD = 100  # KeyPackages a call
BATCH = 40  # messages that are in any order at once; the server knows the last 128 of a device
WINDOW_BYTES_MAX = 128 * 16 + 64  # a device's row in the table of repeats


class Same:
    """Answered like the first time, but for these fields; notes: tables that say when something was last asked."""

    def __init__(self, *varying, notes=()):
        self.varying = varying
        self.notes = notes

    def check(self, method, first, later):
        for answer in later:
            assert isinstance(answer, dict), (method, answer)
            assert self.fixed(answer) == self.fixed(first), (method, first, answer)

    def fixed(self, answer):
        return {name: value for name, value in answer.items() if name not in self.varying}


class Once:
    """Answered once; afterwards refused with this code, and the client finds in another place what came of it."""

    notes = ()

    def __init__(self, code):
        self.code = code

    def check(self, method, _, later):
        assert later == [self.code] * len(later), (method, later)


class Elsewhere:
    """Needs keys that this test has not; shown by a unit test."""

    def __init__(self, program, name):
        self.program, self.name = program, name

    def check_named(self):
        text = (SOURCE / 'tests' / 'unit' / f'{self.program}.c').read_text(encoding='utf-8')
        assert f'\n{self.name}(void **state)' in text, self.name


REPEATS = {
    AUTH + 'RegisterStart': Same(),
    AUTH + 'RegisterFinish': Same('access_token', 'access_expires'),
    AUTH + 'LoginStart': Same('login_start_id', 'ke2'),  # a start of its own, and nothing is stored
    AUTH + 'LoginFinish': Once('unauthenticated'),  # a new LoginStart of the same device finds its login
    AUTH + 'Refresh': Same('access_token', 'access_expires', notes=('auth_logins',)),
    AUTH + 'Attach': Same('server_time_ms'),
    AUTH + 'WhoAmI': Same(),
    AUTH + 'ListLogins': Same(),
    AUTH + 'LookupUsers': Same(),
    AUTH + 'Revoke': Once('not_found'),
    AUTH + 'Logout': Once('unauthenticated'),
    AUTH + 'DeleteAccount': Elsewhere('test_auth_delete', 'a_device_that_comes_back_is_shown_the_signed_deletion'),
    KEYX + 'PublishIdentity': Same(),
    KEYX + 'AddDevice': Same(),
    KEYX + 'RemoveDevice': Elsewhere('test_keyx', 'a_removal_is_announced_once_however_often_it_is_asked_for'),
    KEYX + 'GetIdentity': Same(),
    KEYX + 'UploadKeyPackages': Same(),
    KEYX + 'CountKeyPackages': Same(),
    KEYX + 'ClaimKeyPackages': Same(),  # with a request_id; without, each call takes another one
    KEYX + 'PutBackup': Same(),
    KEYX + 'GetBackup': Same(),
    CHAT + 'Create': Same(),
    CHAT + 'Commit': Once('aborted'),  # it is in the log
    CHAT + 'Send': Same(),
    CHAT + 'Sync': Same(),
    CHAT + 'Ack': Same(),
    CHAT + 'ListChats': Same(),
    CHAT + 'ListMembers': Same(),
    CHAT + 'GetGroup': Same(),
    CHAT + 'GetExternalSender': Same(),
    CHAT + 'ReportCommit': Same(),
    CHAT + 'ListReports': Same(),
    CHAT + 'SetRole': Same('seq', 'ts_ms'),  # 0: it has the role already
    CHAT + 'DeleteChat': Same(),
    CHAT + 'Leave': Elsewhere('test_chat_changes', 'who_leaves_is_gone_at_once'),
}


def methods():
    """Every method of the built modules."""
    lines = (BUILD / 'tests' / 'methods.txt').read_text(encoding='utf-8').splitlines()
    return {line.split()[0] for line in lines if not line.startswith('sotto.echo.')}


class World:
    """Two users with a chat, and a request of every kind."""

    def __init__(self, stage, server, groups):
        self.stage, self.server, self.groups = stage, server, groups
        self.alice, self.bob = groups.person('alice'), groups.person('bob')
        self.chat_id = self.alice.create([self.bob])
        self.alice.send(self.chat_id, 'hello')
        self.new = groups.add(groups.accounts.register('carol'))
        self.opaque = groups.accounts.opaque

    def plain(self):
        return self.stage.door(self.server)

    def register(self):
        login = Login(self.groups.accounts, 'dave')
        request, = self.opaque.ask('register-start', PASSWORD)
        start = {'name': 'dave', 'request': request}
        response = self.plain().call(AUTH + 'RegisterStart', start).response
        record, _ = self.opaque.ask('register-finish', PASSWORD, response)
        yield self.plain, AUTH + 'RegisterStart', start
        yield self.plain, AUTH + 'RegisterFinish', {
            'name': 'dave', 'record': record, 'idempotency_key': secrets.token_bytes(16),
            'device': login.described()}

    def log_in(self):
        login = Login(self.groups.accounts, 'alice')
        ke1, = self.opaque.ask('login-start', PASSWORD)
        yield self.plain, AUTH + 'LoginStart', {'name': 'alice', 'ke1': ke1}
        start = self.plain().call(AUTH + 'LoginStart', {'name': 'alice', 'ke1': ke1})
        ke3, = self.opaque.ask('login-finish', PASSWORD, start.ke2)[:1]
        yield self.plain, AUTH + 'LoginFinish', {'login_start_id': start.login_start_id, 'ke3': ke3,
                                                 'device': login.described()}

    def logins(self):
        phone, tablet = self.groups.accounts.login('bob'), self.groups.accounts.login('bob')
        bob = self.bob.login
        yield self.plain, AUTH + 'Refresh', {'refresh_token': phone.refresh_token, 'device_id': phone.device}
        yield self.plain, AUTH + 'Attach', {'access_token': bob.access}
        yield bob.attached, AUTH + 'WhoAmI', {}
        yield bob.attached, AUTH + 'ListLogins', {}
        yield bob.attached, AUTH + 'LookupUsers', {'names': ['alice', 'nobody-here']}
        yield bob.attached, AUTH + 'Revoke', {'login_id': phone.login_id}
        yield tablet.attached, AUTH + 'Logout', {}

    def keys(self):
        new, attached = self.new, self.new.login.attached
        yield attached, KEYX + 'PublishIdentity', {'identity_key': new.identity_key, 'signature': new.signature}
        yield attached, KEYX + 'AddDevice', {'certificate': new.certificate, 'signature_key': new.device_key}
        packages = [new.ask('package')[0] for _ in range(3)]
        yield attached, KEYX + 'UploadKeyPackages', {'key_packages': packages[1:], 'last_resort': packages[0]}
        yield attached, KEYX + 'CountKeyPackages', {}
        yield attached, KEYX + 'GetIdentity', {'user_id': new.user}
        yield self.alice.login.attached, KEYX + 'ClaimKeyPackages', {
            'user_ids': [new.user, self.bob.user], 'suite': SUITE, 'request_id': secrets.token_bytes(16)}
        yield attached, KEYX + 'PutBackup', {'container': container(new.user), 'counter': 1}
        yield attached, KEYX + 'GetBackup', {}

    def chats(self):
        attached = self.alice.login.attached
        bundle, other = self.alice.bundle(), secrets.token_bytes(16)
        yield attached, CHAT + 'Commit', {'chat_id': self.chat_id, 'bundle': bundle}
        self.alice.ask('merge')
        yield self.bob.login.attached, CHAT + 'ReportCommit', {'chat_id': self.chat_id, 'seq': 3, 'epoch': 1, 'reason': 4}
        yield attached, CHAT + 'ListReports', {'chat_id': self.chat_id}
        yield attached, CHAT + 'Send', {'chat_id': self.chat_id, 'client_msg_id': 100,
                                        'message': self.alice.encrypt('again and again')}
        yield attached, CHAT + 'SetRole', {'chat_id': self.chat_id, 'user_id': self.bob.user, 'role': 2}
        yield attached, CHAT + 'Sync', {'cursors': [{'chat_id': self.chat_id, 'seq': 0}]}
        yield attached, CHAT + 'Ack', {'cursors': [{'chat_id': self.chat_id, 'seq': 2}]}
        yield attached, CHAT + 'ListChats', {}
        yield attached, CHAT + 'ListMembers', {'chat_id': self.chat_id}
        yield attached, CHAT + 'GetGroup', {'chat_id': self.chat_id}
        yield attached, CHAT + 'GetExternalSender', {}
        self.new.ask('create', other)
        yield self.new.login.attached, CHAT + 'Create', {'chat_id': other, 'type': GROUP, 'mode': ARCHIVE,
                                                         'suite': SUITE, 'first': self.new.bundle()}
        alice = self.alice
        anew = secrets.token_bytes(16)
        alice.ask('create', anew)
        alice.queue([self.bob], [])
        yield attached, CHAT + 'Create', {'chat_id': anew, 'type': GROUP, 'mode': ARCHIVE, 'suite': SUITE,
                                          'first': alice.bundle(), 'resets': self.chat_id}
        yield attached, CHAT + 'DeleteChat', {'chat_id': self.chat_id}

    def requests(self):
        for part in (self.register, self.log_in, self.logins, self.keys, self.chats):
            yield from part()


def ask(connect, method, body):
    """One try on a connection of its own: the answer, or the code of the refusal."""
    try:
        door = connect()
        answer = dict(door.call(method, body))
        door.close()
    except RpcError as error:
        return error.code
    return answer


@test
def a_repeat_of_any_request_changes_nothing(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'auth': 'refresh_race = 10s\n'})
    played = set()
    with Groups(stage, server) as groups:
        for connect, method, body in World(stage, server, groups).requests():
            row = REPEATS[method]
            first = ask(connect, method, body)
            assert isinstance(first, dict), (method, first)
            after_first = content(server)

            later = [ask(connect, method, body) for _ in range(TIMES - 1)]

            row.check(method, first, later)
            effect = set(changed(after_first, content(server))) - set(row.notes)
            assert not effect, (method, effect)
            played.add(method)
    elsewhere = {method for method, row in REPEATS.items() if isinstance(row, Elsewhere)}
    for method in elsewhere:
        REPEATS[method].check_named()
    assert played | elsewhere == methods(), played ^ elsewhere ^ methods()


@test
def claims_that_come_up_to_five_times_take_each_package_once(stage):
    chance = random.Random(SEED)
    server = stage.server(conf=FAST_LIMITS, module_conf={'keyx': 'claims_per_contact_per_hour = 10000\nuploads_per_minute = 1000000\n'})
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        for begin in range(0, CLAIMS, UPLOAD):
            bob.keyx('UploadKeyPackages', {'key_packages': [bob.ask('package')[0] for _ in range(begin, min(begin + UPLOAD, CLAIMS))]})
        taken = []
        for _ in range(CLAIMS):
            body = {'user_ids': [bob.user], 'suite': SUITE, 'request_id': secrets.token_bytes(16)}
            tries = chance.randrange(1, TIMES + 1)
            for _ in range(tries - 1):  # the answer is never read, and perhaps the request never arrives
                door = alice.login.attached()
                door.start_call(KEYX + 'ClaimKeyPackages', body)
                if chance.random() < 0.5:
                    door.call(AUTH + 'WhoAmI')
                door.close()
            answers = [ask(alice.login.attached, KEYX + 'ClaimKeyPackages', body) for _ in range(2)]
            assert answers[0] == answers[1]
            taken += [claimed.key_package for claimed in answers[0]['key_packages']]
        left = bob.keyx('CountKeyPackages').counts[0].count
    rows = sqlite3.connect(server.data / 'sotto.db').execute(
        "SELECT (SELECT count(*) FROM keyx_claims), (SELECT count(*) FROM keyx_spent)").fetchone()

    assert len(set(taken)) == CLAIMS
    assert rows[0] <= 4, rows  # of a device only the newest claims are remembered
    comment(f'seed {SEED}: {CLAIMS} claims, {rows[1]} packages gone, {left} left')
    assert rows[1] == CLAIMS, rows


def tries_of(chance, batch):
    """Each message one to five times, in any order; each comes last on a connection that reads the answer."""
    tries = [(number, chance.random() < 0.5) for number in batch for _ in range(chance.randrange(TIMES))]
    chance.shuffle(tries)
    return tries + [(number, True) for number in batch]


@test
def messages_that_come_up_to_five_times_in_any_order_are_there_once(stage):
    chance = random.Random(SEED)
    server = stage.server(conf=FAST_LIMITS)
    sent = requests = 0
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        answers = {}
        while requests < REQUESTS:
            batch = range(sent + 1, sent + BATCH + 1)
            bodies = {number: {'chat_id': chat, 'client_msg_id': number, 'message': alice.encrypt(f'{number}')}
                      for number in batch}
            door = alice.login.attached()
            for number, listens in tries_of(chance, batch):
                requests += 1
                call = door.start_call(CHAT + 'Send', bodies[number])
                if listens:
                    seq = door.wait_reply(call, CHAT + 'Send').seq
                    assert answers.setdefault(number, seq) == seq, number
                elif chance.random() < 0.2:  # the answer never arrives, nor perhaps the request
                    door.close()
                    door = alice.login.attached()
            door.close()
            sent += BATCH
        bob.door = bob.login.attached()  # many requests take longer than a server waits for who says nothing
        seqs, cursor = [], 1
        while entries := bob.sync({chat: cursor}).entries:
            seqs += [(entry.client_msg_id, entry.seq) for entry in entries]
            cursor = entries[-1].seq
            texts = [bob.open(entry) for entry in entries]
            assert texts == [f'{entry.client_msg_id}' for entry in entries]
    windows = sqlite3.connect(server.data / 'sotto.db').execute(
        'SELECT count(*), max(length(answers)) FROM chat_windows').fetchone()

    assert sorted(seqs) == sorted(answers.items()) and len(seqs) == sent, (len(seqs), sent)
    assert [seq for _, seq in seqs] == list(range(2, sent + 2))
    assert windows[0] == 1 and windows[1] <= WINDOW_BYTES_MAX, windows
    comment(f'seed {SEED}: {requests} requests for {sent} messages; the table of repeats: {windows}')


if __name__ == '__main__':
    main()
