# SPDX-License-Identifier: MIT
"""Who may call what: the one table, a row for each method of each module.

The build holds the rows against the methods of the built modules (tests/access/check) and fails when one has no row;
tests/scenario/50_access_matrix.py plays every cell against a real server. Three kinds of row:

    open_row(names, body, own, others, absent)      a method of level NONE
    own_row(names, body, own, others, absent)       a method of level SESSION
    chat_row(body, own)                             the same, about a chat: the other two are `none` for everybody

`names` is what a request can name: a 'user', a 'login', a 'chat', or None. Each caller asks three times: about its own
one, about that of others, about one that does not exist (only once, when nothing is named). `own`, `others` and
`absent` are what they get: a word for each of CALLERS, or one for all. The words:

    ok     answered                     deny   permission_denied        never  unauthenticated
    none   not_found                    twice  already_exists           early  failed_precondition
    bad    invalid_argument             lost   aborted

The last two callers, a connection without a login and one that came with an expired token, get `never` from a method of
level SESSION; those rows leave them out. `body` is the request, in which IT stands for what is named and ME for the
caller (tests/support/cast.py has their attributes). It need not succeed: `bad` from junk behind the id of a chat says
"you may, but not this". A row with `fresh=True` changes what it names (a logout, a deletion): every call of it gets a
chat, a login of its own.

For each caller, two refusals with the same word in a row are the same byte for byte: a chat that is forbidden and one
that does not exist answer alike. A refusal leaves the database as it was, unless the row says `effect=True`.
"""

import time

CALLERS = ('owner', 'admin', 'member', 'removed', 'stranger', 'other_device', 'nobody', 'expired')
CODES = {
    'ok': 'ok',
    'none': 'not_found',
    'bad': 'invalid_argument',
    'deny': 'permission_denied',
    'twice': 'already_exists',
    'lost': 'aborted',
    'never': 'unauthenticated',
    'early': 'failed_precondition',
}


class Ref:
    """A value that is known only when the matrix is played: IT.user is the attribute `user` of what is named."""

    def __init__(self, *path):
        self.path = path

    def __getattr__(self, name):
        return Ref(*self.path, name)


IT, ME, MEMBER = Ref('it'), Ref('me'), Ref('member')


class Row:
    """level: as the module's table must have it; cells: kind of id -> a code for each of CALLERS."""

    def __init__(self, level, names, body, cells, fresh=False, effect=False):
        self.level = level
        self.names = names
        self.body = body
        self.fresh = fresh
        self.effect = effect
        self.cells = {kind: codes(words, level) for kind, words in cells.items() if words}


def codes(words, level):
    given = words.split()
    count = len(CALLERS) if level == 'none' else len(CALLERS) - 2
    if len(given) == 1:
        given *= count
    if len(given) != count:
        raise ValueError(f'"{words}" has {len(given)} words, not {count}')
    if level == 'session':
        given += ['never', 'never']
    return dict(zip(CALLERS, (CODES[word] for word in given)))


def open_row(names, body, own, others='', absent='', **flags):
    return Row('none', names, body, {'own': own, 'others': others, 'absent': absent}, **flags)


def own_row(names, body, own, others='', absent='', **flags):
    return Row('session', names, body, {'own': own, 'others': others, 'absent': absent}, **flags)


def chat_row(body, own, **flags):
    return own_row('chat', {'chat_id': IT.chat, **body}, own, 'none', 'none', **flags)


AUTH, KEYX, CHAT = 'sotto.auth.v1.AuthService/', 'sotto.keyx.v1.KeyService/', 'sotto.chat.v1.ChatService/'

# A valid group element, so that OPAQUE's first messages are in order.
POINT = bytes.fromhex('e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76')
DEVICE = {'device_id': ME.device, 'label': 'test'}
NOW_MS = int(time.time() * 1000)

