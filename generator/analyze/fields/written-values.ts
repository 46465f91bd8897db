// Labels and annotations with a few values each. Another value has no effect, which must not be
// silent: for example of a policy that is meant to be tried only, or of a waypoint for workloads.

import {
  connectStrategyAnnotation,
  dryRunAnnotation,
  type Kind,
  type MeshObject,
  pathNormalizationAnnotation,
  readPathNormalization,
  refOf,
  trafficDistributionAnnotation,
  waypointForLabel,
} from '../../../mesh/index.ts';
import type { ResolveContext } from '../../resolve/context.ts';
import { distributionNames } from '../../resolve/endpoint/endpoint-groups.ts';

interface WrittenValue {
  readonly on: 'labels' | 'annotations';
  readonly key: string;
  readonly isValue: (text: string) => boolean;
  /** The effect of another value. */
  readonly consequence: string;
  readonly hint: string;
}

function oneOf(...values: readonly string[]): Pick<WrittenValue, 'isValue' | 'hint'> {
  return { isValue: (text) => values.includes(text), hint: `write one of ${values.join(', ')}` };
}

/** Texts that parse as false besides `false`, which asks for nothing. */
const falsehoods = ['false', 'False', 'FALSE', 'f', 'F', '0'];

const dryRun: WrittenValue = {
  on: 'annotations',
  key: dryRunAnnotation,
  isValue: (text) => text === 'true' || falsehoods.includes(text),
  consequence: 'so the policy is enforced',
  hint: 'write "true" for a policy that is tried and decides nothing',
};
const waypointFor: WrittenValue = {
  on: 'labels',
  key: waypointForLabel,
  ...oneOf('service', 'workload', 'all', 'none'),
  consequence: 'so the waypoint is for services',
};
const pathNormalization: WrittenValue = {
  on: 'annotations',
  key: pathNormalizationAnnotation,
  isValue: (text) => readPathNormalization(text) !== undefined,
  consequence: 'so the annotation has no effect',
  hint: 'write one of NONE, BASE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES',
};
const distribution: WrittenValue = {
  on: 'annotations',
  key: trafficDistributionAnnotation,
  ...oneOf(...distributionNames),
  consequence: 'so endpoints are chosen wherever they are',
};
const connectStrategy: WrittenValue = {
  on: 'annotations',
  key: connectStrategyAnnotation,
  ...oneOf('DEFAULT', 'RACE_FIRST_TCP_CONNECT'),
  consequence: 'so the annotation has no effect',
};

const writtenValues: Partial<Readonly<Record<Kind, readonly WrittenValue[]>>> = {
  AuthorizationPolicy: [dryRun],
  Gateway: [waypointFor, pathNormalization],
  GatewayClass: [waypointFor],
  Service: [pathNormalization, distribution],
  ServiceEntry: [pathNormalization, distribution, connectStrategy],
};

/** Reports values of an object's labels and annotations that mean nothing. */
export function reportWrittenValues(context: ResolveContext, object: MeshObject): void {
  for (const { on, key, isValue, consequence, hint } of writtenValues[object.kind] ?? []) {
    const text = object.metadata[on][key];
    if (text === undefined || text === '' || isValue(text)) continue;
    context.report({
      code: 'InvalidValue',
      severity: 'error',
      ref: refOf(object),
      path: ['metadata', on, key],
      message: `"${text}" is no value of ${key}, ${consequence}`,
      hint,
    });
  }
}
