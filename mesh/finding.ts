// Findings: Cairn's statements about the user's configuration. They are values and never thrown;
// status, `analyze` and the dashboard read the same list.

import type { ObjectRef } from './metadata.ts';

/**
 * A path to a field: property names and list indexes from the object's root, e.g. ['spec', 'http',
 * 0, 'timeout'].
 */
export type FieldPath = readonly (string | number)[];

/**
 * `error`: something is not in effect as written. `warning`: in effect, but probably not what is
 * wanted. `info`: good to know.
 */
export type Severity = 'error' | 'warning' | 'info';

/**
 * Every code a Finding can have. Closed: a new code is added here, with its sentence in
 * docs/reference/findings.md.
 */
export type FindingCode =
  // reading
  | 'SyntaxError'
  | 'NotAnObject'
  | 'UnknownKind'
  | 'UnsupportedVersion'
  | 'UnknownField'
  | 'InvalidType'
  | 'InvalidValue'
  | 'MissingField'
  | 'DuplicateObject'
  | 'HistoricalForm'
  | 'RestartNeeded'
  | 'FileNotReadable'
  | 'StateNotWritten'
  // meaning
  | 'FieldNotSupported'
  | 'GatewayInvalid'
  | 'GatewayUnmanaged'
  | 'OverlayInvalid'
  | 'ObjectNotOurs'
  | 'DeploymentFailed'
  | 'WaypointNotFound'
  | 'WaypointTrafficType'
  | 'AttachmentDenied'
  | 'HostNotFound'
  | 'SubsetNotFound'
  | 'SubsetWithoutEndpoints'
  | 'LocalityWithoutEffect'
  | 'PassthroughUnencrypted'
  | 'PlaintextEndpoints'
  | 'PortNotFound'
  | 'PortAmbiguous'
  | 'NotServed'
  | 'RuleUnreachable'
  | 'RegexInvalid'
  | 'DelegateInvalid'
  | 'ProtocolUnknown'
  | 'WeightsInvalid'
  | 'PolicyTargetNotFound'
  | 'PolicyTargetNotBound'
  | 'PolicyNotAttached'
  | 'PolicyFailsClosed'
  | 'PolicyTcpField'
  | 'NeverMatches'
  | 'PathsRefused'
  | 'ReferenceNotPermitted'
  | 'KeysNotFound'
  | 'KeysInvalid'
  | 'KeysStale'
  | 'CertificateNotFound'
  | 'TokensNotVerified'
  | 'ProviderInvalid'
  | 'RouteConflict'
  | 'AddressInvalid'
  | 'AddressConflict'
  | 'AddressRefused';

/**
 * One statement about one field of one object. It is without its place in a file, so that moving
 * text does not change it.
 */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly ref: ObjectRef;
  /** The field that is wrong; [] means the whole object. */
  readonly path: FieldPath;
  /** One sentence: the fault, and what follows from it. */
  readonly message: string;
  /** The advice. */
  readonly hint?: string;
}

/** A place in a file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A Finding with the place of its field, if the text is known. */
export interface PlacedFinding extends Finding {
  readonly position?: Position;
}

/**
 * `spec.http[0].route[1].weight`; property names that are not plain words are quoted in brackets.
 */
export function formatPath(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}
