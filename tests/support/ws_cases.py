# SPDX-License-Identifier: MIT
"""A corpus of RFC 6455, sections 5, 7 and 8.1, for a server that speaks sotto.v1.proto: what a client sends, and the
one thing that may come of it.

A case is (section, name, bytes, what comes, end). A message of the corpus is Frame.Ping with some data, so its echo is
Frame.Pong with the same: 'echo x'. A ping of the WebSocket gives 'pong x'. The end is ('echo', code) when the client
has closed and gets its close frame back, ('bye', code) when the server ends it with a Goodbye and a close frame of
that code, or OPEN.
"""
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, RSV2, RSV3, TEXT, close_payload, ws_frame

OPEN = None
MASKS = (b'\0\0\0\0', b'\xff\xff\xff\xff', b'\x01\0\0\0', b'\0\0\0\x80', b'\x12\x34\x56\x78')


def message(data=b''):
    """Frame.Ping{data}, encoded by hand: the corpus stands on nothing but the RFC and frame.proto."""
    inner = b'\x0a' + bytes([len(data)]) + data if data else b''
    return b'\x2a' + bytes([len(inner)]) + inner


def padded(size, data=b'pad'):
    """The same in so many bytes, by an unknown field (number 100) that readers skip."""
    frame = message(data)
    room = size - len(frame) - 2
    for varint in (1, 2, 3):
        left = room - varint
        if left < 1 << 7 * varint:
            length = b''.join(bytes([left >> 7 * i & 0x7f | (0x80 if i + 1 < varint else 0)]) for i in range(varint))
            return frame + b'\xa2\x06' + length + bytes(left)
    raise AssertionError(size)


def binary(data=b'x', **options):
    return ws_frame(BINARY, message(data), **options)


def pieces(payload, *cuts, between=b''):
    """A message in len(cuts) + 1 pieces, with something between them."""
    edges = [0, *cuts, len(payload)]
    frames = [ws_frame(CONTINUATION if i else BINARY, payload[edges[i]:edges[i + 1]], fin=i + 2 == len(edges))
              for i in range(len(edges) - 1)]
    return between.join(frames)


def broken(data, code=1002):
    return data, [], ('bye', code)


def framing():
    for size in (0, 1, 63, 64):
        data = b'd' * size
        yield '5.2', f'a message with {size} bytes of data', binary(data), [f'echo {data.decode()}'], OPEN
    for size in (11, 125, 126, 127, 128, 255, 256, 4095, 4096):
        yield '5.2', f'a message of {size} bytes', ws_frame(BINARY, padded(size)), ['echo pad'], OPEN
    yield '5.2', 'a message over the limit', *broken(ws_frame(BINARY, padded(4097)), 1009)
    for size in (4097, 65535, 65536, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 62, (1 << 63) - 1):
        yield '5.2', f'a claim of {size} bytes', *broken(ws_frame(BINARY, b'', length=size), 1009)
    for size in (1 << 63, (1 << 64) - 1):
        yield '5.2', f'a negative length {size:x}', *broken(ws_frame(BINARY, b'', length=size, form=64))
    for size, form in ((0, 16), (5, 16), (125, 16), (0, 64), (5, 64), (125, 64), (126, 64), (65535, 64)):
        yield '5.2', f'{size} written with {form} bits', *broken(ws_frame(BINARY, bytes(size), form=form))
    for bits in range(1, 8):
        rsv = bits << 4
        yield '5.2', f'reserved bits {rsv:x} on a message', *broken(ws_frame(BINARY, message(), rsv=rsv))
    for opcode, name in ((PING, 'ping'), (PONG, 'pong'), (CLOSE, 'close')):
        for rsv in (RSV1, RSV2, RSV3):
            yield '5.2', f'reserved bit {rsv:x} on a {name}', *broken(ws_frame(opcode, b'', rsv=rsv))
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield '5.2', f'opcode {opcode}', *broken(ws_frame(opcode, b''))
        yield '5.2', f'opcode {opcode} after a message', binary(b'm') + ws_frame(opcode, b'z'), ['echo m'], ('bye', 1002)


def masking():
    for mask in MASKS:
        yield '5.3', f'mask {mask.hex()}', binary(b'masked', mask=mask), ['echo masked'], OPEN
    yield '5.3', 'another mask for each frame', b''.join(binary(b'm%d' % i, mask=mask) for i, mask in enumerate(MASKS)), \
        [f'echo m{i}' for i in range(len(MASKS))], OPEN
    for opcode in (BINARY, PING, PONG, CLOSE):
        yield '5.3', f'opcode {opcode} without a mask', *broken(ws_frame(opcode, message(), mask=None))
    yield '5.3', 'a piece without a mask', *broken(
        ws_frame(BINARY, message()[:1], fin=False) + ws_frame(CONTINUATION, message()[1:], mask=None))


