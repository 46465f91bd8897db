// Keys and regular expressions that Envoy would refuse, and with them everything that comes along:
// each is reported, and none reaches it. Those that are taken are shown to Envoy beside the others,
// which proves that it reads them.

import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { analyzeMesh, listWaypoints, translateWaypoint } from '../../generator/index.ts';
import { readMesh } from '../support/mesh.ts';
import { writeTestCertificates } from '../support/test-certificates.ts';
import { findRefused } from '../support/validation.ts';

const folder = mkdtempSync(join(tmpdir(), 'cairn-refusals-'));
const base = readFileSync(join(import.meta.dirname, '../golden/base.yaml'), 'utf8');

afterAll(() => rmSync(folder, { recursive: true }));

const [apiVersion, group] = ['networking.istio.io/v1', 'gateway.networking.k8s.io'];
const metadata = { name: 'web', namespace: 'shop' };
const route = [{ destination: { host: 'web' } }];

function virtualService(rule: unknown): unknown {
  return { apiVersion, kind: 'VirtualService', metadata, spec: { hosts: ['web'], http: [rule] } };
}
function gatewayRoute(kind: 'HTTPRoute' | 'GRPCRoute', match: unknown): unknown {
  const parentRefs = [{ group: '', kind: 'Service', name: kind === 'HTTPRoute' ? 'web' : 'api' }];
  const backendRefs = kind === 'HTTPRoute' ? [{ name: 'web', port: 80 }] : [{ name: 'api', port: 9000 }];
  const spec = { parentRefs, rules: [{ matches: [match], backendRefs }] };
  return { apiVersion: `${group}/v1`, kind, metadata, spec };
}

/** Every place of a regular expression. */
const places: Readonly<Record<string, (regex: string) => unknown>> = {
  uri: (regex) => virtualService({ match: [{ uri: { regex } }], route }),
  'uri in any case': (regex) => virtualService({ match: [{ uri: { regex }, ignoreUriCase: true }], route }),
  method: (regex) => virtualService({ match: [{ method: { regex } }], route }),
  authority: (regex) => virtualService({ match: [{ authority: { regex } }], route }),
  scheme: (regex) => virtualService({ match: [{ scheme: { regex } }], route }),
  headers: (regex) => virtualService({ match: [{ headers: { a: { regex } } }], route }),
  withoutHeaders: (regex) => virtualService({ match: [{ withoutHeaders: { a: { regex } } }], route }),
  queryParams: (regex) => virtualService({ match: [{ queryParams: { a: { regex } } }], route }),
  rewrite: (match) => virtualService({ route, rewrite: { uriRegexRewrite: { match, rewrite: '/' } } }),
  corsPolicy: (regex) => virtualService({ route, corsPolicy: { allowOrigins: [{ regex }] } }),
  'HTTPRoute path': (value) => gatewayRoute('HTTPRoute', { path: { type: 'RegularExpression', value } }),
  'HTTPRoute header': (value) =>
    gatewayRoute('HTTPRoute', { headers: [{ type: 'RegularExpression', name: 'a', value }] }),
  'HTTPRoute query': (value) =>
    gatewayRoute('HTTPRoute', { queryParams: [{ type: 'RegularExpression', name: 'a', value }] }),
  'GRPCRoute method': (service) => gatewayRoute('GRPCRoute', { method: { type: 'RegularExpression', service } }),
  'GRPCRoute header': (value) =>
    gatewayRoute('GRPCRoute', { headers: [{ type: 'RegularExpression', name: 'a', value }] }),
};
/**
 * Expressions that RE2 does not read, or will not keep in memory; and texts that other readers of
 * regular expressions take for the same.
 */
const refusedRegexes = [
  '(',
  ')',
  '[',
  '[z-a]',
  'a{2,1}',
  'a{1001}',
  '((a{1,100}){1,100}){1,100}',
  '(?:a{1000}){1000}',
  '(?=a)',
  '(?!a)',
  '(?<=a)b',
  '(a)\\1',
  '\\',
  '\\p{NoSuch}',
  '\\u0041',
  '(?P<a>b)(?P<a>c)',
  'a**',
  '+',
  '?',
  '(?',
  '(?z)a',
  '(?>a)',
  'a++',
  '[[:nope:]]',
  '\\Ga',
  '\\x{100}',
  '[\\x{80}-\\x{10FFFF}]',
  '[a-\\x{fFf}]',
  '\\8',
  `${'('.repeat(2000)}a${')'.repeat(2000)}`,
  '[^\\x{0}-\\x{10FFFF}]{1,1000}\\x{110000}',
];
/**
 * Taken or left out with a word; the last ones are as large as is taken by our count, and eight
 * times that by Envoy's.
 */
