import type { KindAnalysis } from './analysis.ts';

export const configMap: KindAnalysis<'ConfigMap'> = {
  // Its one field has a dot in its name: the certificates that a BackendTLSPolicy refers to.
  fields: { applied: ['*'] },
};
