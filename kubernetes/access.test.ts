import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadClusterAccess } from './access.ts';

const folder = mkdtempSync(join(tmpdir(), 'cairn-access-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

function kubeconfig(name: string, user: object, current = name): string {
  return write(
    `${name}.json`,
    JSON.stringify({
      clusters: [{ name, cluster: { server: `https://${name}.example:6443` } }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: `${name}-ns` } }],
      'current-context': current,
    }),
  );
}

describe('access by kubeconfig', () => {
  it('takes the first file that names a context, and any context of all files', async () => {
    const env = { KUBECONFIG: [kubeconfig('east', { token: 'e' }), kubeconfig('west', { token: 'w' })].join(':') };
    const first = await loadClusterAccess({ env });
    expect([first.access.server, first.namespace, first.context]).toEqual([
      'https://east.example:6443',
      'east-ns',
      'east',
    ]);
    const west = await loadClusterAccess({ env, context: 'west' });
    expect(west.access.server).toBe('https://west.example:6443');
    expect((await west.access.readCredentials()).headers).toEqual({ authorization: 'Bearer w' });
  });

  it('takes tokens of credential plugins, tells them the version, and says which one failed', async () => {
    const plugin = write(
      'plugin',
      `#!/bin/sh\ncase "$KUBERNETES_EXEC_INFO" in *v1beta1*) ;; *) echo "no version" >&2; exit 3;; esac\necho '{"status":{"token":"made"}}'\n`,
    );
    chmodSync(plugin, 0o755);
    const apiVersion = 'client.authentication.k8s.io/v1beta1';
    const good = await loadClusterAccess({
      env: {},
      kubeconfig: kubeconfig('plugin', { exec: { apiVersion, command: plugin } }),
    });
    expect((await good.access.readCredentials()).headers).toEqual({ authorization: 'Bearer made' });
    const bad = await loadClusterAccess({ env: {}, kubeconfig: kubeconfig('broken', { exec: { command: plugin } }) });
    await expect(bad.access.readCredentials()).rejects.toThrow(/credential plugin .*\/plugin failed: no version/);
  });

  it('says what is wrong with a file', async () => {
    const broken = write('broken.yaml', 'clusters: [');
    await expect(loadClusterAccess({ env: {}, kubeconfig: broken })).rejects.toThrow(/broken.yaml is not well formed/);
    const nameless = kubeconfig('nameless', {}, '');
    await expect(loadClusterAccess({ env: {}, kubeconfig: nameless })).rejects.toThrow(
      /names no current context: give one with --context; there are nameless/,
    );
  });
});

describe('access from a pod', () => {
  it('is by its service account, whose token is read again', async () => {
    write('ca.crt', 'CA');
    write('namespace', 'cairn-system\n');
    write('token', 'one\n');
    const env = { HOME: '/nowhere', KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
    const { access, namespace, context } = await loadClusterAccess({ env, serviceAccountFolder: folder });
    expect([access.server, namespace, context]).toEqual(['https://[fd00::1]:6443', 'cairn-system', 'in-cluster']);
    expect(await access.readCredentials()).toEqual({ tls: { ca: 'CA' }, headers: { authorization: 'Bearer one' } });
    write('token', 'two\n');
    expect((await access.readCredentials()).headers).toEqual({ authorization: 'Bearer two' });
  });

  it('says what is missing when the pod has no token', async () => {
    const env = { HOME: '/nowhere', KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    await expect(loadClusterAccess({ env, serviceAccountFolder: '/nowhere' })).rejects.toThrow(
      /no service account token: .*automountServiceAccountToken/,
    );
  });
});
