// VirtualService `tcp[].match[]` and `tls[].match[]`: the connections that a rule takes. A
// condition that cannot be expressed makes the match never hold.

import type { FieldPath, L4MatchAttributes, TcpRoute, TlsRoute } from '../../../mesh/index.ts';
import type { AddressBlock } from '../../model/condition.ts';
import type { TcpMatch } from '../../model/tcp-route.ts';
import { parseAddressBlock } from '../authorization/address-block.ts';
import { resolveClientNamespace } from '../frontend/client-namespace.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

type TlsMatch = NonNullable<TlsRoute['match']>[number];

/**
 * The matches of a rule that can hold on this port; undefined when none can, and empty when the
 * rule takes every connection.
 */
export function resolveTcpMatches(
  context: VirtualServiceContext,
  rule: TcpRoute | TlsRoute,
  path: FieldPath,
): readonly TcpMatch[] | undefined {
  const written: readonly (L4MatchAttributes | TlsMatch)[] = rule.match ?? [];
  if (written.length === 0) return [];
  const matches = written.flatMap((match, index) => resolveMatch(context, match, [...path, 'match', index]) ?? []);
  if (matches.length === 0) return undefined;
  return matches.some(isUnconditional) ? [] : matches;
}

function isUnconditional(match: TcpMatch): boolean {
  return match.sourceNamespace === undefined && match.sourceBlocks.length === 0 && match.destinationBlocks.length === 0;
}

function resolveMatch(
  context: VirtualServiceContext,
  match: L4MatchAttributes | TlsMatch,
  path: FieldPath,
): TcpMatch | undefined {
  if (match.port !== undefined && match.port !== context.port.number) return undefined;
  if (match.gateways !== undefined && match.gateways.length > 0 && !match.gateways.includes('mesh')) return undefined;
  if (match.sourceLabels !== undefined && Object.keys(match.sourceLabels).length > 0) {
    return unsupported(context, [...path, 'sourceLabels'], 'the labels of a client are not known at a waypoint');
  }
  if ('sniHosts' in match && !isServiceHost(context, match.sniHosts)) {
    const reason = `the server name of a TLS connection is not read here: only the service's own host, "${context.service.host}", can stand here`;
    return unsupported(context, [...path, 'sniHosts'], reason);
  }
  const sourceSubnet = 'sourceSubnet' in match ? (match.sourceSubnet ?? '') : '';
  const source = resolveBlocks(context, sourceSubnet === '' ? [] : [sourceSubnet], () => [...path, 'sourceSubnet']);
  const destination = resolveBlocks(context, match.destinationSubnets ?? [], (index) => [
    ...path,
    'destinationSubnets',
    index,
  ]);
  if (source === undefined || destination === undefined) return undefined;
  return {
    ...(match.sourceNamespace === undefined || match.sourceNamespace === ''
      ? {}
      : { sourceNamespace: resolveClientNamespace(context.mesh.settings, match.sourceNamespace) }),
    sourceBlocks: source,
    destinationBlocks: destination,
  };
}

/** Istio's rule for waypoints: the one host of the service, and nothing else. */
function isServiceHost({ service }: VirtualServiceContext, hosts: readonly string[]): boolean {
  const [only] = hosts;
  return hosts.length === 1 && only?.toLowerCase() === service.host;
}

/** The blocks that can be read; undefined when there were some and none can. */
function resolveBlocks(
  context: VirtualServiceContext,
  texts: readonly string[],
  pathOf: (index: number) => FieldPath,
): readonly AddressBlock[] | undefined {
  const blocks = texts.flatMap((text, index) => {
    const block = parseAddressBlock(text);
    if (block === undefined) {
      reportField(context, 'AddressInvalid', pathOf(index), `"${text}" is not an IP address or a CIDR block`);
    }
    return block ?? [];
  });
  return texts.length > 0 && blocks.length === 0 ? undefined : blocks;
}

function unsupported(context: VirtualServiceContext, path: FieldPath, reason: string): undefined {
  reportField(context, 'FieldNotSupported', path, `${reason}, so this match never holds`);
}
