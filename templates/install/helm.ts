// The Helm chart. It renders the same objects with a mark in place of every setting, and replaces
// the marks by references to values. The templates hold nothing but such references, so Helm makes
// of values what `cairn install` makes of its flags.

import { formatYaml } from '../yaml.ts';
import { ownPodLabels } from './control-plane.ts';
import { renderInstallation } from './installation.ts';
import {
  defaultInstallSettings,
  isPodSetting,
  settingNames,
  settingSchemas,
  type InstallSettings,
} from './settings.ts';

/** A file of the chart or base, by its path. */
export type RenderedFiles = ReadonlyMap<string, string>;

/**
 * A mark that occurs in no other text. Settings that are numbers get one too, and lose the quotes
 * again.
 */
const mark = /CAIRNVALUE([A-Za-z]+)CAIRNEND/g;

/** Helm makes the namespace itself (`--create-namespace`): the chart has every object but that. */
export function renderHelmChart(version: string): RenderedFiles {
  const marked = Object.fromEntries(
    settingNames.map((name) => [
      name,
      // The Pod's own labels are added to these: a mark among them stands for all others.
      name === 'podLabels' ? { CAIRNLABELS: '' } : `CAIRNVALUE${name}CAIRNEND`,
    ]),
  );
  // The types are those of the settings, except for the marks, which are text everywhere.
  const objects = renderInstallation({ ...defaultInstallSettings, ...marked });
  const files = new Map<string, string>();
  files.set(
    'Chart.yaml',
    formatYaml({
      apiVersion: 'v2',
      name: 'cairn',
      description: 'A waypoint control plane',
      type: 'application',
      version,
      appVersion: version,
      kubeVersion: '>=1.29.0-0',
    }),
  );
  files.set('values.yaml', renderValues());
  files.set('templates/NOTES.txt', notes);
  files.set('values.schema.json', `${JSON.stringify(renderValuesSchema(), undefined, 2)}\n`);
  for (const object of objects) {
    if (object.kind === 'Namespace') continue;
    files.set(`templates/${formatFileName(object.kind)}`, writeReferences(formatYaml(object)));
  }
  return files;
}

/** `cluster-role.yaml` of `ClusterRole`. */
export function formatFileName(kind: string): string {
  return `${kind.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.yaml`;
}

/** Helm prints this after it has installed the chart. */
const notes = `The control plane of Cairn {{ .Chart.AppVersion }} is installed in {{ .Release.Namespace }}.

Wait until it runs:
  kubectl -n {{ .Release.Namespace }} rollout status deployment/cairn

Its waypoints are the Gateways of the class {{ .Values.gatewayClass }}:
  cairn waypoint apply -n NAMESPACE --gateway-class {{ .Values.gatewayClass }} --enroll-namespace --wait
  cairn waypoint list -A --gateway-class {{ .Values.gatewayClass }}
  cairn analyze -A --gateway-class {{ .Values.gatewayClass }}

Traffic reaches a waypoint through the node proxy of its clients, which is ztunnel of Istio's ambient mode: without one, no request changes
its way.{{ if eq .Values.ca "cairn" }} ztunnel trusts the certificates of istiod: beside it, set ca=istiod.{{ end }}

What is wrong with the configuration shows in the conditions of Gateways, routes and policies, as Events, and with "cairn analyze".
`;

/**
 * JSON is YAML too, and needs no indentation. The chart's own labels have precedence over those of
 * the values.
 */
const labelReferences = `{{ toJson (merge (fromJson \`${JSON.stringify(ownPodLabels)}\`) .Values.podLabels) }}`;

function writeReferences(text: string): string {
  const withLabels = text.replace(
    /\n *CAIRNLABELS: ""(?:\n +[\w./-]+: .*)*?(?=\n *annotations:)/,
    ` ${labelReferences}`,
  );
  const lines = withLabels.split('\n').map((line) => {
    const [, head = '', value = ''] = /^(\s*(?:- )?[\w/.-]+: |\s*- )(.*)$/.exec(line) ?? [];
    if (value.search(mark) < 0) return line;
    const structured = settingNames.find((name) => isPodSetting(name) && value === `CAIRNVALUE${name}CAIRNEND`);
    if (structured !== undefined) return `${head}{{ toJson .Values.${structured} }}`;
    const references = value.replaceAll(mark, (_, name: string) => formatReference(name));
    // The schema admits no value that would need escapes. A value may look like a number; only a
    // number is one.
    return `${head}${value === 'CAIRNVALUEreplicasCAIRNEND' ? references : `"${references}"`}`;
  });
  return lines.join('\n');
}

function formatReference(name: string): string {
  return name === 'namespace' ? '{{ .Release.Namespace }}' : `{{ .Values.${name} }}`;
}

type ValueName = Exclude<keyof InstallSettings, 'namespace'>;

function valueNames(): readonly ValueName[] {
  return settingNames.filter((name) => name !== 'namespace');
}

function renderValues(): string {
  return formatYaml(Object.fromEntries(valueNames().map((name) => [name, defaultInstallSettings[name]])));
}

function renderValuesSchema(): Readonly<Record<string, unknown>> {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart cairn',
    type: 'object',
    additionalProperties: false,
    required: valueNames(),
    properties: {
      ...Object.fromEntries(valueNames().map((name) => [name, settingSchemas[name]])),
      // Helm sets it for charts that are parts of others.
      global: { type: 'object' },
    },
  };
}
