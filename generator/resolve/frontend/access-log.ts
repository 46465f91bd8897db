// MeshConfig `accessLogFile`, `accessLogFormat` and `accessLogEncoding`: the content of the access
// log, and its file. Envoy refuses a listener whose format it cannot read, so a format is taken
// only if every operator in it is known.

import { type FieldPath, type MeshObject, type MeshSettings, refOf } from '../../../mesh/index.ts';
import type { AccessLogging, LogFormat } from '../../model/access-log.ts';
import type { ResolveContext } from '../context.ts';

/** The default text of Istio's proxies, which ends in a line break. */
const istioText = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n`;

/** Operators without arguments. */
const plain = new Set(
  `PROTOCOL RESPONSE_CODE RESPONSE_CODE_DETAILS RESPONSE_FLAGS RESPONSE_FLAGS_LONG CONNECTION_TERMINATION_DETAILS
  UPSTREAM_TRANSPORT_FAILURE_REASON DOWNSTREAM_TRANSPORT_FAILURE_REASON BYTES_RECEIVED BYTES_SENT DURATION REQUEST_DURATION
  RESPONSE_DURATION RESPONSE_TX_DURATION UPSTREAM_HOST UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_LOCAL_ADDRESS
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
  UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_TLS_CIPHER UPSTREAM_TLS_VERSION UPSTREAM_TLS_SESSION_ID
  UPSTREAM_PEER_ISSUER UPSTREAM_PEER_CERT UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_URI_SAN UPSTREAM_PEER_DNS_SAN UPSTREAM_PROTOCOL
  DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT DOWNSTREAM_REMOTE_ADDRESS
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_PORT DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_PEER_SUBJECT
  DOWNSTREAM_TLS_VERSION DOWNSTREAM_TLS_CIPHER DOWNSTREAM_WIRE_BYTES_SENT DOWNSTREAM_WIRE_BYTES_RECEIVED
  UPSTREAM_WIRE_BYTES_SENT UPSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_HEADER_BYTES_RECEIVED
  REQUESTED_SERVER_NAME ROUTE_NAME VIRTUAL_CLUSTER_NAME CONNECTION_ID UPSTREAM_CONNECTION_ID STREAM_ID HOSTNAME
  FILTER_CHAIN_NAME ACCESS_LOG_TYPE UNIQUE_ID TRACE_ID START_TIME EMIT_TIME GRPC_STATUS GRPC_STATUS_NUMBER`
    .split(/\s+/)
    .filter((name) => name !== ''),
);

/** Operators with arguments, in the forms that are taken. */
const withArguments = [
  /^(?:REQ|RESP|TRAILER)\(:?[\w-]+(?:\?:?[\w-]+)?\)(?::\d{1,5})?$/,
  /^(?:START_TIME|EMIT_TIME)\((?:%[YmdHMSsfzFT1-9]|[-\w :./+])*\)$/,
  /^(?:DYNAMIC_METADATA|CLUSTER_METADATA|UPSTREAM_METADATA)\([\w.-]+(?::[\w.-]+)*\)$/,
  /^METADATA\((?:DYNAMIC|CLUSTER|ROUTE|UPSTREAM_HOST|VIRTUAL_HOST|LISTENER)(?::[\w.-]+)+\)$/,
  /^FILTER_STATE\([\w.-]+(?::PLAIN)?\)$/,
];

const operator = /%([A-Z_0-9]+(?:\([^()"\n\r]*\))?(?::\d+)?)%|%%/g;
const longestFormat = 16_384;

/** Cached results by settings: every frontend asks, and reading a format is work. */
const known = new WeakMap<MeshSettings['accessLog'], AccessLogging>();

/**
 * The content and the file of the access log; faulty settings leave our own log on the standard
 * output. The same settings give the same object.
 */
export function resolveAccessLog({ accessLog }: Pick<MeshSettings, 'accessLog'>): AccessLogging {
  const found = known.get(accessLog);
  if (found !== undefined) return found;
  const made = readLogging(accessLog);
  known.set(accessLog, made);
  return made;
}

function readLogging(accessLog: MeshSettings['accessLog']): AccessLogging {
  if (accessLog.file === '') return 'none';
  const format = readFormat(accessLog);
  return {
    target: accessLog.file === '/dev/stderr' ? 'stderr' : 'stdout',
    format: 'problem' in format ? 'own' : format.format,
  };
}

function readFormat({
  format,
  encoding,
}: MeshSettings['accessLog']): { readonly format: LogFormat } | { readonly problem: string } {
  if (format === undefined || format === '') {
    return { format: encoding === 'TEXT' ? { text: istioText } : 'own' };
  }
  if (format.length > longestFormat) return { problem: `it is longer than ${longestFormat} characters` };
  if (encoding !== 'JSON') {
    const wrong = findUnknown(format);
    if (wrong !== undefined) return { problem: `${wrong} is no operator that is known` };
    return { format: { text: format.endsWith('\n') ? format : `${format}\n` } };
  }
  const json = parse(format);
  if (json === undefined) return { problem: 'it is no JSON object of texts' };
  const wrong = Object.values(json)
    .map(findUnknown)
    .find((each) => each !== undefined);
  return wrong === undefined ? { format: { json } } : { problem: `${wrong} is no operator that is known` };
}

/** The first piece of a format that Envoy might not take. */
function findUnknown(text: string): string | undefined {
  for (const [whole, name] of text.matchAll(operator)) {
    if (name === undefined || plain.has(name) || withArguments.some((pattern) => pattern.test(name))) continue;
    return whole;
  }
  const rest = text.replaceAll(operator, '');
  return rest.includes('%') ? rest.slice(rest.indexOf('%')).slice(0, 40) : undefined;
}

function parse(text: string): Readonly<Record<string, string>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    return entries.length === Object.keys(value).length ? Object.fromEntries(entries) : undefined;
  } catch {
    return undefined;
  }
}

/** Reports the settings of the log that have no effect. */
export function reportAccessLog(context: ResolveContext, config: MeshObject<'MeshConfig'>): void {
  const { accessLogFile: file, accessLogFormat, accessLogEncoding } = config.spec;
  const report = (path: FieldPath, message: string, hint: string): void =>
    context.report({ code: 'InvalidValue', severity: 'error', ref: refOf(config), path, message, hint });
  if (file !== undefined && !['', '/dev/stdout', '/dev/stderr'].includes(file)) {
    const message = `waypoints have no file "${file}", so they log to their standard output`;
    report(['spec', 'accessLogFile'], message, 'write /dev/stdout or /dev/stderr, or "" for no log');
  }
  const format = readFormat({
    ...(accessLogFormat === undefined ? {} : { format: accessLogFormat }),
    ...(accessLogEncoding === undefined ? {} : { encoding: accessLogEncoding }),
  });
  if (!('problem' in format)) return;
  const message = `the format cannot be used: ${format.problem}; Cairn's own is used in its place`;
  report(['spec', 'accessLogFormat'], message, "write operators of Envoy's access log, or leave the format out");
}