const oddRegexes = [
  'a.*',
  '(?i)a',
  '[[:alpha:]]+',
  '\\pL',
  '(?P<n>a)',
  '(?<1>a)',
  '\\Qa.b\\E',
  '\\C',
  'é+',
  'a{1000}',
  '(?s).*',
  '\\P{L}{400}',
  '\\P{L}{900}',
  '(?i)\\pL{500}',
  '(?:\\PL\\pN){400}',
  '[\\x{80}-\\xFF]{1000}',
  '[à-ü]',
  '[ä-€]',
  '[一-鿿]+',
  '(?P<é>a)',
  '(?i)É',
  '(?i)[^\\x{1}-\\x{7F}k]{999}',
  '\\P{Greek}{999}',
  '(?:\\P{Greek}{1,999}|\\p{Han}{1,999}){1}',
  'a{999}'.repeat(4),
];

const rsa: JsonWebKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
const ec: JsonWebKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const padded = `${ec.x ?? ''}=`;
const refusedKeys: readonly unknown[] = [
  'a',
  7,
  {},
  { keys: 5 },
  { keys: [] },
  { keys: [null] },
  { keys: [{}] },
  { keys: [{ kty: 'RSA' }] },
  { keys: [{ kty: 'RSA', n: 'AQ', e: 'AQ' }] },
  { keys: [{ ...rsa, n: '' }] },
  { keys: [{ ...rsa, n: '!!!' }] },
  { keys: [{ ...rsa, alg: 5 }] },
  { keys: [{ ...rsa, kid: {} }] },
  { keys: [{ ...ec, crv: 'P-1' }] },
  { keys: [{ ...ec, y: ec.x }] },
  { keys: [{ ...ec, kty: 'EC', alg: 'RS256' }] },
  { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'AA' }] },
  { keys: [{ kty: 'oct', k: 'AA' }] },
  { keys: Array.from({ length: 10_000 }, () => rsa) },
];
const oddKeys: readonly unknown[] = [
  { keys: [rsa, rsa] },
  { keys: [{ ...rsa, e: 'AQ' }] },
  { keys: [{ ...rsa, e: 'AA' }] },
  { keys: [{ ...rsa, e: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAA' }] },
  { keys: [{ ...rsa, n: `${rsa.n ?? ''}==` }] },
  { keys: [{ ...rsa, n: rsa.n?.replaceAll('-', '+').replaceAll('_', '/') }] },
  { keys: [{ ...rsa, n: `\n${rsa.n ?? ''} ` }] },
  { keys: [{ ...ec, x: padded }] },
  { keys: [{ ...ec, kid: '💥"\\' }] },
];

function requestAuthentication(keys: unknown): unknown {
  const jwks = typeof keys === 'string' ? keys : JSON.stringify(keys);
  const targetRefs = [{ group: '', kind: 'Service', name: 'web' }];
  const spec = { targetRefs, jwtRules: [{ issuer: 'https://issuer.example', jwks }] };
  return { apiVersion: 'security.istio.io/v1', kind: 'RequestAuthentication', metadata, spec };
}

it('no key and no regular expression that Envoy would refuse reaches it, and of each there is word', async () => {
  const of = (name: string, object: unknown): { name: string; yaml: string } => ({ name, yaml: stringify(object) });
  const inPlaces = (regexes: readonly string[]): readonly ReturnType<typeof of>[] =>
    regexes.flatMap((regex) =>
      Object.entries(places).map(([place, write]) => of(`${place} ${regex.slice(0, 40)}`, write(regex))),
    );
  const keys = (sets: readonly unknown[]): readonly ReturnType<typeof of>[] =>
    sets.map((set) => of(JSON.stringify(set).slice(0, 80), requestAuthentication(set)));
  const translate = ({
    name,
    yaml,
  }: ReturnType<typeof of>): {
    name: string;
    codes: readonly string[];
    sets: Parameters<typeof findRefused>[0];
  } => {
    const { store, findings } = readMesh({ 'base.yaml': base, 'in.yaml': yaml });
    return {
      name,
      codes: [...findings, ...analyzeMesh(store)].filter(({ severity }) => severity !== 'info').map(({ code }) => code),
      sets: listWaypoints(store).map((key) => ({ name, resources: translateWaypoint(store, key).resources })),
    };
  };
  const refused = [...inPlaces(refusedRegexes), ...keys(refusedKeys)].map(translate);
  const odd = [...inPlaces(oddRegexes), ...keys(oddKeys)].map(translate);
  const unsaid = refused.filter(({ codes }) => codes.length === 0).map(({ name }) => name);
  expect(unsaid).toEqual([]);
  const certificates = await writeTestCertificates(folder);
  const sets = [...refused, ...odd].flatMap((each) => each.sets);
  const turnedDown: unknown[] = [];
  for (let from = 0; from < sets.length; from += 150) {
    turnedDown.push(...(await findRefused(sets.slice(from, from + 150), { folder, certificates })));
  }
  expect(turnedDown).toEqual([]);
}, 300_000);
