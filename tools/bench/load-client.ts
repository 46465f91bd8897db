// Requests as fast as they are answered: a fixed number in flight, each sent when the one before it
// was answered. HTTP/1.1 is read and written on bare sockets, so that the client takes as little as
// possible of the machine that it shares with the measured processes.

import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';

/** The request to send, and for how long. */
export interface Load {
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  readonly address: string;
  readonly port: number;
  /** Of the client, which is told by it. */
  readonly from: string;
  readonly authority: string;
  readonly path: string;
  /** Connections; of HTTP/2 with `streams` requests each. */
  readonly connections: number;
  readonly streams: number;
  readonly seconds: number;
}

/** The results. */
export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds from sending to the end of the answer. */
  readonly p50: number;
  readonly p99: number;
}

/** Runs a load. Throws on any answer but 200. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const times: number[] = [];
  const start = performance.now();
  const end = start + load.seconds * 1000;
  const run = load.protocol === 'HTTP/1.1' ? runConnection : runSession;
  await Promise.all(Array.from({ length: load.connections }, () => run(load, end, times)));
  const took = (performance.now() - start) / 1000;
  const sorted = Float64Array.from(times).sort();
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { requests: times.length, perSecond: times.length / took, p50: at(0.5), p99: at(0.99) };
}

/** One request after the other on a connection of its own. */
async function runConnection(load: Load, end: number, times: number[]): Promise<void> {
  const { address: host, port, from: localAddress, authority, path } = load;
  const socket: Socket = connectTcp({ host, port, localAddress, noDelay: true });
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${authority}\r\nuser-agent: bench\r\n\r\n`);
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    let received = '';
    const send = (): void => {
      sent = performance.now();
      socket.write(request);
    };
    socket.once('connect', send);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const head = received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1];
      if (!received.startsWith('HTTP/1.1 200') || length === undefined) {
        return reject(new Error(`not what was asked for: ${received.slice(0, 200)}`));
      }
      if (received.length < head + 4 + Number(length)) return;
      received = '';
      const now = performance.now();
      times.push(now - sent);
      if (now < end) send();
      else resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
  });
  socket.destroy();
}

/** Several requests at once on one connection, each followed by the next. */
async function runSession(load: Load, end: number, times: number[]): Promise<void> {
  const { address: host, port, from: localAddress, streams } = load;
  const session = connectHttp2(`http://${load.authority}`, {
    createConnection: () => connectTcp({ host, port, localAddress, noDelay: true }),
  });
  const failed = new Promise<never>((_, reject) => session.once('error', reject));
  const work = Promise.all(
    Array.from({ length: streams }, async () => {
      for (;;) {
        const sent = performance.now();
        await requestOnce(session, load);
        const now = performance.now();
        times.push(now - sent);
        if (now >= end) return;
      }
    }),
  );
  await Promise.race([work, failed]);
  session.destroy();
}

function requestOnce(session: ClientHttp2Session, { path, authority }: Load): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path, ':authority': authority, 'user-agent': 'bench' });
    stream.once('response', ({ ':status': status }) => {
      if (status !== 200) reject(new Error(`answered ${status}`));
    });
    stream.once('error', reject);
    stream.once('end', resolve);
    stream.resume();
  });
}
