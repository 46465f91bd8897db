// Requests as `curl --interface … --resolve …` makes them: from a workload's address, to a
// service's address, under its name.

import { Agent, request as startRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';

/** One request. */
export interface Question {
  readonly address: string;
  readonly port: number;
  /** The name that `Host` carries, without the port. */
  readonly host: string;
  readonly path: string;
  /** `GET` by default. */
  readonly method?: string;
  readonly userAgent: string;
  /** Milliseconds until the request is abandoned; 20,000 by default. */
  readonly timeout?: number;
}

/** The answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Milliseconds from the first byte sent to the last one received. */
  readonly duration: number;
}

/** A client at one address. */
export interface Client {
  /**
   * Rejects with the system's error when there is no answer, with code `NO_ANSWER` when there is
   * none in time.
   */
  readonly ask: (question: Question) => Promise<Answer>;
  readonly close: () => void;
}

const defaultTimeout = 20_000;

/**
 * A client whose connections come from `localAddress`: a new one for each request, or up to
 * `connections` that are kept.
 */
export function createClient(localAddress: string, connections = 0): Client {
  const agent = new Agent(connections === 0 ? { keepAlive: false } : { keepAlive: true, maxSockets: connections });
  const ask = ({ address, port, host, path, method = 'GET', userAgent, timeout }: Question): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const began = performance.now();
      const limit = timeout ?? defaultTimeout;
      const headers = { host: `${host}:${port}`, 'user-agent': userAgent };
      const call = startRequest({ agent, localAddress, host: address, port, path, method, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('error', reject);
        response.on('end', () => {
          clearTimeout(timer);
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body, duration: performance.now() - began });
        });
      });
      const timer = setTimeout(() => {
        call.destroy(Object.assign(new Error(`${host} did not answer within ${limit} ms`), { code: 'NO_ANSWER' }));
      }, limit);
      call.on('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      call.end();
    });
  return { ask, close: () => agent.destroy() };
}
