import type { KindAnalysis } from './analysis.ts';

export const jwksDocument: KindAnalysis<'JwksDocument'> = {
  fields: { applied: ['uri', 'jwks'] },
};
