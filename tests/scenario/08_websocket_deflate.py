# SPDX-License-Identifier: MIT
# io_threads: default
"""permessage-deflate: off unless the operator wants it, agreed on to the letter, bounded whatever comes (W6, RT-02)."""
import random
import re
import zlib

from logins import Accounts, auth
from server_facts import Peak
from tap import main, test
from under_test import is_sanitized
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT, ws_frame
from ws_cases import message

ON = 'listen "http" { deflate = yes }'
PROTOCOL, BAD_DATA, TOO_BIG = 1002, 1007, 1009
OFFER = 'permessage-deflate; client_max_window_bits'
AGREED = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'


def squeeze(data, codec=None):
    codec = codec or zlib.compressobj(9, zlib.DEFLATED, -15)
    return (codec.compress(data) + codec.flush(zlib.Z_SYNC_FLUSH))[:-4]


def bomb(mebibytes):
    """Zeros by the MiB, each compressed on its own, so that any amount of them is made at once."""
    codec = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = codec.compress(bytes(1 << 20)) + codec.flush(zlib.Z_FULL_FLUSH)
    return (one * mebibytes)[:-4]


def compressed(stage, server, offer=OFFER, **options):
    return stage.websocket(server, fields={'Sec-WebSocket-Extensions': offer}, deflate=True, **options)


@test
def it_is_off_unless_the_operator_wants_it(stage):
    door = stage.websocket(stage.server(), fields={'Sec-WebSocket-Extensions': OFFER})
    assert 'sec-websocket-extensions' not in door.answer

    door.send_bytes(ws_frame(BINARY, squeeze(message(b'x')), rsv=RSV1))

    assert door.wait_close_code() == PROTOCOL


@test
def only_who_asks_gets_it(stage):
    server = stage.server(conf=ON)
    plain = stage.websocket(server)
    assert 'sec-websocket-extensions' not in plain.answer
    plain.send_bytes(ws_frame(BINARY, squeeze(message(b'x')), rsv=RSV1))
    assert plain.wait_close_code() == PROTOCOL

    assert compressed(stage, server).answer['sec-websocket-extensions'] == AGREED
    small = compressed(stage, server, 'permessage-deflate; server_max_window_bits=12')
    assert small.answer['sec-websocket-extensions'] == AGREED + '; server_max_window_bits=12'


@test
def messages_go_both_ways_compressed_or_not(stage):
    server = stage.server(conf=ON)
    door = compressed(stage, server)
    data = squeeze(message(b'z' * 64))

    door.send_bytes(ws_frame(BINARY, data, rsv=RSV1))
    assert door.pump(lambda: door.pongs) == [b'z' * 64]
    door.send_bytes(ws_frame(BINARY, data[:2], fin=False, rsv=RSV1) + ws_frame(PING, b'p')
                    + ws_frame(CONTINUATION, data[2:]))
    assert door.pump(lambda: door.pongs[1:]) == [b'z' * 64]
    door.send_frame({'ping': {'data': b'as it is'}})
    assert door.pump(lambda: door.pongs[2:]) == [b'as it is']


@test
def text_that_repeats_itself_gets_smaller_on_the_wire(stage):
    server = stage.server(conf=ON)
    with Accounts(stage, server) as accounts:
        logins = [accounts.register('alice')] + [accounts.login('alice') for _ in range(4)]
    sizes = []

    for door in (stage.websocket(server), compressed(stage, server)):
        auth(door, 'Attach', {'access_token': logins[0].access})
        before = door.payload_bytes
        assert len(auth(door, 'ListLogins').logins) == 5
        sizes.append(door.payload_bytes - before)

    assert sizes[1] < 0.8 * sizes[0], sizes
    assert re.search(r'^sotto_websocket_saved_bytes_total [1-9]', server.http('/metrics')[2].decode(), re.MULTILINE)


@test
def a_reserved_bit_stands_on_the_first_frame_of_a_message_only(stage):
    server = stage.server(conf=ON)

    for data in (ws_frame(PING, b'', rsv=RSV1), ws_frame(PONG, b'', rsv=RSV1), ws_frame(CLOSE, b'', rsv=RSV1),
                 ws_frame(BINARY, b'x', fin=False, rsv=RSV1) + ws_frame(CONTINUATION, b'x', rsv=RSV1),
                 ws_frame(BINARY, b'', rsv=RSV1 | 0x20)):
        door = compressed(stage, server)
        door.send_bytes(data)
        assert door.wait_close_code() == PROTOCOL, data


@test
def what_cannot_be_inflated_ends_the_connection(stage):
    server = stage.server(conf=ON)
    codec = zlib.compressobj(9, zlib.DEFLATED, -15)
    first, second = squeeze(message(b'the same words'), codec), squeeze(message(b'the same words'), codec)
    assert len(second) < len(first)  # it points into the first

    for data in (b'\xff\xff\xff', b'\x07', squeeze(message(b'cut off'))[:-3], random.Random(6).randbytes(64), second):
        door = compressed(stage, server)
        door.send_bytes(ws_frame(BINARY, data, rsv=RSV1))
        assert door.wait_close_code() in (BAD_DATA, PROTOCOL), data
    door = compressed(stage, server)
    door.send_bytes(ws_frame(BINARY, first, rsv=RSV1) + ws_frame(BINARY, second, rsv=RSV1))
    assert door.wait_close_code() == BAD_DATA and door.pongs == [b'the same words']


@test
def compressed_text_is_utf8_as_well(stage):
    server = stage.server(conf=ON)

    for inside, code in ((b'm\xc3\xa4rchen', None), (b'm\xe4rchen', BAD_DATA)):
        door = stage.json_door(server, fields={'Sec-WebSocket-Extensions': OFFER}, deflate=True)
        door.send_bytes(ws_frame(TEXT, squeeze(b'{"id":1,"call":{"method":"' + inside + b'"}}'), rsv=RSV1))
        if code is None:
            assert door.pump(lambda: door.replies)[1].error.code == 'unimplemented'
        else:
            assert door.wait_close_code() == code


@test
def a_bomb_is_stopped_at_the_limit_and_costs_no_memory(stage):
    server = stage.server(conf=ON)
    with Accounts(stage, server) as accounts:
        token = accounts.register('alice').access
    attached = compressed(stage, server)
    auth(attached, 'Attach', {'access_token': token})
    stranger = compressed(stage, server)
    peak = Peak(server)
    small, large = bomb(3), bomb(1024)
    assert len(small) < 4096 and attached.hello.max_frame < 1 << 30

    stranger.send_bytes(ws_frame(BINARY, small, rsv=RSV1))
    attached.send_bytes(ws_frame(BINARY, large[:len(large) // 16], rsv=RSV1))

    assert stranger.wait_close_code() == TOO_BIG
    assert attached.wait_close_code() == TOO_BIG
    if not is_sanitized():
        assert peak.grown_kib() <= 1024
    attached = compressed(stage, server)
    auth(attached, 'Attach', {'access_token': token})
    attached.send_bytes(ws_frame(BINARY, large, rsv=RSV1))
    assert attached.wait_close_code() == TOO_BIG


if __name__ == '__main__':
    main()
