# SPDX-License-Identifier: MIT
"""What a request can be made into, led by its schema: every field left out, empty, doubled, of another type, too large, no
UTF-8 and so on, at every depth, and the whole with fields that the schema does not know.

    for what, raw, refused in mutations(schema, 'sotto.chat.v1.SendRequest', body, max_bytes): ...

`refused` says that no method may take it, whatever it does with its fields; otherwise the method decides.
"""
from protobuf import BYTES, FIXED, MESSAGE, STRING, put_varint

UNKNOWN_FIELD = 1000
UNKNOWN_MAX = 64  # core/wire.h
TOO_LONG = 1024
MANY = 300
BAD_TEXTS = {'bytes that are no UTF-8': b'a\xff\xfe', 'a NUL': b'a\0b', 'a surrogate': b'\xed\xa0\x80',
             'an overlong form': b'\xc0\xaf', 'beyond Unicode': b'\xf4\x90\x80\x80'}
VARINT, FIXED64, DELIMITED, GROUP, FIXED32 = 0, 1, 2, 3, 5


def key(number, wire_type):
    return put_varint(number << 3 | wire_type)


def delimited(number, data):
    return key(number, DELIMITED) + put_varint(len(data)) + data


def piece(schema, field, value):
    """All of a field as it belongs."""
    return b''.join(schema.encode_field(field, one) for one in (value if field.repeated else [value]))


def sample(field):
    """A value for a field that the body does not have."""
    one = {STRING: 'a', BYTES: bytes(16), MESSAGE: {}}.get(field.kind, 1)
    return [one] if field.repeated else one


def of_bytes(schema, field, value, whole):
    """Mutations of a field with a length: (what, bytes, refused)."""
    number = field.number
    yield 'empty', delimited(number, b''), False
    yield 'a number', key(number, VARINT) + b'\1', True
    yield 'eight bytes', key(number, FIXED64) + bytes(8), True
    yield 'a length beyond the end', key(number, DELIMITED) + put_varint(2**63), True
    yield 'a length without an end', key(number, DELIMITED) + b'\xff' * 11, True
    if field.kind == MESSAGE:
        for what, raw, refused in fields_of(schema, field.type_name, value[0] if field.repeated else value):
            yield what, delimited(number, raw), refused
        yield 'garbage', delimited(number, b'\xff\xff\xff'), True
        return
    yield 'too long', delimited(number, b'a' * TOO_LONG), False
    yield 'a byte less', whole[:len(whole) - len(delimited(number, b'a'))] + delimited(number, b''), False
    if field.kind == STRING:
        for what, text in BAD_TEXTS.items():
            yield what, delimited(number, text), True


def of_number(field):
    number = field.number
    for what, value in (('zero', 0), ('minus one', -1), ('2^31', 2**31), ('2^32', 2**32), ('2^63', 2**63),
                        ('2^64 - 1', 2**64 - 1)):
        yield what, key(number, VARINT) + put_varint(value), False
    yield 'bytes', delimited(number, b'\xff'), True
    yield 'four bytes', key(number, FIXED32) + bytes(4), True
    yield 'a number without an end', key(number, VARINT) + b'\xff' * 11, True


def fields_of(schema, type_name, body):
    """One field after the other mutated, the others as they are."""
    known = {field.name: field for field in schema.types[type_name].values()}
    pieces = {name: piece(schema, known[name], value) for name, value in body.items()}
    for name, field in known.items():
        assert field.kind not in FIXED, 'no schema of the house has one'
        value = body.get(name, sample(field))
        whole = piece(schema, field, value)
        rest = b''.join(data for other, data in pieces.items() if other != name)
        yield f'{name}: missing', rest, False
        yield f'{name}: twice', rest + whole + whole, False
        if field.repeated:
            yield f'{name}: {MANY} times', rest + MANY * whole, False
        kinds = of_bytes(schema, field, value, whole) if field.kind in (STRING, BYTES, MESSAGE) else of_number(field)
        for what, data, refused in kinds:
            yield f'{name}: {what}', rest + data, refused


def mutations(schema, type_name, body, max_bytes):
    yield from fields_of(schema, type_name, body)
    raw = schema.encode(type_name, body)
    unknown = key(UNKNOWN_FIELD, VARINT) + b'\1'
    room = max_bytes + 1 - len(raw)
    yield 'a field that is not known', raw + unknown, False
    yield 'too many fields that are not known', raw + (UNKNOWN_MAX + 1) * unknown, True
    yield 'a group', raw + key(UNKNOWN_FIELD, GROUP), True
    yield 'field number 0', raw + b'\0\1', True
    yield 'cut off', raw + b'\x0a\x05abc', True
    filler = room - len(key(UNKNOWN_FIELD, DELIMITED)) - len(put_varint(room))
    yield 'a byte more than the most', raw + delimited(UNKNOWN_FIELD, bytes(filler + 8)), True
