// A workload's end of a tunnel, for tests that need no whole node proxy: accepts HBONE with a
// certificate of the mesh, and connects each CONNECT to the address that it names.

import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect } from 'node:net';
import { hbonePort } from '../../mesh/index.ts';
import type { CertificateTexts } from './test-certificates.ts';

/** A running end of tunnels. */
export interface HboneServer {
  /** The addresses that CONNECTs asked for, oldest first. */
  readonly targets: () => readonly string[];
  readonly close: () => Promise<void>;
}

/** Listens on the HBONE port of `host`. A client must show a certificate of the same authority. */
export async function startHboneServer(host: string, { cert, key, ca }: CertificateTexts): Promise<HboneServer> {
  const targets: string[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server: Http2SecureServer = createSecureServer({
    cert,
    key,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  server.on('session', (session) => void sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const target = headers[':authority'] ?? '';
    targets.push(target);
    const colon = target.lastIndexOf(':');
    const socket = connect({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)) });
    socket.once('connect', () => {
      stream.respond({ ':status': 200 });
      stream.pipe(socket).pipe(stream);
    });
    const end = (): void => {
      socket.destroy();
      stream.close();
    };
    socket.on('error', end);
    stream.on('error', end);
    stream.on('close', () => socket.destroy());
  });
  server.listen({ host, port: hbonePort });
  await once(server, 'listening');
  return {
    targets: () => targets,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}
