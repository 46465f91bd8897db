// VirtualService `redirect` and `directResponse`: answers of the waypoint itself.

import type { FieldPath, HttpDirectResponse, HttpRedirect } from '../../../mesh/index.ts';
import type { RedirectAction, RouteAction } from '../../model/http-route.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

/** Bytes of a direct response's body at most: the limit of the route configuration. */
export const maximumBodyBytes: number = 1024 * 1024;

const redirectCodes = [301, 302, 303, 307, 308] as const;

/**
 * The redirect of a rule. A port that is the default of the scheme is left out of the Location,
 * unless no authority is given: then the Host of the request stays, and could bring another port
 * in.
 */
export function resolveRedirect(
  context: VirtualServiceContext,
  redirect: HttpRedirect,
  path: FieldPath,
): RouteAction | undefined {
  const status = redirectCodes.find((code) => code === (redirect.redirectCode ?? 301));
  if (status === undefined) {
    reportField(
      context,
      'InvalidValue',
      [...path, 'redirectCode'],
      `${redirect.redirectCode} is no redirect, so these requests are answered with 500`,
      `use one of ${redirectCodes.join(', ')}`,
    );
    return { kind: 'respond', status: 500 };
  }
  const port = redirect.port ?? (redirect.derivePort === 'FROM_REQUEST_PORT' ? context.port.number : undefined);
  const standard = redirect.scheme === 'https' ? 443 : 80;
  const target = resolveTarget(context, redirect, path);
  const authority = resolveAuthority(context, redirect.authority, port, path);
  const isImplied = port === standard && (authority !== undefined || context.port.number === 80);
  return {
    kind: 'redirect',
    status,
    ...(target === undefined ? {} : { path: target }),
    ...(authority === undefined ? {} : { authority }),
    ...(redirect.scheme === undefined || redirect.scheme === '' ? {} : { scheme: redirect.scheme }),
    ...(port === undefined || isImplied ? {} : { port }),
  };
}

/** The authority without its port if the redirect has one: Envoy would write both. */
function resolveAuthority(
  context: VirtualServiceContext,
  authority: string | undefined,
  port: number | undefined,
  path: FieldPath,
): string | undefined {
  if (authority === undefined || authority === '') return undefined;
  const [, host, own] = /^(\[.*\]|[^:]*):(\d+)$/.exec(authority) ?? [];
  if (port === undefined || host === undefined || own === undefined) return authority;
  if (Number(own) !== port) {
    reportField(
      context,
      'InvalidValue',
      [...path, 'authority'],
      `this redirect leads to port ${port}, so port ${own} of its authority has no effect`,
      'leave the port of the authority out',
      'warning',
    );
  }
  return host;
}

/** The new path, or what replaces the matched part of the path. */
function resolveTarget(
  context: VirtualServiceContext,
  { uri = '', prefixRewrite = '' }: HttpRedirect,
  path: FieldPath,
): RedirectAction['path'] {
  if (uri !== '' && prefixRewrite !== '') {
    reportField(
      context,
      'InvalidValue',
      [...path, 'prefixRewrite'],
      'uri replaces the whole path, so this has no effect',
      'keep one of the two',
      'warning',
    );
  }
  if (uri === '') {
    if (prefixRewrite === '') return undefined;
    return { matched: beginWithSlash(context, prefixRewrite, [...path, 'prefixRewrite']) };
  }
  // Then only the part that the match found is replaced, and the rest of the path is kept.
  const marker = '%PREFIX()%';
  return uri.startsWith(marker)
    ? { matched: beginWithSlash(context, uri.slice(marker.length) || '/', [...path, 'uri']) }
    : { full: beginWithSlash(context, uri, [...path, 'uri']) };
}

/** Envoy writes the path directly after the host: without a slash it would name another host. */
function beginWithSlash(context: VirtualServiceContext, text: string, path: FieldPath): string {
  if (text.startsWith('/')) return text;
  const message = `"${text}" does not begin with a slash, so one is put before it`;
  reportField(context, 'InvalidValue', path, message, `write /${text}`, 'warning');
  return `/${text}`;
}

/**
 * The fixed answer of a rule. A body that is too large for Envoy, or that is no base64, is left
 * out.
 */
export function resolveDirectResponse(
  context: VirtualServiceContext,
  response: HttpDirectResponse,
  path: FieldPath,
): RouteAction {
  const { body, status } = response;
  const text = body?.string;
  const base64 = body?.bytes;
  const size = text === undefined ? ((base64?.length ?? 0) * 3) / 4 : new TextEncoder().encode(text).length;
  if (size > maximumBodyBytes) {
    reportField(
      context,
      'InvalidValue',
      [...path, 'body'],
      `the body is larger than ${maximumBodyBytes} bytes and is left out`,
    );
    return { kind: 'respond', status };
  }
  if (text !== undefined) return { kind: 'respond', status, body: { text } };
  if (base64 !== undefined && !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) {
    reportField(context, 'InvalidValue', [...path, 'body', 'bytes'], 'the body is not base64 and is left out');
    return { kind: 'respond', status };
  }
  return base64 === undefined ? { kind: 'respond', status } : { kind: 'respond', status, body: { base64 } };
}
