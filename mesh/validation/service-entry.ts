// ServiceEntry and WorkloadEntry: ports that can be told apart and addresses that can be reached as the resolution says.

import { isIpAddress } from '../address.ts';
import type { FieldPath } from '../finding.ts';
import type { ServiceEntrySpec, WorkloadEntrySpec } from '../kinds/service-entry.ts';
import type { Problem } from '../reading/problem.ts';
import { errorAt } from '../reading/problem.ts';
import { checkIpRanges, checkPort, checkUnique } from './value.ts';

const isHost = /^(?:\*|(?:\*\.)?[-_a-z0-9]+(?:\.[-_a-z0-9]+)*\.?)$/i;

function notAHost(host: string): string {
  return `\`${host.slice(0, 100)}\` is no host: letters, digits, "-", "_" and dots, and perhaps "*." in front.`;
}

/** The problems of one ServiceEntry. */
export function checkServiceEntry(spec: ServiceEntrySpec): readonly Problem[] {
  const { hosts, ports = [], endpoints = [], resolution = 'NONE' } = spec;
  const path = ['spec', 'ports'];
  const byName = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN' || resolution === 'DYNAMIC_DNS';
  return [
    ...hosts.flatMap((host, index) =>
      isHost.test(host)
        ? []
        : [errorAt('InvalidValue', ['spec', 'hosts', index], host === '' ? 'The host is empty.' : notAHost(host))],
    ),
    ...checkIpRanges(spec.addresses, ['spec', 'addresses']),
    ...ports.flatMap(({ number, targetPort }, index) => [
      ...checkPort(number, [...path, index, 'number']),
      ...checkPort(targetPort, [...path, index, 'targetPort']),
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
    ...(endpoints.length > 0 && spec.workloadSelector !== undefined
      ? [
          errorAt(
            'InvalidValue',
            ['spec', 'endpoints'],
            '`workloadSelector` and `endpoints` exclude each other.',
            'keep one of them',
          ),
        ]
      : []),
    ...(endpoints.length > 0 && resolution === 'NONE'
      ? [
          errorAt(
            'InvalidValue',
            ['spec', 'endpoints'],
            'Endpoints are not used with the resolution NONE.',
            'write `resolution: STATIC`',
          ),
        ]
      : []),
    ...endpoints.flatMap((endpoint, index) => checkEndpoint(endpoint, ['spec', 'endpoints', index], byName)),
  ];
}

/** The problems of one WorkloadEntry, or of the same fields elsewhere. */
export function checkWorkloadEntry(spec: WorkloadEntrySpec, path: FieldPath): readonly Problem[] {
  return checkEndpoint(spec, path, false);
}

function checkEndpoint(
  { address = '', ports = {} }: WorkloadEntrySpec,
  path: FieldPath,
  isNameAllowed: boolean,
): readonly Problem[] {
  const isRight = address === '' || isIpAddress(address) || (isNameAllowed && /^[-A-Za-z0-9_.]+$/.test(address));
  return [
    ...(isRight ? [] : [errorAt('AddressInvalid', [...path, 'address'], `\`${address}\` is no IP address.`)]),
    ...Object.entries(ports).flatMap(([name, port]) => checkPort(port, [...path, 'ports', name])),
  ];
}
