// Objects of an installation, as the API knows them and as messages name them.

import { resources } from '../../kubernetes/index.ts';
import type { ApiResource, KubernetesObject } from '../../kubernetes/index.ts';

/** The kind of an object that is installed. */
export function resourceOf(kind: string): ApiResource {
  const resource = Object.values(resources).find((candidate) => candidate.kind === kind);
  if (resource === undefined) throw new Error(`no resource is known for ${kind}`);
  return resource;
}

/** `Deployment cairn-system/cairn`. */
export function formatObject(object: KubernetesObject): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