def fragmentation():
    whole = message(b'fragments')
    for cut in range(len(whole) + 1):
        yield '5.4', f'two pieces cut at {cut}', pieces(whole, cut), ['echo fragments'], OPEN
    yield '5.4', 'pieces of one byte', pieces(whole, *range(1, len(whole))), ['echo fragments'], OPEN
    yield '5.4', 'empty pieces', pieces(whole, 0, 0, 4, 4, len(whole), len(whole)), ['echo fragments'], OPEN
    yield '5.4', 'pings between pieces', pieces(whole, 3, between=ws_frame(PING, b'p')), \
        ['pong p', 'echo fragments'], OPEN
    yield '5.4', 'pongs between pieces', pieces(whole, 3, 6, between=ws_frame(PONG, b'p')), ['echo fragments'], OPEN
    yield '5.4', 'two messages in pieces', pieces(whole, 3) * 2, ['echo fragments'] * 2, OPEN
    yield '5.4', '256 pieces', pieces(whole, *[1] * 255), ['echo fragments'], OPEN
    yield '5.4', '257 pieces', *broken(pieces(whole, *[1] * 256), 1008)
    yield '5.4', '257 empty pieces', *broken(
        ws_frame(BINARY, fin=False) + ws_frame(CONTINUATION, fin=False) * 256, 1008)
    yield '5.4', 'pieces over the limit together', *broken(pieces(padded(4097), 2000, 4000), 1009)
    yield '5.4', 'a last piece that claims too much', *broken(
        ws_frame(BINARY, message(), fin=False) + ws_frame(CONTINUATION, b'', length=1 << 40), 1009)
    yield '5.4', 'continuation of nothing', *broken(ws_frame(CONTINUATION, b'x'))
    yield '5.4', 'continuation of nothing, not the last', *broken(ws_frame(CONTINUATION, b'x', fin=False))
    yield '5.4', 'continuation after the end', binary(b'm') + ws_frame(CONTINUATION, b'x'), ['echo m'], ('bye', 1002)
    yield '5.4', 'a message inside another', *broken(ws_frame(BINARY, whole[:3], fin=False) + binary())
    yield '5.4', 'a first piece inside another message', *broken(ws_frame(BINARY, whole[:3], fin=False) * 2)
    yield '5.4', 'text inside another message', *broken(ws_frame(BINARY, whole[:3], fin=False) + ws_frame(TEXT, b'x'))
    yield '5.4', 'closing inside a message', ws_frame(BINARY, whole[:3], fin=False) + ws_frame(CLOSE), [], ('echo', 1005)


def control():
    for size in (0, 1, 124, 125):
        data = b'c' * size
        yield '5.5', f'a ping of {size} bytes', ws_frame(PING, data), [f'pong {data.decode()}'], OPEN
        yield '5.5', f'a pong of {size} bytes that nobody asked for', ws_frame(PONG, data) + binary(), ['echo x'], OPEN
    for opcode, name in ((PING, 'ping'), (PONG, 'pong'), (CLOSE, 'close')):
        yield '5.5', f'a {name} of 126 bytes', *broken(ws_frame(opcode, bytes(126)))
        yield '5.5', f'a {name} that claims 2^40 bytes', *broken(ws_frame(opcode, b'', length=1 << 40))
        yield '5.5', f'a {name} in pieces', *broken(ws_frame(opcode, b'', fin=False))
        yield '5.5', f'a {name} with 16 bits of length', *broken(ws_frame(opcode, b'x', form=16))
    yield '5.5', 'ten pings at once: the latest is answered', b''.join(ws_frame(PING, b'%d' % i) for i in range(10)), \
        ['pong 9'], OPEN
    yield '5.5', 'a ping around messages', binary(b'a') + ws_frame(PING, b'p') + binary(b'b'), \
        ['echo a', 'pong p', 'echo b'], OPEN


