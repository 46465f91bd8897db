import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { version } from '../templates/index.ts';
import { runCommand } from '../test/support/command-line.ts';
import type { CommandResult } from '../test/support/command-line.ts';
import { formatTable } from './table.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cairn-cli-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function run(argv: readonly string[], input = ''): Promise<CommandResult> {
  return runCommand(argv, { input });
}

const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: NAME, namespace: shop}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{name: mesh, port: 15008, protocol: HBONE}]
`;
const service = `apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop, labels: {istio.io/use-waypoint: gate}}
spec: {ports: [{name: http, port: 80}]}
`;

function put(name: string, ...documents: readonly string[]): string {
  const path = join(directory, name);
  writeFileSync(path, documents.join('---\n'));
  return path;
}

const gate = gateway.replace('NAME', 'gate');

describe('translate', () => {
  test('prints the resources of every waypoint by type, the same from YAML, JSON and standard input', async () => {
    put('a.yaml', service);
    put('b.yaml', gate);
    const yaml = await run(['translate', '-f', directory]);
    expect(yaml).toMatchObject({ code: 0, err: '' });
    const printed = parse(yaml.out) as Record<string, Record<string, { readonly name: string }[]>>;
    expect(Object.keys(printed)).toEqual(['waypoint/shop/gate']);
    const { listeners, routes } = printed['waypoint/shop/gate'] ?? {};
    expect(listeners?.map(({ name }) => name)).toEqual([
      'connect_originate',
      'connect_terminate',
      'main_internal',
      'main_sniffed',
      'main_tcp',
      'tunnel_end_timer',
    ]);
    expect(routes?.map(({ name }) => name)).toContain('inbound-vip|80|http|cart.shop.svc.cluster.local');
    const json = await run(['translate', '-o', 'json', '-f', '-'], `${gate}---\n${service}`);
    expect(JSON.parse(json.out)).toEqual(printed);
  });

  test('--gateway chooses one waypoint, and a wrong one names those that there are', async () => {
    put('a.yaml', gate, gateway.replace('NAME', 'other'));
    const one = await run(['translate', '-f', directory, '--gateway', 'shop/other']);
    expect(Object.keys(parse(one.out) as object)).toEqual(['waypoint/shop/other']);
    const none = await run(['translate', '-f', directory, '--gateway', 'shop/nobody']);
    expect(none).toMatchObject({ code: 2, out: '' });
    expect(none.err).toContain('no waypoint is named shop/nobody; there are: shop/gate, shop/other');
  });

  test('--bootstrap writes a file that needs no control plane, with the certificates that it names', async () => {
    put('a.yaml', gate, service);
    const certs = join(directory, 'certs');
    const first = await run(['translate', '-f', join(directory, 'a.yaml'), '--bootstrap', '--certs', certs]);
    expect(first).toMatchObject({ code: 0 });
    expect(first.out).toContain(join(certs, 'cert-chain.pem'));
    expect(first.out).not.toContain('dynamic_resources');
    expect(first.out).not.toContain('api_config_source');
    expect(first.out).toContain('inbound-vip|80|http|cart.shop.svc.cluster.local');
    const chain = readFileSync(join(certs, 'cert-chain.pem'), 'utf8');
    expect(new X509Certificate(chain).subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/gate');
    expect(statSync(join(certs, 'key.pem')).mode & 0o777).toBe(0o600);
    // Certificates that are there stay.
    await run(['translate', '-f', join(directory, 'a.yaml'), '--bootstrap', '--certs', certs]);
    expect(readFileSync(join(certs, 'cert-chain.pem'), 'utf8')).toBe(chain);
  });

  test('a broken object is reported on standard error and leaves the others as they are', async () => {
    put('a.yaml', gate, service);
    const whole = await run(['translate', '-f', directory]);
    put('b.yaml', 'apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {ports: 7}\n');
    const broken = await run(['translate', '-f', directory]);
    expect(broken.out).toBe(whole.out);
    expect(broken.err).toContain(`${join(directory, 'b.yaml')}:4:15: error InvalidType Service default/b`);
  });
});

describe('analyze', () => {
  test('is silent but for a summary when there is nothing to say', async () => {
    put('a.yaml', gate, service);
    expect(await run(['analyze', '-f', directory])).toEqual({
      code: 0,
      out: 'No findings in 2 objects of 1 file.\n',
      err: '',
    });
  });

  test('sorts what it finds by place, hints, and exits with 1 on errors', async () => {
    put('b.yaml', service.replace('{ports:', '{selctor: {}, ports:'));
    put('a.yaml', gate, 'kind: [\n');
    const { code, out } = await run(['analyze', '-f', directory]);
    expect(code).toBe(1);
    const lines = out.split('\n');
    expect(lines[0]).toContain(`${join(directory, 'a.yaml')}:`);
    expect(lines[0]).toContain('error SyntaxError');
    expect(out).toContain(`${join(directory, 'b.yaml')}:4:8: error UnknownField Service shop/cart`);
    expect(out).toContain('hint: did you mean `selector`?');
    expect(lines.at(-2)).toBe('2 errors in 1 object of 2 files.');
  });

  test('warnings alone are no failure', async () => {
    const rule =
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\nspec: {host: nobody}\n';
    const { code, out } = await run(['analyze', '-f', put('a.yaml', rule)]);
    expect(code).toBe(0);
    expect(out).toContain('warning HostNotFound DestinationRule default/d');
    expect(out).toContain('1 warning in 1 object of 1 file.');
  });

  test('-o json gives every part a field of its own', async () => {
    const path = put('a.yaml', service.replace('ports:', 'port:'));
    const { code, out } = await run(['analyze', '-o', 'json', '-f', path]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { file: path, line: 4, column: 8, severity: 'error', code: 'UnknownField', path: 'spec.port' },
    ]);
  });
});

test('a command that cannot run says why in a line and exits with 2', async () => {
  const missing = await run(['analyze', '-f', join(directory, 'nothing')]);
  expect(missing.code).toBe(2);
  expect(missing.err).toMatch(/^cairn: cannot read the configuration: ENOENT.*\n$/);
  const block = await run(['translate', '-f', directory, '--address-block', '10.0.0.0/8']);
  expect(block).toMatchObject({ code: 2 });
  expect(block.err).toContain('--address-block must be 127.B.0.0/16');
  expect(await run(['analyze'])).toMatchObject({ code: 2 });
  expect(await run(['analyse', '-f', directory])).toMatchObject({ code: 2 });
  expect((await run(['analyse', '-f', directory])).err).toContain('Did you mean analyze?');
});

test('help and version go to standard output and are no failure', async () => {
  expect(await run(['--version'])).toMatchObject({ code: 0, out: `${version}\n` });
  const help = await run(['--help']);
  expect(help.code).toBe(0);
  for (const command of ['translate', 'analyze', 'run', 'demo', 'certificate', 'agent'])
    expect(help.out).toContain(command);
});

test('a certificate is issued by the authority of the state, and by the same one the next time', async () => {
  const state = join(directory, 'state');
  mkdirSync(state);
  const issue = (out: string): Promise<CommandResult> =>
    run([
      'certificate',
      '--service-account',
      'shop/alice',
      '--state',
      state,
      '--out',
      join(directory, out),
      '--ttl',
      '1h',
    ]);
  expect(await issue('one')).toMatchObject({ code: 0 });
  expect(await issue('two')).toMatchObject({ code: 0 });
  const read = (path: string): string => readFileSync(join(directory, path), 'utf8');
  expect(read('one/root-cert.pem')).toBe(read('two/root-cert.pem'));
  const leaf = new X509Certificate(read('one/cert-chain.pem'));
  expect(leaf.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/alice');
  expect(leaf.verify(new X509Certificate(read('two/root-cert.pem')).publicKey)).toBe(true);
  expect(Date.parse(leaf.validTo)).toBeLessThan(Date.now() + 3_700_000);
  const bad = await run(['certificate', '--service-account', 'alice', '--state', state, '--out', directory]);
  expect(bad).toMatchObject({ code: 2 });
});

test('tables are aligned, and an empty cell does not shift the next one', () => {
  const columns = [
    { title: 'name', cell: ([name]: readonly string[]) => name ?? '' },
    { title: 'waypoint', cell: ([, waypoint]: readonly string[]) => waypoint ?? '' },
    { title: 'port', cell: ([, , port]: readonly string[]) => port ?? '' },
  ];
  const rows = [
    ['reviews', 'default/gate', '9080'],
    ['a', '', '80'],
  ];
  expect(formatTable(columns, rows)).toBe(
    'NAME      WAYPOINT       PORT\nreviews   default/gate   9080\na         -              80\n',
  );
});
