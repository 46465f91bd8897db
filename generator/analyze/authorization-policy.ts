import type { KindAnalysis } from './analysis.ts';
import { noPolicyTargets, policyTargets } from './fields/patterns.ts';
import { reportNeverMatching, reportPolicyAttachment } from '../resolve/authorization/authorization.ts';
import { findTargets } from './targets.ts';

export const authorizationPolicy: KindAnalysis<'AuthorizationPolicy'> = {
  fields: {
    applied: ['action', 'provider.name', 'rules[].**', ...policyTargets],
    reported: noPolicyTargets,
  },
  report(context, object) {
    reportNeverMatching(context, object);
    reportPolicyAttachment(context, object);
  },
  services: findTargets,
};
