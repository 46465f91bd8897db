// MeshConfig is no object of a cluster. It is the text under the key `mesh` of the ConfigMap
// `istio`, or a file of its own. Here it becomes an object like any other, so that a reader of any
// part of it computes again when it changes.

import type { FieldPath } from '../finding.ts';
import { formatApiVersion } from './kinds.ts';
import { meshConfigGroup } from '../labels.ts';
import type { ObjectRef } from '../metadata.ts';
import { isRecord } from '../fields.ts';
import { parseText } from './text.ts';

type Fields = Readonly<Record<string, unknown>>;

/** There is one, whatever its source. */
export const meshConfigRef: ObjectRef = { kind: 'MeshConfig', namespace: '', name: 'mesh' };

/** The name of its ConfigMap in the root namespace. */
export const meshConfigMap = 'istio';

/**
 * A MeshConfig that was found. `fields` is absent when its text cannot be read, and `problem` says
 * why.
 */
export interface FoundMeshConfig {
  readonly fields?: Fields;
  readonly problem?: string;
  /** The place of a field of the object in the document. */
  readonly asWritten: (path: FieldPath) => FieldPath;
}

/** The MeshConfig that a document holds; undefined when it holds none. */
export function findMeshConfig(file: string, value: Fields): FoundMeshConfig | undefined {
  if (value['kind'] === undefined && value['apiVersion'] === undefined && isMeshConfigFile(file)) {
    return { fields: wrap(value), asWritten: (path) => path.slice(1) };
  }
  const { kind, metadata, data } = value;
  if (kind !== 'ConfigMap' || !isRecord(metadata) || metadata['name'] !== meshConfigMap || !isRecord(data))
    return undefined;
  const text = data['mesh'];
  if (text === undefined) return undefined;
  const asWritten = (): FieldPath => ['data', 'mesh'];
  if (typeof text !== 'string') return { problem: '`mesh` is not text.', asWritten };
  const { documents, problems } = parseText(file, text);
  const [problem] = problems;
  if (problem !== undefined)
    return { problem: `In \`mesh\`, line ${problem.position.line}: ${problem.message}`, asWritten };
  const spec = documents.length === 0 ? {} : documents[0]?.value;
  if (documents.length > 1 || !isRecord(spec)) return { problem: '`mesh` is not one group of fields.', asWritten };
  return { fields: wrap(spec), asWritten };
}

/**
 * Whether the name of a file says that all of it is a MeshConfig, unless its text says otherwise.
 */
export function isMeshConfigFile(file: string): boolean {
  return /(?:^|\/)mesh(?:-?config)?\.(?:ya?ml|json)$/.test(file);
}

function wrap(spec: Fields): Fields {
  const { kind, name } = meshConfigRef;
  return { apiVersion: formatApiVersion(meshConfigGroup, 'v1alpha1'), kind, metadata: { name }, spec };
}
