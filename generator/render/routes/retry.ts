// Retry policies.

import { encodeOnce, type MessageTypes, typed } from '../../../envoy-api/index.ts';
import { formatProtoDuration } from '../../../mesh/index.ts';
import type { Retry } from '../../model/http-route.ts';

/** Tries to find a host that has not been tried. */
const selectionAttempts = '5';

const previousHosts = encodeOnce({
  name: 'envoy.retry_host_predicates.previous_hosts',
  typed_config: typed('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
});

/** The retry policy of a route. */
export function renderRetry(retry: Retry): MessageTypes['envoy.config.route.v3.RetryPolicy'] {
  return {
    retry_on: retry.on.join(','),
    num_retries: retry.attempts,
    ...(retry.statusCodes.length === 0 ? {} : { retriable_status_codes: [...retry.statusCodes] }),
    ...(retry.perTryTimeoutMilliseconds === undefined
      ? {}
      : { per_try_timeout: formatProtoDuration(retry.perTryTimeoutMilliseconds) }),
    ...(retry.backoffMilliseconds === undefined
      ? {}
      : // Envoy waits for a millisecond at least, and refuses not to wait.
        { retry_back_off: { base_interval: formatProtoDuration(Math.max(1, retry.backoffMilliseconds)) } }),
    ...(retry.avoidPreviousHosts
      ? {
          retry_host_predicate: [previousHosts],
          host_selection_retry_max_attempts: selectionAttempts,
        }
      : {}),
    ...(retry.otherLocalities
      ? {
          retry_priority: {
            name: 'envoy.retry_priorities.previous_priorities',
            typed_config: typed('envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig', {
              update_frequency: 2,
            }),
          },
        }
      : {}),
  };
}
