import type { KindAnalysis } from './analysis.ts';

export const namespace: KindAnalysis<'Namespace'> = {
  fields: { applied: [], elsewhere: { 'finalizers[]': 'for the cluster' } },
};
