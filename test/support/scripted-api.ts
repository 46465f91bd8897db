// A server that answers as a Kubernetes API might on a bad day: the test sets the answer to each
// request.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClusterAccess, KubernetesObject } from '../../kubernetes/index.ts';

/** A request that arrived. */
export interface ScriptedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly isWatch: boolean;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** The reaction of a server to one request. */
export type ScriptedAnswer = (response: ServerResponse, request: ScriptedRequest) => void;

/** A running server. */
export interface ScriptedApi {
  readonly access: ClusterAccess;
  /** All so far, in the order of arrival, but for those to `/readyz`. */
  readonly requests: readonly ScriptedRequest[];
  readonly watches: () => readonly ScriptedRequest[];
  readonly lists: () => readonly ScriptedRequest[];
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port; `answer` chooses the reaction to each request. `/readyz` is
 * answered with ok unless `answer` takes it.
 */
export async function startScriptedApi(
  answer: (request: ScriptedRequest) => ScriptedAnswer | undefined,
): Promise<ScriptedApi> {
  const requests: ScriptedRequest[] = [];
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const url = new URL(message.url ?? '', 'http://scripted');
      const request: ScriptedRequest = {
        method: message.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        isWatch: url.searchParams.has('watch'),
        headers: message.headers,
        body: Buffer.concat(chunks).toString(),
      };
      if (request.path !== '/readyz') requests.push(request);
      const chosen = answer(request) ?? (request.path === '/readyz' ? answerJson({}) : answerStatus(500, 'NoScript'));
      chosen(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    access: { server: url, readCredentials: async () => ({ tls: {}, headers: {} }) },
    requests,
    watches: () => requests.filter(({ isWatch }) => isWatch),
    lists: () => requests.filter(({ isWatch }) => !isWatch),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers one after the other; the last one again and again. */
export function inTurn(...answers: readonly ScriptedAnswer[]): () => ScriptedAnswer {
  let next = 0;
  return () => {
    const answer = answers[Math.min(next, answers.length - 1)];
    next += 1;
    return answer ?? answerStatus(500, 'NoScript');
  };
}

export function answerJson(body: unknown, status = 200): ScriptedAnswer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
}

/** An error as the API words it. */
export function answerStatus(status: number, reason: string): ScriptedAnswer {
  return answerJson({ kind: 'Status', code: status, reason, message: `${reason} by the script` }, status);
}

/** A page of a list. */
export function answerList(names: readonly string[], resourceVersion: string, continueToken?: string): ScriptedAnswer {
  const items = names.map((name) => objectNamed(name, resourceVersion));
  return answerJson({ kind: 'List', metadata: { resourceVersion, continue: continueToken }, items });
}

/** A watch: the texts are sent one by one, and then it is open (by default), ended, or reset. */
export function answerWatch(
  texts: readonly (string | Buffer)[],
  then: 'open' | 'end' | 'reset' = 'open',
): ScriptedAnswer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const send = (index: number): void => {
      const text = texts[index];
      if (text === undefined) {
        if (then === 'end') response.end();
        if (then === 'reset') response.socket?.resetAndDestroy();
        return;
      }
      // Each in a chunk of its own, so that it arrives by itself.
      response.write(text, () => setTimeout(send, 5, index + 1));
    };
    send(0);
  };
}

/** One line of a watch. */
export function eventLine(
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK',
  name: string,
  resourceVersion: string,
): string {
  return `${JSON.stringify({ type, object: objectNamed(name, resourceVersion) })}\n`;
}

function objectNamed(name: string, resourceVersion: string): KubernetesObject {
  return { metadata: { name, namespace: 'shop', resourceVersion } };
}