def data_frames():
    for payload in (b'', b'text', b'\xff', message()):
        yield '5.6', f'text {payload!r} where binary is spoken', *broken(ws_frame(TEXT, payload), 1003)
    yield '5.6', 'text in pieces', *broken(ws_frame(TEXT, b'x', fin=False), 1003)
    yield '5.6', 'a message that is no frame', *broken(ws_frame(BINARY, b'\xff\xff'))
    yield '5.6', 'an empty message', *broken(ws_frame(BINARY, b''))
    yield '5.6', 'many messages at once', b''.join(binary(b'%d' % i) for i in range(15)), \
        [f'echo {i}' for i in range(15)], OPEN
    yield '5.6', 'what comes behind an error is not read', binary(b'a') + ws_frame(3) + binary(b'b'), \
        ['echo a'], ('bye', 1002)


def closing():
    yield '7.1', 'a close without a code', ws_frame(CLOSE), [], ('echo', 1005)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        yield '7.4', f'a close with {code}', ws_frame(CLOSE, close_payload(code)), [], ('echo', code)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield '7.4', f'a close with {code}, which clients do not send', *broken(ws_frame(CLOSE, close_payload(code)))
    yield '7.1', 'a close with a long reason', ws_frame(CLOSE, close_payload(1000, b'r' * 123)), [], ('echo', 1000)
    yield '7.1', 'half a close code', *broken(ws_frame(CLOSE, b'\x03'))
    yield '7.1', 'what comes behind a close is not read', ws_frame(CLOSE, close_payload(1000)) + binary(), [], ('echo', 1000)
    yield '7.1', 'messages before a close are answered', binary(b'a') + ws_frame(CLOSE, close_payload(1000)), \
        ['echo a'], ('echo', 1000)
    yield '7.1', 'a ping behind a close gets no pong', ws_frame(CLOSE) + ws_frame(PING, b'late'), [], ('echo', 1005)


# At the edges of what UTF-8 can say, and beyond them.
GOOD = ('', 'κόσμε', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff', '\U00010000', '\U0010ffff', '\x00')
BAD = (b'\x80', b'\xbf', b'\xc3', b'\xc0\xaf', b'\xc1\xbf', b'\xe0\x80\xaf', b'\xe0\x9f\xbf', b'\xed\xa0\x80',
       b'\xed\xbf\xbf', b'\xf0\x80\x80\xaf', b'\xf0\x8f\xbf\xbf', b'\xf4\x90\x80\x80', b'\xf5\x80\x80\x80',
       b'\xfe', b'\xff', b'\xe2\x82', b'\xf0\x9f\x98', b'ok\xc3(', b'\xed\xa0\x80\xed\xb0\x80')


def utf8():
    for text in GOOD:
        yield '8.1', f'a close with the reason {text!r}', ws_frame(CLOSE, close_payload(1000, text.encode())), \
            [], ('echo', 1000)
    for data in BAD:
        yield '8.1', f'a close with the bytes {data!r}', *broken(ws_frame(CLOSE, close_payload(1000, data)), 1007)


def text_call(inside):
    """A call in JSON of a method that nobody has; its name is the text."""
    return b'{"id":1,"call":{"method":"' + inside + b'"}}'


def text_cases():
    """The same for sotto.v1.json: what is text is UTF-8, and the first byte that is not ends it."""
    answered = ['reply 1 unimplemented']
    for text in GOOD[:-1]:  # JSON has no raw NUL
        data = text_call(text.encode())
        yield '8.1', f'text with {text!r}', ws_frame(TEXT, data), answered, OPEN
        cut = data.index(b'd":"') + 5
        yield '8.1', f'text with {text!r}, cut inside', \
            ws_frame(TEXT, data[:cut], fin=False) + ws_frame(CONTINUATION, data[cut:]), answered, OPEN
    for data in BAD:
        yield '8.1', f'text with {data!r}', *broken(ws_frame(TEXT, text_call(data)), 1007)
        yield '8.1', f'text with {data!r} and the rest still to come', \
            *broken(ws_frame(TEXT, text_call(data), length=3000), 1007)
        yield '8.1', f'a last piece with {data!r}', *broken(
            ws_frame(TEXT, b'{"id":1,', fin=False) + ws_frame(CONTINUATION, data + b'}'), 1007)
    yield '8.1', 'text that ends inside a character', *broken(ws_frame(TEXT, b'"\xf0\x9f\x98'), 1007)
    yield '5.6', 'binary where text is spoken', *broken(ws_frame(BINARY, text_call(b'x')), 1003)
    yield '5.6', 'text that is no frame', *broken(ws_frame(TEXT, b'hello'))
    yield '5.6', 'an empty text', *broken(ws_frame(TEXT, b''))


def cases():
    for group in (framing, masking, fragmentation, control, data_frames, closing, utf8):
        yield from group()
