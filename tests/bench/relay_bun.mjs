// SPDX-License-Identifier: MIT
// The relay of relay_ws.mjs on Bun, whose server is uWebSockets; its own publish/subscribe does the fan-out.
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request, server) {
    const url = new URL(request.url);
    const data = { topic: url.pathname, reads: url.search === '?sub' };
    return server.upgrade(request, { data }) ? undefined : new Response('no upgrade', { status: 400 });
  },
  websocket: {
    open(socket) {
      if (socket.data.reads) socket.subscribe(socket.data.topic);
    },
    message(socket, data) {
      server.publish(socket.data.topic, data);
    },
  },
});
console.log(`port ${server.port}`);
