// Values of headers as they are written. Known command operators of Envoy stand for their value for
// a request; any other percent sign is text, so that no value makes Envoy refuse a route.

import type { HeaderValue } from '../../model/condition.ts';

const operator = new RegExp(
  '%(' +
    [
      'PROTOCOL',
      'RESPONSE_CODE',
      'RESPONSE_FLAGS',
      'START_TIME',
      'HOSTNAME',
      'STREAM_ID',
      'UPSTREAM_(?:HOST|CLUSTER|REMOTE_ADDRESS|LOCAL_ADDRESS)(?:_WITHOUT_PORT)?',
      'DOWNSTREAM_(?:REMOTE|LOCAL|DIRECT_REMOTE)_ADDRESS(?:_WITHOUT_PORT)?',
      'DOWNSTREAM_(?:REMOTE|LOCAL)_PORT',
      'DOWNSTREAM_PEER_(?:URI_SAN|SUBJECT|ISSUER|SERIAL|FINGERPRINT_256)',
      'REQUESTED_SERVER_NAME',
      'ROUTE_NAME',
      '(?:REQ|RESP)\\(:?[A-Za-z0-9-]+(?:\\?:?[A-Za-z0-9-]+)?\\)',
    ].join('|') +
    ')%',
  'g',
);

/** The parts of a value. */
export function readHeaderValue(text: string): HeaderValue {
  const parts: (string | { readonly command: string })[] = [];
  let end = 0;
  for (const found of text.matchAll(operator)) {
    parts.push(text.slice(end, found.index), { command: found[1] ?? '' });
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)].filter((part) => part !== '');
}
