// Reports the parts of an XBackendTrafficPolicy that are not in effect as written.

import { type FieldPath, type FindingCode, formatRef, refOf, type Severity } from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import { resolveServices } from '../service/service.ts';
import { requestedWaypoint } from '../waypoint/binding.ts';
import { resolveGateway } from '../waypoint/gateway.ts';
import { type BackendTrafficPolicy, judgeTarget } from './policy.ts';
import { statesRate } from './retry-budget.ts';
import { readPolicySession } from './session.ts';

export function reportBackendTraffic(context: ResolveContext, policy: BackendTrafficPolicy): void {
  const report = (
    code: FindingCode,
    path: FieldPath,
    message: string,
    hint: string | undefined,
    severity: Severity = 'error',
  ): void =>
    context.report({
      code,
      severity,
      ref: refOf(policy),
      path,
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  for (const [index, target] of policy.spec.targetRefs.entries()) {
    reportTarget(context, policy, target, ['spec', 'targetRefs', index], report);
  }
  if (statesRate(policy)) {
    report(
      'FieldNotSupported',
      ['spec', 'retryConstraint', 'minRetryRate', 'interval'],
      'Envoy counts the retries that are under way at once, and not those of a time, so this has no effect',
      '`count` retries at once are always allowed: choose it by that',
      'warning',
    );
  }
  readPolicySession(policy, (code, field, message, hint) =>
    report(code, ['spec', 'sessionPersistence', ...field], message, hint, 'warning'),
  );
}

function reportTarget(
  { mesh }: ResolveContext,
  policy: BackendTrafficPolicy,
  target: BackendTrafficPolicy['spec']['targetRefs'][number],
  path: FieldPath,
  report: (code: FindingCode, path: FieldPath, message: string, hint: string, severity?: Severity) => void,
): void {
  const judged = judgeTarget(mesh, policy, target);
  if (judged.kind === 'missing') {
    const hint = 'name a Service or ServiceEntry of this namespace';
    return report('PolicyTargetNotFound', [...path, judged.field], `${judged.message}, so this has no effect`, hint);
  }
  if (judged.kind === 'conflict') {
    const winner = formatRef(refOf(judged.winner));
    const message = `${winner} goes first for ${target.kind} "${target.name}", so this has no effect there`;
    return report('RouteConflict', path, message, 'keep one of the two');
  }
  const { service } = judged;
  const key = requestedWaypoint(mesh, service);
  if (key === undefined || resolveGateway(mesh, key) === undefined) {
    // A route of another waypoint may lead to it all the same.
    const message = `no waypoint serves ${target.kind} "${target.name}", so this holds only where routes of other services lead to it`;
    return report('NotServed', path, message, `label ${target.kind} ${target.name} with istio.io/use-waypoint`, 'info');
  }
  const ports = resolveServices(service, mesh.settings.clusterDomain).flatMap((each) => each.ports);
  if (ports.every(({ protocol }) => protocol === 'tcp' || protocol === 'udp')) {
    const message = `no port of ${target.kind} "${target.name}" is HTTP, and connections are not retried and have no session, so this has no effect`;
    return report('NotServed', path, message, 'give HTTP ports a name that begins with http, http2 or grpc', 'warning');
  }
}
