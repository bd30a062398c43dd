# SPDX-License-Identifier: MIT
"""The WebSocket door in JSON (sotto.v1.json) from a client's side, with a JSON mapping of its own: nothing but the
descriptor sets, json and base64.

    door = stage.json_door(server)      answers calls and events like every other door (door.py)
    door.send_text('{"id":1}')          anything at all
    door.texts                          the server's messages as they came

What the server writes is read strictly: an unknown key, a 64-bit integer that is no text, an id that is no number
fails the test.
"""
import base64
import json

from door import FRAME
from protobuf import BOOL, BYTES, ENUM, INT64, MESSAGE, STRING, UINT64
from websocket import JSON, TEXT, WebSocketDoor, ws_frame

FRAME_CALL = 'sotto.frame.v1.Call'
KINDS = ('call', 'reply', 'event', 'ping', 'pong', 'hello', 'goodbye', 'cancel')


def camel(name):
    first, *others = name.split('_')
    return first + ''.join(word.capitalize() for word in others)


def to_json(schema, type_name, values):
    """A message as JSON values; `values` as Schema.encode takes them."""
    known = {field.name: field for field in schema.types[type_name].values()}
    out = {}
    for name, value in values.items():
        field = known[name]
        out[camel(name)] = ([value_to_json(schema, field, one) for one in value] if field.repeated
                            else value_to_json(schema, field, value))
    return out


def value_to_json(schema, field, value):
    if field.kind == MESSAGE:
        return to_json(schema, field.type_name, value)
    if field.kind == BYTES:
        return base64.b64encode(value).decode('ascii')
    return str(value) if field.kind in (INT64, UINT64) else value


def from_json(schema, type_name, value):
    """What the server wrote, as Schema.encode takes it."""
    known = {camel(field.name): field for field in schema.types[type_name].values()}
    out = {}
    for name, inner in value.items():
        assert name in known, f'{type_name} has no {name}'
        field = known[name]
        out[field.name] = ([value_from_json(schema, field, one) for one in inner] if field.repeated
                           else value_from_json(schema, field, inner))
    return out


def value_from_json(schema, field, value):
    if field.kind == MESSAGE:
        return from_json(schema, field.type_name, value)
    if field.kind in (INT64, UINT64):
        assert isinstance(value, str), (field.name, value)
        return int(value)
    if field.kind == BYTES:
        return base64.b64decode(value, validate=True)
    wanted = {STRING: str, BOOL: bool, ENUM: (str, int)}.get(field.kind, int)
    assert isinstance(value, wanted), (field.name, value)
    return value


def refuse_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


class JsonDoor(WebSocketDoor):
    """Takes and gives frames as the other doors do, and speaks JSON in between."""

    def __init__(self, schema, address, **options):
        self.texts = []
        self.replies_to = {}  # method by id
        self.details = None   # of the last error
        super().__init__(schema, address, protocol=JSON, **options)

    def send_text(self, text):
        self.send_bytes(ws_frame(TEXT, text if isinstance(text, bytes) else text.encode('utf-8')))

    def start_call(self, method, body=None, **options):
        number = super().start_call(method, body, **options)
        self.replies_to[number] = method
        return number

    def send_frame(self, frame):
        out = to_json(self.schema, FRAME, {k: v for k, v in frame.items() if k not in ('id', 'call')})
        if 'id' in frame:
            out['id'] = frame['id']
        if 'call' in frame:
            call = dict(frame['call'])
            body = call.pop('body')
            request = self.schema.methods.get(call['method'], (FRAME, FRAME))[0]
            out['call'] = {**to_json(self.schema, FRAME_CALL, call),
                           'body': to_json(self.schema, request, self.schema.decode(request, body))}
        self.send_text(json.dumps(out))

    def read_message(self, opcode, payload):
        assert opcode == TEXT, opcode
        text = payload.decode('utf-8')
        self.texts.append(text)
        out = json.loads(text, object_pairs_hook=refuse_duplicates)
        assert len(out.keys() & set(KINDS)) == 1 and out.keys() <= {'id', *KINDS}, text
        assert isinstance(out.get('id', 0), int), text
        if 'reply' in out:
            self.map_reply(out)
        elif 'event' in out:
            event = out['event']
            event['body'] = self.encoded(event['type'], event['body'])
        number = out.pop('id', 0)
        return self.schema.decode(FRAME, self.schema.encode(FRAME, {**from_json(self.schema, FRAME, out),
                                                                    'id': number}))

    def encoded(self, type_name, body):
        data = self.schema.encode(type_name, from_json(self.schema, type_name, body))
        return base64.b64encode(data).decode('ascii')

    def map_reply(self, out):
        reply = out['reply']
        if 'error' in reply:
            self.details = reply['error'].pop('details', None)
            return
        method = self.replies_to.pop(out['id'], None)
        if method:
            reply['body'] = self.encoded(self.schema.methods[method][1], reply['body'])
        else:  # sent as text: look at self.texts
            reply['body'] = ''
