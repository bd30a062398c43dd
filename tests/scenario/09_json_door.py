# SPDX-License-Identifier: MIT
"""The JSON door, sotto.v1.json over a WebSocket: everything that the other doors do, in text; and text from hell."""
import json
import re

from door import RpcError
from groups import Groups
from json_door import to_json
from logins import Accounts, auth
from sotto import SOURCE
from tap import main, test
from websocket import BINARY, TEXT, ws_frame

NORMAL, PROTOCOL, UNSUPPORTED, NOT_UTF8, TOO_BIG = 1000, 1002, 1003, 1007, 1009
AUTH, CHAT = 'sotto.auth.v1.AuthService/', 'sotto.chat.v1.ChatService/'
WHOAMI, LOGIN_START = AUTH + 'WhoAmI', AUTH + 'LoginStart'


def call_text(number, method, body):
    return '{"id":%s,"call":{"method":"%s","body":%s}}' % (number, method, body)


def error_of(door, text, number=1):
    """What the server answers to a call in text."""
    door.send_text(text)
    door.pump(lambda: number in door.replies)
    error = door.replies.pop(number).error
    return error.code, error.message


def attached(accounts, name, door):
    auth(door, 'Attach', {'access_token': accounts.register(name).access})
    return door


@test
def hello_ping_and_a_call_in_text(stage):
    server = stage.server(name='hearth')

    door = stage.json_door(server)
    door.send_text('{"ping":{"data":"YXJlIHlvdSB0aGVyZQ=="}}')
    door.pump(lambda: door.pongs)
    door.send_text(' { "ping" : { } } ')
    door.pump(lambda: len(door.pongs) == 2)
    error = error_of(door, call_text(7, WHOAMI, '{}'), 7)

    hello = json.loads(door.texts[0])['hello']
    assert hello['version'] == 1 and hello['name'] == 'hearth' and set(hello['features']) >= {'auth', 'keyx', 'chat'}
    assert hello['maxFrame'] > stage.websocket(server).hello.max_frame
    assert door.texts[1:3] == ['{"pong":{"data":"YXJlIHlvdSB0aGVyZQ=="}}', '{"pong":{}}']
    assert error == ('unauthenticated', 'Attach first.')
    assert json.loads(door.texts[3]) == {'id': 7, 'reply': {'error': {'code': error[0], 'message': error[1]}}}
    assert 'sotto_door_connections{door="ws_json"} 1' in server.http('/metrics')[2].decode()


@test
def a_login_in_json_from_the_first_letter_to_a_message(stage):
    server = stage.server()
    with Groups(stage, server) as groups:
        groups.accounts.door = lambda: stage.json_door(server)

        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        bob.sync({chat: 1}, live=True)
        sent = alice.send(chat, 'hello in json')
        entry = bob.door.wait_event('sotto.chat.v1.EntryEvent').entries[0]
        again = groups.accounts.login('alice', device=alice.login.device)

        assert bob.open(entry) == 'hello in json' and entry.seq == sent.seq
        assert again.reply.user_id == alice.user
        event = json.loads(bob.door.texts[-1])['event']['body']['entries'][0]
        assert event['kind'] == 'ENTRY_KIND_APPLICATION' and event['seq'] == str(sent.seq)


@test
def one_message_reaches_every_door(stage):
    server = stage.server()
    with Groups(stage, server) as groups:
        doors = {'tcp': stage.door, 'ws': stage.websocket, 'json': stage.json_door}
        people = {}
        for name, door in doors.items():
            groups.accounts.door = lambda door=door: door(server)
            people[name] = groups.person(f'{name}-user')
        chat = people['tcp'].create([people['ws'], people['json']])
        for person in people.values():
            person.sync({chat: 1}, live=True)

        sender = people['json']
        sent = sender.send(chat, 'to all')

        for name in ('tcp', 'ws'):
            entry = people[name].door.wait_event('sotto.chat.v1.EntryEvent').entries[0]
            assert (entry.seq, people[name].open(entry)) == (sent.seq, 'to all'), name
        sent = people['tcp'].send(chat, 'and back')
        for name in ('ws', 'json'):
            entry = people[name].door.wait_event('sotto.chat.v1.EntryEvent', lambda e: e.entries[0].seq == sent.seq)
            assert people[name].open(entry.entries[0]) == 'and back', name


