// Answers arrive whole whichever way they end, through a waypoint and through node proxies alone,
// and a client that does not read takes nothing from the others.

import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DownloadMesh, startDownloadMesh } from '../support/download-mesh.ts';
import { type Download, endings } from '../support/downloads.ts';

let mesh: DownloadMesh;

beforeAll(async () => {
  mesh = await startDownloadMesh();
}, 90_000);

afterAll(() => mesh.close());

describe.each([
  ['through a waypoint', 'web'],
  ['through node proxies alone', 'bare'],
])('answers %s', (_, service) => {
  it('are whole, whichever way they end and however slowly they are read or written', async () => {
    const wanted = endings.flatMap((ending): Download[] => [
      { ending, bytes: 1000 },
      { ending, bytes: 70_000, pauseMs: 20 },
      { ending, bytes: 1_500_000 },
      { ending, bytes: 6_000_000, pauseMs: 4 },
      { ending, bytes: 12_000_000, pauseMs: 2 },
      { ending, bytes: 2_000_000, writePauseMs: 20 },
    ]);
    const lost: unknown[] = [];
    await Promise.all(
      wanted.map(async (each) => {
        const got = await mesh.get(service, each);
        if (got.bytes !== each.bytes || !got.isComplete) lost.push({ ...each, got });
      }),
    );
    expect(lost).toEqual([]);
  }, 120_000);

  it('that the server aborts are not taken for whole', async () => {
    for (const ending of ['length', 'chunked'] as const) {
      const got = await mesh.get(service, { ending, bytes: 400_000, aborts: true });
      expect(got.isComplete, ending).toBe(false);
    }
  }, 30_000);
});

describe('a waypoint', () => {
  const sockets: Socket[] = [];
  const open = (text: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({
        host: mesh.run.vip('web'),
        port: mesh.ports.http,
        localAddress: mesh.run.address('client'),
      });
      sockets.push(socket);
      socket.on('error', () => resolve(false));
      socket.on('close', () => resolve(false));
      socket.once('data', (chunk) => {
        socket.pause();
        resolve(chunk.toString().startsWith('HTTP/1.1 200'));
      });
      socket.write(text);
    });
  const question = (wanted: Download): string =>
    `GET /?${encodeURIComponent(JSON.stringify(wanted))} HTTP/1.1\r\nhost: web\r\n\r\n`;
  const closeAll = (): void => sockets.splice(0).forEach((socket) => socket.destroy());

  it('serves others while a hundred clients do not read', async () => {
    const stalled = Array.from({ length: 100 }, () => open(question({ ending: 'length', bytes: 50_000_000 })));
    expect(await Promise.all(stalled)).not.toContain(false);
    const got = await mesh.get('web', { ending: 'length', bytes: 500_000 }, 'other');
    expect(got).toEqual({ bytes: 500_000, isComplete: true });
    closeAll();
  }, 60_000);

  it('has room for 5,000 connections of one client and for another client', async () => {
    const answered: boolean[] = [];
    for (let opened = 0; opened < 5000; opened += 100) {
      const next = Array.from({ length: 100 }, () => open(question({ ending: 'length', bytes: 10 })));
      answered.push(...(await Promise.all(next)));
    }
    expect(answered.filter((isAnswered) => !isAnswered)).toHaveLength(0);
    expect(await mesh.get('web', { ending: 'length', bytes: 10 }, 'other')).toEqual({ bytes: 10, isComplete: true });
    closeAll();
  }, 120_000);

  it('answers 1,400 slow requests at once', async () => {
    const slow: Download = { ending: 'length', bytes: 100, writePauseMs: 3000 };
    const answered = await Promise.all(Array.from({ length: 1400 }, () => open(question(slow))));
    expect(answered.filter((isAnswered) => !isAnswered)).toHaveLength(0);
    closeAll();
  }, 60_000);
});
