// MeshConfig in its usual forms: text in a ConfigMap, or a file; and the effect of a broken one.

import { describe, expect, it } from 'vitest';
import { MeshStore } from '../store.ts';
import { combineManifests, failClosed, parseManifest } from './manifest.ts';

const configMap = (mesh: string, name = 'istio'): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'istio-system' },
    data: { mesh },
  });

function storeOf(file: string, text: string): MeshStore {
  const store = new MeshStore();
  const { objects } = combineManifests([failClosed(parseManifest(file, text))]);
  store.apply(objects.map((object) => ({ type: 'put', object })));
  return store;
}

describe('MeshConfig', () => {
  it.each([
    ['the key of a ConfigMap', 'any.yaml', configMap('rootNamespace: home\ntrustDomainAliases: [b, a, cluster.local]')],
    ['a file of its own', 'config/mesh.yaml', 'rootNamespace: home\ntrustDomainAliases: [b, a, cluster.local]'],
  ])('is read from %s, and its settings are the mesh’s', (_, file, text) => {
    expect(storeOf(file, text).settings).toMatchObject({ rootNamespace: 'home', trustDomainAliases: ['a', 'b'] });
  });

  it.each([
    ['another ConfigMap', 'any.yaml', configMap('rootNamespace: home', 'other')],
    ['a file of another name', 'other.yaml', 'rootNamespace: home'],
  ])('is not read from %s', (_, file, text) => {
    expect(storeOf(file, text).settings.rootNamespace).toBe('istio-system');
  });

  it('gives way to what was there before when it goes', () => {
    const store = storeOf('mesh.yaml', 'rootNamespace: home');
    const touched = store.apply([{ type: 'delete', ref: { kind: 'MeshConfig', namespace: '', name: 'mesh' } }]);
    expect(store.settings.rootNamespace).toBe('istio-system');
    expect(touched).toContain('settings');
  });

  it.each([
    ['no YAML', 'a: ['],
    ['no group of fields', '- a'],
    ['an unknown field', 'rootNamespce: home'],
    ['a bad namespace', 'rootNamespace: a/b'],
    ['a trust domain that is a pattern', 'trustDomainAliases: [".*"]'],
    ['two providers of one name', 'extensionProviders: [{ name: a }, { name: a }]'],
  ])('with %s is rejected, and closes the mesh on a first start', (_, mesh) => {
    const parsed = parseManifest('any.yaml', configMap(mesh));
    expect(parsed.rejected).toEqual([{ kind: 'MeshConfig', namespace: '', name: 'mesh' }]);
    expect(parsed.findings.map(({ severity }) => severity)).toContain('error');
    expect(storeOf('any.yaml', configMap(mesh)).find('AuthorizationPolicy/target', 'GatewayClass//*')).toMatchObject([
      { metadata: { namespace: 'istio-system' }, spec: { action: 'DENY', rules: [{}] } },
    ]);
  });
});
