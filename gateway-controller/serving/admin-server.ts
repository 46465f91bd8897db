// The HTTP interface for people and probes: state, Findings, and numbers. On 127.0.0.1 it shows
// everything; on an address that others reach, only health and numbers.

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Request, Response } from 'express';

/** The questions: each function gives the current state. */
export interface AdminQuestions {
  /** Answered as JSON under `/api/<name>`. */
  readonly api: Readonly<Record<string, () => unknown>>;
  /** The parts that are not ready yet; [] when everything is. */
  readonly unready: () => Promise<readonly string[]>;
  /** Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** The lowest level of messages that are logged; readable and writable as `/api/log-level`. */
  readonly logLevel?: { readonly get: () => string; readonly set: (level: LogLevel) => void };
}

/** The level of a message. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Serves the questions. */
export class AdminServer {
  readonly #questions: AdminQuestions;
  #server: Server | undefined;

  constructor(questions: AdminQuestions) {
    this.#questions = questions;
  }

  /**
   * Listens, port 0 for a free one; resolves to the port and rejects when it is taken. `host` is
   * 127.0.0.1 by default.
   */
  async start(port: number, host = '127.0.0.1'): Promise<number> {
    const app = host === '127.0.0.1' ? createApp(this.#questions) : createProbeApp(this.#questions);
    const server = app.listen(port, host);
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

/** Health and numbers only. */
function createProbeApp(questions: AdminQuestions): express.Express {
  const app = express();
  app.disable('x-powered-by');
  addProbes(app, questions);
  return app;
}

function createApp(questions: AdminQuestions): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('json spaces', 2);
  // A page of another site must not read the mesh through a browser on this machine (DNS
  // rebinding), nor change anything here.
  app.use((request, response, next) => {
    if (isAskedHere(request.headers)) next();
    else response.status(403).type('text').send('only for this machine\n');
  });
  for (const [name, answer] of Object.entries(questions.api)) {
    app.get(`/api/${name}`, (_request: Request, response: Response) => void response.json(answer()));
  }
  if (questions.logLevel !== undefined) addLogLevel(app, questions.logLevel);
  addProbes(app, questions);
  return app;
}

/**
 * Whether a request names this machine and, if a browser sent it, comes from a page of this
 * machine.
 */
function isAskedHere({ host = '', origin, 'sec-fetch-site': site }: Request['headers']): boolean {
  const here = /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/;
  return (
    here.test(host) &&
    (origin === undefined || here.test(origin.replace(/^http:\/\//, ''))) &&
    (site === undefined || site === 'none' || site === 'same-origin')
  );
}

function addLogLevel(app: express.Express, { get, set }: NonNullable<AdminQuestions['logLevel']>): void {
  app.get('/api/log-level', (_request, response) => void response.type('text').send(`${get()}\n`));
  app.put('/api/log-level', express.text({ type: () => true, limit: 100 }), (request: Request, response: Response) => {
    const wanted = String(request.body).trim();
    const level = logLevels.find((known) => known === wanted);
    if (level === undefined) {
      response
        .status(400)
        .type('text')
        .send(`a level is one of ${logLevels.join(', ')}\n`);
      return;
    }
    set(level);
    response.type('text').send(`${level}\n`);
  });
}

function addProbes(app: express.Express, { unready, metrics }: AdminQuestions): void {
  app.get('/healthz', (_request, response) => void response.type('text').send('ok\n'));
  app.get('/readyz', async (_request, response) => {
    const missing = await unready();
    const text = missing.length === 0 ? 'ok\n' : `${missing.join('\n')}\n`;
    response
      .status(missing.length === 0 ? 200 : 503)
      .type('text')
      .send(text);
  });
  app.get('/metrics', async (_request, response) => {
    response.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics());
  });
}
