// Fetches one document over HTTP from an address that a manifest names: bounded in time and size,
// and without access to the machine's own network.

import { lookup as lookupHost } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { isPrivateAddress } from './private-address.ts';

/** The limits of a fetch. */
export interface FetchLimits {
  /** Milliseconds for all of it, redirects included. */
  readonly timeout: number;
  readonly maxBytes: number;
  /** Whether private, loopback and link-local addresses may be connected to. */
  readonly allowsPrivate: boolean;
}

/** The reason why there is no document, in words that follow "could not be fetched". */
export class FetchError extends Error {
  readonly code = 'FetchFailed';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'FetchError';
  }
}

const maxRedirects = 3;

/**
 * The text at `address`; rejects with a FetchError. Redirects are followed, each under the same
 * limits, and never from HTTPS to HTTP.
 */
export async function fetchDocument(address: string, limits: FetchLimits, signal: AbortSignal): Promise<string> {
  const deadline = AbortSignal.timeout(limits.timeout);
  const ended = AbortSignal.any([deadline, signal]);
  let url = readUrl(address);
  try {
    for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
      const response = await send(url, limits, ended);
      const status = response.statusCode ?? 0;
      if (status === 200) return await readBody(response, limits.maxBytes);
      response.destroy();
      const { location } = response.headers;
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
        throw new FetchError(`it was answered with ${status}`);
      }
      const next = readUrl(location, url);
      if (url.protocol === 'https:' && next.protocol !== 'https:') {
        throw new FetchError('it was redirected from HTTPS to HTTP');
      }
      url = next;
    }
    throw new FetchError(`it was redirected more than ${maxRedirects} times`);
  } catch (error) {
    if (error instanceof FetchError) throw error;
    if (deadline.aborted) throw new FetchError(`it took more than ${limits.timeout} ms`, error);
    throw new FetchError(describe(error), error);
  }
}

function readUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new FetchError('it is no address of HTTP or HTTPS');
  }
  if (url.username !== '' || url.password !== '') throw new FetchError('an address with a password is not used');
  return url;
}

function send(url: URL, { allowsPrivate }: FetchLimits, signal: AbortSignal): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // Names are judged by their addresses, when the socket asks; it never asks for an address.
  if (!allowsPrivate && isIP(host) !== 0 && isPrivateAddress(host)) throw new FetchError(refusal(host));
  return new Promise((resolve, reject) => {
    const options = {
      agent: false,
      signal,
      headers: { accept: 'application/json' },
      maxHeaderSize: 16_384,
      ...(allowsPrivate ? {} : { lookup: lookupPublic }),
    } as const;
    const sent = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options);
    sent.once('response', resolve);
    sent.once('error', reject);
    sent.end();
  });
}

/**
 * Like `dns.lookup`, but for public addresses only. The socket connects to its answer, so nothing
 * can change in between.
 */
const lookupPublic: LookupFunction = (host, options, done) => {
  lookupHost(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error !== null) return done(error, '');
    const isClosed = found.find(({ address }) => isPrivateAddress(address));
    const [first] = found;
    if (isClosed !== undefined || first === undefined)
      return done(new FetchError(refusal(isClosed?.address ?? host)), '');
    if (options.all === true) done(null, found);
    else done(null, first.address, first.family);
  });
};

function refusal(address: string): string {
  return `${address} is a private address, which the control plane does not connect to`;
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      response.destroy();
      throw new FetchError(`it has more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Without our own times and ports, so that the same failure has the same words. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return known[code] ?? (error.message === '' ? code : error.message);
}

const known: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'DNS gave no answer',
};
