// VirtualService `fault`: delays and aborts for a share of the requests.

import { type FieldPath, type HttpFaultInjection, parseDuration } from '../../../mesh/index.ts';
import type { Fault, PerMillion } from '../../model/http-route.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

/** The fault of a rule; an absent share is none, as in Istio. */
export function resolveFault(
  context: VirtualServiceContext,
  fault: HttpFaultInjection | undefined,
  path: FieldPath,
): Fault | undefined {
  if (fault === undefined) return undefined;
  const delay = resolveDelay(context, fault.delay, [...path, 'delay']);
  const abort = resolveAbort(context, fault.abort, [...path, 'abort']);
  return delay === undefined && abort === undefined
    ? undefined
    : { ...(delay === undefined ? {} : { delay }), ...(abort === undefined ? {} : { abort }) };
}

function resolveDelay(
  context: VirtualServiceContext,
  delay: HttpFaultInjection['delay'],
  path: FieldPath,
): Fault['delay'] {
  if (delay?.fixedDelay === undefined) return undefined;
  const milliseconds = parseDuration(delay.fixedDelay);
  if (milliseconds === undefined || milliseconds <= 0) return undefined;
  return { milliseconds, perMillion: share(context, delay, path) };
}

function resolveAbort(
  context: VirtualServiceContext,
  abort: HttpFaultInjection['abort'],
  path: FieldPath,
): Fault['abort'] {
  if (abort === undefined) return undefined;
  const perMillion = share(context, abort, path);
  if (abort.httpStatus !== undefined) return { status: { http: abort.httpStatus }, perMillion };
  if (abort.grpcStatus !== undefined) {
    const code = grpcStatusCodes.indexOf(abort.grpcStatus.toUpperCase());
    const number = code >= 0 ? code : Number(abort.grpcStatus);
    if (Number.isInteger(number) && number >= 0 && number < grpcStatusCodes.length)
      return { status: { grpc: number }, perMillion };
    reportField(
      context,
      'InvalidValue',
      [...path, 'grpcStatus'],
      `"${abort.grpcStatus}" is no gRPC status, so nothing is aborted`,
    );
  }
  return undefined;
}

/** The share of requests in millionths: `percentage`, else the deprecated `percent`, else none. */
export function share(
  context: VirtualServiceContext,
  { percentage, percent }: { readonly percentage?: { readonly value?: number }; readonly percent?: number },
  path: FieldPath,
): PerMillion {
  const value = percentage?.value ?? percent;
  if (value === undefined) {
    reportField(
      context,
      'MissingField',
      path,
      'no percentage is given, so no request is affected',
      'set percentage.value, 100 for all requests',
      'warning',
    );
  }
  return Math.round((value ?? 0) * 10_000);
}

const grpcStatusCodes: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];
