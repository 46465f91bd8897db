import { meshConfigGroup } from '../../labels.ts';
import type { KindDefinition } from '../definition.ts';
import { checkMeshConfig } from './checks.ts';
import type { MeshConfigSpec } from './spec.ts';

export const meshConfig: KindDefinition<MeshConfigSpec, never, 'none'> = {
  group: meshConfigGroup,
  versions: ['v1alpha1'],
  isNamespaced: false,
  access: 'none',
  indexes: {},
  check: ({ spec }) => checkMeshConfig(spec),
};
