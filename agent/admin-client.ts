// Calls of Envoy's admin interface.

import { request, type IncomingMessage } from 'node:http';
import type { AdminAddress } from '../bootstrap/index.ts';

const timeoutMs = 5000;

/**
 * Resolves to the answer, whose body is still to be read. Rejects when Envoy does not answer within
 * 5 s.
 */
export function callAdmin(admin: AdminAddress, method: 'GET' | 'POST', path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const at = 'path' in admin ? { socketPath: admin.path } : { host: admin.address, port: admin.port };
    const call = request({ ...at, method, path, agent: false, timeout: timeoutMs });
    call.once('response', resolve);
    call.once('timeout', () => call.destroy(new Error(`Envoy did not answer ${path}`)));
    call.once('error', reject);
    call.end();
  });
}

/** Status and body of a short answer. */
export async function readAdmin(
  admin: AdminAddress,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ readonly status: number; readonly body: string }> {
  const response = await callAdmin(admin, method, path);
  let body = '';
  response.setEncoding('utf8');
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, body };
}

/** Counters and gauges whose names match, by name. */
export async function readStats(admin: AdminAddress, pattern: string): Promise<ReadonlyMap<string, number>> {
  const { status, body } = await readAdmin(admin, 'GET', `/stats?filter=${encodeURIComponent(pattern)}`);
  if (status !== 200) throw new Error(`Envoy's statistics are not to be had: ${status}`);
  const lines = body.split('\n').map((line) => /^(.+): (\d+)$/.exec(line));
  return new Map(lines.flatMap((match) => (match === null ? [] : [[match[1] ?? '', Number(match[2])] as const])));
}
