import type { KindAnalysis } from './analysis.ts';

export const node: KindAnalysis<'Node'> = {
  fields: {
    applied: [],
    elsewhere: { unschedulable: 'for the scheduler: what runs on a node already goes on serving' },
  },
};
