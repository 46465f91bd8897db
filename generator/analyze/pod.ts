import type { KindAnalysis } from './analysis.ts';

export const pod: KindAnalysis<'Pod'> = {
  fields: {
    applied: ['nodeName', 'podIPs[]', 'hostNetwork', 'ready', 'workloadName', 'ports.*'],
    elsewhere: { serviceAccountName: 'for the control plane: only a pod that has it gets its certificate' },
  },
};
