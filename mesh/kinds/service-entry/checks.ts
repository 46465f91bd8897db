// ServiceEntry and WorkloadEntry: ports with distinct names and numbers, and addresses that can be
// reached as the resolution says.

import { isIpAddress, isUnixAddress } from '../../address.ts';
import type { FieldPath } from '../../finding.ts';
import { isDomain, isWildcardDomain } from '../../host.ts';
import type { WorkloadEntrySpec } from '../workload-entry/spec.ts';
import type { ServiceEntryPort, ServiceEntrySpec } from './spec.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';
import { suggestHint } from '../../reading/suggestion.ts';
import {
  checkExportTo,
  checkIpRanges,
  checkLabels,
  checkPort,
  checkPortName,
  checkSelector,
  checkUnique,
} from '../../validation/value.ts';

const protocols = ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTPS', 'TLS', 'TCP', 'UDP', 'MONGO', 'REDIS', 'MYSQL'];
/** Protocols between proxies, which are treated as TCP. */
const otherProtocols = ['HTTP_PROXY', 'HBONE', 'DOUBLE-HBONE'];

/** The problems of one ServiceEntry. */
export function checkServiceEntry(spec: ServiceEntrySpec): readonly Problem[] {
  const { hosts, addresses = [], ports = [], endpoints = [], resolution = 'NONE' } = spec;
  return [
    ...hosts.flatMap((host, index) => checkHost(host, ['spec', 'hosts', index])),
    ...checkIpRanges(addresses, ['spec', 'addresses']),
    ...addresses.flatMap((address, index) =>
      address.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC'
        ? [
            errorAt(
              'InvalidValue',
              ['spec', 'addresses', index],
              `A range of addresses cannot go with the resolution ${resolution}.`,
              'write single addresses, or the resolution NONE or STATIC',
            ),
          ]
        : [],
    ),
    ...checkPorts(ports, ['spec', 'ports']),
    ...checkEndpoints(spec),
    ...endpoints.flatMap((endpoint, index) => checkEndpoint(endpoint, ['spec', 'endpoints', index], spec)),
    ...checkSelector(spec.workloadSelector?.labels, ['spec', 'workloadSelector', 'labels']),
    ...checkExportTo(spec.exportTo),
  ];
}

function checkHost(host: string, path: FieldPath): readonly Problem[] {
  if (host !== '*' && isWildcardDomain(host)) return [];
  const message =
    host === ''
      ? 'The host is empty.'
      : host === '*'
        ? 'A ServiceEntry cannot be for every host.'
        : `\`${host.slice(0, 100)}\` is no host: letters, digits, "-" and dots, and perhaps "*." in front.`;
  return [errorAt('InvalidValue', path, message)];
}

function checkPorts(ports: readonly ServiceEntryPort[], path: FieldPath): readonly Problem[] {
  return [
    ...ports.flatMap(({ name, number, protocol = 'TCP', targetPort }, index) => [
      ...checkPort(number, [...path, index, 'number']),
      ...checkPort(targetPort, [...path, index, 'targetPort']),
      ...checkPortName(name, [...path, index, 'name']),
      ...(protocol === '' || [...protocols, ...otherProtocols].includes(protocol.toUpperCase())
        ? []
        : [
            errorAt(
              'InvalidValue',
              [...path, index, 'protocol'],
              `\`${protocol}\` is no protocol; it must be one of ${protocols.join(', ')}.`,
              suggestHint(protocol, protocols),
            ),
          ]),
    ]),
    ...checkUnique(
      ports.map(({ name }) => name),
      path,
      'name',
    ),
    ...checkUnique(
      ports.map(({ number }) => number),
      path,
      'number',
    ),
  ];
}

/** Whether there may be endpoints, and how many. */
function checkEndpoints({ endpoints, workloadSelector, resolution = 'NONE' }: ServiceEntrySpec): readonly Problem[] {
  if (endpoints === undefined) return [];
  const path = ['spec', 'endpoints'];
  const problems: Problem[] = [];
  if (workloadSelector !== undefined) {
    const message = '`workloadSelector` and `endpoints` exclude each other.';
    problems.push(errorAt('InvalidValue', path, message, 'keep one of them'));
  }
  if (resolution === 'NONE') {
    const message = 'Endpoints are not used with the resolution NONE.';
    problems.push(errorAt('InvalidValue', path, message, 'write `resolution: STATIC`'));
  }
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) {
    const message = 'The resolution DNS_ROUND_ROBIN takes one endpoint at most.';
    problems.push(errorAt('InvalidValue', [...path, 1], message, 'write `resolution: DNS`, or one endpoint'));
  }
  return problems;
}

/** The problems of one WorkloadEntry. */
export function checkWorkloadEntry(spec: WorkloadEntrySpec, path: FieldPath): readonly Problem[] {
  return checkEndpoint(spec, path, undefined);
}

/**
 * `entry` is the ServiceEntry that the endpoint stands in; a ServiceEntry that selects a
 * WorkloadEntry decides how its address is read.
 */
function checkEndpoint(
  { address = '', ports = {}, labels }: WorkloadEntrySpec,
  path: FieldPath,
  entry: ServiceEntrySpec | undefined,
): readonly Problem[] {
  const known = entry === undefined ? undefined : new Set((entry.ports ?? []).map(({ name }) => name));
  return [
    ...checkAddress(address, [...path, 'address'], entry),
    ...(isUnixAddress(address) && Object.keys(ports).length > 0
      ? [errorAt('InvalidValue', [...path, 'ports'], 'A Unix socket has no ports.')]
      : []),
    ...Object.entries(ports).flatMap(([name, port]) => [
      ...checkPort(port, [...path, 'ports', name]),
      ...checkPortName(name, [...path, 'ports', name]),
      ...(known === undefined || known.has(name)
        ? []
        : [
            errorAt(
              'InvalidValue',
              [...path, 'ports', name],
              `The ServiceEntry has no port of the name \`${name}\`.`,
              suggestHint(name, [...known]),
            ),
          ]),
    ]),
    ...checkLabels(labels, [...path, 'labels']),
  ];
}

function checkAddress(address: string, path: FieldPath, entry: ServiceEntrySpec | undefined): readonly Problem[] {
  if (address === '' || isIpAddress(address)) return [];
  const fail = (message: string, hint?: string): readonly Problem[] => [errorAt('AddressInvalid', path, message, hint)];
  const isByName = entry === undefined || /^DNS(?:_ROUND_ROBIN)?$/.test(entry.resolution ?? '');
  if (isUnixAddress(address)) {
    const socket = address.slice('unix://'.length);
    if (!/^[/@]/.test(socket) || (socket.startsWith('/') && socket.endsWith('/'))) {
      return fail(`\`${address}\` is no path of a Unix socket.`, 'write it as `unix:///run/app.sock`');
    }
    if (entry === undefined || entry.resolution === 'STATIC') return [];
    return fail(`\`${address}\` can only be an endpoint where the resolution is STATIC.`);
  }
  if (isByName && isDomain(address)) return [];
  if (isDomain(address)) return fail(`\`${address}\` is no IP address.`, 'write an IP address, or `resolution: DNS`');
  return fail(`\`${address}\` is no IP address${isByName ? ' and no DNS name' : ''}.`);
}
