// VirtualService destinations: host, subset and port to the cluster that they mean.

import { type Destination, type FieldPath, resolveHost } from '../../../mesh/index.ts';
import type { ClusterKey } from '../../model/cluster.ts';
import { isServedBy } from '../waypoint/served.ts';
import { declaredSubsets, findDestinationRules } from '../destination-rule/selection.ts';
import { findService, type ResolvedPort, type ResolvedService } from '../service/service.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

/**
 * The cluster of a destination, or undefined when it names nothing, which is reported with its
 * consequence. A port whose protocol is sniffed has a cluster for each `level`.
 */
export function resolveDestination(
  context: VirtualServiceContext,
  destination: Destination,
  path: FieldPath,
  { consequence, level }: { readonly consequence: string; readonly level: ClusterKey['protocol'] } = {
    consequence: 'these requests are answered with 503',
    level: 'http',
  },
): ClusterKey | undefined {
  const { mesh, gateway, owner } = context;
  const host = resolveHost(destination.host, owner.metadata.namespace, mesh.settings.clusterDomain);
  const service = findService(mesh, host, gateway.namespace);
  if (service === undefined) {
    reportField(
      context,
      'HostNotFound',
      [...path, 'host'],
      `no service has the host "${host}", so ${consequence}`,
      'name a Service or ServiceEntry; a short name is looked up in the namespace of the VirtualService',
    );
    return undefined;
  }
  const port = resolvePort(context, service, destination.port?.number, { path, consequence });
  if (port === undefined) return undefined;
  if (destination.subset !== undefined && destination.subset !== '') {
    const names = declaredSubsets(findDestinationRules(mesh, gateway, service)).map(({ subset }) => subset.name);
    if (!names.includes(destination.subset)) {
      reportField(
        context,
        'SubsetNotFound',
        [...path, 'subset'],
        `no DestinationRule of "${host}" declares the subset "${destination.subset}", so ${consequence}`,
        names.length === 0
          ? `write a DestinationRule for host ${host} that declares it`
          : `declared subsets: ${names.join(', ')}`,
      );
      return undefined;
    }
  }
  return {
    owned: isServedBy(mesh, gateway, service),
    host,
    port: port.number,
    protocol: port.protocol === 'tcp' || (port.protocol === 'auto' && level === 'tcp') ? 'tcp' : 'http',
    ...(destination.subset === undefined || destination.subset === '' ? {} : { subset: destination.subset }),
  };
}

/**
 * Reports the resulting shares if weights do not add up to 100, which is more often a mistake than
 * a wish.
 */
export function reportWeights(context: VirtualServiceContext, weights: readonly number[], path: FieldPath): void {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (weights.length < 2 || sum === 0 || sum === 100) return;
  const shares = weights.map((weight) => `${Number(((weight / sum) * 100).toFixed(1))}%`).join(', ');
  const message = `the weights add up to ${sum} and not to 100; they are taken as shares: ${shares}`;
  reportField(context, 'WeightsInvalid', path, message, 'let the weights add up to 100', 'info');
}

/** The named port; else the only one; else the one that the request came to. */
function resolvePort(
  context: VirtualServiceContext,
  service: ResolvedService,
  number: number | undefined,
  { path, consequence }: { readonly path: FieldPath; readonly consequence: string },
): ResolvedPort | undefined {
  const ports = service.ports.filter(({ protocol }) => protocol !== 'udp');
  const wanted = number ?? (ports.length === 1 ? ports[0]?.number : context.port.number);
  const port = ports.find((candidate) => candidate.number === wanted);
  if (port !== undefined) return port;
  const known = ports.map((candidate) => candidate.number).join(', ');
  reportField(
    context,
    number === undefined ? 'PortAmbiguous' : 'PortNotFound',
    number === undefined ? path : [...path, 'port', 'number'],
    `"${service.host}" has no port ${wanted}, so ${consequence}`,
    `ports of the service: ${known}`,
  );
  return undefined;
}
