// The cluster's keys and certificates, and the kubeconfigs of its components. Kubernetes' bootstrap
// roles know the components by these names.

import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createClusterAuthority, formatKubeconfig } from '../../test/support/cluster-certificates.ts';
import { addresses, apiPort, clusterDomain, inFolder, kubeconfig, nodeName } from './settings.ts';

const lifetimeDays = 365;
const clients = ['kube-controller-manager', 'kube-scheduler', 'kube-proxy'];

/** Writes them all into the node's folder. */
export async function writeKeys(): Promise<void> {
  const server = `https://${addresses.node}:${apiPort}`;
  const authority = await createClusterAuthority(lifetimeDays);
  mkdirSync(inFolder('keys'));
  const write = (name: string, text: string): void => writeFileSync(inFolder('keys', name), text, { mode: 0o600 });
  const writePair = (name: string, { cert, key }: { readonly cert: string; readonly key: string }): void => {
    write(`${name}.crt`, cert);
    write(`${name}.key`, key);
  };
  writePair('ca', { cert: authority.ca, key: authority.key });

  const serviceNames = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const serving = await authority.issue({
    user: 'kube-apiserver',
    names: [...serviceNames, `kubernetes.default.svc.${clusterDomain}`],
    addresses: [addresses.node, addresses.apiService],
  });
  writePair('apiserver', serving);
  const admin = await authority.issue({ user: 'admin', groups: ['system:masters'] });
  writePair('admin', admin);
  writeFileSync(kubeconfig, formatKubeconfig(server, authority, admin), { mode: 0o600 });

  const kubelet = await authority.issue({
    user: `system:node:${nodeName}`,
    groups: ['system:nodes'],
    names: [nodeName],
    addresses: [addresses.node],
  });
  writePair('kubelet', kubelet);
  write('kubelet.conf', formatKubeconfig(server, authority, kubelet));
  for (const name of clients) {
    write(`${name}.conf`, formatKubeconfig(server, authority, await authority.issue({ user: `system:${name}` })));
  }
  const accounts = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  write('accounts.key', accounts.privateKey.export({ type: 'sec1', format: 'pem' }).toString());
  write('accounts.pub', accounts.publicKey.export({ type: 'spki', format: 'pem' }).toString());
}
