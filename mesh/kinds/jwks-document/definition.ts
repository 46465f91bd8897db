import { cairnGroup } from '../../labels.ts';
import type { KindDefinition } from '../definition.ts';
import type { JwksDocumentSpec } from './spec.ts';

export const jwksDocument: KindDefinition<JwksDocumentSpec, 'uri'> = {
  group: cairnGroup,
  versions: ['v1alpha1'],
  isNamespaced: false,
  hasStatus: false,
  indexes: { uri: ({ spec }) => [spec.uri] },
};
