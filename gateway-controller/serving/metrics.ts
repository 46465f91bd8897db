// The control plane's own metrics, under Istio's names if Istio has the number. The library stays
// behind these few functions.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { PlacedFinding } from '../../mesh/index.ts';
import type { ProxyStatus } from '../../xds/index.ts';
import type { PipelineStep } from './distribution.ts';

/** Values that are read at the moment of a scrape. */
export interface MetricsInput {
  readonly proxies: readonly ProxyStatus[];
  readonly findings: readonly PlacedFinding[];
  readonly services: number;
  /** Whether this replica leads, if there are several. */
  readonly isLeader?: boolean;
  /** Calls to the Kubernetes API, by verb and kind (`list Gateway`). */
  readonly apiRequests?: ReadonlyMap<string, number>;
  /** Answers of the Kubernetes API, by method and status (`PATCH 409`). */
  readonly apiAnswers?: ReadonlyMap<string, number>;
  /** The address of the Kubernetes API. */
  readonly apiServer?: string;
}

/** Records events, and formats them for Prometheus. */
export interface Metrics {
  recordStep(step: PipelineStep): void;
  recordCertificate(isIssued: boolean): void;
  /** Takes the last status of a proxy that has gone: its numbers go on counting. */
  recordDisconnect(status: ProxyStatus): void;
  /** Prometheus' text format. */
  format(input: MetricsInput): Promise<string>;
}

const shortTypes: Readonly<Record<string, string>> = {
  Listener: 'lds',
  Cluster: 'cds',
  RouteConfiguration: 'rds',
  ClusterLoadAssignment: 'eds',
  ScopedRouteConfiguration: 'srds',
  TypedExtensionConfig: 'ecds',
  Secret: 'sds',
};

/** Metrics in a registry of their own, so that two control planes in one process do not mix. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const steps = new Histogram({
    name: 'pilot_proxy_convergence_time',
    help: 'Seconds from a change to the bytes that proxies get.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const stages = new Counter({
    name: 'cairn_stage_seconds_total',
    help: 'Seconds that the stages of the pipeline took.',
    labelNames: ['stage'],
    registers,
  });
  const csrs = new Counter({ name: 'citadel_server_csr_count', help: 'Certificate requests.', registers });
  const issued = new Counter({
    name: 'citadel_server_success_cert_issuance_count',
    help: 'Certificates that were issued.',
    registers,
  });
  const connected = new Gauge({ name: 'pilot_xds', help: 'Proxies that are connected.', registers });
  const services = new Gauge({ name: 'pilot_services', help: 'Services of the mesh.', registers });
  const findings = new Gauge({
    name: 'cairn_findings',
    help: 'Findings about the configuration.',
    labelNames: ['severity'],
    registers,
  });
  const pushes = new Counter({
    name: 'pilot_xds_pushes',
    help: 'Responses that were sent to proxies.',
    labelNames: ['type'],
    registers,
  });
  const rejects = new Counter({
    name: 'pilot_total_xds_rejects',
    help: 'Responses that proxies refused.',
    labelNames: ['type'],
    registers,
  });
  const bytes = new Counter({
    name: 'cairn_xds_sent_bytes_total',
    help: 'Bytes that were sent to proxies.',
    labelNames: ['type'],
    registers,
  });
  const leader = new Gauge({ name: 'cairn_leader', help: '1 on the replica that leads.', registers });
  const requests = new Counter({
    name: 'cairn_kubernetes_requests_total',
    help: 'Calls to the Kubernetes API.',
    labelNames: ['verb', 'kind'],
    registers,
  });
  const answers = new Counter({
    name: 'rest_client_requests_total',
    help: 'Answers of the Kubernetes API.',
    labelNames: ['code', 'method', 'host'],
    registers,
  });
  const counted = [pushes, rejects, bytes, requests, answers];
  const gone: ProxyStatus['types'][] = [];

  return {
    recordStep({ times }) {
      steps.observe(Object.values(times).reduce((sum, ms) => sum + ms, 0) / 1000);
      for (const [stage, ms] of Object.entries(times)) stages.inc({ stage }, ms / 1000);
    },
    recordCertificate(isIssued) {
      csrs.inc();
      if (isIssued) issued.inc();
    },
    recordDisconnect({ types }) {
      const sum = addTypes([...gone.splice(0), types]);
      gone.push(sum);
    },
    format(input) {
      // These are counted elsewhere, and written as they stand.
      for (const counter of counted) counter.reset();
      connected.set(input.proxies.length);
      services.set(input.services);
      if (input.isLeader !== undefined) leader.set(input.isLeader ? 1 : 0);
      for (const [call, count] of input.apiRequests ?? []) {
        const [verb = '', kind = ''] = call.split(' ');
        requests.inc({ verb, kind }, count);
      }
      for (const [answer, count] of input.apiAnswers ?? []) {
        const [method = '', code = ''] = answer.split(' ');
        answers.inc({ method, code, host: input.apiServer?.replace(/^https?:\/\//, '') ?? '' }, count);
      }
      for (const severity of ['error', 'warning', 'info']) {
        findings.set({ severity }, input.findings.filter((finding) => finding.severity === severity).length);
      }
      for (const [typeUrl, numbers] of Object.entries(
        addTypes([...gone, ...input.proxies.map(({ types }) => types)]),
      )) {
        const name = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
        const type = shortTypes[name] ?? name;
        pushes.inc({ type }, numbers.pushes);
        rejects.inc({ type }, numbers.nacks);
        bytes.inc({ type }, numbers.bytes);
      }
      return registry.metrics();
    },
  };
}

function addTypes(all: readonly ProxyStatus['types'][]): ProxyStatus['types'] {
  const sum: Record<string, ProxyStatus['types'][string]> = {};
  for (const types of all) {
    for (const [typeUrl, { pushes, nacks, bytes, ...rest }] of Object.entries(types)) {
      const before = sum[typeUrl] ?? { pushes: 0, nacks: 0, bytes: 0 };
      sum[typeUrl] = {
        ...rest,
        pushes: before.pushes + pushes,
        nacks: before.nacks + nacks,
        bytes: before.bytes + bytes,
      };
    }
  }
  return sum;
}
