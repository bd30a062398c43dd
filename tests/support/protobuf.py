# SPDX-License-Identifier: MIT
"""Protocol buffers as the scenarios need them: dicts in, bytes out, driven by the descriptor sets of the build.

    schema = Schema(build)                      every BUILD/proto/*/*.desc
    data = schema.encode('sotto.frame.v1.Frame', {'id': 1, 'ping': {}})
    frame = schema.decode('sotto.frame.v1.Frame', data)
    frame.id, frame.ping.data, 'pong' in frame

A decoded message is a dict of the fields that were on the wire; reading another field of its type as an attribute
gives the default (None for a message). Independent of protobuf-c on purpose: a second reader of the same bytes.
"""
import struct

DOUBLE, FLOAT, INT64, UINT64, INT32, FIXED64, FIXED32, BOOL, STRING = 1, 2, 3, 4, 5, 6, 7, 8, 9
MESSAGE, BYTES, UINT32, ENUM, SFIXED32, SFIXED64, SINT32, SINT64 = 11, 12, 13, 14, 15, 16, 17, 18
REPEATED = 3

FIXED = {DOUBLE: '<d', FIXED64: '<Q', SFIXED64: '<q', FLOAT: '<f', FIXED32: '<I', SFIXED32: '<i'}
DEFAULTS = {STRING: '', BYTES: b'', MESSAGE: None, BOOL: False}


class WireError(Exception):
    """The bytes are not a message of that type."""


class Field:
    def __init__(self, name, number, kind, repeated=False, type_name=''):
        self.name = name
        self.number = number
        self.kind = kind
        self.repeated = repeated
        self.type_name = type_name

    def default(self):
        return [] if self.repeated else DEFAULTS.get(self.kind, 0)


class Message(dict):
    """A decoded message; see the top of this file."""

    def __init__(self, fields):
        super().__init__()
        self.__dict__['_fields'] = fields

    def __getattr__(self, name):
        if name in self:
            return self[name]
        for field in self._fields.values():
            if field.name == name:
                return field.default()
        raise AttributeError(name)


def fields(*rows):
    return {row[1]: Field(*row) for row in rows}


# As much of google/protobuf/descriptor.proto as it takes to read a descriptor set with this very decoder.
DESCRIPTOR = {
    'Set': fields(('file', 1, MESSAGE, True, 'File')),
    'File': fields(('name', 1, STRING), ('package', 2, STRING), ('message', 4, MESSAGE, True, 'Type'),
                   ('enum', 5, MESSAGE, True, 'Enum'), ('service', 6, MESSAGE, True, 'Service')),
    'Type': fields(('name', 1, STRING), ('field', 2, MESSAGE, True, 'Field'),
                   ('nested', 3, MESSAGE, True, 'Type'), ('enum', 4, MESSAGE, True, 'Enum')),
    'Field': fields(('name', 1, STRING), ('number', 3, INT32), ('label', 4, ENUM), ('type', 5, ENUM),
                    ('type_name', 6, STRING)),
    'Enum': fields(('name', 1, STRING), ('value', 2, MESSAGE, True, 'Value')),
    'Value': fields(('name', 1, STRING), ('number', 2, INT32)),
    'Service': fields(('name', 1, STRING), ('method', 2, MESSAGE, True, 'Method')),
    'Method': fields(('name', 1, STRING), ('input', 2, STRING), ('output', 3, STRING)),
}


def put_varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def get_varint(data, position):
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise WireError('bad varint')
        byte = data[position]
        position += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value & (1 << 64) - 1, position


def get_bytes(data, position, size):
    if position + size > len(data):
        raise WireError('truncated')
    return bytes(data[position:position + size]), position + size


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def number_from(kind, value):
    """The value of a varint field from the integer on the wire."""
    if kind in (INT64, INT32, ENUM):
        return signed(value, 64 if kind == INT64 else 32)
    if kind in (SINT32, SINT64):
        return (value >> 1) ^ -(value & 1)
    return bool(value) if kind == BOOL else value


