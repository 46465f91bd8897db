// Decides about one AdmissionReview: it refuses faults of the object itself, warns of faults
// between the object and others, and passes everything that is not configuration.

import { analyzeCandidate } from '../../../generator/index.ts';
import {
  type Finding,
  formatPath,
  type FieldPath,
  isKind,
  type MeshSnapshot,
  readObject,
} from '../../../mesh/index.ts';
import { isFields } from '../status/condition.ts';
import { withCandidate } from './candidate.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The part of an AdmissionRequest (admission.k8s.io/v1) that is read. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly subResource?: string;
  readonly namespace?: string;
  readonly object?: Fields;
  readonly oldObject?: Fields;
}

/** The answer to an AdmissionRequest. */
export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
}

/** The API cuts longer warnings, and those after a few thousand characters. */
const longestWarning = 256;
const mostWarnings = 12;

/** Decides. `mesh` is the configuration in force; gaps in it can only lead to warnings. */
export function reviewAdmission(request: AdmissionRequest, mesh: MeshSnapshot): AdmissionResponse {
  const { uid } = request;
  const object = candidateOf(request);
  if (object === undefined) return { uid, allowed: true };
  const read = readObject(object);
  // A field that the API accepted and that is unknown here belongs to a newer version of the kind:
  // it must not be refused.
  const isGrave = ({ severity, code }: (typeof read.problems)[number]): boolean =>
    severity === 'error' && code !== 'UnknownField';
  const errors = read.problems.filter(isGrave);
  if (errors.length > 0) {
    return {
      uid,
      allowed: false,
      status: { code: 422, reason: 'Invalid', message: errors.map(formatProblem).join('; ') },
      ...warn(read.problems.filter((problem) => !isGrave(problem)).map(formatProblem)),
    };
  }
  const found = read.object === undefined ? [] : analyzeCandidate(withCandidate(mesh, read.object), read.ref);
  const said = [...read.problems, ...found].filter(({ severity }) => severity !== 'info');
  return { uid, allowed: true, ...warn(said.map(formatProblem)) };
}

/** The object to judge; undefined when there is none, or no part that a mesh reads has changed. */
function candidateOf({
  operation,
  subResource = '',
  object,
  oldObject,
  namespace,
}: AdmissionRequest): Fields | undefined {
  if (subResource !== '' || (operation !== 'CREATE' && operation !== 'UPDATE') || object === undefined)
    return undefined;
  if (typeof object['kind'] !== 'string' || !isKind(object['kind'])) return undefined;
  const metadata = isFields(object['metadata']) ? object['metadata'] : {};
  // The removal of a finalizer must not be refused because of an old fault.
  if (metadata['deletionTimestamp'] !== undefined) return undefined;
  if (operation === 'UPDATE' && oldObject !== undefined && meaning(oldObject) === meaning(object)) return undefined;
  const { generateName } = metadata;
  const name = metadata['name'] ?? (typeof generateName === 'string' ? `${generateName}x` : undefined);
  return { ...object, metadata: { ...metadata, name, namespace: metadata['namespace'] ?? namespace } };
}

/** The part of an object that a mesh reads. */
function meaning({ spec, metadata }: Fields): string {
  const { labels, annotations } = isFields(metadata) ? metadata : {};
  return JSON.stringify([spec, labels, annotations]);
}

/** `spec.http[0].timeout: what is wrong (what to do)`. */
function formatProblem({
  path,
  message,
  hint,
}: {
  readonly path: FieldPath;
  readonly message: string;
  readonly hint?: Finding['hint'];
}): string {
  const place = path.length === 0 ? '' : `${formatPath(path)}: `;
  return `${place}${message}${hint === undefined ? '' : ` (${hint})`}`;
}

function warn(texts: readonly string[]): Pick<AdmissionResponse, 'warnings'> {
  if (texts.length === 0) return {};
  const shortened = texts.slice(0, mostWarnings).map(shorten);
  const more = texts.length - shortened.length;
  return { warnings: more === 0 ? shortened : [...shortened, `and ${more} more: see \`cairn analyze\``] };
}

function shorten(text: string): string {
  return text.length <= longestWarning ? text : `${text.slice(0, longestWarning - 3)}...`;
}
