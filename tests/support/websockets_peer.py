# SPDX-License-Identifier: MIT
"""A client on python3-websockets: URL, access token and options as arguments, what it got as lines of hex on stdout.

Knows nothing of Sotto but a few encoded frames that it is given: what is tested is whether two independent readings of
RFC 6455 agree. 09_websocket_peers.py tells it what to send.
"""
import asyncio
import sys

import websockets


def say(*words):
    print(*words, flush=True)


async def run(url, protocol, compression):
    async with websockets.connect(url, subprotocols=[protocol], compression=compression or None,
                                  ping_interval=None) as socket:
        say('open', socket.subprotocol, ','.join(type(extension).__name__ for extension in socket.extensions) or '-')
        loop = asyncio.get_running_loop()
        reading = asyncio.ensure_future(read(socket))
        while True:
            line = await loop.run_in_executor(None, sys.stdin.readline)
            if not line:
                break
            word, *parts = line.split()
            data = [bytes.fromhex(part) for part in parts]
            if word == 'send':
                await socket.send(data[0])
            elif word == 'text':
                await socket.send(data[0].decode('utf-8'))
            elif word == 'pieces':
                await socket.send(iter(data))
            elif word == 'ping':
                await (await socket.ping(data[0]))
                say('pong', parts[0])
            elif word == 'close':
                await socket.close(int(parts[0], 16))
                break
        await reading


async def read(socket):
    try:
        while True:
            message = await socket.recv()
            say('message', (message if isinstance(message, bytes) else message.encode('utf-8')).hex())
    except websockets.ConnectionClosed as closed:
        received = closed.rcvd.code if closed.rcvd else 1006
        say('closed', received)


asyncio.run(run(*sys.argv[1:]))
