// The names of the incremental generator's computations. Maps and queues hold a unit by its name;
// only this file formats and parses names.

import type { ObjectRef } from '../../mesh/index.ts';
import type { BackendKey, HostPort } from '../parts.ts';
import type { GatewayKey } from '../resolve/waypoint/gateway.ts';

/** One part of a waypoint. */
export type PartUnit =
  | { readonly kind: 'listeners' | 'services'; readonly waypoint: GatewayKey }
  | { readonly kind: 'service'; readonly waypoint: GatewayKey; readonly ref: ObjectRef }
  | { readonly kind: 'frontend'; readonly waypoint: GatewayKey; readonly address: HostPort }
  | { readonly kind: 'backend'; readonly waypoint: GatewayKey; readonly backend: BackendKey };

/**
 * One computation: the list of waypoints, the Findings about an object, or one part of a waypoint.
 */
export type Unit = { readonly kind: 'waypoints' } | { readonly kind: 'object'; readonly ref: ObjectRef } | PartUnit;

/** The name of a unit; two units have one name only if they are the same. */
export function formatUnit(unit: Unit): string {
  return JSON.stringify([unit.kind, ...fieldsOf(unit)]);
}

function fieldsOf(unit: Unit): readonly (string | number | boolean)[] {
  switch (unit.kind) {
    case 'waypoints':
      return [];
    case 'object':
      return [unit.ref.kind, unit.ref.namespace, unit.ref.name];
    case 'listeners':
    case 'services':
      return [unit.waypoint.namespace, unit.waypoint.name];
    case 'service':
      return [unit.waypoint.namespace, unit.waypoint.name, unit.ref.kind, unit.ref.namespace, unit.ref.name];
    case 'frontend':
      return [unit.waypoint.namespace, unit.waypoint.name, unit.address.host, unit.address.port];
    case 'backend': {
      const { host, port, owned } = unit.backend;
      return [unit.waypoint.namespace, unit.waypoint.name, host, port, owned];
    }
  }
}

/** The unit of a name that `formatUnit` made. */
export function parseUnit(text: string): Unit {
  const [kind, ...rest] = JSON.parse(text) as [Unit['kind'], ...string[]];
  if (kind === 'waypoints') return { kind };
  if (kind === 'object') {
    const [object = '', namespace = '', name = ''] = rest;
    return { kind, ref: { kind: object, namespace, name } };
  }
  const [namespace = '', name = '', host = '', port, owned] = rest as [string?, string?, string?, number?, boolean?];
  const waypoint = { namespace, name };
  if (kind === 'listeners' || kind === 'services') return { kind, waypoint };
  if (kind === 'service') {
    const [, , object = '', home = '', own = ''] = rest;
    return { kind, waypoint, ref: { kind: object, namespace: home, name: own } };
  }
  const address = { host, port: Number(port) };
  return kind === 'frontend'
    ? { kind, waypoint, address }
    : { kind, waypoint, backend: { ...address, owned: owned === true } };
}
