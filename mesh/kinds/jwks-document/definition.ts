import { cairnGroup } from '../../labels.ts';
import type { KindDefinition } from '../definition.ts';
import type { JwksDocumentSpec } from './spec.ts';

export const jwksDocument: KindDefinition<JwksDocumentSpec, 'uri', 'none'> = {
  group: cairnGroup,
  versions: ['v1alpha1'],
  isNamespaced: false,
  access: 'none',
  indexes: { uri: ({ spec }) => [spec.uri] },
};
