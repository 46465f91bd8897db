// The programs of the node, and their arguments. Settings that are not the programs' own defaults
// have their reason beside them.

import type { NodeProgram } from '../fetch-kubernetes.mjs';
import { addresses, apiPort, inFolder, nodeName } from './settings.ts';

/** A program and its arguments. */
type Command = readonly string[];

/**
 * The components by name: those that start at once, and those that would only fail before the API
 * server listens.
 */
export interface Components {
  readonly first: Readonly<Record<string, Command>>;
  readonly after: Readonly<Record<string, Command>>;
}

/** The components, of these programs. */
export function components(programs: Readonly<Record<NodeProgram, string>>): Components {
  return {
    first: {
      etcd: etcd(programs.etcd),
      containerd: ['containerd', `--config=${inFolder('containerd.toml')}`],
      'kube-apiserver': apiServer(programs['kube-apiserver']),
    },
    after: {
      'kube-controller-manager': controllerManager(programs['kube-controller-manager']),
      'kube-scheduler': [
        programs['kube-scheduler'],
        `--kubeconfig=${inFolder('keys', 'kube-scheduler.conf')}`,
        '--leader-elect=false',
        '--bind-address=127.0.0.1',
      ],
      'kube-proxy': [
        programs['kube-proxy'],
        `--config=${inFolder('kube-proxy.json')}`,
        `--hostname-override=${nodeName}`,
      ],
      kubelet: [
        programs.kubelet,
        `--config=${inFolder('kubelet.json')}`,
        `--kubeconfig=${inFolder('keys', 'kubelet.conf')}`,
        `--root-dir=${inFolder('kubelet')}`,
        `--hostname-override=${nodeName}`,
        `--node-ip=${addresses.node}`,
      ],
      coredns: [programs.coredns, '-conf', inFolder('Corefile')],
    },
  };
}

function etcd(program: string): Command {
  const [client, peer] = ['http://127.0.0.1:2379', 'http://127.0.0.1:2380'];
  return [
    program,
    `--data-dir=${inFolder('etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    // Nothing of this cluster is to outlive a crash of the machine.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServer(program: string): Command {
  const key = (name: string): string => inFolder('keys', name);
  return [
    program,
    '--etcd-servers=http://127.0.0.1:2379',
    '--bind-address=0.0.0.0',
    `--secure-port=${apiPort}`,
    // Without a default route the API server cannot find it out.
    `--advertise-address=${addresses.node}`,
    `--tls-cert-file=${key('apiserver.crt')}`,
    `--tls-private-key-file=${key('apiserver.key')}`,
    `--client-ca-file=${key('ca.crt')}`,
    `--kubelet-client-certificate=${key('admin.crt')}`,
    `--kubelet-client-key=${key('admin.key')}`,
    // The node's name resolves nowhere.
    '--kubelet-preferred-address-types=InternalIP',
    `--service-account-key-file=${key('accounts.pub')}`,
    `--service-account-signing-key-file=${key('accounts.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--service-cluster-ip-range=${addresses.services}`,
  ];
}

function controllerManager(program: string): Command {
  const key = (name: string): string => inFolder('keys', name);
  return [
    program,
    `--kubeconfig=${key('kube-controller-manager.conf')}`,
    '--leader-elect=false',
    '--use-service-account-credentials',
    `--service-account-private-key-file=${key('accounts.key')}`,
    `--root-ca-file=${key('ca.crt')}`,
    `--cluster-signing-cert-file=${key('ca.crt')}`,
    `--cluster-signing-key-file=${key('ca.key')}`,
    '--allocate-node-cidrs',
    `--cluster-cidr=${addresses.pods}`,
    `--node-cidr-mask-size=${addresses.pods.split('/')[1] ?? ''}`,
    `--service-cluster-ip-range=${addresses.services}`,
    '--bind-address=127.0.0.1',
  ];
}
