import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { isSoak } from './test/support/counts.ts';

const elsewhere = ['node_modules/**', 'dist/**'];
const properties = '**/*.properties.test.ts';

const config: ViteUserConfig = defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // As many files at once as CI has cores.
    maxWorkers: 2,
    reporters: ['default', './test/support/plain-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          include: ['**/*.test.ts'],
          exclude: [...elsewhere, 'test/api/**', 'test/cluster/**', properties],
        },
      },
      {
        // What holds for any input, or under any load, tried as often as test/support/counts.ts says.
        extends: true,
        test: {
          name: 'properties',
          include: [properties],
          exclude: elsewhere,
          testTimeout: isSoak ? 7_200_000 : 240_000,
        },
      },
      {
        // Against a kube-apiserver and etcd that the tests start.
        extends: true,
        test: {
          name: 'api',
          include: ['test/api/**/*.test.ts'],
          exclude: elsewhere,
          hookTimeout: 180_000,
          // They wait for leases, caches of tokens and back-offs most of the time.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Against the cluster of KUBECONFIG.
        extends: true,
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          globalSetup: ['test/cluster/reachable.ts'],
          exclude: elsewhere,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // One cluster, one test at a time.
          fileParallelism: false,
        },
      },
    ],
  },
});

export default config;
