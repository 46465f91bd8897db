// DestinationRule `loadBalancer.localityLbSetting`, for one cluster of one waypoint. It has
// precedence over the service's own preference.

import type { GatewayKey } from '../waypoint/gateway.ts';
import { refOf, trafficDistributionAnnotation } from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import { type EndpointPreference, resolveDistribution, resolvePreference } from '../endpoint/endpoint-groups.ts';
import type { ResolvedService } from '../service/service.ts';
import { listDifferentPlaces, resolveWaypointPlace } from '../waypoint/waypoint-place.ts';
import { type EffectivePolicy, reportStated } from './policy.ts';

/** The preference among endpoints. A setting that cannot take effect is reported. */
export function resolveLocalityPreference(
  context: ResolveContext,
  gateway: GatewayKey,
  service: ResolvedService,
  policy: EffectivePolicy,
): EndpointPreference {
  const place = resolveWaypointPlace(context.mesh, gateway);
  const stated = policy.loadBalancer;
  const setting = stated?.value.localityLbSetting;
  const ejects = policy.outlierDetection !== undefined;
  if (stated === undefined || setting === undefined) {
    const distribution = resolveDistribution(service.object, place);
    if (distribution !== undefined) reportDistribution(context, gateway, service);
    return distribution ?? resolvePreference({}, place, ejects);
  }
  const report = (field: string, message: string, hint: string): void =>
    reportStated(context, stated, 'LocalityWithoutEffect', ['localityLbSetting', field], message, hint);
  const distributes = (setting.distribute ?? []).length > 0;
  const wantsLocality = setting.enabled !== false && (distributes || setting.failover !== undefined);
  const places = wantsLocality ? listDifferentPlaces(context.mesh, gateway) : [];
  const field = distributes ? 'distribute' : 'failover';
  if (places.length > 0) {
    report(field, describePlaces(gateway, places), spreadHint);
  } else if (wantsLocality && place.locality === undefined) {
    report(
      field,
      `it is not known where waypoint ${gateway.namespace}/${gateway.name} runs, so all localities are treated alike`,
      'annotate the Gateway with cairn.dev/locality: region/zone/subzone',
    );
  }
  for (const each of ['failover', 'failoverPriority'] as const) {
    if (setting.enabled === false || distributes || ejects || setting[each] === undefined) continue;
    report(
      each,
      'without outlierDetection no endpoint ever counts as failed, so nothing fails over and all localities are treated alike',
      'set outlierDetection beside the load balancer',
    );
  }
  return resolvePreference(setting, place, ejects);
}

const spreadHint = 'run one waypoint in each of the places, or annotate the Gateway with cairn.dev/locality';

function describePlaces({ namespace, name }: GatewayKey, places: readonly string[]): string {
  return `the pods of waypoint ${namespace}/${name} run in ${places.join(', ')} and have one configuration, so only what these have in common counts`;
}

/** A service that asks for near endpoints gets them as far as its waypoint is in one place. */
function reportDistribution(context: ResolveContext, gateway: GatewayKey, { object }: ResolvedService): void {
  const places = listDifferentPlaces(context.mesh, gateway);
  if (places.length === 0) return;
  context.report({
    code: 'LocalityWithoutEffect',
    severity: 'info',
    ref: refOf(object),
    path:
      trafficDistributionAnnotation in object.metadata.annotations
        ? ['metadata', 'annotations', trafficDistributionAnnotation]
        : ['spec', 'trafficDistribution'],
    message: describePlaces(gateway, places),
    hint: spreadHint,
  });
}
