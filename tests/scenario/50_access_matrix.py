# SPDX-License-Identifier: MIT
"""Who may call what (A1): every method of every module times everybody who could call it, about what is theirs, what is
others' and what does not exist. The table is tests/access/table.py; the build sees to it that it has every method.
"""
import contextlib
import secrets
import sys

from content import Content, changed
from door import Closed, RpcError
from groups import KEYX, Groups
from load import FAST_LIMITS
from sotto import BUILD, MODULES, SOURCE
from tables import wait_rows
from tap import comment, main, test
from tokens import known_secret

sys.path.insert(0, str(SOURCE / 'tests' / 'access'))
from cast import Cast  # noqa: E402 # imports the table
from table import CALLERS, ROWS  # noqa: E402

ATTACH = 'sotto.auth.v1.AuthService/Attach'
# Callers of the scenarios below, which are about what a chat shows.
READERS = ('owner', 'member', 'removed', 'stranger', 'other_device')


def outcome(door, method, body):
    """(code, sentence, details) of a call; ('ok', '', b'') when it was answered."""
    return settle(door, door.start_call(method, body), method)


def settle(door, number, method):
    try:
        door.wait_reply(number, method)
    except RpcError as error:
        return error.code, error.message, error.details
    except Closed as closed:  # who shows a bad token is shown the door; what else it asked has no answer
        assert closed.goodbye.code == 4401, closed
        return 'unauthenticated', 'Attach first.', b''
    return 'ok', '', b''


def as_expired(cast, door, method, body):
    """With an expired token: a method for everybody is asked before the token is shown, others after."""
    if ROWS[method].level == 'none':
        answer = outcome(door, method, body)
        assert settle(door, cast.show_expired(door), ATTACH)[0] == 'unauthenticated'
        return answer
    shown = cast.show_expired(door)
    number = door.start_call(method, body)
    assert settle(door, shown, ATTACH)[0] == 'unauthenticated'
    return settle(door, number, method)


def play(cast, stored, method, which, caller):
    """One cell: returns the answer, and the tables of the database that changed although it was a refusal."""
    row = ROWS[method]
    it = cast.named(row.names, which, caller)
    body, door = cast.fill(row.body, it, caller), cast.door(caller)
    wait_rows(cast.server, 'chat_chats WHERE deleted_ms > 0', 0)  # what an earlier cell deleted goes by and by
    before = stored.read()

    answer = as_expired(cast, door, method, body) if caller == 'expired' else outcome(door, method, body)

    harm = changed(before, stored.read()) if answer[0] != 'ok' and not row.effect else []
    if row.fresh and caller not in ('nobody', 'expired'):
        cast.renew(row.names, caller)
    return answer, harm


def play_row(cast, stored, method, caller):
    """What a caller gets from a method, compared with the table: yields a line for each difference."""
    refusals = {}
    for which, expected in ROWS[method].cells.items():
        answer, harm = play(cast, stored, method, which, caller)
        where = f'{method} as {caller}, {which}'
        if answer[0] != expected[caller]:
            yield f'{where}: {answer} and not {expected[caller]}'
        if harm:
            yield f'{where}: refused, and yet changed {harm}'
        if answer[0] != 'ok' and refusals.setdefault(answer[0], answer) != answer:
            yield f'{where}: {answer}, told apart from {refusals[answer[0]]}'


@test
def every_cell_of_the_table_is_as_declared(stage):
    server = stage.server(conf=FAST_LIMITS, modules=[*MODULES, 'echo'], module_conf=known_secret(stage))
    with Cast(stage, server) as cast, contextlib.closing(Content(server)) as stored:
        wrong = [line for method in ROWS for caller in CALLERS for line in play_row(cast, stored, method, caller)]
        assert not wrong, '\n'.join(wrong)
        cast.all_are_well()
        comment(f'{len(ROWS)} methods, {len(CALLERS) * sum(len(row.cells) for row in ROWS.values())} cells')


@test
def a_method_without_a_row_stops_the_build(stage):
    methods = stage.folder / 'methods.txt'
    methods.write_text((BUILD / 'tests' / 'methods.txt').read_text() + 'sotto.chat.v1.ChatService/Shout session 64\n')
    check = stage.process([SOURCE / 'tests' / 'access' / 'check', methods, BUILD], stage.folder / 'check.stderr')

    assert check.wait() == 1
    assert 'ChatService/Shout (level session) has no row' in check.error_text()


def readers(groups):
    """READERS, and a chat of the first two in which the third was."""
    people = {name: groups.person(name) for name in READERS[:4]}
    people['other_device'] = groups.device('owner')
    chat = people['owner'].create([people['member'], people['removed']])
    people['owner'].commit(chat, remove=[people['removed']])
    return people, chat


@test
def what_is_read_is_ones_own(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        people, chat = readers(groups)
        people['owner'].send(chat, 'after the removal')
        absent = secrets.token_bytes(16)

        seen = {name: [entry.seq for entry in people[name].sync({chat: 0}).entries] for name in READERS}
        # The owner was there from the start; who joins reads from the commit on.
        assert seen == {'owner': [1, 2, 3], 'member': [2, 3], 'removed': [2], 'stranger': [],
                        'other_device': []}, seen
        named = [absent, chat, absent, chat, secrets.token_bytes(16)]
        for name in ('stranger', 'other_device'):
            reply = people[name].chat('Sync', {'cursors': [{'chat_id': one} for one in named]})
            assert reply.left == named, name  # neither order nor count tells which of them is there
        listed = {name: len(people[name].chat('ListChats').chats) for name in READERS}
        assert listed == {'owner': 1, 'member': 1, 'removed': 0, 'stranger': 0, 'other_device': 1}
        for name in READERS:
            people[name].chat('Ack', {'cursors': [{'chat_id': chat, 'seq': 99}, {'chat_id': absent, 'seq': 1}],
                                      'welcomes_joined': [chat, absent]})
        assert people['stranger'].sync({chat: 0}).entries == []


@test
def backups_and_keys_of_others_are_out_of_reach(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, eve = groups.person('alice'), groups.person('eve')

        assert eve.keyx('GetBackup').container == b''
        stolen = {'identity_key': alice.identity_key, 'signature': alice.signature}
        assert outcome(eve.door, KEYX + 'PublishIdentity', stolen)[0] == 'invalid_argument'
        device = {'certificate': alice.certificate, 'signature_key': alice.device_key}
        assert outcome(eve.door, KEYX + 'AddDevice', device)[0] == 'invalid_argument'
        package = {'key_packages': [alice.ask('package')[0]]}
        assert outcome(eve.door, KEYX + 'UploadKeyPackages', package)[0] == 'invalid_argument'
        public = eve.keyx('GetIdentity', {'user_id': alice.user})
        assert public.identity_key == alice.identity_key and public.devices[0].label == ''


if __name__ == '__main__':
    main()
