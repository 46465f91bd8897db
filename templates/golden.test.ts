import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { expectGolden, listCases } from '../test/support/golden.ts';
import {
  defaultWaypointTemplateSettings,
  renderWaypoint,
  type DeployedGateway,
  type WaypointDeployment,
  type WaypointTemplateSettings,
} from './index.ts';

const cases = join(import.meta.dirname, 'golden');

interface Document {
  readonly kind: string;
  readonly metadata: Partial<DeployedGateway> & { readonly name: string; readonly namespace: string };
  readonly spec: DeployedGateway['spec'];
  readonly data: Readonly<Record<string, string>>;
}

function readCase(folder: string): WaypointDeployment {
  const documents = parseAllDocuments(readFileSync(join(folder, 'in.yaml'), 'utf8')).map(
    (document) => document.toJS() as Document,
  );
  const gateway = documents.find(({ kind }) => kind === 'Gateway');
  if (gateway === undefined) throw new Error(`${folder} has no Gateway`);
  const settings = documents.find(({ kind }) => kind === 'Settings');
  const { name, namespace, uid = '', labels = {}, annotations = {} } = gateway.metadata;
  return {
    gateway: { name, namespace, uid, labels, annotations, spec: gateway.spec },
    className: gateway.spec.gatewayClassName,
    controllerName:
      gateway.spec.gatewayClassName === 'istio-waypoint' ? 'istio.io/mesh-controller' : 'cairn.dev/waypoint-controller',
    settings: { ...defaultWaypointTemplateSettings, ...(settings as Partial<WaypointTemplateSettings> | undefined) },
    overlays: documents
      .filter(({ kind }) => kind === 'ConfigMap')
      .map(({ metadata, data }) => ({
        ref: { kind: 'ConfigMap', namespace: metadata.namespace, name: metadata.name },
        data,
      })),
  };
}

it.each(listCases(cases).map((folder) => [basename(folder), folder]))('deploys %s as written', (_, folder) => {
  const { objects, findings } = renderWaypoint(readCase(folder));
  expectGolden(folder, { 'out.objects.yaml': objects, 'out.findings.yaml': findings });
});

it('changes nothing of what it is given', () => {
  const deployment = readCase(join(cases, 'overlays'));
  const before = JSON.stringify(deployment);
  const first = JSON.stringify(renderWaypoint(deployment));
  expect(JSON.stringify(renderWaypoint(deployment))).toBe(first);
  expect(JSON.stringify(deployment)).toBe(before);
});
