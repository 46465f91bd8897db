// DestinationRule `loadBalancer.localityLbSetting`, for one cluster of one waypoint. It goes before what the service says of itself.

import type { GatewayKey } from '../binding.ts';
import type { ResolveContext } from '../context.ts';
import { type EndpointPreference, resolveDistribution, resolvePreference } from '../endpoint-groups.ts';
import { resolveWaypointLocality } from '../locality.ts';
import type { ResolvedService } from '../service.ts';
import { type EffectivePolicy, reportStated } from './policy.ts';

/** Which endpoints come first. A setting that cannot take effect is reported. */
export function resolveLocalityPreference(
  context: ResolveContext,
  gateway: GatewayKey,
  service: ResolvedService,
  policy: EffectivePolicy,
): EndpointPreference {
  const object = context.mesh.get('Gateway', gateway.namespace, gateway.name);
  const place = { locality: resolveWaypointLocality(object), labels: object?.metadata.labels ?? {} };
  const stated = policy.loadBalancer;
  const setting = stated?.value.localityLbSetting;
  const ejects = policy.outlierDetection !== undefined;
  if (stated === undefined || setting === undefined) {
    return resolveDistribution(service.object, place) ?? resolvePreference({}, place, ejects);
  }
  const report = (field: string, message: string, hint: string): void =>
    reportStated(context, stated, 'LocalityWithoutEffect', ['localityLbSetting', field], message, hint);
  const distributes = (setting.distribute ?? []).length > 0;
  if (setting.enabled !== false && place.locality === undefined && (distributes || setting.failover !== undefined)) {
    report(
      distributes ? 'distribute' : 'failover',
      `it is not known where waypoint ${gateway.namespace}/${gateway.name} runs, so all localities are treated alike`,
      'annotate the Gateway with cairn.dev/locality: region/zone/subzone',
    );
  }
  for (const field of ['failover', 'failoverPriority'] as const) {
    if (setting.enabled === false || distributes || ejects || setting[field] === undefined) continue;
    report(
      field,
      'without outlierDetection no endpoint ever counts as failed, so nothing fails over and all localities are treated alike',
      'set outlierDetection beside the load balancer',
    );
  }
  return resolvePreference(setting, place, ejects);
}
