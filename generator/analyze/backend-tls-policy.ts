import type { KindAnalysis } from './analysis.ts';
import { reportBackendTls } from '../resolve/backend/backend-tls.ts';
import { resolveBackendTlsStatus } from '../resolve/backend/backend-tls-status.ts';

export const backendTLSPolicy: KindAnalysis<'BackendTLSPolicy'> = {
  fields: {
    applied: [...['group', 'kind', 'name', 'sectionName'].map((field) => `targetRefs[].${field}`), 'validation.**'],
  },
  report: reportBackendTls,
  ancestors: resolveBackendTlsStatus,
};
