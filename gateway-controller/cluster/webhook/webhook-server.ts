// The webhook that the API server asks before it stores an object: HTTPS with the control plane's
// own certificate, on every replica.

import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { MeshSnapshot } from '../../../mesh/index.ts';
import type { ClusterContext } from '../cluster-context.ts';
import { isFields } from '../status/condition.ts';
import { type AdmissionRequest, type AdmissionResponse, reviewAdmission } from './review.ts';

/** The path of the webhook, as the ValidatingWebhookConfiguration has it. */
const path = '/validate';
/** The API server takes no larger objects, and sends two versions of one. */
const longestBody = 8 * 1024 * 1024;
/** The limit of all pending requests: callers are not authenticated here. */
const mostBytes = 8 * longestBody;
/** The API server waits for 30 s at most. */
const requestTimeout = 30_000;

/** Answers AdmissionReviews from `start` to `stop`. */
export class WebhookServer {
  readonly #context: ClusterContext;
  #server: Server | undefined;
  #unlisten: () => void = () => undefined;

  constructor(context: ClusterContext) {
    this.#context = context;
  }

  /** Its port: the setting's, or a free one if that is 0. */
  get port(): number {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port ?? 0;
  }

  /** Listens; rejects when the port is taken. */
  async start(): Promise<void> {
    const { serving, settings, mesh, log } = this.#context;
    const server = createServer(tlsOptions(serving.certificate()), createApp(mesh, log));
    this.#unlisten = serving.onRenew(() => server.setSecureContext(tlsOptions(serving.certificate())));
    // The API server keeps connections open, which must not delay the end.
    server.keepAliveTimeout = 120_000;
    server.requestTimeout = requestTimeout;
    server.listen(settings.ports.webhook, settings.listenAddress);
    await once(server, 'listening');
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#unlisten();
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    const force = setTimeout(() => server.closeAllConnections(), 1_000);
    await closed;
    clearTimeout(force);
  }
}

function tlsOptions({ certificate, privateKey }: ReturnType<ClusterContext['serving']['certificate']>): {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.2';
} {
  return { cert: certificate, key: privateKey, minVersion: 'TLSv1.2' };
}

function createApp(mesh: MeshSnapshot, log: ClusterContext['log']): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.post(path, limitBodies(), express.json({ limit: longestBody, inflate: false }), (request, response) => {
    const admission = readRequest(request.body);
    if (admission === undefined) {
      response.status(400).type('text').send('an AdmissionReview of admission.k8s.io/v1 is expected\n');
      return;
    }
    response.json({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: decide(admission) });
  });
  const decide = (admission: AdmissionRequest): AdmissionResponse => {
    try {
      const answer = reviewAdmission(admission, mesh);
      if (!answer.allowed) log('info', 'object refused', { uid: answer.uid, message: answer.status?.message });
      return answer;
    } catch (error) {
      // A fault of ours must not stop anybody's work.
      log('error', 'an object could not be judged', { uid: admission.uid, error: String(error) });
      return { uid: admission.uid, allowed: true, warnings: ['Cairn could not check this object; see its log'] };
    }
  };
  return app;
}

/** Takes a body if there is room for it: the API server states its length before it sends it. */
function limitBodies(): express.RequestHandler {
  let underWay = 0;
  return (request, response, next) => {
    const length = Number(request.headers['content-length'] ?? NaN);
    if (!(length <= longestBody)) return void response.status(413).type('text').send('the body is too long\n');
    if (underWay + length > mostBytes) return void response.status(503).type('text').send('too many requests\n');
    underWay += length;
    response.once('close', () => (underWay -= length));
    next();
  };
}

function readRequest(body: unknown): AdmissionRequest | undefined {
  if (!isFields(body) || body['apiVersion'] !== 'admission.k8s.io/v1' || body['kind'] !== 'AdmissionReview')
    return undefined;
  const { request } = body;
  if (!isFields(request)) return undefined;
  const { uid, operation, subResource, namespace, object, oldObject } = request;
  if (typeof uid !== 'string' || typeof operation !== 'string') return undefined;
  return {
    uid,
    operation,
    ...(typeof subResource === 'string' ? { subResource } : {}),
    ...(typeof namespace === 'string' ? { namespace } : {}),
    ...(isFields(object) ? { object } : {}),
    ...(isFields(oldObject) ? { oldObject } : {}),
  };
}
