// Findings as Events of the API: one for each Finding about an object, named after it, so that the
// same Finding is never told twice, by this replica or the next leader.

import { createHash } from 'node:crypto';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { type Finding, formatPath } from '../../../mesh/index.ts';
import { formatFinding } from './finding-status.ts';

/** The reporter. */
export interface EventReporter {
  /** The name of the controller. */
  readonly controller: string;
  /** The replica. */
  readonly instance: string;
}

const longestNote = 1_024;
const longestInstance = 128;

/**
 * The Event of a Finding about an object; `now` is RFC 3339. The same Finding about the same object
 * always has the same name.
 */
export function renderEvent(
  finding: Finding,
  object: KubernetesObject,
  reporter: EventReporter,
  now: string,
): KubernetesObject {
  const { apiVersion = '', kind = '', metadata } = object;
  const { name, namespace, uid } = metadata;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    // Events about objects without a namespace live in `default`, as Kubernetes' own do.
    metadata: { name: nameEvent(finding, object), namespace: namespace ?? 'default' },
    eventTime: toMicroTime(now),
    reportingController: reporter.controller,
    reportingInstance: reporter.instance.slice(0, longestInstance),
    action: 'Analyze',
    type: finding.severity === 'info' ? 'Normal' : 'Warning',
    reason: finding.code,
    note: shorten(formatFinding(finding)),
    regarding: {
      apiVersion,
      kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

/** The change of an Event whose Finding has come back; `count` is the number of times so far. */
export function renderSeries(count: number, now: string): Readonly<Record<string, unknown>> {
  return { series: { count, lastObservedTime: toMicroTime(now) } };
}

function nameEvent({ code, path, message }: Finding, { metadata }: KubernetesObject): string {
  const text = [metadata.uid ?? '', code, formatPath(path), message].join('\n');
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${metadata.name.slice(0, 230)}.${digest}`;
}

/** The API's times of events have six digits of a second. */
function toMicroTime(now: string): string {
  return now.replace(
    /(?:\.(\d{1,6})\d*)?Z$/,
    (_match, digits: string | undefined) => `.${(digits ?? '').padEnd(6, '0')}Z`,
  );
}

/** Cut at the longest note that the API takes, which counts bytes. */
function shorten(note: string): string {
  if (Buffer.byteLength(note) <= longestNote) return note;
  return `${Buffer.from(note)
    .subarray(0, longestNote - 6)
    .toString('utf8')
    .replace(/�+$/u, '')}...`;
}