@test
def details_of_an_error_are_mapped(stage):
    server = stage.server()
    with Groups(stage, server) as groups:
        groups.accounts.door = lambda: stage.json_door(server)
        alice, bob, cleo = groups.person('alice'), groups.person('bob'), groups.person('cleo')
        chat = alice.create([bob])
        stale = alice.encrypt('too late')
        alice.commit(chat, add=[cleo])

        try:
            alice.chat('Send', {'chat_id': chat, 'client_msg_id': 1, 'message': stale})
            raise AssertionError('a stale epoch was accepted')
        except RpcError as error:
            assert error.code == 'aborted'

        assert alice.door.details == {'epoch': '2'}


@test
def a_request_as_large_as_its_method_allows_fits_in_json(stage):
    server = stage.server()
    with Accounts(stage, server) as accounts:
        door = attached(accounts, 'alice', stage.json_door(server))
        limit = 64 * 1024

        for size, code in ((limit - 64, 'invalid_argument'), (limit + 1024, 'resource_exhausted')):
            try:
                door.call(CHAT + 'Send', {'chat_id': bytes(16), 'client_msg_id': 1, 'message': bytes(size)})
                raise AssertionError('zeros were taken for a message')
            except RpcError as error:
                assert error.code == code or (size < limit and error.code == 'not_found'), (size, error)


MALFORMED = (
    '', ' ', 'hello', '[]', '"x"', '1', '{', '{}', '{"id":1}', '{"id":1,"call":1}', '{"id":1,"call":[]}',
    '{"id":1,"call":{"method":1}}', '{"id":1,"call":{"method":"a"},"ping":{}}', '{"id":-1,"call":{}}',
    '{"id":9007199254740992,"call":{}}', '{"id":"x","call":{}}', '{"id":1.5,"call":{}}', '{"call":{"method":"a/B"}}',
    '{"id":1,"call":{"method":"a/B","deadlineMs":4294967296}}', '{"id":1,"call":{"method":"a/B","traceId":5}}',
    '{"id":1,"id":2,"call":{"method":"a/B"}}', '{"id":1,"call":{"method":"a/B","method":"a/C"}}',
    '{"id":1,"call":{"method":"a/B","body":{"x":1,"x":2}}}', '{"ping":{"data":"!"}}', '{"ping":{"data":5}}',
    '{"ping":{"data":"%s"}}' % ('A' * 88), '{"hello":{"version":1}}', '{"reply":{"body":{}}}', '{"event":{}}',
    '{"goodbye":{}}', '{"id":0,"cancel":{}}', '{"ping":{}}{"ping":{}}', '{"ping":{},}', "{'ping':{}}", '\ufeff{"ping":{}}',
    '{"ping":{"x":"\\u0000"}}', '{"ping":{"x":"\\ud800"}}', '{"ping":{"x":%s}}' % ('[' * 40 + ']' * 40),
    '[' * 4000, '{"a":' * 700, '{"ping":{"x":1e999}}', '{"ping":{"x":01}}', '{"ping":{"x":"\x01"}}')


@test
def text_that_is_no_frame_ends_the_connection_with_a_sentence(stage):
    server = stage.server()

    for text in MALFORMED:
        door = stage.json_door(server)
        door.send_text(text)
        goodbye = door.wait_closed()
        assert goodbye and goodbye.code == PROTOCOL and door.close_code == PROTOCOL, (text[:60], goodbye)
        assert goodbye.reason, text[:60]
        door.close()
    assert error_of(stage.json_door(server), call_text(1, WHOAMI, '{}'))[0] == 'unauthenticated'


