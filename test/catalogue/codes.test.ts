// Every code of a Finding is raised somewhere: in a golden case, or, if it takes a running control
// plane or a text that is no manifest at all, in a test that is named here.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');

/** For codes that no golden case can show: the test that does. */
const elsewhere: Readonly<Record<string, string>> = {
  NotAnObject: 'mesh/reading/manifest.test.ts',
  UnknownKind: 'mesh/reading/manifest.test.ts',
  UnsupportedVersion: 'mesh/reading/manifest.test.ts',
  DuplicateObject: 'mesh/reading/manifest.test.ts',
  FileNotReadable: 'gateway-controller/machine/directory-source.test.ts',
  StateNotWritten: 'gateway-controller/machine/state.test.ts',
  RestartNeeded: 'test/integration/trust-domain.test.ts',
  ObjectNotOurs: 'gateway-controller/cluster/deployment/plan.test.ts',
  DeploymentFailed: 'test/api/deployment.test.ts',
  KeysStale: 'test/integration/issuer-keys.test.ts',
};

function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

const codes = [
  ...(/export type FindingCode =([^;]*);/.exec(readText('mesh/finding.ts'))?.[1] ?? '').matchAll(/'([A-Za-z]+)'/g),
].map(([, code = '']) => code);

const raised = new Set(
  ['test/golden/cases', 'templates/golden'].flatMap((area) =>
    readdirSync(join(root, area), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('out.findings.yaml'))
      .flatMap((file) => [...readText(join(area, file)).matchAll(/(?:(?:error|warning|info)\s+|code: )([A-Za-z]+)/g)])
      .map(([, code]) => code),
  ),
);

it.each(codes)('%s is raised', (code) => {
  const test = elsewhere[code];
  if (test === undefined) expect(raised).toContain(code);
  else expect(readText(test)).toMatch(new RegExp(`\\b${code}\\b`));
});

it('names tests only for codes that there are, and that no golden case shows', () => {
  expect(codes.length).toBeGreaterThan(40);
  expect(Object.keys(elsewhere).filter((code) => !codes.includes(code) || raised.has(code))).toEqual([]);
});

/**
 * Faults that other control planes ignore: the golden case, and the code and object of the Finding
 * in it.
 */
const swallowed: Readonly<Record<string, readonly [path: string, code: string, object: string]>> = {
  'a VirtualService that no waypoint serves': ['virtual-service/not-served', 'NotServed', 'VirtualService'],
  'a rule after one that takes everything': ['virtual-service/rule-unreachable', 'RuleUnreachable', 'VirtualService'],
  'a shadowed match': ['virtual-service/rule-shadowed', 'RuleUnreachable', 'VirtualService'],
  'a shadowed match of an HTTPRoute': ['gateway-route/two-routes', 'RuleUnreachable', 'HTTPRoute'],
  'a policy by selector': ['authorization/target-selector', 'PolicyNotAttached', 'AuthorizationPolicy'],
  'a policy without targetRefs': ['authorization/target-none', 'PolicyNotAttached', 'AuthorizationPolicy'],
  'an authentication without targetRefs': ['authentication/not-attached', 'PolicyNotAttached', 'RequestAuthentication'],
  'a policy whose target is not bound': [
    'authorization/target-not-bound',
    'PolicyTargetNotBound',
    'AuthorizationPolicy',
  ],
  'a DENY with HTTP fields on a TCP port': [
    'authorization/tcp-port-http-fields',
    'PolicyTcpField',
    'AuthorizationPolicy shop/db-deny',
  ],
  'a subset without endpoints': [
    'destination-rule/subset-without-endpoints',
    'SubsetWithoutEndpoints',
    'DestinationRule',
  ],
  'weights that do not sum': ['virtual-service/weights-relative', 'WeightsInvalid', 'VirtualService'],
  'two VirtualServices in conflict': [
    'virtual-service/two-for-one-host-shadowed',
    'RouteConflict',
    'VirtualService shop/web',
  ],
  'two HTTPRoutes in conflict': ['gateway-route/two-routes', 'RouteConflict', 'HTTPRoute shop/b'],
  'a VirtualService and an HTTPRoute on one host': [
    'gateway-route/virtual-service-beside',
    'RouteConflict',
    'VirtualService',
  ],
  'a regular expression that RE2 refuses': ['virtual-service/match-regex-invalid', 'RegexInvalid', 'VirtualService'],
  'a destination that resolves to nothing': ['virtual-service/host-missing', 'HostNotFound', 'VirtualService'],
  'a rule for a host that there is not': ['destination-rule/host-missing', 'HostNotFound', 'DestinationRule'],
  'a backend that there is not': ['gateway-route/weights', 'HostNotFound', 'HTTPRoute'],
  'an authorization rule that cannot be expressed': [
    'authorization/custom-tcp',
    'PolicyFailsClosed',
    'AuthorizationPolicy',
  ],
};

it.each(Object.entries(swallowed))('%s is no silence', (_, [path, code, object]) => {
  const findings = parse(readText(join('test/golden/cases', path, 'out.findings.yaml'))) as readonly {
    readonly object: string;
    readonly says: string;
  }[];
  expect(findings.map((finding) => `${finding.object} ${finding.says.split(' ')[1]}`)).toContainEqual(
    expect.stringMatching(new RegExp(`^${object}\\b.* ${code}:$`)),
  );
});
