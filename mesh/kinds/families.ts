// The common parts of the kinds of one API.

import { gatewayGroup, networkingGroup, securityGroup } from '../labels.ts';
import type { KindDefinition } from './definition.ts';

type Family = Pick<KindDefinition<unknown>, 'group' | 'versions' | 'historicalVersions' | 'isNamespaced'>;

/** The kinds of the Gateway API, as most of them are. */
export const gatewayApi: Family = {
  group: gatewayGroup,
  versions: ['v1', 'v1beta1'],
  historicalVersions: ['v1alpha2'],
  isNamespaced: true,
};

/** Istio's traffic kinds. */
export const istioNetworking: Family = {
  group: networkingGroup,
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  isNamespaced: true,
};

/** Istio's policies: authorization and authentication. */
export const istioSecurity: Family = { group: securityGroup, versions: ['v1', 'v1beta1'], isNamespaced: true };

/** Kubernetes' own kinds. */
export const core: Family = { group: '', versions: ['v1'], isNamespaced: true };

/**
 * See `decisive`; each policy has some of them, and none of them may stand without a value in any.
 */
export const decisiveInPolicies: readonly (readonly string[])[] = [
  ['targetRefs', 'targetRef', 'selector'],
  ['rules'],
  ['jwtRules'],
  ['validation'],
];