@test
def what_the_door_itself_refuses(stage):
    server = stage.server()

    for data, code in ((ws_frame(BINARY, b'\x08\x01'), UNSUPPORTED), (ws_frame(TEXT, b'{"ping":"\xff"}'), NOT_UTF8),
                       (ws_frame(TEXT, b'', length=4097), TOO_BIG)):
        door = stage.json_door(server)
        door.send_bytes(data)
        door.wait_closed()
        assert door.close_code == code, (code, door.close_code)


@test
def a_body_that_does_not_fit_its_method_is_a_refusal_with_the_place(stage):
    server = stage.server()
    door = stage.json_door(server)
    cases = (('[]', 'body: expected an object in braces.'),
             ('"x"', 'body: expected an object in braces.'),
             ('{"name":5}', 'body.name: expected a text.'),
             ('{"ke1":"a b"}', 'body.ke1: the text is not base64.'),
             ('{"ke1":["AA=="]}', 'body.ke1: expected bytes as a base64 text.'))

    for text, message in cases:
        assert error_of(door, call_text(1, LOGIN_START, text)) == ('invalid_argument', message), text
    device = '{"device":{"deviceId":"%s","label":{}}}' % ('A' * 24)
    assert error_of(door, call_text(1, AUTH + 'LoginFinish', device))[1] == 'body.device.label: expected a text.'
    assert error_of(door, call_text(1, 'a.B/C', '{}'))[0] == 'unimplemented'
    assert error_of(door, call_text(1, 'a.B/C', '[5]'))[0] == 'unimplemented'
    assert error_of(door, '{"id":"2","call":{"method":"%s"}}' % WHOAMI, 2)[0] == 'unauthenticated'
    unknown = call_text(3, WHOAMI, '{"later":[1,{"x":null}]}')[:-1] + ',"later":"x"}'
    assert error_of(door, unknown, 3)[0] == 'unauthenticated'


@test
def memory_and_values_of_a_request_are_bounded(stage):
    server = stage.server()
    with Accounts(stage, server) as accounts:
        door = attached(accounts, 'alice', stage.json_door(server))
        sync = CHAT + 'Sync'

        over = error_of(door, call_text(9, sync, '{"cursors":[%s]}' % ','.join(['{}'] * 30000)), 9)
        door.send_text(call_text(10, sync, '{"later":[%s]}' % ','.join(['{}'] * 70000)))
        goodbye = door.wait_closed()

        assert over[0] in ('invalid_argument', 'resource_exhausted'), over
        assert goodbye.code == PROTOCOL and 'too many values' in goodbye.reason, goodbye


@test
def a_call_can_be_taken_back(stage):
    server = stage.server()
    with Accounts(stage, server) as accounts:
        door = attached(accounts, 'alice', stage.json_door(server))

        door.send_text('{"id":5,"cancel":{}}')

        assert door.call(WHOAMI).name == 'alice'


@test
def the_mapping_of_the_tests_is_the_one_of_the_golden_vectors(stage):
    """So that what the door is tried with is not just what the door does."""
    schema = stage.schema
    value = {'cursors': [{'chat_id': bytes(range(16)), 'seq': 12}], 'live': True}
    assert to_json(schema, 'sotto.chat.v1.SyncRequest', value) == \
        {'cursors': [{'chatId': 'AAECAwQFBgcICQoLDA0ODw==', 'seq': '12'}], 'live': True}


@test
def the_example_of_the_protocol_page_is_true(stage):
    page = (SOURCE / 'docs' / 'protocol.md').read_text(encoding='utf-8')
    block = re.search(r'```\n(< {"hello".*?)```', page, re.DOTALL).group(1)
    server = stage.server(name='home')
    door = stage.json_door(server)

    for line in block.splitlines():
        who, text = line.split(' ', 1)
        if who == '>':
            door.send_text(text)
            continue
        door.pump(lambda: door.texts)
        got = json.loads(door.texts.pop(0))
        assert shape(got) == shape(json.loads(text)), (text, got)


def shape(value):
    """Keys, and the kinds of the values under them."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return type(value).__name__


if __name__ == '__main__':
    main()
