# SPDX-License-Identifier: MIT
# io_threads: default
"""RFC 6455 case by case (tests/support/ws_cases.py), and one session in every way a network may cut it."""

from door import Closed
from logins import Accounts, auth
from tap import comment, main, test
from under_test import deadline
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, Woken, ws_frame
from ws_cases import OPEN, cases, message, text_cases

CASES_AT_LEAST, TEXT_CASES_AT_LEAST = 120, 70
FAST = 'limits { rate "general" { per_second = 100000  burst = 100000 } }'
END = 'the end of the case'


def what_comes(door, until):
    """What the server says as words, until all of `until` are among them or it closes."""
    heard = []
    end = deadline()
    try:
        while not set(until) <= set(heard):
            try:
                frame = door.read_frame(end)
            except Woken:
                heard += [f'pong {data.decode()}' for data in door.ws_pongs]
                door.ws_pongs.clear()
                continue
            if 'pong' in frame:
                heard.append(f'echo {frame.pong.data.decode()}')
            elif 'goodbye' in frame:
                door.goodbye = frame.goodbye
            else:
                heard.append(f'reply {frame.id} {frame.reply.error.code}')
    except Closed:
        pass
    return heard


def outcome(door, data, want, is_open):
    """Runs one case: (what came, end). The end of a case that leaves the connection open is one message more."""
    door.send_bytes(data)
    last = f'echo {END}'
    if is_open:
        door.send_frame({'ping': {'data': END.encode()}})
    heard = [word for word in what_comes(door, [*want, last]) if word != last]
    if door.close_code is None:
        return heard, OPEN
    if door.goodbye:
        assert door.goodbye.code == door.close_code or door.close_code in (1003, 1007, 1008), door.goodbye
        return heard, ('bye', door.close_code)
    return heard, ('echo', door.close_code)


def run_cases(table, connect, at_least):
    wrong = []
    count = 0
    for section, name, data, want, end in table:
        door = connect()
        heard, how = outcome(door, data, want, end is OPEN)
        door.close()
        count += 1
        if (sorted(heard), how) != (sorted(want), end):
            wrong.append(f'{section} {name}: {(heard, how)} instead of {(want, end)}')
    comment(f'{count} cases')
    assert not wrong, '\n'.join(wrong)
    assert count >= at_least


@test
def every_case_of_the_corpus_has_its_one_outcome(stage):
    server = stage.server(conf='limits { unattached_per_address = 1000 }')
    run_cases(cases(), lambda: stage.websocket(server), CASES_AT_LEAST)


@test
def text_is_utf8_or_the_end(stage):
    server = stage.server(conf=FAST.replace('limits {', 'limits { unattached_per_address = 1000 '))
    run_cases(text_cases(), lambda: stage.json_door(server), TEXT_CASES_AT_LEAST)


def session(schema):
    """Twenty frames and the words that they give, in any order: calls are answered by another thread."""
    call = [schema.encode('sotto.frame.v1.Frame', {'id': i, 'call': {'method': 'sotto.auth.v1.AuthService/WhoAmI'}})
            for i in (1, 2, 3)]
    whole = message(b'in three pieces')
    frames = [ws_frame(BINARY, message(b'one')), ws_frame(BINARY, call[0]), ws_frame(PONG, b'unasked'),
              ws_frame(BINARY, whole[:4], fin=False), ws_frame(CONTINUATION, whole[4:9], fin=False),
              ws_frame(PING, b'between'), ws_frame(CONTINUATION, whole[9:]), ws_frame(BINARY, message(b'')),
              ws_frame(BINARY, call[1][:1], fin=False), ws_frame(CONTINUATION, b'', fin=False),
              ws_frame(CONTINUATION, call[1][1:]), ws_frame(PONG), ws_frame(BINARY, message(b'm' * 64)),
              ws_frame(BINARY, schema.encode('sotto.frame.v1.Frame', {'id': 9, 'cancel': {}})),
              ws_frame(BINARY, schema.encode('sotto.frame.v1.Frame', {'pong': {'data': b'q'}})),
              ws_frame(BINARY, call[2], mask=b'\0\0\0\0'), ws_frame(BINARY, message(b'n'), form=7),
              ws_frame(BINARY, b'', fin=False), ws_frame(CONTINUATION, message(b'o')), ws_frame(BINARY, message(b'last'))]
    words = ['one', 'in three pieces', '', 'm' * 64, 'n', 'o', 'last']
    return frames, sorted([f'echo {word}' for word in words] + ['pong between'] +
                          [f'reply {i} unauthenticated' for i in (1, 2, 3)])


def read_words(door, count):
    heard = []
    while len(heard) < count:
        end = deadline()
        try:
            frame = door.read_frame(end)
        except Woken:
            assert door.close_code is None, (heard, door.close_code)
            heard += [f'pong {data.decode()}' for data in door.ws_pongs]
            door.ws_pongs.clear()
            continue
        heard.append(f'echo {frame.pong.data.decode()}' if 'pong' in frame
                     else f'reply {frame.id} {frame.reply.error.code}')
    return sorted(heard)


@test
def a_session_is_the_same_however_it_is_cut(stage):
    server = stage.server(conf=FAST)
    frames, words = session(stage.schema)
    data = b''.join(frames)
    with Accounts(stage, server) as accounts:
        token = accounts.register('clock').access
    clock = stage.websocket(server)  # on the same loop: its answer tells that what was sent before has been read
    auth(clock, 'Attach', {'access_token': token})  # so that it may stay
    assert len(frames) == 20

    for split in range(len(data) + 1):
        door = stage.websocket(server)
        door.send_bytes(data[:split])
        clock.send_frame({'ping': {'data': b'tick'}})
        clock.pump(lambda: clock.pongs)
        clock.pongs.clear()
        door.send_bytes(data[split:])
        assert read_words(door, len(words)) == words, split
        door.send_bytes(ws_frame(CLOSE))
        assert door.wait_close_code() == 1005
        door.close()
    comment(f'{len(data) + 1} splits')


@test
def byte_by_byte_and_all_at_once_are_the_same_session(stage):
    server = stage.server()
    frames, words = session(stage.schema)

    for parts in (frames, [bytes([byte]) for byte in b''.join(frames)], [b''.join(frames)]):
        door = stage.websocket(server)
        for part in parts:
            door.send_bytes(part)
        assert read_words(door, len(words)) == words
        door.close()


if __name__ == '__main__':
    main()
