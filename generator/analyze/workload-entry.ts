import type { KindAnalysis } from './analysis.ts';
import { workload } from './fields/patterns.ts';
import { reportRefusedAddresses } from '../resolve/backend/discovery.ts';
import { reportWorkloadAddress } from '../resolve/endpoint/workload-address.ts';

export const workloadEntry: KindAnalysis<'WorkloadEntry'> = {
  fields: { applied: [...workload, 'serviceAccount'] },
  report(context, object) {
    reportWorkloadAddress(context, object);
    reportRefusedAddresses(context, object);
  },
};
