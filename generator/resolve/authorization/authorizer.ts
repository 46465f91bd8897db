// The authorizer of a CUSTOM policy: an external authorizer of MeshConfig, as the policy's provider
// names it. An authorizer that Envoy would refuse, or could not reach, is found here: then there is
// nobody to ask, and the policy denies.

import {
  type ExtensionProvider,
  type GrpcAuthorizer,
  type HttpAuthorizer,
  type MeshObject,
  parseDuration,
  refOf,
  resolveHost,
} from '../../../mesh/index.ts';
import { type ErrorStatus, errorStatuses, type ExternalAuthorizer } from '../../model/authorization.ts';
import type { ClusterKey } from '../../model/cluster.ts';
import type { StringMatcher } from '../../model/condition.ts';
import { isServedBy } from '../waypoint/served.ts';
import type { ResolveContext } from '../context.ts';
import { readHeaderValue } from '../frontend/header-value.ts';
import { findService } from '../service/service.ts';
import type { AuthorizationTarget } from './field.ts';
import { matcherOf, parsePattern } from './pattern.ts';

/** Istio's default wait for an answer: 10 minutes. */
const defaultTimeout = 600_000;

/** The authorizer of a policy; undefined and reported when there is none that can be asked. */
export function resolveAuthorizer(
  context: ResolveContext,
  { gateway }: Pick<AuthorizationTarget, 'gateway'>,
  policy: MeshObject<'AuthorizationPolicy'>,
): ExternalAuthorizer | undefined {
  const name = policy.spec.provider?.name ?? '';
  const fail = (message: string, hint?: string): undefined => {
    context.report({
      code: 'ProviderInvalid',
      severity: 'error',
      ref: refOf(policy),
      path: ['spec', 'provider', 'name'],
      message: `${message}, so everything that the rules match is denied`,
      ...(hint === undefined ? {} : { hint }),
    });
  };
  const { extensionProviders } = context.mesh.settings;
  const provider = extensionProviders.find((candidate) => candidate.name === name);
  if (provider === undefined) {
    const known = extensionProviders.filter(isAuthorizer).map((candidate) => candidate.name);
    return fail(
      `MeshConfig has no extensionProvider "${name}"`,
      known.length === 0 ? 'add it to extensionProviders of MeshConfig' : `there are: ${known.join(', ')}`,
    );
  }
  const { envoyExtAuthzHttp: http, envoyExtAuthzGrpc: grpc } = provider;
  const written: HttpAuthorizer | GrpcAuthorizer | undefined = http ?? grpc;
  if (written === undefined) return fail(`extensionProvider "${name}" is no external authorizer`);
  const problem = authorizerProblem(written, http);
  if (problem !== undefined) return fail(`in extensionProvider "${name}", ${problem}`);
  const [namespace, host] = written.service.includes('/')
    ? written.service.split('/')
    : [policy.metadata.namespace, written.service];
  const service = findService(
    context.mesh,
    resolveHost(host ?? '', namespace ?? '', context.mesh.settings.clusterDomain),
    gateway.namespace,
  );
  if (service === undefined) {
    return fail(
      `no service has the host "${written.service}" of extensionProvider "${name}"`,
      'write the host in full: <name>.<namespace>.svc.cluster.local',
    );
  }
  const port = service.ports.find(({ number, protocol }) => number === written.port && protocol !== 'udp');
  if (port === undefined || port.protocol === 'tcp') {
    return fail(
      `"${service.host}" has no HTTP port ${written.port}, which extensionProvider "${name}" names`,
      `give the port a name that begins with ${http === undefined ? 'grpc' : 'http'}`,
    );
  }
  if (http === undefined && port.protocol !== 'http2') {
    return fail(
      `port ${port.number} of "${service.host}" is not HTTP/2, which extensionProvider "${name}" needs for gRPC`,
      'give the port a name that begins with grpc',
    );
  }
  const cluster: ClusterKey = {
    owned: isServedBy(context.mesh, gateway, service),
    host: service.host,
    port: port.number,
    protocol: 'http',
  };
  const statusOnError = written.statusOnError === undefined ? undefined : readErrorStatus(written.statusOnError);
  return {
    provider: name,
    cluster,
    authority: service.host,
    timeoutMilliseconds: written.timeout === undefined ? defaultTimeout : (parseDuration(written.timeout) ?? 0),
    failOpen: written.failOpen ?? false,
    ...(statusOnError === undefined ? {} : { statusOnError }),
    clearRouteCache: written.clearRouteCache ?? false,
    ...resolveBody(written),
    ...(http === undefined ? {} : { http: resolveHttp(http) }),
  };
}

