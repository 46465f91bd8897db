// Outlier detection: consecutive errors, never success rates. An ejected endpoint is not used again
// because few are left.

import type { MessageTypes } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { OutlierDetection } from '../../model/cluster.ts';

type ProtocolOptions = MessageTypes['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];
type Detection = MessageTypes['envoy.config.cluster.v3.OutlierDetection'];

/** The outlier detection of a cluster. */
export function renderOutlierDetection(settings: OutlierDetection): Detection {
  const { consecutive5xx, consecutiveGatewayErrors, consecutiveLocalFailures } = settings;
  return {
    enforcing_success_rate: 0,
    ...(consecutive5xx === undefined
      ? {}
      : { consecutive_5xx: consecutive5xx, enforcing_consecutive_5xx: enforce(consecutive5xx) }),
    ...(consecutiveGatewayErrors === undefined
      ? {}
      : {
          consecutive_gateway_failure: consecutiveGatewayErrors,
          enforcing_consecutive_gateway_failure: enforce(consecutiveGatewayErrors),
        }),
    ...(settings.splitLocalFailures
      ? {
          split_external_local_origin_errors: true,
          enforcing_local_origin_success_rate: 0,
          ...(consecutiveLocalFailures === undefined
            ? {}
            : {
                consecutive_local_origin_failure: consecutiveLocalFailures,
                enforcing_consecutive_local_origin_failure: 100,
              }),
        }
      : {}),
    ...(settings.interval === undefined ? {} : { interval: formatProtoDuration(settings.interval) }),
    ...(settings.baseEjectionTime === undefined
      ? {}
      : { base_ejection_time: formatProtoDuration(settings.baseEjectionTime) }),
    ...(settings.maxEjectionPercent === undefined ? {} : { max_ejection_percent: settings.maxEjectionPercent }),
  };
}

function enforce(errors: number): number {
  return errors > 0 ? 100 : 0;
}

/**
 * The answers that count as errors, as a part of the cluster's HTTP protocol options; nothing if
 * Envoy's own rule applies.
 */
export function renderErrorStatuses({
  errorStatuses,
}: Pick<OutlierDetection, 'errorStatuses'>): Pick<ProtocolOptions, 'outlier_detection'> {
  if (errorStatuses === undefined) return {};
  const status = { name: ':status', string_match: { safe_regex: { regex: errorStatuses.join('|') } } };
  return { outlier_detection: { error_matcher: { http_response_headers_match: { headers: [status] } } } };
}
