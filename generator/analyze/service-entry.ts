import type { KindAnalysis } from './analysis.ts';
import { workload } from './fields/patterns.ts';
import { analyzeService } from './services.ts';

export const serviceEntry: KindAnalysis<'ServiceEntry'> = {
  fields: {
    applied: [
      'hosts[]',
      'addresses[]',
      'ports[].**',
      'resolution',
      'exportTo[]',
      'workloadSelector.labels.*',
      ...workload.map((field) => `endpoints[].${field}`),
    ],
    elsewhere: { location: 'whether an endpoint is of the mesh is told by its tunnel' },
    added: ['hostAddresses.**'],
  },
  report: analyzeService,
};