function isAuthorizer({ envoyExtAuthzHttp, envoyExtAuthzGrpc }: ExtensionProvider): boolean {
  return envoyExtAuthzHttp !== undefined || envoyExtAuthzGrpc !== undefined;
}

/**
 * The status that a text names; undefined when Envoy has no such status of an error, and would
 * refuse it.
 */
function readErrorStatus(text: string): ErrorStatus | undefined {
  return errorStatuses.find((status) => status === Number(text));
}

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A field that Envoy would refuse, as half a sentence. */
function authorizerProblem(
  written: HttpAuthorizer | GrpcAuthorizer,
  http: HttpAuthorizer | undefined,
): string | undefined {
  const { statusOnError, includeRequestBodyInCheck: body, timeout } = written;
  if (statusOnError !== undefined && readErrorStatus(statusOnError) === undefined) {
    return `statusOnError "${statusOnError}" is no status of an error`;
  }
  if (timeout !== undefined && (parseDuration(timeout) ?? 0) < 1)
    return `timeout "${timeout}" leaves no time to answer`;
  if (body !== undefined && (body.maxRequestBytes ?? 0) < 1) {
    return 'includeRequestBodyInCheck needs maxRequestBytes of at least 1';
  }
  if (http?.pathPrefix !== undefined && http.pathPrefix !== '' && !/^\/[!-~]*$/.test(http.pathPrefix)) {
    return `pathPrefix "${http.pathPrefix}" does not begin with "/"`;
  }
  for (const [name, value] of Object.entries(http?.includeAdditionalHeadersInCheck ?? {})) {
    if (!headerName.test(name) || /[\0\r\n]/.test(value)) return `"${name}" cannot be sent as a header`;
  }
  return undefined;
}

function resolveBody({ includeRequestBodyInCheck: body }: GrpcAuthorizer): Pick<ExternalAuthorizer, 'requestBody'> {
  if (body === undefined) return {};
  const { maxRequestBytes = 0, allowPartialMessage = false, packAsBytes = false } = body;
  return { requestBody: { maxBytes: maxRequestBytes, allowPartial: allowPartialMessage, packAsBytes } };
}

function resolveHttp(http: HttpAuthorizer): NonNullable<ExternalAuthorizer['http']> {
  return {
    pathPrefix: http.pathPrefix ?? '',
    requestHeaders: resolveHeaderNames(http.includeRequestHeadersInCheck ?? http.includeHeadersInCheck),
    addedHeaders: Object.entries(http.includeAdditionalHeadersInCheck ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, readHeaderValue(value)]),
    toUpstreamOnAllow: resolveHeaderNames(http.headersToUpstreamOnAllow),
    toClientOnDeny: resolveHeaderNames(http.headersToDownstreamOnDeny),
    toClientOnAllow: resolveHeaderNames(http.headersToDownstreamOnAllow),
  };
}

/** Header names with a star at one end; an empty one names nothing. */
function resolveHeaderNames(names: readonly string[] = []): readonly StringMatcher[] {
  return names
    .filter((name) => name !== '')
    .map((name) => {
      const pattern = parsePattern(name.toLowerCase());
      return pattern.kind === 'present' ? { regex: '.+' } : matcherOf(pattern.kind, pattern.text);
    });
}
