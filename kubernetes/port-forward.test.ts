import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { ApiClient } from './client.ts';

const running: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

/**
 * An API server that forwards to a pod, which answers in capital letters and then closes; and the
 * paths that were requested.
 */
async function startForwarder(): Promise<{ readonly url: string; readonly paths: readonly string[] }> {
  const paths: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((_, response) => response.writeHead(404).end());
  server.on('upgrade', (request, socket) => {
    sockets.push(socket as Socket);
    socket.on('error', () => {});
    paths.push(request.url ?? '');
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n`,
    );
    const send = (channel: number, bytes: Buffer): boolean =>
      socket.write(Buffer.concat([Buffer.from([0x82, bytes.length + 1, channel]), bytes]));
    // Each channel begins with the number of its port.
    send(0, Buffer.from([0x50, 0]));
    send(1, Buffer.from([0x50, 0]));
    socket.on('data', (frame: Buffer) => {
      const length = (frame[1] ?? 0) & 0x7f;
      const mask = frame.subarray(2, 6);
      const payload = frame.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      if (((frame[0] ?? 0) & 0x0f) !== 2) return;
      send(0, Buffer.from(Buffer.from(payload.subarray(1)).toString().toUpperCase()));
      socket.end(Buffer.from([0x88, 0]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push({
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths };
}

it('leads from a loopback port to a port of a pod', async () => {
  const { url, paths } = await startForwarder();
  const client = new ApiClient({ server: url, readCredentials: async () => ({ tls: {}, headers: {} }) });
  running.push(client);
  const forwarded = await client.forwardPort({ namespace: 'shop', pod: 'waypoint-1', port: 80 });
  for (let i = 0; i < 2; i += 1) {
    const socket = connect(forwarded.port, '127.0.0.1');
    socket.write('hello');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    await once(socket, 'close');
    expect(text).toBe('HELLO');
  }
  const path = '/api/v1/namespaces/shop/pods/waypoint-1/portforward?ports=80';
  expect(paths).toEqual([path, path]);
  await forwarded.close();
  const refused = connect(forwarded.port, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
});

it('closes a connection that the API does not forward', async () => {
  const client = new ApiClient({
    server: 'http://127.0.0.1:1',
    readCredentials: async () => ({ tls: {}, headers: {} }),
  });
  running.push(client);
  const forwarded = await client.forwardPort({ namespace: 'shop', pod: 'gone', port: 80 });
  const socket = connect(forwarded.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'close');
});
