// The admin interface on 127.0.0.1: what runs, what is wrong, and numbers. It only reads.

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Request, Response } from 'express';

/** What is asked: each function gives the state of this moment. */
export interface AdminQuestions {
  readonly waypoints: () => unknown;
  readonly nodes: () => unknown;
  readonly services: () => unknown;
  readonly workloads: () => unknown;
  readonly findings: () => unknown;
  /** What is not ready yet; [] when everything is. */
  readonly unready: () => Promise<readonly string[]>;
  /** Prometheus' text format. */
  readonly metrics: () => Promise<string>;
}

/** Serves the questions. */
export class AdminServer {
  readonly #questions: AdminQuestions;
  #server: Server | undefined;

  constructor(questions: AdminQuestions) {
    this.#questions = questions;
  }

  /** Listens on 127.0.0.1, port 0 for a free one; resolves to the port and rejects when it is taken. */
  async start(port: number): Promise<number> {
    const server = createApp(this.#questions).listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

function createApp(questions: AdminQuestions): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('json spaces', 2);
  // A page of another site must not read the mesh through a browser on this machine (DNS rebinding).
  app.use((request, response, next) => {
    if (/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? '')) next();
    else response.status(403).type('text').send('only for this machine\n');
  });
  for (const name of ['waypoints', 'nodes', 'services', 'workloads', 'findings'] as const) {
    app.get(`/api/${name}`, (_request: Request, response: Response) => void response.json(questions[name]()));
  }
  app.get('/healthz', (_request, response) => void response.type('text').send('ok\n'));
  app.get('/readyz', async (_request, response) => {
    const unready = await questions.unready();
    const text = unready.length === 0 ? 'ok\n' : `${unready.join('\n')}\n`;
    response
      .status(unready.length === 0 ? 200 : 503)
      .type('text')
      .send(text);
  });
  app.get('/metrics', async (_request, response) => {
    response.type('text/plain; version=0.0.4; charset=utf-8').send(await questions.metrics());
  });
  return app;
}
