import type { KindAnalysis } from './analysis.ts';
import { noPolicyTargets, policyTargets } from './fields/patterns.ts';
import { reportEmptyAuthentication } from '../resolve/authentication/authentication.ts';
import { reportNeverAccepted } from '../resolve/authentication/never.ts';
import { reportPolicyAttachment } from '../resolve/authorization/authorization.ts';
import { findTargets } from './targets.ts';

export const requestAuthentication: KindAnalysis<'RequestAuthentication'> = {
  fields: {
    applied: [
      ...policyTargets,
      ...[
        'issuer',
        'audiences[]',
        'jwks',
        'jwksUri',
        'jwks_uri',
        'fromHeaders[].**',
        'fromParams[]',
        'fromCookies[]',
        'forwardOriginalToken',
        'outputPayloadToHeader',
        'outputClaimToHeaders[].**',
        'spaceDelimitedClaims[]',
      ].map((field) => `jwtRules[].${field}`),
    ],
    reported: noPolicyTargets,
    elsewhere: { 'jwtRules[].timeout': 'for the control plane, which fetches the keys and waits that long' },
  },
  report(context, object) {
    reportPolicyAttachment(context, object);
    reportEmptyAuthentication(context, object);
    reportNeverAccepted(context, object);
  },
  services: findTargets,
};
