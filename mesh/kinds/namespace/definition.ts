import type { KindDefinition } from '../definition.ts';
import { core } from '../families.ts';
import { waypointKeys } from '../keys.ts';
import type { NamespaceSpec } from './spec.ts';

export const namespace: KindDefinition<NamespaceSpec, 'waypoint'> = {
  ...core,
  isNamespaced: false,
  access: 'read',
  api: { plural: 'namespaces', watch: 'all', isReviewed: false },
  indexes: {
    /** By the waypoint that its own labels name. */
    waypoint: ({ metadata }) => waypointKeys(metadata, metadata.name),
  },
};
