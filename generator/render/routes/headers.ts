// Header edits. Values are text: Envoy's command operators are passed on, any other percent sign is escaped, so that no value makes
// Envoy refuse the route.

import type { MessageTypes } from '../../../envoy-api/index.ts';
import type { HeaderEdits } from '../../model/http-route.ts';

type HeaderValueOption = MessageTypes['envoy.config.core.v3.HeaderValueOption'];

/** The part of a route (or of a weighted cluster) that edits headers. */
export interface RenderedHeaderEdits {
  readonly request_headers_to_add?: HeaderValueOption[];
  readonly request_headers_to_remove?: string[];
  readonly response_headers_to_add?: HeaderValueOption[];
  readonly response_headers_to_remove?: string[];
}

/** The edits of both directions. */
export function renderHeaderEdits(
  request: HeaderEdits | undefined,
  response: HeaderEdits | undefined,
): RenderedHeaderEdits {
  const toRequest = renderAdditions(request);
  const toResponse = renderAdditions(response);
  return {
    ...(toRequest.length === 0 ? {} : { request_headers_to_add: toRequest }),
    ...(request === undefined || request.remove.length === 0 ? {} : { request_headers_to_remove: [...request.remove] }),
    ...(toResponse.length === 0 ? {} : { response_headers_to_add: toResponse }),
    ...(response === undefined || response.remove.length === 0
      ? {}
      : { response_headers_to_remove: [...response.remove] }),
  };
}

function renderAdditions(edits: HeaderEdits | undefined): HeaderValueOption[] {
  if (edits === undefined) return [];
  const option =
    (action: 'OVERWRITE_IF_EXISTS_OR_ADD' | 'APPEND_IF_EXISTS_OR_ADD') =>
    ([key, value]: readonly [string, string]): HeaderValueOption => ({
      header: { key, value: escapeHeaderValue(value) },
      append_action: action,
      ...(value === '' ? { keep_empty_value: true } : {}),
    });
  return [...edits.set.map(option('OVERWRITE_IF_EXISTS_OR_ADD')), ...edits.add.map(option('APPEND_IF_EXISTS_OR_ADD'))];
}

const operator = new RegExp(
  '%(?:' +
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

/** Doubles every percent sign that is not part of a command operator. */
export function escapeHeaderValue(value: string): string {
  let escaped = '';
  let end = 0;
  for (const found of value.matchAll(operator)) {
    escaped += value.slice(end, found.index).replaceAll('%', '%%') + found[0];
    end = found.index + found[0].length;
  }
  return escaped + value.slice(end).replaceAll('%', '%%');
}
