import type { KindAnalysis } from './analysis.ts';
import { reportBackendTraffic } from '../resolve/backend-traffic/report.ts';
import { resolveBackendTrafficStatus } from '../resolve/backend-traffic/status.ts';
import { findTargets } from './targets.ts';

export const xBackendTrafficPolicy: KindAnalysis<'XBackendTrafficPolicy'> = {
  fields: {
    applied: [
      ...['group', 'kind', 'name'].map((field) => `targetRefs[].${field}`),
      'retryConstraint.budget.**',
      'retryConstraint.minRetryRate.count',
      'sessionPersistence.**',
    ],
    reported: ['retryConstraint.minRetryRate.interval'],
  },
  report: reportBackendTraffic,
  services: findTargets,
  ancestors: (mesh, policy) => resolveBackendTrafficStatus(mesh, policy),
};
