// The status of objects that are not in force because they cannot be read: their faults, if their
// kind has a place for them.

import { formatParentKey, type MeshObject, type ObjectMeta, type RouteParentRef } from '../../../mesh/index.ts';
import { type Condition, isFields } from './condition.ts';
import { judgeFindings } from './finding-status.ts';
import { routeControllerName } from './route-status.ts';
import type { WantedStatus } from './status.ts';
import { isGuest, type StatusView } from './view.ts';

/** The place in the status of a kind for the faults of an object. */
export type RejectedForm = 'ancestors' | 'conditions' | 'route';

/** Whether the version in force of an object is older than the newest one, which cannot be read. */
export function isSuperseded(
  view: StatusView,
  { kind, metadata: { namespace, name, generation } }: MeshObject,
): boolean {
  const newest = view.object(kind, namespace, name)?.metadata.generation;
  if (newest === undefined || newest === generation) return false;
  return view.findings({ kind, namespace, name }).some(({ severity }) => severity === 'error');
}

/** The name of an object that is not in force. */
interface Rejected {
  readonly kind: string;
  readonly metadata: Pick<ObjectMeta, 'namespace' | 'name'>;
}

/**
 * The status of an object that is not in force; undefined when it is gone, or there is nothing to
 * report.
 */
export function resolveRejected(
  view: StatusView,
  { kind, metadata: { namespace, name } }: Rejected,
  form: RejectedForm | undefined,
): WantedStatus | undefined {
  const ref = { kind, namespace, name };
  const object = view.object(ref.kind, ref.namespace, ref.name);
  const findings = view.findings(ref);
  // The owner of an object that cannot be read is not known.
  if (form === undefined || object === undefined || isGuest(view.settings)) return undefined;
  if (!findings.some(({ severity }) => severity === 'error')) return undefined;
  const { generation } = object.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const judgement = judgeFindings(findings);
  if (form === 'conditions') return { kind: 'conditions', conditions: [{ ...judgement, ...observed }] };
  if (form === 'ancestors') {
    const { controllerName } = view.settings;
    const conditions = [{ ...judgement, type: 'Accepted', reason: 'Invalid', ...observed }];
    const ancestors = readTargets(object['spec']).map((target) => ({
      ancestorRef: { ...target, namespace },
      controllerName,
      conditions,
    }));
    return { kind: 'policy', ancestors };
  }
  const conditions: readonly Condition[] = [
    { ...judgement, type: 'Accepted', reason: 'UnsupportedValue', ...observed },
    { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'All references resolved', ...observed },
  ];
  const controllerName = routeControllerName(view);
  const parents = readParents(object['spec'])
    .filter((parent) => formatParentKey(parent, ref.namespace) !== undefined)
    .map((parentRef) => ({ parentRef, controllerName, conditions }));
  return { kind: 'route', parents };
}

function readParents(spec: unknown): readonly RouteParentRef[] {
  const list: unknown = isFields(spec) ? spec['parentRefs'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.filter((each: unknown): each is RouteParentRef => isFields(each) && typeof each['name'] === 'string');
}

/** The targets of a policy that can be read. */
function readTargets(
  spec: unknown,
): readonly { readonly group: string; readonly kind: string; readonly name: string }[] {
  const list: unknown = isFields(spec) ? spec['targetRefs'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown) => {
    const { group, kind, name } = isFields(each) ? each : {};
    return typeof group === 'string' && typeof kind === 'string' && typeof name === 'string'
      ? [{ group, kind, name }]
      : [];
  });
}
