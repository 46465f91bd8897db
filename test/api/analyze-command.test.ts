// `cairn analyze` of a real API server: the same Findings as of the same objects in files, about a
// namespace or about all.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { resources } from '../../kubernetes/index.ts';
import type { KubernetesObject } from '../../kubernetes/index.ts';
import { runCommand } from '../support/command-line.ts';
import type { CommandResult } from '../support/command-line.ts';
import { startApiServer } from '../support/kube-apiserver.ts';
import type { TestApiServer } from '../support/kube-apiserver.ts';

const manifests = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop, labels: {istio.io/use-waypoint: waypoint}}
spec: {clusterIP: 10.96.7.7, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart]
  http: [{route: [{destination: {host: cart, subset: v9}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: other}
spec: {targetRefs: [{group: '', kind: Service, name: nowhere}]}
`;
const objects = parseAllDocuments(manifests).map((document) => document.toJS() as KubernetesObject);

let server: TestApiServer;

beforeAll(async () => {
  server = await startApiServer();
  for (const namespace of ['shop', 'other']) await server.createNamespace(namespace);
  for (const object of objects) {
    const resource = Object.values(resources).find(({ kind }) => kind === object.kind);
    if (resource === undefined) throw new Error(`${object.kind} is not known`);
    await server.client.create(resource, object);
  }
}, 180_000);

afterAll(async () => {
  await server.stop();
});

function analyze(...args: readonly string[]): Promise<CommandResult> {
  return runCommand(['analyze', ...args], { env: { KUBECONFIG: server.kubeconfig } });
}

interface Said {
  readonly code: string;
  readonly object: { readonly namespace: string };
  readonly message: string;
  readonly path: string;
}

function read({ out }: CommandResult): readonly Said[] {
  return (JSON.parse(out) as Said[]).map(({ code, object, message, path }) => ({ code, object, message, path }));
}

test('says of a cluster what it says of files', async () => {
  const ofCluster = await analyze('-A', '-o', 'json');
  const text = objects.map((object) => stringify(object)).join('---\n');
  const ofFiles = await runCommand(['analyze', '-f', '-', '-o', 'json'], { input: text });
  const sort = (said: readonly Said[]): readonly Said[] =>
    [...said].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b), 'en'));
  expect(sort(read(ofCluster))).toEqual(sort(read(ofFiles)));
  expect(ofCluster.code).toBe(ofFiles.code);
  expect(new Set(read(ofCluster).map(({ object }) => object.namespace))).toEqual(new Set(['shop', 'other']));
});

test('says of one namespace what concerns it', async () => {
  const result = await analyze('-n', 'other');
  expect(result.out).toContain('AuthorizationPolicy other/nobody');
  expect(result.out).not.toContain('shop/cart');
  expect(result.out).toMatch(/ of the cluster, about namespace other\.\n$/);
});

test('does not judge what it may not read, and does not mix files with a cluster', async () => {
  const mixed = await analyze('-f', '-', '-n', 'shop');
  expect(mixed).toMatchObject({ code: 2, out: '' });
  const unreachable = await runCommand(['analyze', '--kubeconfig', '/nowhere/kubeconfig']);
  expect(unreachable).toMatchObject({ code: 2, out: '' });
});
