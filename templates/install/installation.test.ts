import { parse } from 'yaml';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import type { TemplateObject } from '../object.ts';
import { renderHelmChart, type RenderedFiles } from './helm.ts';
import { renderInstallation } from './installation.ts';
import { renderKustomizeBase } from './kustomize.ts';
import { namespaceRules, renderClusterRules } from './roles.ts';
import { checkInstallSettings, defaultInstallSettings, type InstallSettings } from './settings.ts';

const beside: InstallSettings = {
  namespace: 'mesh-2',
  image: 'mirror.example:5000/cairn/controller@sha256:0123abcd',
  waypointImage: '2024/0',
  imagePullPolicy: 'Never',
  replicas: 3,
  gatewayClass: 'cairn-waypoint',
  controllerName: 'cairn.dev/waypoint-controller',
  revision: '1',
  trustDomain: 'example.org',
  clusterDomain: 'east.local',
  clusterId: '007',
  network: 'true',
  rootNamespace: 'mesh-config',
  ca: 'istiod',
  caAddress: 'istiod-1.istio-system.svc:15012',
  privateJwks: 'allow',
  logLevel: 'debug',
  webhookFailurePolicy: 'Fail',
  resources: { limits: { memory: '4Gi' } },
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'dedicated', operator: 'Equal', value: '"mesh" {{ .Values.x }}', effect: 'NoSchedule' }],
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  topologySpreadConstraints: [],
  imagePullSecrets: [{ name: 'registry' }],
  podAnnotations: { 'example.com/a': '1', 'example.com/b': 'true' },
  // The Service selects by the second label, which stays as it is.
  podLabels: { team: 'mesh', 'app.kubernetes.io/name': 'other' },
};

/** Renders templates that only refer to values, as Helm does; anything else in braces fails. */
function evaluate(template: string, { namespace, ...values }: InstallSettings): TemplateObject {
  const known: Readonly<Record<string, unknown>> = { ...values };
  const text = template.replaceAll(/\{\{(.*?[^}])\}\}/g, (_, expression: string) => {
    if (expression === ' .Release.Namespace ') return namespace;
    const [, own, merged] = /^ toJson \(merge \(fromJson `(.*)`\) \.Values\.([A-Za-z]+)\) $/.exec(expression) ?? [];
    if (own !== undefined && merged !== undefined)
      return JSON.stringify({ ...(known[merged] as object), ...(JSON.parse(own) as object) });
    const [, asJson, name = ''] = /^ (toJson )?\.Values\.([A-Za-z]+) $/.exec(expression) ?? [];
    if (known[name] === undefined) throw new Error(`not a reference to a value: {{${expression}}}`);
    const json = JSON.stringify(known[name]);
    return asJson === undefined ? json.replace(/^"(.*)"$/, '$1') : json;
  });
  return parse(text) as TemplateObject;
}

function templatesOf(chart: RenderedFiles): readonly string[] {
  return [...chart].filter(([path]) => /^templates\/.*\.yaml$/.test(path)).map(([, text]) => text);
}

it.each([
  ['without options', defaultInstallSettings],
  ['beside another control plane', beside],
])('installs the same by command, chart and base: %s', (_, settings) => {
  expect(checkInstallSettings(settings)).toEqual([]);
  const objects = renderInstallation(settings);
  const chart = renderHelmChart('1.2.3');
  const fromChart = templatesOf(chart).map((text) => evaluate(text, settings));
  expect(fromChart).toEqual(objects.filter(({ kind }) => kind !== 'Namespace'));
  const base = renderKustomizeBase(settings);
  const { resources } = parse(base.get('kustomization.yaml') ?? '') as { resources: readonly string[] };
  expect(resources.map((path) => parse(base.get(path) ?? '') as unknown)).toEqual(objects);
  expect(base.size).toBe(resources.length + 1);
});

it('has values that its own schema accepts, and refuses those that would break out of their place', () => {
  const chart = renderHelmChart('1.2.3');
  const validate = new Ajv({ strict: false }).compile(JSON.parse(chart.get('values.schema.json') ?? '') as object);
  const values = parse(chart.get('values.yaml') ?? '') as Readonly<Record<string, unknown>>;
  expect(validate(values)).toBe(true);
  for (const [name, value] of Object.entries(values)) {
    const wrong = typeof value === 'string' ? `${value}" }}\n` : '3';
    expect(validate({ ...values, [name]: wrong }), name).toBe(false);
    const rest = Object.fromEntries(Object.entries(values).filter(([key]) => key !== name));
    expect(validate(rest), `${name} is needed`).toBe(false);
  }
  expect(validate({ ...values, mispelt: 1 })).toBe(false);
});

it('says which setting cannot be', () => {
  const wrong = { ...defaultInstallSettings, namespace: 'A_b', replicas: 0, ca: 'vault', caAddress: 'istiod' };
  expect(checkInstallSettings(wrong)).toEqual([
    'namespace cannot be "A_b"',
    'replicas must be 1 to 20, not 0',
    'ca must be one of cairn, istiod, not vault',
    'caAddress cannot be "istiod"',
  ]);
});

it('asks for no more rights than it names', () => {
  const rules = [...renderClusterRules('cairn-system'), ...namespaceRules];
  const texts = rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]);
  expect(texts).not.toContain('*');
  expect(texts).not.toContain('escalate');
  expect(texts).not.toContain('impersonate');
  // Secrets only in the control plane's own namespace, and none may be listed.
  expect(renderClusterRules('cairn-system').flatMap(({ resources }) => resources)).not.toContain('secrets');
  for (const rule of namespaceRules) expect(rule.verbs).not.toContain('list');
  const changesConfigMaps = rules.filter(
    ({ resources, verbs }) =>
      resources.includes('configmaps') && verbs.some((verb) => /update|patch|delete/.test(verb)),
  );
  for (const { resourceNames } of changesConfigMaps) expect(resourceNames).toEqual(['istio-ca-root-cert']);
});

it('keeps two installations apart', () => {
  const idOf = ({ kind, metadata }: TemplateObject): string => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
  const first = new Set(renderInstallation(defaultInstallSettings).map(idOf));
  expect(
    renderInstallation(beside)
      .map(idOf)
      .filter((id) => first.has(id)),
  ).toEqual([]);
});
