// The components' files of settings. Settings that are not the components' own defaults have their
// reason beside them.

import { addresses, cgroup, clusterDomain, inFolder, pauseImage } from './settings.ts';

/** The socket of the container runtime. */
export const runtimeSocket: string = inFolder('containerd.sock');

/**
 * Files of the node's folder, by name. `plugins` is the folder with the plugins of the pods'
 * network.
 */
export function configurationFiles(plugins: string): Readonly<Record<string, string>> {
  return {
    'containerd.toml': containerd(plugins),
    'network/pods.conflist': JSON.stringify(podNetwork),
    'kubelet.json': JSON.stringify(kubelet),
    'kube-proxy.json': JSON.stringify(proxy),
    // The machine's resolvers are of no use to pods: nothing leaves the node.
    'resolv.conf': '',
    Corefile: dns,
  };
}

function containerd(plugins: string): string {
  // Version 2 of the format is read by containerd 1.6 to 2.x.
  return `version = 2
root = "${inFolder('containerd')}"
[grpc]
  address = "${runtimeSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  disable_tcp_service = true
  # As newer versions do by default.
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  # Root without CAP_SYS_RESOURCE may not lower a score, and runc ends when it cannot.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    # No service manager runs on the node.
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${plugins}"
    conf_dir = "${inFolder('network')}"
`;
}

/**
 * Each pod has a link to the node of its own. So every packet between pods passes the node's
 * connection tracking, and the answers of a Service come from the Service's address.
 */
const podNetwork = {
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: { type: 'host-local', ranges: [[{ subnet: addresses.pods }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
};

const kubelet = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  containerRuntimeEndpoint: `unix://${runtimeSocket}`,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${cgroup}`,
  failCgroupV1: false,
  failSwapOn: false,
  oomScoreAdj: 0,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: inFolder('keys', 'ca.crt') },
  },
  authorization: { mode: 'Webhook' },
  tlsCertFile: inFolder('keys', 'kubelet.crt'),
  tlsPrivateKeyFile: inFolder('keys', 'kubelet.key'),
  clusterDomain,
  clusterDNS: [addresses.node],
  resolvConf: inFolder('resolv.conf'),
  podLogsDir: inFolder('pod-logs'),
  volumePluginDir: inFolder('volume-plugins'),
  // Images cannot be pulled again, so none is collected, and a full disk evicts nobody.
  imageGCHighThresholdPercent: 100,
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '0%',
    'nodefs.inodesFree': '0%',
    'imagefs.available': '0%',
    'imagefs.inodesFree': '0%',
  },
};

const proxy = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'nftables',
  oomScoreAdj: 0,
  // A Service follows its pods within a tenth of a second; the default is a second.
  nftables: { minSyncPeriod: '100ms' },
  clusterCIDR: addresses.pods,
  clientConnection: { kubeconfig: inFolder('keys', 'kube-proxy.conf') },
  metricsBindAddress: '127.0.0.1:10249',
  // These settings of the kernel are the machine's, and cannot be set for the node alone.
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
};

/**
 * DNS is a process of the node, at the node's address: it needs no image and no pod. Names outside
 * of the cluster cannot be asked for, and do not exist. They have a block of their own because
 * CoreDNS asks `template` before `kubernetes`.
 */
const dns = `${clusterDomain} in-addr.arpa {
    bind ${addresses.node}
    errors
    kubernetes ${clusterDomain} in-addr.arpa {
        kubeconfig ${inFolder('kubeconfig')}
        ttl 5
    }
}
. {
    bind ${addresses.node}
    template ANY ANY {
        rcode NXDOMAIN
    }
}
`;
