# SPDX-License-Identifier: MIT
# io_threads: default
"""Who may open a WebSocket: the handshake of RFC 6455, section 4.2, origins, names, and where no token is looked for."""
from logins import Accounts, auth, refusal
from tap import main, test
from websocket import RawSocket, read_answer, upgrade_request

ORIGIN = 'https://talk.example.org'
CONF = f'listen "http" {{ origins = "{ORIGIN} http://127.0.0.1:5173" }}'


def ask(server, request):
    raw = RawSocket(server.ready['http'])
    raw.send(request)
    if request_becomes_a_socket(raw):
        raw.close()
        return 101, {}
    status, fields, _ = read_answer(raw.data + raw.read_all())
    raw.close()
    return status, fields


def request_becomes_a_socket(raw):
    """Reads the status line; a 101 does not end the connection."""
    raw.data = b''
    while len(raw.data) < 12:
        piece = raw.socket.recv(4096)
        assert piece, raw.data
        raw.data += piece
    return raw.data.startswith(b'HTTP/1.1 101')


def request(**options):
    return upgrade_request('localhost', **options)


def one(name, value):
    return {'fields': {name: value}}


def lacks(*names):
    return {'without': names}


KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
HANDSHAKES = (
    (101, {}),
    (101, {'key': KEY}),
    (101, one('Upgrade', 'WebSocket')),
    (101, one('Upgrade', 'h2c, websocket')),
    (101, one('Connection', 'keep-alive, Upgrade')),
    (101, one('Connection', 'upgrade')),
    (101, {'protocol': 'chat, sotto.v1.proto'}),
    (101, {'protocol': 'sotto.v1.proto,other'}),
    (101, {'path': '/ws?x=1'}),
    (101, {'path': '/ws/'}),
    (101, {'path': '/ws/?x=1'}),
    (101, one('Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits')),
    (101, one('Sec-WebSocket-Extensions', 'unheard-of; a=b')),
    (426, lacks('Upgrade')),
    (426, one('Upgrade', 'websockets')),
    (426, one('Upgrade', 'h2c')),
    (426, lacks('Connection')),
    (426, one('Connection', 'close')),
    (426, one('Connection', 'keep-alive')),
    (426, {'version': 'HTTP/1.0'}),
    (505, {'version': 'HTTP/2.0'}),
    (426, lacks('Sec-WebSocket-Version')),
    (426, one('Sec-WebSocket-Version', '8')),
    (426, one('Sec-WebSocket-Version', '12')),
    (426, one('Sec-WebSocket-Version', '13, 8')),
    (426, one('Sec-WebSocket-Version', '013')),
    (426, one('Sec-WebSocket-Version', '13\r\nSec-WebSocket-Version: 13')),
    (400, lacks('Sec-WebSocket-Key')),
    (400, {'key': 'short'}),
    (400, {'key': KEY[:-1]}),
    (400, {'key': KEY + '='}),
    (400, {'key': 'dGhlIHNhbXBsZSBub25j'}),
    (400, {'key': 'dGhlIHNhbXBsZSBub25jZSEh'}),
    (400, {'key': 'dGhlIHNhbXBsZSBub25jZQ--'}),
    (400, {'key': 'dGhlIHNhbXBsZSBub 5jZQ=='}),
    (400, {'key': 'dGhlIHNhbXBsZSBub25jZR=='}),
    (400, {'key': KEY + '\r\nSec-WebSocket-Key: ' + KEY}),
    (400, lacks('Sec-WebSocket-Protocol')),
    (400, {'protocol': 'sotto.v2.proto'}),
    (400, {'protocol': 'SOTTO.V1.PROTO'}),
    (400, {'protocol': 'sotto.v1.proto.x'}),
    (400, one('Content-Length', '5')),
    (400, one('Transfer-Encoding', 'chunked')),
    (400, lacks('Host')),
    (400, one('Host', '')),
    (400, one('Host', 'a\r\nHost: b')),
    (400, one('Host', 'a/b')),
    (404, {'path': '/WS'}),
    (404, {'path': '/ws//'}),
    (404, {'path': '/ws/x'}),
    (404, {'path': '/ws/../ws'}),
    (404, {'path': '/%77s'}),
    (404, {'path': '//ws'}),
    (400, {'path': 'ws'}),
    (400, {'path': 'http://localhost/ws'}),
)


@test
def only_a_handshake_to_the_letter_opens_a_websocket(stage):
    server = stage.server(conf='limits { unattached_per_address = 1000 }')
    wrong = []

    for want, options in HANDSHAKES:
        got, fields = ask(server, request(**options))
        if got != want:
            wrong.append(f'{options}: {got} instead of {want}')
        if got == 426:
            assert fields['upgrade'] == 'websocket' and fields['sec-websocket-version'] == '13'
        assert got == 101 or fields['connection'] == 'close'

    assert not wrong, '\n'.join(wrong)


