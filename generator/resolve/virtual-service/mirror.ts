// VirtualService `mirror` and `mirrors`: copies of requests whose answers are discarded.

import type { FieldPath, HttpRoute as VirtualServiceRule } from '../../../mesh/index.ts';
import type { Mirror, PerMillion } from '../../model/http-route.ts';
import { reportField, type VirtualServiceContext } from './context.ts';
import { resolveDestination } from './destination.ts';

const everyRequest: PerMillion = 1_000_000;

const noCopy = { consequence: 'no copy is sent', level: 'http' } as const;

/** The mirrors of a rule; an absent share is all. A mirror to nowhere is reported and left out. */
export function resolveMirrors(
  context: VirtualServiceContext,
  rule: VirtualServiceRule,
  path: FieldPath,
): readonly Mirror[] {
  const mirrors: Mirror[] = [];
  if (rule.mirror !== undefined) {
    const cluster = resolveDestination(context, rule.mirror, [...path, 'mirror'], noCopy);
    // A percentage without its value is none, as in Istio.
    const percent = rule.mirrorPercentage === undefined ? rule.mirrorPercent : (rule.mirrorPercentage.value ?? 0);
    if (rule.mirrorPercentage !== undefined && rule.mirrorPercentage.value === undefined) {
      reportNoShare(context, [...path, 'mirrorPercentage']);
    }
    if (cluster !== undefined) mirrors.push({ cluster, perMillion: perMillion(percent) });
  }
  for (const [index, mirror] of (rule.mirrors ?? []).entries()) {
    const cluster = resolveDestination(context, mirror.destination, [...path, 'mirrors', index, 'destination'], noCopy);
    const { percentage } = mirror;
    if (percentage !== undefined && percentage.value === undefined) {
      reportNoShare(context, [...path, 'mirrors', index, 'percentage']);
    }
    const percent = percentage === undefined ? undefined : (percentage.value ?? 0);
    if (cluster !== undefined) mirrors.push({ cluster, perMillion: perMillion(percent) });
  }
  return mirrors.filter((mirror) => mirror.perMillion > 0);
}

function reportNoShare(context: VirtualServiceContext, path: FieldPath): void {
  const hint = 'set value, 100 for all requests';
  reportField(context, 'MissingField', path, 'no percentage is given, so no copy is sent', hint, 'warning');
}

function perMillion(percent: number | undefined): PerMillion {
  return percent === undefined ? everyRequest : Math.round(percent * 10_000);
}
