// External authorizers for tests. The request's header `x-decide` sets their answer: `allow`,
// `hang`, or anything else to deny. They add a header on both ways, and keep the questions.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** The questions to an authorizer. */
export interface AuthorizerQuestion {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A running authorizer. */
export interface TestAuthorizer {
  readonly port: number;
  /** Oldest first. */
  readonly questions: () => readonly AuthorizerQuestion[];
  readonly close: () => Promise<void>;
}

/** Listens for HTTP checks; port 0 takes a free one. */
export async function startHttpAuthorizer(host: string, port: number): Promise<TestAuthorizer> {
  const questions: AuthorizerQuestion[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, [value ?? ''].flat().join(',')]),
      );
      const question = { method: request.method ?? '', path: request.url ?? '', headers };
      questions.push({ ...question, body: Buffer.concat(chunks).toString() });
      if (headers['x-decide'] === 'hang') return;
      const isAllowed = headers['x-decide'] === 'allow';
      response.writeHead(isAllowed ? 200 : 403, {
        'x-authorizer': isAllowed ? 'allowed' : 'denied',
        'x-secret': 'for the authorizer only',
      });
      response.end(isAllowed ? '' : 'denied by the HTTP authorizer');
    });
  });
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    questions: () => questions,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The part of Envoy's authorization service that is used. */
const messages = protobuf.parse(`
  syntax = "proto3";
  message CheckRequest { Attributes attributes = 1; }
  message Attributes { Request request = 4; }
  message Request { Http http = 2; }
  message Http { string method = 2; map<string, string> headers = 3; string path = 4; string body = 11; }
  message CheckResponse { Status status = 1; Denied denied_response = 2; Ok ok_response = 3; }
  message Status { int32 code = 1; }
  message Denied { HttpStatus status = 1; repeated Option headers = 2; string body = 3; }
  message HttpStatus { int32 code = 1; }
  message Ok { repeated Option headers = 2; }
  message Option { Header header = 1; }
  message Header { string key = 1; string value = 2; }
`).root;

/** Listens for gRPC checks; port 0 takes a free one. */
export async function startGrpcAuthorizer(host: string, port: number): Promise<TestAuthorizer> {
  const questions: AuthorizerQuestion[] = [];
  const request = messages.lookupType('CheckRequest');
  const response = messages.lookupType('CheckResponse');
  const server = new Server();
  server.register(
    '/envoy.service.auth.v3.Authorization/Check',
    (call: ServerUnaryCall<AuthorizerQuestion, Buffer>, callback: sendUnaryData<Buffer>): void => {
      const question = call.request;
      questions.push(question);
      const decision = question.headers['x-decide'];
      if (decision === 'hang') return;
      const headers = [{ header: { key: 'x-authorizer', value: decision === 'allow' ? 'allowed' : 'denied' } }];
      const answer =
        decision === 'allow'
          ? { status: { code: 0 }, okResponse: { headers } }
          : { status: { code: 7 }, deniedResponse: { status: { code: 403 }, headers, body: 'denied by gRPC' } };
      callback(null, Buffer.from(response.encode(response.create(answer)).finish()));
    },
    (bytes) => bytes,
    (bytes) => {
      const { attributes } = request.toObject(request.decode(bytes), { defaults: true }) as {
        readonly attributes: { readonly request: { readonly http: AuthorizerQuestion } };
      };
      return attributes.request.http;
    },
    'unary',
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port: bound,
    questions: () => questions,
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}
