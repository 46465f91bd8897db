// The bookstore's four services as plain HTTP servers: productpage calls details and reviews,
// reviews v2 and v3 call ratings. They also show the requests that reached them (`/headers`, and
// the method of anything that is not a GET), to make a proxy's work visible.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { book, ratings, reviews } from './catalog.ts';
import type { BookDetails } from './catalog.ts';
import { createDialer } from './dialer.ts';
import type { Dialer } from './dialer.ts';
import { formatFrontPage, formatProductPage } from './pages.ts';
import type { Part, ReviewsAnswer } from './pages.ts';

/** The services of the bookstore. */
export type BookinfoService = 'productpage' | 'details' | 'reviews' | 'ratings';

/** Where an instance listens, and how it finds the others. */
export interface BookinfoOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Base URL of another service, such as `http://127.7.1.3:9080`; undefined when there is none. */
  readonly urlOf: (service: BookinfoService) => string | undefined;
  /** Source address of calls to other services; `host` by default. */
  readonly localAddress?: string;
}

/** An instance that listens. */
export interface BookinfoInstance {
  /** `<service>-<version>-<suffix>`, as it shows in pages and answers. */
  readonly pod: string;
  readonly host: string;
  readonly port: number;
  /**
   * Stops listening, lets open requests finish for up to a second, then closes their connections.
   */
  readonly close: () => Promise<void>;
}

interface Instance {
  readonly service: BookinfoService;
  readonly version: string;
  readonly pod: string;
  readonly urlOf: BookinfoOptions['urlOf'];
  readonly dialer: Dialer;
}

interface Reply {
  readonly status: number;
  readonly type: 'text/html' | 'application/json';
  readonly body: string;
}

type Handler = (instance: Instance, request: IncomingMessage) => Promise<Reply> | Reply;

// The headers by which a proxy relates the calls that follow from a request, and the user name that
// routes may match on.
const propagatedHeaders = [
  'x-request-id',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'end-user',
];
const closeGraceMs = 1_000;
const starColors: Readonly<Record<string, string>> = { v2: 'black', v3: 'red' };

const handlers: Readonly<Record<BookinfoService, readonly (readonly [path: RegExp, handle: Handler])[]>> = {
  productpage: [
    [/^\/$/, () => html(formatFrontPage())],
    [/^\/productpage$/, answerProductPage],
    [/^\/api\/v1\/products$/, () => json([{ id: 0, title: book.title }])],
  ],
  details: [[/^\/details\/\d+$/, (instance) => json({ id: 0, pod: instance.pod, ...book })]],
  reviews: [[/^\/reviews\/\d+$/, answerReviews]],
  ratings: [[/^\/ratings\/\d+$/, (instance) => json({ id: 0, pod: instance.pod, ratings })]],
};
const commonHandlers: readonly (readonly [path: RegExp, handle: Handler])[] = [
  [/^\/health$/, (instance) => json({ status: 'healthy', pod: instance.pod })],
  [/^\/headers$/, (instance, request) => json(describeRequest(instance, request))],
];

/**
 * Starts one instance of a service; rejects with the system's error when the address cannot be had.
 */
export async function startBookinfo(
  service: BookinfoService,
  version: string,
  options: BookinfoOptions,
): Promise<BookinfoInstance> {
  const { host, urlOf, localAddress = host } = options;
  const suffix = createHash('sha256').update(`${host}:${options.port}`).digest('hex').slice(0, 5);
  const pod = `${service}-${version}-${suffix}`;
  const dialer = createDialer(localAddress);
  const instance: Instance = { service, version, pod, urlOf, dialer };
  let isClosing = false;

  const server = createServer((request, response) => {
    request.resume();
    const respond = async (): Promise<void> => {
      const reply = await answer(instance, request);
      if (isClosing) response.setHeader('connection', 'close');
      send(instance, request, response, reply);
    };
    void respond();
  });
  // Idle connections are the proxy's to close: one that the server closes as a request is on its
  // way costs that request.
  server.keepAliveTimeout = 0;
  server.listen(options.port, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const close = async (): Promise<void> => {
    if (isClosing) return;
    isClosing = true;
    const closed = once(server, 'close');
    server.close();
    const deadline = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    await closed;
    clearTimeout(deadline);
    dialer.close();
  };
  return { pod, host, port, close };
}

async function answer(instance: Instance, request: IncomingMessage): Promise<Reply> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const handler = [...handlers[instance.service], ...commonHandlers].find(([pattern]) => pattern.test(path));
  if (handler === undefined) return json({ ...describeRequest(instance, request), error: 'no such page' }, 404);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead) return json(describeRequest(instance, request));
  try {
    return await handler[1](instance, request);
  } catch (error) {
    // Only a strange answer of another service leads here; the other instances share this process
    // and must live on.
    return json({ pod: instance.pod, error: error instanceof Error ? error.message : 'unknown' }, 500);
  }
}

