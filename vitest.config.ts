import { defineConfig, type ViteUserConfig } from 'vitest/config';

const elsewhere = ['node_modules/**', 'dist/**'];

const config: ViteUserConfig = defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Integration tests start real Envoys: more files at once than cores would only make them slow.
    maxWorkers: 2,
    reporters: ['default', './test/support/plain-reporter.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'main', include: ['**/*.test.ts'], exclude: [...elsewhere, 'test/api/**', 'test/cluster/**'] },
      },
      {
        // Against a kube-apiserver and etcd that the tests start.
        extends: true,
        test: { name: 'api', include: ['test/api/**/*.test.ts'], exclude: elsewhere, hookTimeout: 180_000 },
      },
      {
        // Against the cluster of KUBECONFIG.
        extends: true,
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
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