#  callers:                                owner admin member removed stranger other_device (nobody expired)
ROWS = {
    AUTH + 'RegisterStart': open_row('user', {'name': IT.name, 'request': POINT}, 'twice', 'twice', 'ok'),
    AUTH + 'RegisterFinish': open_row('user', {'name': IT.name, 'record': bytes(192), 'idempotency_key': bytes(16),
                                               'device': DEVICE}, 'bad', 'bad', 'bad'),
    AUTH + 'LoginStart': open_row('user', {'name': IT.name, 'ke1': POINT + bytes(32) + POINT}, 'ok', 'ok', 'ok'),
    AUTH + 'LoginFinish': open_row(None, {'login_start_id': bytes(16), 'ke3': bytes(64), 'device': DEVICE}, 'never'),
    AUTH + 'Refresh': open_row('login', {'refresh_token': IT.refresh_token, 'device_id': ME.device},
                               'ok', 'never', 'never', fresh=True, effect=True),  # a stolen token ends its login
    AUTH + 'Attach': open_row('login', {'access_token': IT.access}, 'ok',
                              'early early early early early early ok ok', 'never', fresh=True),
    AUTH + 'WhoAmI': own_row(None, {}, 'ok'),
    AUTH + 'ListLogins': own_row(None, {}, 'ok'),
    AUTH + 'Revoke': own_row('login', {'login_id': IT.login_id}, 'ok', 'none', 'none', fresh=True),
    AUTH + 'Logout': own_row(None, {}, 'ok', fresh=True),
    AUTH + 'DeleteAccount': own_row(None, {'login_start_id': bytes(16), 'ke3': bytes(64), 'deleted_ms': NOW_MS,
                                           'signature': bytes(64)}, 'never'),  # a token without the password
    AUTH + 'LookupUsers': own_row('user', {'user_ids': [IT.user]}, 'ok', 'ok', 'ok'),

    KEYX + 'PublishIdentity': own_row('user', {'identity_key': IT.identity_key, 'signature': IT.signature},
                                      'ok', 'bad', 'bad'),
    KEYX + 'AddDevice': own_row('user', {'certificate': IT.certificate, 'signature_key': IT.device_key},
                                'ok', 'bad', 'bad'),
    KEYX + 'RemoveDevice': own_row('user', {'device_id': IT.device, 'removed_ms': NOW_MS, 'signature': bytes(64),
                                            'identity_key': IT.identity_key}, 'bad', 'bad', 'bad'),
    KEYX + 'GetIdentity': own_row('user', {'user_id': IT.user}, 'ok', 'ok', 'none'),
    KEYX + 'UploadKeyPackages': own_row('user', {'key_packages': [IT.package]}, 'ok', 'bad'),
    KEYX + 'CountKeyPackages': own_row(None, {}, 'ok'),
    KEYX + 'ClaimKeyPackages': own_row('user', {'user_ids': [IT.user], 'suite': 3}, 'ok', 'ok', 'ok'),
    KEYX + 'PutBackup': own_row('user', {'container': IT.backup, 'counter': 1}, 'ok', 'bad', 'bad'),
    KEYX + 'GetBackup': own_row(None, {}, 'ok'),

    CHAT + 'Create': own_row('chat', {'chat_id': IT.chat, 'type': 2, 'mode': 1, 'suite': 3,
                                      'first': {'commit': b'junk'}}, 'bad', 'bad', 'bad'),
    CHAT + 'Commit': chat_row({'bundle': {'commit': b'junk'}}, 'bad   bad   bad    none    none     bad'),
    CHAT + 'DeleteChat': chat_row({}, 'ok    deny  deny   none    none     ok', fresh=True),
    CHAT + 'Leave': chat_row({'proposals': [b'junk']}, 'bad   bad   bad    none    none     none'),
    CHAT + 'Send': chat_row({'client_msg_id': 1, 'message': b'junk'}, 'bad   bad   bad    none    none     none'),
    CHAT + 'Sync': own_row('chat', {'cursors': [{'chat_id': IT.chat}]}, 'ok', 'ok', 'ok'),
    CHAT + 'Ack': own_row('chat', {'cursors': [{'chat_id': IT.chat, 'seq': 99}], 'welcomes_joined': [IT.chat]},
                          'ok', 'ok', 'ok'),
    CHAT + 'ListChats': own_row(None, {}, 'ok'),
    CHAT + 'ListMembers': chat_row({}, 'ok    ok    ok     none    none     ok'),
    CHAT + 'GetGroup': chat_row({}, 'ok    ok    ok     none    none     ok'),
    CHAT + 'GetExternalSender': own_row(None, {}, 'ok'),
    CHAT + 'ReportCommit': chat_row({'seq': 1, 'epoch': 0, 'reason': 4}, 'early early early  none    none     none'),
    CHAT + 'ListReports': chat_row({}, 'ok    ok    ok     none    none     ok'),
    CHAT + 'SetRole': chat_row({'user_id': MEMBER.user, 'role': 3}, 'ok    deny  deny   none    none     ok'),

    'sotto.echo.v1.EchoService/Say': own_row(None, {'text': 'hello'}, 'ok'),
}
