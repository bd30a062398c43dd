// SPDX-License-Identifier: MIT
//
// The same client as tests/support/websockets_peer.py on npm's ws, the library that most node programs use.
import { createInterface } from 'node:readline';

import WebSocket from 'ws';

const [url, protocol, compression] = process.argv.slice(2);
const say = (...words) => console.log(words.join(' '));

const socket = new WebSocket(url, [protocol], { perMessageDeflate: compression === 'deflate' });
socket.binaryType = 'nodebuffer';
socket.on('open', () => say('open', socket.protocol, socket.extensions || '-'));
socket.on('message', (data) => say('message', data.toString('hex')));
socket.on('pong', (data) => say('pong', data.toString('hex')));
socket.on('error', (error) => say('error', error.message));
socket.on('close', (code) => {
  say('closed', code);
  process.exit(0);
});

for await (const line of createInterface({ input: process.stdin })) {
  const [word, ...parts] = line.split(' ');
  const data = parts.map((part) => Buffer.from(part, 'hex'));
  if (word === 'send') socket.send(data[0]);
  if (word === 'text') socket.send(data[0], { binary: false });
  if (word === 'pieces') data.forEach((piece, i) => socket.send(piece, { binary: true, fin: i === data.length - 1 }));
  if (word === 'ping') socket.ping(data[0]);
  if (word === 'close') socket.close(parseInt(parts[0], 16));
}
