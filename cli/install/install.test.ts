import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import {
  defaultInstallSettings,
  isPodSetting,
  renderHelmChart,
  renderInstallation,
  renderKustomizeBase,
  settingNames,
  type InstallSettings,
  version,
} from '../../templates/index.ts';
import { runCommand } from '../../test/support/command-line.ts';

/** Every setting with another value than its default. */
const others: InstallSettings = {
  namespace: 'mesh',
  image: 'a/controller:2',
  waypointImage: 'a/waypoint:2',
  imagePullPolicy: 'Never',
  replicas: 1,
  gatewayClass: 'cairn-waypoint',
  controllerName: 'cairn.dev/waypoint-controller',
  revision: 'canary',
  trustDomain: 'example.org',
  clusterDomain: 'east.local',
  clusterId: 'east',
  network: 'n1',
  rootNamespace: 'mesh-config',
  ca: 'istiod',
  caAddress: 'istiod.other:15012',
  privateJwks: 'allow',
  logLevel: 'debug',
  webhookFailurePolicy: 'Fail',
  // Mappings are merged with the defaults, as Helm merges them.
  resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '4Gi' } },
  nodeSelector: { pool: 'mesh' },
  tolerations: [{ key: 'dedicated', operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  topologySpreadConstraints: [],
  imagePullSecrets: [{ name: 'registry' }],
  podAnnotations: { ...defaultInstallSettings.podAnnotations, 'example.com/a': '1' },
  podLabels: { team: 'mesh' },
};

/** A flag for every setting, except for those of pods, which are in a file. */
function flagsOf(settings: InstallSettings): readonly string[] {
  const values = join(scratch(), 'values.yaml');
  const inFile = Object.fromEntries(settingNames.filter(isPodSetting).map((name) => [name, settings[name]]));
  // A flag has precedence over the file.
  writeFileSync(values, stringify({ ...inFile, replicas: 9 }));
  const flags = settingNames.flatMap((name) => {
    if (isPodSetting(name)) return [];
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return [`--${flag}=${settings[name]}`];
  });
  return [...flags, `--values=${values}`];
}

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-install-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function readFiles(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]));
}

it('has a flag for every setting, or takes it from a file, and none of them is lost', async () => {
  for (const name of settingNames) expect(others[name], name).not.toBe(defaultInstallSettings[name]);
  const { code, out, err } = await runCommand(['install', '-o', 'yaml', ...flagsOf(others)]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(parseAllDocuments(out).map((document) => document.toJS() as unknown)).toEqual(renderInstallation(others));
});

it('prints one list as JSON, with the defaults where nothing is said', async () => {
  const { code, out } = await runCommand(['install', '-o', 'json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ kind: 'List', items: renderInstallation(defaultInstallSettings) });
});

it('writes the chart and the base', async () => {
  const folder = scratch();
  const [chart, base] = [join(folder, 'chart'), join(folder, 'base')];
  const { code, err } = await runCommand(['install', '--helm', chart, '--kustomize', base, ...flagsOf(others)]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(readFiles(chart)).toEqual(renderHelmChart(version));
  expect(readFiles(base)).toEqual(renderKustomizeBase(others));
  expect(parse(readFiles(chart).get('Chart.yaml') ?? '')).toMatchObject({ version });
});

it.each([
  ['replica: 3', 'replica is no setting; settings are image,'],
  ['- a', 'must be a mapping of settings'],
  ['a: [', 'is not YAML'],
  ['tolerations: {}', 'tolerations must be a list'],
  ['nodeSelector: { a: 1 }', 'nodeSelector must have text in quotes for every value'],
  ['image: 7', 'image must be of type string'],
])('says what is wrong with the values %j', async (text, message) => {
  const values = join(scratch(), 'values.yaml');
  writeFileSync(values, text);
  const { code, err } = await runCommand(['install', '-o', 'yaml', '--values', values]);
  expect(code).toBe(2);
  expect(err).toContain(message);
});

it.each([
  [['--replicas=two'], 'replicas must be 1 to 20'],
  [['--ca=vault', '--log-level=loud'], 'ca must be one of cairn, istiod, not vault; logLevel must be one of'],
  [['--timeout=soon'], '--timeout must be a duration from 1s to 24h'],
  [['--kubeconfig=/nowhere/config'], '/nowhere/config'],
])('says what is wrong with %j', async (flags, message) => {
  const { code, out, err } = await runCommand(['install', ...flags]);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(message);
});
