import type { KindAnalysis } from './analysis.ts';
import { portPolicy } from './fields/patterns.ts';
import { reportAccessLog } from '../resolve/frontend/access-log.ts';

export const meshConfig: KindAnalysis<'MeshConfig'> = {
  fields: {
    applied: [
      'trustDomain',
      'trustDomainAliases[]',
      'rootNamespace',
      'extensionProviders[].name',
      'extensionProviders[].envoyExtAuthzHttp.**',
      'extensionProviders[].envoyExtAuthzGrpc.**',
      'pathNormalization.normalization',
      'defaultHttpRetryPolicy.**',
      'defaultTrafficPolicy.connectionPool.tcp.**',
      'defaultTrafficPolicy.connectionPool.http.**',
      ...portPolicy.applied
        .filter((field) => field.startsWith('outlierDetection.'))
        .map((field) => `defaultTrafficPolicy.${field}`),
      'accessLogFile',
      'accessLogFormat',
      'accessLogEncoding',
    ],
  },
  report: reportAccessLog,
};
