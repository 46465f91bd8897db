// Header edits.

import type { MessageTypes } from '../../../envoy-api/index.ts';
import type { HeaderValue } from '../../model/condition.ts';
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
    ([key, value]: readonly [string, HeaderValue]): HeaderValueOption => ({
      header: { key, value: renderHeaderValue(value) },
      append_action: action,
      ...(value.length === 0 ? { keep_empty_value: true } : {}),
    });
  return [...edits.set.map(option('OVERWRITE_IF_EXISTS_OR_ADD')), ...edits.add.map(option('APPEND_IF_EXISTS_OR_ADD'))];
}

/**
 * The text of a value in Envoy's format, in which a percent sign that begins no command is doubled.
 */
export function renderHeaderValue(value: HeaderValue): string {
  return value.map((part) => (typeof part === 'string' ? part.replaceAll('%', '%%') : `%${part.command}%`)).join('');
}
