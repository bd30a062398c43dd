# SPDX-License-Identifier: MIT
"""Who may call what (A1): every method of the server times everybody who could call it, from one table.

The table below has a row for each method that the modules offer; a method without a row fails the test. Callers
are the owner of a chat, a member, one who was removed, a stranger, another device of the owner that is not in the
group, and a connection without a login. Where a chat is named, each asks for that chat and for one that does not
exist, and whoever is not in it gets the same two answers.
"""
import secrets

from door import RpcError
from groups import CHAT, KEYX, Groups
from load import FAST_LIMITS
from logins import SERVICE as AUTH
from tap import comment, main, test

# Before Attach (level NONE): everything else is unauthenticated there.
OPEN = {AUTH + name for name in ('RegisterStart', 'RegisterFinish', 'LoginStart', 'LoginFinish', 'Refresh', 'Attach')}
# Attached, and about oneself or about public things: no row of others can be reached with them.
OWN = ({AUTH + name for name in ('WhoAmI', 'ListLogins', 'Revoke', 'Logout', 'LookupUsers')} |
       {KEYX + name for name in ('PublishIdentity', 'AddDevice', 'GetIdentity', 'UploadKeyPackages',
                                 'CountKeyPackages', 'ClaimKeyPackages', 'PutBackup', 'GetBackup')} |
       {CHAT + name for name in ('Create', 'Sync', 'Ack', 'ListChats')})

CALLERS = ('owner', 'member', 'removed', 'stranger', 'other_device')
# For each method that names a chat: the code each caller gets for the chat that exists. The requests are junk
# behind the chat's id, so that invalid_argument means "you may, but not this".
JUNK = {'client_msg_id': 1, 'message': b'junk'}
IN_CHAT = {
    CHAT + 'Send': (JUNK, 'invalid_argument', 'invalid_argument', 'not_found', 'not_found', 'not_found'),
    CHAT + 'Commit': ({'bundle': {'commit': b'junk'}},
                      'invalid_argument', 'invalid_argument', 'not_found', 'not_found', 'not_found'),
    CHAT + 'ListMembers': ({}, 'ok', 'ok', 'not_found', 'not_found', 'ok'),
    CHAT + 'SetRole': ({'role': 3}, 'ok', 'permission_denied', 'not_found', 'not_found', 'ok'),
}


def outcome(door, method, body):
    """(code, sentence) of a call; ('ok', '') when it was answered."""
    try:
        door.call(method, body)
    except RpcError as error:
        return error.code, error.message
    return 'ok', ''


def cast(groups):
    """The callers, and the chat: owner, member, one removed."""
    people = {name: groups.person(name) for name in ('owner', 'member', 'removed', 'stranger')}
    people['other_device'] = groups.device('owner')
    chat = people['owner'].create([people['member'], people['removed']])
    people['owner'].commit(chat, remove=[people['removed']])
    return people, chat


@test
def every_method_has_a_row(stage):
    stage.server(conf=FAST_LIMITS)
    methods = {method for method in stage.schema.methods if method.startswith(('sotto.auth.', 'sotto.keyx.', 'sotto.chat.'))}

    assert methods == OPEN | OWN | set(IN_CHAT), methods ^ (OPEN | OWN | set(IN_CHAT))


@test
def without_a_login_only_the_open_methods_answer(stage):
    server = stage.server(conf=FAST_LIMITS)
    door = stage.door(server)

    for method in sorted(OWN | set(IN_CHAT)):
        assert outcome(door, method, {})[0] == 'unauthenticated', method
    comment(f'{len(OWN) + len(IN_CHAT)} methods refused')


@test
def who_may_do_what_in_a_chat_is_the_table(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        people, chat = cast(groups)
        cells = 0
        for method, (body, *expected) in IN_CHAT.items():
            if method.endswith('SetRole'):
                body = {**body, 'user_id': people['member'].user}
            for caller, code in zip(CALLERS, expected):
                door = people[caller].door
                here = outcome(door, method, {**body, 'chat_id': chat})
                absent = outcome(door, method, {**body, 'chat_id': secrets.token_bytes(16)})

                assert here[0] == code, (method, caller, here)
                assert absent[0] == 'not_found', (method, caller, absent)
                if code == 'not_found':
                    assert here == absent, (method, caller, here, absent)
                cells += 2
        comment(f'{cells} cells')


@test
def what_is_read_is_ones_own(stage):
    server = stage.server(conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        people, chat = cast(groups)
        people['owner'].send(chat, 'after the removal')
        absent = secrets.token_bytes(16)

        seen = {name: [entry.seq for entry in people[name].sync({chat: 0}).entries] for name in CALLERS}
        # The owner was there from the start; who joins reads from the commit on.
        assert seen == {'owner': [1, 2, 3], 'member': [2, 3], 'removed': [2], 'stranger': [],
                        'other_device': []}, seen
        for name in ('stranger', 'other_device'):
            reply = people[name].sync({chat: 0, absent: 0})
            assert sorted(reply.left) == sorted([chat, absent]), name
        listed = {name: len(people[name].chat('ListChats').chats) for name in CALLERS}
        assert listed == {'owner': 1, 'member': 1, 'removed': 0, 'stranger': 0, 'other_device': 1}
        for name in CALLERS:
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
