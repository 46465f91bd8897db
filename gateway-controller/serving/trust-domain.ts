// The trust domain is that of the start: a change of MeshConfig waits for a restart, on a machine
// and in a cluster.

import type { Finding } from '../../mesh/index.ts';

/** The Finding while a MeshConfig asks for another trust domain than the one in force. */
export function describeRestart(trustDomain: string, asked: string): Finding {
  return {
    code: 'RestartNeeded',
    severity: 'warning',
    ref: { kind: 'MeshConfig', namespace: '', name: 'mesh' },
    path: ['spec', 'trustDomain'],
    message: `certificates are issued for trust domain "${trustDomain}" since the start, so "${asked}" is not in effect yet`,
    hint: `start again; to go on accepting certificates of "${trustDomain}", add it to trustDomainAliases`,
  };
}
