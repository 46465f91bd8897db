// Envoy's behaviour when memory or connections run out: it resets the largest streams, answers 503,
// and goes on serving the rest.

import type { JsonObject } from '../envoy-api/index.ts';

/**
 * Connections of all clients together. Each costs some tens of kilobytes, so memory runs out first
 * in an ordinary pod.
 */
export const maxConnections = 65_536;

/** Streams that hold at least 2^16 bytes are candidates for being reset. */
const smallestTrackedPower = 16;

/** Envoy's `OverloadManager` for a heap of so many bytes. */
export function renderOverloadManager(heapLimit: number): JsonObject {
  const heap = 'envoy.resource_monitors.fixed_heap';
  return {
    refresh_interval: '0.25s',
    resource_monitors: [
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: {
          '@type': `${monitors}.downstream_connections.v3.DownstreamConnectionsConfig`,
          max_active_downstream_connections: String(maxConnections),
        },
      },
      {
        name: heap,
        typed_config: { '@type': `${monitors}.fixed_heap.v3.FixedHeapConfig`, max_heap_size_bytes: String(heapLimit) },
      },
    ],
    buffer_factory_config: { minimum_account_to_track_power_of_two: smallestTrackedPower },
    actions: [
      action('envoy.overload_actions.reset_high_memory_stream', heap, {
        scaled: { scaling_threshold: 0.8, saturation_threshold: 0.95 },
      }),
      action('envoy.overload_actions.shrink_heap', heap, { threshold: { value: 0.9 } }),
      action('envoy.overload_actions.disable_http_keepalive', heap, { threshold: { value: 0.95 } }),
      action('envoy.overload_actions.stop_accepting_requests', heap, { threshold: { value: 0.97 } }),
      action('envoy.overload_actions.stop_accepting_connections', heap, { threshold: { value: 0.99 } }),
    ],
  };
}

/** The package of the monitors, which are not among the types of served resources. */
const monitors = 'type.googleapis.com/envoy.extensions.resource_monitors';

function action(name: string, resource: string, trigger: JsonObject): JsonObject {
  return { name, triggers: [{ name: resource, ...trigger }] };
}
