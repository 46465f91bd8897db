// Kinds of the mesh's APIs that mean nothing to a waypoint, and that a control plane follows all
// the same: to say so.

import type { KindApi, KindDefinition } from './definition.ts';
import { definitionOf, kindNames } from './table.ts';
import type { AnyKindDefinition } from './table.ts';
import { gatewayApi, istioSecurity } from './families.ts';

const bystanders: {
  readonly ListenerSet: KindDefinition<unknown, never, 'status'>;
  readonly PeerAuthentication: KindDefinition<unknown>;
} = {
  ListenerSet: {
    ...gatewayApi,
    versions: ['v1'],
    access: 'status',
    api: { plural: 'listenersets', watch: 'all', isReviewed: false },
    indexes: {},
  },
  PeerAuthentication: {
    ...istioSecurity,
    access: 'read',
    api: { plural: 'peerauthentications', watch: 'all', isReviewed: false },
    indexes: {},
  },
};

/** The name of a kind that is followed without being read. */
export type BystanderName = keyof typeof bystanders;

/** The definition of a kind that an API server can have. */
export type DefinitionWithApi = AnyKindDefinition & { readonly api: KindApi };

/** Every kind of the mesh that an API server can have: those that are read, then the bystanders. */
export function listApiKinds(): readonly { readonly kind: string; readonly definition: DefinitionWithApi }[] {
  const read = kindNames.map((kind) => ({ kind, definition: definitionOf(kind) }));
  const rest = Object.entries(bystanders).map(([kind, definition]) => ({ kind, definition }));
  return [...read, ...rest].flatMap(({ kind, definition }) => {
    const { api } = definition;
    return api === undefined ? [] : [{ kind, definition: { ...definition, api } }];
  });
}