@test
def other_methods_are_told_which_there_is(stage):
    server = stage.server()

    for method in (b'POST', b'PUT', b'HEAD', b'DELETE', b'get', b'OPTIONS'):
        status, fields = ask(server, method + request()[3:])
        assert status == 405 and fields['allow'] == 'GET', method


@test
def browsers_come_in_from_listed_pages_only(stage):
    server = stage.server(conf=CONF)
    refused = ('null', '', '*', 'https://evil.example', 'https://talk.example.org.evil.example',
               'https://eviltalk.example.org', 'https://talk.example.org:443', 'https://talk.example.org:8443',
               'http://talk.example.org', 'https://TALK.example.org', 'https://talk.example.org/', 'talk.example.org',
               'https://talk.example.org.', 'https://talk.example.org https://evil.example',
               'https://sub.talk.example.org', 'http://127.0.0.1', 'http://127.0.0.1:51730', 'http://localhost:5173',
               'https://talk.example.org\r\nOrigin: https://talk.example.org', 'file://', 'https://t\xe4lk.example.org')

    for origin in (ORIGIN, 'http://127.0.0.1:5173'):
        assert ask(server, request(fields={'Origin': origin}))[0] == 101, origin
    assert ask(server, request())[0] == 101  # no browser
    for origin in refused:
        assert ask(server, request(fields={'Origin': origin}))[0] == 403, origin


@test
def without_a_list_no_browser_comes_in_not_even_from_the_same_address(stage):
    server = stage.server()

    for origin in (f'http://{server.ready["http"]}', 'http://localhost', ORIGIN):
        assert ask(server, request(fields={'Origin': origin}))[0] == 403


@test
def requests_to_other_names_are_refused_when_the_names_are_known(stage):
    server = stage.server(conf='listen "http" { hosts = "talk.example.org [::1]:7580" }')

    for host, want in (('talk.example.org', 101), ('TALK.example.org', 101), ('talk.example.org:7580', 101),
                       ('[::1]:7580', 101), ('[::1]', 400), ('evil.example', 400), ('talk.example.org.evil', 400),
                       ('127.0.0.1', 400), ('rebound.example:7580', 400)):
        assert ask(server, request(fields={'Host': host}))[0] == want, host


@test
def only_a_named_proxy_says_whom_a_connection_counts_for(stage):
    limits = 'limits { unattached_per_address = 3 }'
    server = stage.server(conf=limits + ' listen "http" { proxies = "127.0.0.1" }')
    other = stage.server('other', conf=limits)

    def come(to, address):
        return stage.websocket(to, fields={'X-Forwarded-For': f'203.0.113.66, {address}'})

    for _ in range(3):
        come(server, '198.51.100.1')
    for _ in range(3):
        come(server, '198.51.100.2')
    status, fields = ask(server, request(fields={'X-Forwarded-For': '203.0.113.7, 198.51.100.1'}))
    assert (status, fields['retry-after']) == (429, '1')
    come(server, '198.51.100.3')

    for number in range(3):
        come(other, f'198.51.100.{number}')
    raw = RawSocket(other.ready['http'])
    status, fields, _ = read_answer(raw.read_all())
    assert (status, fields['retry-after']) == (429, '1')
    raw.close()


@test
def a_token_in_the_address_or_a_cookie_is_nobody(stage):
    server = stage.server()
    with Accounts(stage, server) as accounts:
        token = accounts.register('alice').access

    for options in ({'path': f'/ws?access_token={token}'}, {'path': f'/ws?token={token}'},
                    {'fields': {'Cookie': f'access_token={token}; token={token}'}},
                    {'fields': {'Authorization': f'Bearer {token}'}}):
        assert refusal(auth, stage.websocket(server, **options), 'WhoAmI')[0] == 'unauthenticated', options

    door = stage.websocket(server)
    auth(door, 'Attach', {'access_token': token})
    assert auth(door, 'WhoAmI').name == 'alice'


@test
def an_origin_that_cannot_be_one_is_refused_by_the_conf(stage):
    for origins, word in (('*', 'every web page'), ('null', 'unknown origin'), ('talk.example.org', 'not an origin'),
                          ('https://talk.example.org/', 'not an origin'), ('https://Talk.example.org', 'not an origin'),
                          ('https://', 'not an origin')):
        server = stage.new_server(f'server-{len(stage.servers)}', conf=f'listen "http" {{ origins = "{origins}" }}')
        process = server.launch()
        assert process.wait() == 78
        assert word in server.log() and 'origins' in server.log(), server.log()


if __name__ == '__main__':
    main()
