import type { KindDefinition } from '../definition.ts';
import { gatewayApi } from '../families.ts';
import { namespaceKeys } from '../keys.ts';
import type { ReferenceGrantSpec } from './spec.ts';

export const referenceGrant: KindDefinition<ReferenceGrantSpec, 'namespace'> = {
  ...gatewayApi,
  access: 'read',
  api: { plural: 'referencegrants', watch: 'all', isReviewed: false },
  indexes: { namespace: namespaceKeys },
};
