// `cairn proxy-config secret`: the certificates that an Envoy holds. Keys are never shown, since
// Envoy does not reveal them.

import { X509Certificate } from 'node:crypto';
import type { Column } from '../table.ts';
import { findSection } from './dump.ts';
import type { ProxyDump } from './dump.ts';
import { at, items, text } from './json.ts';

/** One certificate chain or bundle of trust. */
export interface SecretRow {
  readonly name: string;
  /** `Cert Chain` or `CA` */
  readonly type: string;
  /** `ACTIVE`, or `WARMING` while Envoy has only its name. */
  readonly status: string;
  readonly valid: string;
  readonly serial: string;
  /** ISO 8601 */
  readonly notAfter: string;
  readonly notBefore: string;
}

/** The columns that istioctl shows. */
export const secretColumns: readonly Column<SecretRow>[] = [
  { title: 'resource name', cell: ({ name }) => name },
  { title: 'type', cell: ({ type }) => type },
  { title: 'status', cell: ({ status }) => status },
  { title: 'valid cert', cell: ({ valid }) => valid },
  { title: 'serial number', cell: ({ serial }) => serial },
  { title: 'not after', cell: ({ notAfter }) => notAfter },
  { title: 'not before', cell: ({ notBefore }) => notBefore },
];

/** The secrets, with the first certificate of each; `now` decides whether it is valid. */
export function listSecrets(dump: ProxyDump, now: Date): readonly SecretRow[] {
  const section = findSection(dump, 'SecretsConfigDump');
  const lists = [
    ['static_secrets', 'ACTIVE'],
    ['dynamic_active_secrets', 'ACTIVE'],
    ['dynamic_warming_secrets', 'WARMING'],
  ] as const;
  return lists
    .flatMap(([list, status]) => items(at(section, list)).map((entry) => readSecret(entry, status, now)))
    .sort((a, b) => a.name.localeCompare(b.name, 'en'));
}

function readSecret(entry: unknown, status: string, now: Date): SecretRow {
  const secret = at(entry, 'secret');
  const trusted = at(secret, 'validation_context', 'trusted_ca');
  const data = trusted ?? at(secret, 'tls_certificate', 'certificate_chain');
  const certificate = parseCertificate(data);
  const type = trusted === undefined ? 'Cert Chain' : 'CA';
  const name = text(at(entry, 'name'));
  if (certificate === undefined) {
    return { name, type, status, valid: 'false', serial: '', notAfter: '', notBefore: '' };
  }
  const [notBefore, notAfter] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  return {
    name,
    type,
    status,
    valid: String(notBefore <= now && now < notAfter),
    serial: certificate.serialNumber.toLowerCase(),
    notAfter: formatTime(notAfter),
    notBefore: formatTime(notBefore),
  };
}

function parseCertificate(data: unknown): X509Certificate | undefined {
  const pem = text(at(data, 'inline_string'));
  const bytes = pem === '' ? Buffer.from(text(at(data, 'inline_bytes')), 'base64') : pem;
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

function formatTime(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}
