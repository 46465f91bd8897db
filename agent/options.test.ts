import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { withEnvironment } from '../test/support/environment.ts';
import { findEnvoyBinary } from './envoy-binary.ts';
import { parseAgentOptions } from './options.ts';

const flags = {
  namespace: 'default',
  'service-account': 'waypoint',
  'pod-name': 'waypoint-1',
  'instance-ip': '127.7.0.2',
  'xds-address': 'cairn.cairn-system.svc:15012',
  'xds-identity': 'spiffe://cluster.local/ns/cairn-system/sa/cairn',
  'ca-address': '[::1]:15010',
  'root-cert-file': '/r',
  'token-file': '/t',
  'state-dir': '/s',
};

function parseFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ReturnType<typeof parseAgentOptions> {
  return withEnvironment(env, () => parseAgentOptions(argv, () => undefined));
}

function parse(change: Readonly<Record<string, string>> = {}, ...more: string[]): ReturnType<typeof parseAgentOptions> {
  const argv = Object.entries({ ...flags, ...change }).map(([flag, value]) => `--${flag}=${value}`);
  return parseFlags([...argv, ...more]);
}

it("has the defaults of a pod, where the agent's addresses are its own", () => {
  const { agent } = parse({}, '--label', 'app=a=b', '--label', 'tier=x');
  expect(agent).toMatchObject({
    role: 'waypoint',
    labels: { app: 'a=b', tier: 'x' },
    xds: { host: 'cairn.cairn-system.svc', port: 15012 },
    ca: { address: '[::1]:15010', serverName: '::1', ttlSeconds: 86_400 },
    admin: { address: '127.0.0.1', port: 15000 },
    health: { address: '0.0.0.0', port: 15021 },
  });
});

it('takes what a flag does not say from the environment of the pod', () => {
  const argv = Object.entries(flags).filter(([flag]) => flag !== 'namespace' && flag !== 'pod-name');
  const env = { POD_NAMESPACE: 'prod', POD_NAME: 'w-2', ENVOY_BIN: '/e', CAIRN_XDS_ADDRESS: 'ignored:1' };
  const parsed = parseFlags(
    argv.map(([flag, value]) => `--${flag}=${value}`),
    env,
  );
  expect(parsed.agent).toMatchObject({ namespace: 'prod', podName: 'w-2', xds: { port: 15012 } });
  expect(parsed.envoyBinary).toBe('/e');
});

it.each([
  [{ role: 'sidecar' }, '--role'],
  [{ 'instance-ip': 'localhost' }, '--instance-ip'],
  [{ 'xds-address': 'cairn' }, '--xds-address'],
  [{ 'xds-address': 'cairn:70000' }, '--xds-address'],
  [{ 'xds-identity': 'cairn' }, '--xds-identity'],
  [{ 'health-address': 'localhost:15021' }, '--health-address'],
  [{ concurrency: 'two' }, '--concurrency'],
  [{ 'token-file': '' }, '--token-file'],
  [{ 'no-such-flag': 'x' }, 'no-such-flag'],
])('names the flag that is wrong: %j', (change, name) => {
  expect(() => parse(change)).toThrow(
    expect.objectContaining({ code: 'OptionInvalid', message: expect.stringContaining(name) as string }),
  );
});

it('goes on with the default where a variable of the pod means nothing, and says so', () => {
  const env = {
    CAIRN_LOG_LEVEL: 'chatty',
    CAIRN_PROXY_LOG_LEVEL: 'verbose',
    CAIRN_PROXY_COMPONENT_LOG_LEVEL: 'http:loud',
    CAIRN_TERMINATION_DRAIN: '30s',
    CAIRN_CONCURRENCY: '500m',
    CAIRN_HEALTH_ADDRESS: '15021',
  };
  const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const { agent, logLevel, warnings } = parseFlags(argv, env);
  expect(logLevel).toBe('info');
  expect(agent).toMatchObject({
    proxyLog: { level: 'warning', componentLevels: 'misc:error' },
    terminationDrainSeconds: 5,
    health: { address: '0.0.0.0', port: 15021 },
  });
  expect(agent).not.toHaveProperty('concurrency');
  for (const [name, value] of Object.entries(env)) {
    expect(
      warnings.filter((text) => text.includes(name) && text.includes(value)),
      name,
    ).toHaveLength(1);
  }
});

it('takes an empty text for none, the address of certificates by the name that Istio gives it, and CAIRN_DEBUG', () => {
  const argv = Object.entries(flags).flatMap(([flag, value]) => (flag === 'ca-address' ? [] : [`--${flag}=${value}`]));
  const env = { CA_ADDR: 'istiod.istio-system:15012', CAIRN_CA_ADDRESS: '', CAIRN_DRAIN_TIME: '', CAIRN_DEBUG: '' };
  const { agent, logLevel, warnings } = parseFlags(argv, env);
  expect(agent).toMatchObject({ ca: { address: 'istiod.istio-system:15012' }, drainTimeSeconds: 45 });
  expect({ logLevel, warnings }).toEqual({ logLevel: 'debug', warnings: [] });
  expect(parseFlags(argv, { ...env, CAIRN_LOG_LEVEL: 'warn' }).logLevel).toBe('warn');
  expect(parseFlags(argv, { ...env, CAIRN_CA_ADDRESS: 'cairn:15012' }).agent.ca.address).toBe('cairn:15012');
});

it('lists its flags with their variables and defaults in its help', () => {
  let help = '';
  expect(() => parseAgentOptions(['--help'], (text) => (help += text))).toThrow(
    expect.objectContaining({ code: 'commander.helpDisplayed' }),
  );
  for (const flag of Object.keys(flags)) expect(help).toMatch(new RegExp(`--${flag} <[^>]*> .*\\(env: \\w+\\)`));
  expect(help.replace(/\s+/g, ' ')).toContain('(default: "45", env: CAIRN_DRAIN_TIME)');
});

it('is stopped by a variable that says who it is, and means nothing', () => {
  const argv = Object.entries(flags).flatMap(([flag, value]) =>
    flag === 'xds-identity' ? [] : [`--${flag}=${value}`],
  );
  expect(() => parseFlags(argv, { CAIRN_XDS_IDENTITY: 'cairn' })).toThrow('--xds-identity');
});

it('finds Envoy where it is told, else in the cache, else on the path, and says what to do when there is none', () => {
  const home = mkdtempSync(join(tmpdir(), 'cairn-home-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const binary = join(home, 'envoy');
  writeFileSync(binary, '', { mode: 0o755 });
  expect(findEnvoyBinary(undefined, { PATH: `/nowhere:${home}` }, home)).toBe(binary);
  expect(findEnvoyBinary(undefined, { ENVOY_BIN: binary }, home)).toBe(binary);
  expect(() => findEnvoyBinary('/nowhere/envoy', { PATH: home }, home)).toThrow('/nowhere/envoy is not');
  expect(() => findEnvoyBinary(undefined, { PATH: '' }, home)).toThrow('npm run setup');
});
