// An agent's own statistics, in Prometheus' text format.

/** The values to report. */
export interface AgentMetrics {
  readonly envoyStarts: number;
  /** Identity → end of its current certificate. */
  readonly certificates: ReadonlyMap<string, Date>;
  readonly certificatesIssued: number;
  readonly certificateFailures: number;
  readonly residentBytes: number;
}

/** The text, with a final line break. */
export function formatAgentMetrics(metrics: AgentMetrics): string {
  const expiries = [...metrics.certificates].map(
    ([identity, end]) => `cairn_agent_certificate_expiry_seconds{identity="${identity}"} ${end.getTime() / 1000}`,
  );
  return [
    '# TYPE cairn_agent_envoy_starts_total counter',
    `cairn_agent_envoy_starts_total ${metrics.envoyStarts}`,
    '# TYPE cairn_agent_certificate_requests_total counter',
    `cairn_agent_certificate_requests_total{result="issued"} ${metrics.certificatesIssued}`,
    `cairn_agent_certificate_requests_total{result="failed"} ${metrics.certificateFailures}`,
    ...(expiries.length === 0 ? [] : ['# TYPE cairn_agent_certificate_expiry_seconds gauge', ...expiries]),
    '# TYPE cairn_agent_resident_memory_bytes gauge',
    `cairn_agent_resident_memory_bytes ${metrics.residentBytes}`,
    '',
  ].join('\n');
}
