// Conditions from Findings: Istio's API has a place for them, which Istio's control plane does not
// use for VirtualServices and DestinationRules.

import { type GatewayKey, isOfRevision, listRuleWaypoints, resolveGateway } from '../../../generator/index.ts';
import { type Finding, formatPath, type MeshObject, refOf } from '../../../mesh/index.ts';
import type { Condition } from './condition.ts';
import { accepted, type WantedStatus } from './status.ts';
import { isGuest, type StatusView } from './view.ts';

type Rules = MeshObject<'DestinationRule'> | MeshObject<'VirtualService'>;

/** The status of a VirtualService or DestinationRule. */
export function resolveTrafficStatus(view: StatusView, object: Rules): WantedStatus | undefined {
  const findings = view.findings(refOf(object));
  if (areRulesOfOthers(view, object, findings)) {
    return isGuest(view.settings) ? { kind: 'conditions', conditions: [] } : undefined;
  }
  // The Findings are about the newest version, even if an older one is in force.
  const { namespace, name } = object.metadata;
  const newest = view.object(object.kind, namespace, name);
  const generation = newest?.metadata.generation ?? object.metadata.generation;
  const condition = {
    ...judgeFindings(findings),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  return { kind: 'conditions', conditions: [condition] };
}

/** Rules that reach no waypoint of ours concern sidecars or another control plane. */
export function areRulesOfOthers(
  view: Pick<StatusView, 'mesh' | 'settings'>,
  object: Rules,
  findings: readonly Pick<Finding, 'code'>[],
): boolean {
  const asked = listRuleWaypoints(view.mesh, object);
  const isOurs = asked?.some((key) => resolveGateway(view.mesh, key) !== undefined) ?? false;
  if (isGuest(view.settings)) {
    return asked === undefined ? findings.some(({ code }) => code === 'NotServed') : !isOurs;
  }
  const isOfAnother = ({ namespace, name }: GatewayKey): boolean => {
    const gateway = view.mesh.get('Gateway', namespace, name);
    return gateway !== undefined && !isOfRevision(view.mesh, gateway);
  };
  return !isOurs && (asked ?? []).some(isOfAnother);
}

/** At most this many Findings are in one message; `cairn analyze` shows all. */
const told = 4;

/** One condition for all Findings of an object; the reason is the code of the gravest. */
export function judgeFindings(findings: readonly Finding[]): Condition {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const warnings = findings.filter(({ severity }) => severity === 'warning');
  const [first] = errors;
  const graver = first === undefined ? warnings : errors;
  const others = graver.length > told ? `; and ${graver.length - told} more` : '';
  const message = `${graver.slice(0, told).map(formatFinding).join('; ')}${others}`;
  if (first !== undefined) return { type: accepted, status: 'False', reason: first.code, message };
  return { type: accepted, status: 'True', reason: 'Accepted', message: message === '' ? 'No errors found' : message };
}

/** `spec.http[0].timeout: what is wrong (what to do)`: place, sentence and hint on one line. */
export function formatFinding({ path, message, hint }: Finding): string {
  const place = path.length === 0 ? '' : `${formatPath(path)}: `;
  return `${place}${message}${hint === undefined ? '' : ` (${hint})`}`;
}
