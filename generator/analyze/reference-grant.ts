import type { KindAnalysis } from './analysis.ts';

export const referenceGrant: KindAnalysis<'ReferenceGrant'> = {
  fields: { applied: ['from[].**', 'to[].**'] },
};
