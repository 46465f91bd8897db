import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Integration tests start real Envoys: more files at once than cores would only make them slow.
    maxWorkers: 2,
    reporters: ['default', './test/support/plain-reporter.ts'],
  },
});

export default config;
