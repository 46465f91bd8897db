import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import {
  defaultInstallSettings,
  renderHelmChart,
  renderInstallation,
  renderKustomizeBase,
  settingNames,
  type InstallSettings,
} from '../../templates/index.ts';
import { runCommand } from '../../test/support/command-line.ts';
import { version } from '../program.ts';

/** Every setting another than by default. */
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
};

function flagsOf(settings: InstallSettings): readonly string[] {
  return settingNames.map((name) => {
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return `--${flag}=${settings[name]}`;
  });
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

it('has a flag for every setting, and none of them is lost', async () => {
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
  [['--replicas=two'], 'replicas must be 1 to 20'],
  [['--ca=vault', '--log-level=loud'], 'ca must be one of cairn, istiod, not vault; logLevel must be one of'],
  [['--timeout=soon'], '--timeout must be a duration'],
  [['--kubeconfig=/nowhere/config'], '/nowhere/config'],
])('says what is wrong with %j', async (flags, message) => {
  const { code, out, err } = await runCommand(['install', ...flags]);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(message);
});
