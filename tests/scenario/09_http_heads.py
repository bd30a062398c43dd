# SPDX-License-Identifier: MIT
# io_threads: default
"""Request smuggling (P2): heads on which programs disagree, sent to the HTTP port directly and through nginx. Whatever
stands there, the server answers one request and closes, or refuses one and closes; and it never sees another number
of requests than the proxy handed on.
"""
import re

from proxy import Proxy
from sotto import Stage
from tap import comment, main, test
from websocket import RawSocket

HEADS_AT_LEAST = 60
READ = (404, 405)
REFUSED = (400, 431, 501, 505)


def get(*lines, method='GET', target='/{c}', version='HTTP/1.1', end='\r\n'):
    return f'{method} {target} {version}{end}' + ''.join(line + end for line in lines) + end


def post(*lines, body='', **options):
    return get('Host: a', *lines, method='POST', **options) + body


CHUNKED = 'Transfer-Encoding: chunked'
BODY = '5\r\nhello\r\n0\r\n\r\n'
# What it is to us: True: a request. False: none.
HEADS = (
    (True, get('Host: a')),
    (True, get('Host: a', 'X-Empty:')),
    (True, get('Host: a', 'X: tab\there')),
    (True, get('host:a')),
    (True, get('Host: a', version='HTTP/1.0')),
    (True, get('Host: a', method='HEAD')),
    (True, get('Host: a', method='DELETE')),
    (True, get('Host: a', target='/{c}?x=/../y&z=%0d%0a')),
    (True, post('Content-Length: 0')),
    (True, post('Content-Length: 5', body='hello')),
    (True, post(CHUNKED, body=BODY)),
    (True, post('Transfer-Encoding: Chunked', body=BODY)),
    (True, post('Content-Length: 005', body='hello')),
    # Chunks that are none: nothing of a body is read, whatever it says.
    (True, post(CHUNKED, body='1 \r\nh\r\n0\r\n\r\n')),
    (True, post(CHUNKED, body='5;x=y\nhello\r\n0\r\n\r\n')),
    (True, post(CHUNKED, body='5\r\nhello!\r\n0\r\n\r\n')),
    (True, post(CHUNKED, body='0\r\nX: y\nHost: b\r\n\r\n')),
    (True, post(CHUNKED, body='-1\r\n\r\n')),
    (True, post(CHUNKED, body='10000000000000005\r\nhello\r\n0\r\n\r\n')),
    # How long the body is.
    (False, post('Content-Length: 5', CHUNKED, body=BODY)),
    (False, post(CHUNKED, 'Content-Length: 5', body=BODY)),
    (False, post('Content-Length: 5', 'Content-Length: 5', body='hello')),
    (False, post('Content-Length: 5', 'Content-Length: 6', body='hello')),
    (False, post('Content-Length: 5, 5', body='hello')),
    (False, post('Content-Length: +5', body='hello')),
    (False, post('Content-Length: -5', body='hello')),
    (False, post('Content-Length: 0x5', body='hello')),
    (False, post('Content-Length: 5 5', body='hello')),
    (False, post('Content-Length: ', body='hello')),
    (False, post('Content-Length: five', body='hello')),
    (False, post('Content-Length: 1e1', body='hello')),
    (False, post('Content-Length: 9223372036854775808', body='hello')),
    (False, post('Content-Length: 18446744073709551621', body='hello')),
    (False, post('Content-Length : 5', body='hello')),
    (False, post('Content-Length\t: 5', body='hello')),
    (False, post(' Content-Length: 5', body='hello')),
    (False, post('Content-Length: 5\x0b', body='hello')),
    (False, post('Content_Length: 5', 'Content-Length: \x005', body='hello')),
    (False, post('Transfer-Encoding: gzip, chunked', body=BODY)),
    (False, post('Transfer-Encoding: chunked, chunked', body=BODY)),
    (False, post('Transfer-Encoding: chunked, identity', body=BODY)),
    (False, post('Transfer-Encoding: identity', body=BODY)),
    (False, post('Transfer-Encoding: xchunked', body=BODY)),
    (False, post('Transfer-Encoding: chunked;x=y', body=BODY)),
    (False, post('Transfer-Encoding: "chunked"', body=BODY)),
    (False, post('Transfer-Encoding: chunked\x0b', body=BODY)),
    (False, post('Transfer-Encoding:\x0bchunked', body=BODY)),
    (False, post('Transfer-Encoding : chunked', body=BODY)),
    (False, post('Transfer-Encoding', body=BODY)),
    (False, post(CHUNKED, CHUNKED, body=BODY)),
    (False, post(CHUNKED, 'Transfer-Encoding: identity', body=BODY)),
    (False, post(CHUNKED, version='HTTP/1.0', body=BODY)),
    (False, post('X: y', ' Transfer-Encoding: chunked', body=BODY)),
    (False, post('X: y\rTransfer-Encoding: chunked', body=BODY)),
    (False, post('X: y\nTransfer-Encoding: chunked', body=BODY)),
    (False, get('Host: a', 'Content-Length: 5') + 'hello'),
    (False, get('Host: a', CHUNKED) + BODY),
    (False, get('Host: a', 'Upgrade: websocket', 'Connection: Upgrade', 'Content-Length: 5', target='/ws?{c}') + 'hello'),
    # Lines.
    (False, get('Host: a', end='\n')),
    (False, get('Host: a', 'X: y\n')),
    (False, get('Host: a\n')),
    (False, get('Host: a', 'X: a\rb')),
    (False, get('Host: a', 'X: a\x00b')),
    (False, get('Host: a', 'X: folded', ' line')),
    (False, get('Host: a', 'X: folded', '\tline')),
    (False, '\r\n\r\n ' + get('Host: a')),
    (False, ' ' + get('Host: a')),
    # The request line.
    (False, get('Host: a', target=' /{c}')),
    (False, get('Host: a', target='/{c} /x')),
    (False, get('Host: a', target='/{c}\t')),
    (False, get('Host: a', target='{c}')),
    (False, get('Host: a', target='*')),
    (False, get('Host: a', target='http://a/{c}')),
    (False, get('Host: a', target='/{c}\x7f')),
    (False, get('Host: a', version='HTTP/9.9')),
    (False, get('Host: a', version='HTTP/2.0')),
    (False, get('Host: a', version='HTTP/1.10')),
    (False, get('Host: a', version='http/1.1')),
    (False, get('Host: a', version='HTTP/1.1 ')),
    (False, get('Host: a', version='')),
    (False, get('Host: a', method='G(T')),
    (False, get('Host: a', method='CONNECT', target='a:80')),
    # Names.
    (False, get()),
    (False, get('Host: ')),
    (False, get('Host: a', 'Host: b')),
    (False, get('Host: a', 'hOST: a')),
    (False, get('Host: a b')),
    (False, get('Host: a, b')),
    (False, get('Host: a/b')),
    (False, get('Host: u@a')),
    (False, get('Host : a')),
    (False, get('Host: a', 'X y: z')),
    (False, get('Host: a', ': z')),
    (False, get('Host: a', 'X\xfc: z')),
    (False, get('Host: a', 'X: ' + 'y' * 9000)),
    (False, get('Host: a', *['X: y'] * 70)),
)
SMUGGLED = 'GET /{c}/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'


