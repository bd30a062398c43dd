// SPDX-License-Identifier: MIT
// A relay in a few lines on npm's `ws`: /TOPIC?sub receives what comes in on /TOPIC. Prints its port.
import { WebSocketServer } from 'ws';

const topics = new Map();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });

server.on('listening', () => console.log(`port ${server.address().port}`));
server.on('connection', (socket, request) => {
  const [topic, sub] = request.url.split('?');
  const readers = topics.get(topic) ?? new Set();
  topics.set(topic, readers);
  if (sub) {
    readers.add(socket);
    socket.on('close', () => readers.delete(socket));
  } else {
    socket.on('message', (data) => {
      for (const reader of readers) reader.send(data, { binary: true });
    });
  }
});
