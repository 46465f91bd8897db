// The examples for Argo CD and Flux have no Findings and no drift. A tool that compares what it
// wrote with what the API server keeps must find them equal, also inside lists, where fields that
// the server fills in would be a lasting difference.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { type ApiResource, type KubernetesObject, resources } from '../../kubernetes/index.ts';
import { renderWaypoint, defaultWaypointTemplateSettings, type DeployedGateway } from '../../templates/index.ts';
import { runCommand } from '../support/command-line.ts';
import { startApiServer, type TestApiServer } from '../support/kube-apiserver.ts';

const folder = join(import.meta.dirname, '../../examples/gitops/mesh');
const fieldManager = 'gitops';

let api: TestApiServer;

beforeAll(async () => {
  api = await startApiServer();
}, 180_000);
afterAll(() => api.stop());

function readObjects(): readonly KubernetesObject[] {
  const list = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as {
    readonly resources: readonly string[];
  };
  const files = readdirSync(folder).filter((file) => file !== 'kustomization.yaml');
  expect([...list.resources].sort(), 'the kustomization lists every file').toEqual(files.sort());
  return list.resources.flatMap((file) =>
    parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS() as KubernetesObject),
  );
}

function resourceOf(kind: string): ApiResource {
  const resource = Object.values(resources).find((candidate) => candidate.kind === kind);
  if (resource === undefined) throw new Error(`no resource for ${kind}`);
  return resource;
}

/** Kinds whose lists the tools compare element by element, since they know their schemas. */
const builtIn: ReadonlySet<string> = new Set(['Namespace', 'Service', 'ConfigMap']);

it('have nothing wrong with them', async () => {
  const { code, out, err } = await runCommand(['analyze', '-f', folder, '-o', 'json']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  // ConfigMap and Kustomization are none of the mesh's kinds, and who runs as the account that a
  // policy names is not among the files.
  const findings = JSON.parse(out) as readonly { readonly code: string; readonly severity: string }[];
  expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
  expect(new Set(findings.map(({ code: said }) => said))).toEqual(new Set(['NeverMatches', 'UnknownKind']));
});

it('are kept as they are written, and written only once', async () => {
  const objects = readObjects();
  expect(objects.length).toBeGreaterThan(8);
  const apply = (object: KubernetesObject, dryRun = false): Promise<KubernetesObject> =>
    api.client.apply(resourceOf(object.kind ?? ''), object, { fieldManager, dryRun });
  for (const object of objects) await apply(object);
  for (const object of objects) {
    const { metadata, spec, data } = await apply(object, true);
    if (builtIn.has(object.kind ?? ''))
      expect({ spec: spec ?? {}, data: data ?? {} }).toMatchObject({
        spec: object['spec'] ?? {},
        data: object['data'] ?? {},
      });
    else expect(spec, object.kind).toEqual(object['spec']);
    expect(metadata).toMatchObject(object.metadata);
    expect(metadata.generation ?? 1, object.kind).toBe(1);
  }
  // The API server stores the status that a definition gives a new Gateway at the second write;
  // from then on nothing is written.
  const second = await Promise.all(objects.map((object) => apply(object)));
  const third = await Promise.all(objects.map((object) => apply(object)));
  expect(third.map(({ metadata }) => metadata.resourceVersion)).toEqual(
    second.map(({ metadata }) => metadata.resourceVersion),
  );
});

it("deploy the waypoint with the options that are beside it, and none of the tools' marks", async () => {
  const objects = readObjects();
  const gateway = objects.find(({ kind }) => kind === 'Gateway');
  const options = objects.find(({ kind }) => kind === 'ConfigMap');
  if (gateway === undefined || options === undefined) throw new Error('there is no Gateway with options');
  const { name, namespace = '', labels = {} } = gateway.metadata;
  const { objects: deployed, findings } = renderWaypoint({
    gateway: {
      name,
      namespace,
      uid: 'u',
      labels: { ...labels, 'app.kubernetes.io/instance': 'shop-mesh', 'kustomize.toolkit.fluxcd.io/name': 'shop-mesh' },
      annotations: { 'argocd.argoproj.io/tracking-id': 'shop-mesh:gateway.networking.k8s.io/Gateway:shop/waypoint' },
      spec: gateway['spec'] as DeployedGateway['spec'],
    },
    className: 'istio-waypoint',
    controllerName: 'istio.io/mesh-controller',
    settings: defaultWaypointTemplateSettings,
    overlays: [
      {
        ref: { kind: 'ConfigMap', namespace, name: options.metadata.name },
        data: options['data'] as Readonly<Record<string, string>>,
      },
    ],
  });
  expect(findings).toEqual([]);
  expect(deployed.map(({ kind }) => kind)).toEqual([
    'ServiceAccount',
    'Deployment',
    'Service',
    'HorizontalPodAutoscaler',
    'PodDisruptionBudget',
  ]);
  expect(JSON.stringify(deployed)).not.toContain('shop-mesh');
});