def bytes_of(number):
    return (HEADS[number][1] + SMUGGLED).replace('{c}', f'c{number}-').encode('latin-1')


def send(address, data):
    """Everything that comes back, as the list of its status codes."""
    raw = RawSocket(address)
    try:
        raw.send(data)
    except ConnectionError:
        pass  # refused before it was all there
    answer = raw.read_all()
    raw.close()
    return [int(code) for code in re.findall(rb'^HTTP/1\.[01] (\d{3}) ', answer, re.MULTILINE)]


def requests_seen(server):
    text = server.http('/metrics')[2].decode('utf-8')
    return sum(float(value) for value in re.findall(r'^sotto_http_requests_total\{.*\} (\S+)$', text, re.MULTILINE))


@test
def one_connection_gives_one_answer_whatever_is_sent(stage: Stage):
    server = stage.server(conf='limits { unattached_per_address = 1000 }')
    wrong = []

    for number, (is_request, head) in enumerate(HEADS):
        before = requests_seen(server)
        statuses = send(server.ready['http'], bytes_of(number))
        seen = requests_seen(server) - before
        if len(statuses) != 1 or statuses[0] not in (READ if is_request else REFUSED) or seen != 1:
            wrong.append(f'{head[:90]!r}: {statuses}, {seen:.0f} requests')

    comment(f'{len(HEADS)} heads')
    assert not wrong, '\n'.join(wrong)
    assert len(HEADS) >= HEADS_AT_LEAST


@test
def nginx_and_the_server_agree_on_how_many_requests_there_are(stage: Stage):
    server = stage.server(conf='limits { unattached_per_address = 1000 }')
    proxy = Proxy(stage, server)
    seen = []

    for number in range(len(HEADS)):
        before = requests_seen(server)
        send(proxy.address, bytes_of(number))
        seen.append(requests_seen(server) - before)
    assert proxy.stop() == 0

    wrong = [f'{HEADS[number][1][:90]!r}: nginx handed on {proxy.forwarded(f"/c{number}-")}, the server saw {count:.0f}'
             for number, count in enumerate(seen)
             if count != proxy.forwarded(f'/c{number}-') + proxy.forwarded(f'/ws?c{number}-')]
    comment(f'{sum(seen):.0f} requests came through')
    assert not wrong, '\n'.join(wrong)
    assert sum(seen) >= 20


@test
def a_websocket_works_through_nginx(stage: Stage):
    server = stage.server()
    proxy = Proxy(stage, server)

    door = stage.websocket(server, address=proxy.address)
    door.send_frame({'ping': {'data': b'through'}})
    assert door.pump(lambda: door.pongs) == [b'through']
    server.process.signal(15)

    assert door.wait_closed().code == 1001 and door.close_code == 1001
    assert server.process.wait() == 0
    assert proxy.stop() == 0


if __name__ == '__main__':
    main()