class Schema:
    """Message types and methods by full name, from one or more descriptor sets."""

    def __init__(self, build=None):
        self.types = dict(DESCRIPTOR)
        self.enums = {}
        self.methods = {}  # sotto.x.v1.XService/Method -> (request type, reply type)
        for path in sorted(build.glob('proto/*/*.desc')) if build else ():
            self.load(path.read_bytes())

    def load(self, data):
        for file in self.decode('Set', data).file:
            for message in file.message:
                self.add_type(file.package, message)
            for enum in file.enum:
                self.add_enum(file.package, enum)
            for service in file.service:
                for method in service.method:
                    name = f'{file.package}.{service.name}/{method.name}'
                    self.methods[name] = (method.input[1:], method.output[1:])

    def add_type(self, scope, message):
        name = f'{scope}.{message.name}'
        self.types[name] = fields(*((f.name, f.number, f.type, f.label == REPEATED, f.type_name[1:])
                                    for f in message.field))
        for nested in message.nested:
            self.add_type(name, nested)
        for enum in message.enum:
            self.add_enum(name, enum)

    def add_enum(self, scope, enum):
        self.enums[f'{scope}.{enum.name}'] = {value.name: value.number for value in enum.value}

    def encode(self, type_name, values):
        by_name = {field.name: field for field in self.types[type_name].values()}
        out = bytearray()
        for name, value in values.items():
            field = by_name[name]
            for one in value if field.repeated else [value]:
                out += self.encode_field(field, one)
        return bytes(out)

    def encode_field(self, field, value):
        if field.kind in FIXED:
            data = struct.pack(FIXED[field.kind], value)
            return put_varint(field.number << 3 | (1 if len(data) == 8 else 5)) + data
        if field.kind in (STRING, BYTES, MESSAGE):
            if field.kind == MESSAGE:
                value = self.encode(field.type_name, value)
            data = value.encode('utf-8') if isinstance(value, str) else bytes(value)
            return put_varint(field.number << 3 | 2) + put_varint(len(data)) + data
        if isinstance(value, str):
            value = self.enums[field.type_name][value]
        if field.kind in (SINT32, SINT64):
            value = value << 1 ^ value >> 63
        return put_varint(field.number << 3) + put_varint(int(value))

    def decode(self, type_name, data):
        known = self.types[type_name]
        message = Message(known)
        position = 0
        while position < len(data):
            key, position = get_varint(data, position)
            wire_type = key & 7
            if wire_type == 0:
                value, position = get_varint(data, position)
            elif wire_type == 2:
                size, position = get_varint(data, position)
                value, position = get_bytes(data, position, size)
            elif wire_type in (1, 5):
                value, position = get_bytes(data, position, 8 if wire_type == 1 else 4)
            else:
                raise WireError(f'wire type {wire_type}')
            field = known.get(key >> 3)
            if field:
                self.store(message, field, wire_type, value)
        return message

    def store(self, message, field, wire_type, value):
        if field.kind in (STRING, BYTES, MESSAGE):
            if wire_type != 2:
                raise WireError(f'{field.name} has wire type {wire_type}')
            values = [self.decode(field.type_name, value) if field.kind == MESSAGE else
                      value.decode('utf-8') if field.kind == STRING else value]
        elif wire_type == 2:
            values = list(self.unpack(field, value))
        elif wire_type == 0:
            values = [number_from(field.kind, value)]
        else:
            values = [struct.unpack(FIXED[field.kind], value)[0]]
        if field.repeated:
            message.setdefault(field.name, []).extend(values)
        else:
            message[field.name] = values[-1]

    @staticmethod
    def unpack(field, data):
        """The numbers of a packed repeated field."""
        position = 0
        while position < len(data):
            if field.kind in FIXED:
                size = struct.calcsize(FIXED[field.kind])
                one, position = get_bytes(data, position, size)
                yield struct.unpack(FIXED[field.kind], one)[0]
            else:
                one, position = get_varint(data, position)
                yield number_from(field.kind, one)
