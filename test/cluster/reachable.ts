// Runs once before the tests: a cluster that cannot be used fails them with one message.

import { ApiClient, loadClusterAccess, resources } from '../../kubernetes/index.ts';

/** Vitest's global setup. */
export async function setup(): Promise<void> {
  try {
    const { access } = await loadClusterAccess({ env: process.env });
    const client = new ApiClient(access, { userAgent: 'cairn-test', timeoutMs: 10_000 });
    await client.list(resources.Node);
    client.stop();
  } catch (error) {
    process.stderr.write(`The cluster of KUBECONFIG cannot be used: ${(error as Error).message}\n`);
    process.exit(1);
  }
}
