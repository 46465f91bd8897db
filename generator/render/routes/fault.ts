// Fault injection, by route configuration of the fault filter.

import { type Any, typed } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { Fault } from '../../model/http-route.ts';
import { renderPerMillion } from '../matchers.ts';

/** The name of the fault filter of every HTTP chain. */
export const faultFilter = 'envoy.filters.http.fault';

/** The route's configuration of the fault filter. */
export function renderFault({ delay, abort }: Fault): Any {
  return typed('envoy.extensions.filters.http.fault.v3.HTTPFault', {
    ...(delay === undefined
      ? {}
      : {
          delay: {
            fixed_delay: formatProtoDuration(delay.milliseconds),
            percentage: renderPerMillion(delay.perMillion),
          },
        }),
    ...(abort === undefined
      ? {}
      : {
          abort: {
            ...('http' in abort.status ? { http_status: abort.status.http } : { grpc_status: abort.status.grpc }),
            percentage: renderPerMillion(abort.perMillion),
          },
        }),
  });
}
