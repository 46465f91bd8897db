// One view on the two kinds of service, Kubernetes Service and ServiceEntry: a host, its addresses and its ports.

import type { MeshObject, ObjectRef } from '../../mesh/index.ts';
import type { FrontendProtocol } from '../model/waypoint.ts';

/** A port of a service; `targetPort` a number, or the name that workloads give it. */
export interface ResolvedPort {
  readonly number: number;
  readonly name: string;
  readonly protocol: FrontendProtocol | 'udp';
  readonly targetPort: number | string;
}

/** A service by one of its host names. */
export interface ResolvedService {
  readonly ref: ObjectRef;
  readonly object: MeshObject<'Service'> | MeshObject<'ServiceEntry'>;
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly addresses: readonly string[];
  readonly ports: readonly ResolvedPort[];
  readonly selector?: Readonly<Record<string, string>>;
}
