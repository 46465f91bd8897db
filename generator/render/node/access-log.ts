// One JSON line for each connection, with ztunnel's field names, so that the same questions can be
// asked of both.

import { type MessageTypes, typed } from '../../../envoy-api/index.ts';
import type { NodeWaypoint, NodeWorkload } from '../../model/node.ts';
import { originalDestinationMetadata } from '../names.ts';
import { endpointMetadata } from './names.ts';

type AccessLog = MessageTypes['envoy.config.accesslog.v3.AccessLog'];

const counters = {
  bytes_sent: '%BYTES_SENT%',
  bytes_recv: '%BYTES_RECEIVED%',
  duration: '%DURATION%ms',
  flags: '%RESPONSE_FLAGS%',
};

/** A client's connection to a service behind a waypoint. */
export function renderWaypointLog(client: NodeWorkload, host: string, waypoint: NodeWaypoint): AccessLog {
  return renderLine({
    ...clientFields(client),
    'dst.service': host,
    'dst.addr': '%UPSTREAM_REMOTE_ADDRESS%',
    'dst.hbone_addr': '%DOWNSTREAM_LOCAL_ADDRESS%',
    'dst.identity': waypoint.identity,
  });
}

/**
 * A client's connection to a service without a waypoint; the facts about the endpoint come from its
 * metadata.
 */
export function renderDirectLog(client: NodeWorkload, host: string): AccessLog {
  return renderLine({
    ...clientFields(client),
    'dst.service': host,
    'dst.addr': `%UPSTREAM_METADATA(${endpointMetadata}:address)%`,
    'dst.hbone_addr': `%UPSTREAM_METADATA(${originalDestinationMetadata}:local)%`,
    'dst.identity': `%UPSTREAM_METADATA(${endpointMetadata}:identity)%`,
  });
}

/**
 * A tunnel to a workload that failed: the connection that it was made for does not see its reason.
 */
export function renderFailedTunnelLog(client: NodeWorkload, server: NodeWorkload): AccessLog {
  return {
    ...renderLine({
      direction: 'outbound',
      'src.identity': client.identity,
      'dst.addr': '%UPSTREAM_REMOTE_ADDRESS%',
      'dst.hbone_addr': '%DOWNSTREAM_LOCAL_ADDRESS%',
      'dst.identity': server.identity,
      error: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
    }),
    filter: { response_flag_filter: {} },
  };
}

/** A tunnel from a client to a workload of this node. */
export function renderInboundLog(server: NodeWorkload): AccessLog {
  return renderLine({
    direction: 'inbound',
    'src.addr': '%DOWNSTREAM_REMOTE_ADDRESS%',
    'src.identity': '%DOWNSTREAM_PEER_URI_SAN%',
    'dst.addr': '%DOWNSTREAM_LOCAL_ADDRESS%',
    'dst.hbone_addr': '%REQ(:AUTHORITY)%',
    'dst.workload': server.name,
    'dst.namespace': server.namespace,
    'dst.identity': server.identity,
    status: '%RESPONSE_CODE%',
  });
}

function clientFields(client: NodeWorkload): Readonly<Record<string, string>> {
  return {
    direction: 'outbound',
    'src.addr': '%DOWNSTREAM_REMOTE_ADDRESS%',
    'src.workload': client.name,
    'src.namespace': client.namespace,
    'src.identity': client.identity,
  };
}

function renderLine(fields: Readonly<Record<string, string>>): AccessLog {
  return {
    name: 'envoy.access_loggers.stdout',
    typed_config: typed('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
      log_format: { json_format: { ...fields, ...counters } },
    }),
  };
}
