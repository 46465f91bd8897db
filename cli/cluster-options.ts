// The options of every command that talks to a cluster. They are apart from their users, so that
// help needs no Kubernetes client.

import type { Command } from 'commander';

/** The options that name the cluster and namespace of a command. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

/**
 * Adds `--kubeconfig`, `--context` and `--namespace`; `otherwise` is the default namespace, in the
 * words of the help.
 */
export function addClusterOptions(command: Command, otherwise = "the context's"): Command {
  return command
    .option('-n, --namespace <namespace>', `the namespace (default: ${otherwise})`)
    .option('-c, --kubeconfig <file>', 'the kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)')
    .option('--context <name>', 'the context of the kubeconfig file');
}
