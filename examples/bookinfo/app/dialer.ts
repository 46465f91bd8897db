// Calls from one bookstore service to the next. They leave from the caller's own workload address,
// because on one machine that address is all that a node proxy can tell clients apart by.

import { Agent, request } from 'node:http';

/** Status and body of an answered call. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Makes GET calls from one source address over kept-alive connections. */
export interface Dialer {
  /** GETs `url` under the given headers; rejects when nothing answers within ten seconds. */
  readonly get: (url: URL, headers: Readonly<Record<string, string>>) => Promise<Answer>;
  readonly close: () => void;
}

const answerTimeoutMs = 10_000;

/** Dials from `localAddress`, an address of this machine. */
export function createDialer(localAddress: string): Dialer {
  const agent = new Agent({ keepAlive: true });

  const attempt = (url: URL, headers: Readonly<Record<string, string>>, isRetry: boolean): Promise<Answer> =>
    new Promise<Answer>((resolve, reject) => {
      const call = request(url, { agent, headers, localAddress, timeout: answerTimeoutMs }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', reject);
      });
      call.on('timeout', () => call.destroy(new Error(`no answer from ${url.host} in ${answerTimeoutMs} ms`)));
      call.on('error', (error: NodeJS.ErrnoException) => {
        // The peer may close an idle connection in the moment in which it is used again; the
        // request was not read then.
        if (call.reusedSocket && error.code === 'ECONNRESET' && !isRetry) resolve(attempt(url, headers, true));
        else reject(error);
      });
      call.end();
    });

  return { get: (url, headers) => attempt(url, headers, false), close: () => agent.destroy() };
}
