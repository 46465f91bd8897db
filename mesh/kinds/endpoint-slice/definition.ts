import { isGiven, isRecord, pick } from '../../fields.ts';
import type { Fields } from '../../fields.ts';
import { serviceNameLabel } from '../../labels.ts';
import type { KindDefinition } from '../definition.ts';
import { core } from '../families.ts';
import type { EndpointSliceSpec } from './spec.ts';

export const endpointSlice: KindDefinition<EndpointSliceSpec, 'service'> = {
  ...core,
  group: 'discovery.k8s.io',
  access: 'read',
  api: { plural: 'endpointslices', watch: 'all', isReviewed: false },
  indexes: {
    /** Key: `<namespace>/<name>` of the Service, by the label that says so. */
    service: ({ metadata }) => {
      const service = metadata.labels[serviceNameLabel];
      return service === undefined ? [] : [`${metadata.namespace}/${service}`];
    },
  },
  flatten: flattenSlice,
};

function flattenSlice({ addressType, endpoints, ports }: Fields): Fields {
  return {
    ...(addressType === undefined ? {} : { addressType }),
    ...(isGiven(endpoints) ? { endpoints: Array.isArray(endpoints) ? endpoints.map(flattenEndpoint) : endpoints } : {}),
    ...(isGiven(ports) ? { ports: Array.isArray(ports) ? ports.map(withoutEmpty) : ports } : {}),
  };
}

function flattenEndpoint(endpoint: unknown): unknown {
  if (!isRecord(endpoint)) return endpoint;
  const { conditions, targetRef } = endpoint;
  return {
    ...pick(endpoint, ['addresses', 'nodeName', 'zone']),
    ...(isRecord(conditions) ? { conditions: pick(conditions, ['ready', 'serving', 'terminating']) } : {}),
    ...(isRecord(targetRef) ? { targetRef: pick(targetRef, ['kind', 'namespace', 'name']) } : {}),
  };
}

/**
 * Slices of services without names for their ports have `name: ""`, and null if a port is not
 * decided.
 */
function withoutEmpty(port: unknown): unknown {
  return isRecord(port) ? pick(port, ['name', 'port', 'protocol', 'appProtocol']) : port;
}