function send(instance: Instance, request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, {
    'content-type': `${reply.type}; charset=utf-8`,
    'content-length': Buffer.byteLength(reply.body),
    'x-bookinfo-pod': instance.pod,
    'x-bookinfo-request-id': request.headers['x-request-id'] === undefined ? 'absent' : 'present',
  });
  response.end(reply.body);
}

function describeRequest(instance: Instance, request: IncomingMessage): Readonly<Record<string, unknown>> {
  return {
    service: instance.service,
    version: instance.version,
    pod: instance.pod,
    method: request.method,
    path: request.url,
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    remoteAddress: request.socket.remoteAddress,
  };
}

async function answerProductPage(instance: Instance, request: IncomingMessage): Promise<Reply> {
  const [details, reviews] = await Promise.all([
    call(instance, request, 'details', '/details/0', isBookDetails),
    call(instance, request, 'reviews', '/reviews/0', isReviewsAnswer),
  ]);
  return html(formatProductPage(pickBook(details), reviews));
}

function pickBook(details: Part<BookDetails>): Part<BookDetails> {
  if (details.kind === 'missing') return details;
  const { title, author, year, type, pages, language } = details.value;
  return { kind: 'answered', value: { title, author, year, type, pages, language } };
}

async function answerReviews(instance: Instance, request: IncomingMessage): Promise<Reply> {
  const { pod, version } = instance;
  const color = starColors[version];
  if (color === undefined) return json({ id: 0, pod, reviews });
  const answered = await call(instance, request, 'ratings', '/ratings/0', isRatings);
  if (answered.kind === 'missing') return json({ id: 0, pod, color, ratingsError: answered.why, reviews });
  const rated = reviews.map((review) => ({ ...review, stars: answered.value.ratings[review.reviewer] }));
  return json({ id: 0, pod, color, reviews: rated });
}

async function call<T>(
  { urlOf, dialer }: Instance,
  request: IncomingMessage,
  service: BookinfoService,
  path: string,
  isExpected: (answer: unknown) => answer is T,
): Promise<Part<T>> {
  const base = urlOf(service);
  if (base === undefined) return { kind: 'missing', why: `no address is known for ${service}` };
  const url = new URL(path, base);
  const headers: Record<string, string> = { host: `${service}:${url.port || '80'}` };
  for (const name of propagatedHeaders) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  try {
    const { status, body } = await dialer.get(url, headers);
    if (status !== 200) return { kind: 'missing', why: `${service} answered ${status}` };
    const value: unknown = JSON.parse(body);
    // A route may send the call to some other service: that must show in the page, not break it.
    if (!isExpected(value)) return { kind: 'missing', why: `what answered for ${service} is not ${service}` };
    return { kind: 'answered', value };
  } catch (error) {
    return { kind: 'missing', why: `${service} did not answer: ${error instanceof Error ? error.message : 'unknown'}` };
  }
}

function isBookDetails(answer: unknown): answer is BookDetails {
  return hasField(answer, 'title') && typeof answer.title === 'string';
}

function isReviewsAnswer(answer: unknown): answer is ReviewsAnswer {
  return hasField(answer, 'reviews') && Array.isArray(answer.reviews);
}

function isRatings(answer: unknown): answer is { readonly ratings: Readonly<Record<string, number>> } {
  return hasField(answer, 'ratings') && typeof answer.ratings === 'object' && answer.ratings !== null;
}

function hasField<F extends string>(answer: unknown, field: F): answer is Readonly<Record<F, unknown>> {
  return typeof answer === 'object' && answer !== null && field in answer;
}

function html(body: string): Reply {
  return { status: 200, type: 'text/html', body };
}

function json(value: unknown, status = 200): Reply {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}
