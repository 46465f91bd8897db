// A waypoint for tests: the static form of Cairn's configuration for manifests, run by a real Envoy
// on a loopback address of its own; and clients that reach it over HBONE with any identity.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Authority, createAuthority } from '../../certificates/index.ts';
import type { EnvoyResource } from '../../envoy-api/index.ts';
import { inlineResources } from '../../envoy-api/index.ts';
import { listWaypoints, translateWaypoint } from '../../generator/index.ts';
import type { MeshSettings } from '../../mesh/index.ts';
import { type EnvoyOptions, randomLoopback, type RunningEnvoy, startEnvoy } from './envoy.ts';
import {
  connectHbone,
  type HboneConnection,
  type HttpRequest,
  type HttpResponse,
  isHboneRefusal,
  requestThrough,
} from './hbone-client.ts';
import { readMesh, testMachine } from './mesh.ts';
import { issueTexts, writeTestCertificates } from './test-certificates.ts';

/** A running waypoint. */
export interface TestWaypoint {
  readonly envoy: RunningEnvoy;
  readonly authority: Authority;
  /** Where it speaks HBONE. */
  readonly hbone: { readonly host: string; readonly port: number };
  /**
   * An HBONE connection as the service account `account` (`ns/name`, or a name in namespace shop).
   */
  connectAs(account: string, options?: { readonly localAddress?: string }): Promise<HboneConnection>;
  /** One request over a tunnel of its own. */
  request(
    account: string,
    target: string,
    request: HttpRequest,
    options?: { readonly localAddress?: string },
  ): Promise<HttpResponse>;
  stop(): Promise<void>;
}

/** Starts the only waypoint of the manifests. Its Gateway listens on an address of its own. */
export async function startWaypoint(
  manifests: string,
  options: {
    readonly settings?: Partial<MeshSettings>;
    readonly concurrency?: number;
    readonly release?: EnvoyOptions['release'];
    /** Errors in the manifests are the subject of the test. */
    readonly takesErrors?: boolean;
    /** Changes the generated resources before the proxy gets them, to see a state in between. */
    readonly alter?: (resources: readonly EnvoyResource[]) => readonly EnvoyResource[];
  } = {},
): Promise<TestWaypoint> {
  const host = randomLoopback();
  const { store, findings } = readMesh(
    { 'test.yaml': manifests.replaceAll('$ADDRESS', host) },
    {
      machine: testMachine,
      ...options.settings,
    },
  );
  const problems = options.takesErrors === true ? [] : findings.filter(({ severity }) => severity === 'error');
  if (problems.length > 0)
    throw new Error(problems.map(({ message, position }) => `${position?.line}: ${message}`).join('\n'));
  const [key] = listWaypoints(store);
  if (key === undefined) throw new Error('the manifests have no waypoint');
  const folder = mkdtempSync(join(tmpdir(), 'cairn-waypoint-'));
  const authority = await createAuthority({ trustDomain: 'cluster.local', now: new Date() });
  const identity = `spiffe://cluster.local/ns/${key.namespace}/sa/${key.name}`;
  const files = await writeTestCertificates(folder, identity, authority);
  const statics = inlineResources((options.alter ?? ((same) => same))(translateWaypoint(store, key).resources), {
    certificates: { default: files },
    roots: files.roots,
  });
  const envoy = await startEnvoy({
    config: {
      bootstrap_extensions: [
        {
          name: 'envoy.bootstrap.internal_listener',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
          },
        },
      ],
      // The limit that every proxy is started with.
      layered_runtime: { layers: [{ name: 'static', static_layer: { 're2.max_program_size.error_level': 32_768 } }] },
      static_resources: statics,
    },
    concurrency: options.concurrency ?? 2,
    ...(options.release === undefined ? {} : { release: options.release }),
    logLevel: 'warning',
    args: ['--file-flush-interval-msec', '100'],
  });
  const hbone = { host, port: 15008 };
  const certificates = new Map<string, ReturnType<typeof issueTexts>>();
  const certificateOf = (account: string): ReturnType<typeof issueTexts> => {
    const [namespace, name] = account.includes('/') ? account.split('/') : ['shop', account];
    const known =
      certificates.get(account) ?? issueTexts(authority, `spiffe://cluster.local/ns/${namespace}/sa/${name}`);
    certificates.set(account, known);
    return known;
  };
  const connectAs: TestWaypoint['connectAs'] = async (account, extra = {}) =>
    connectHbone({ waypoint: hbone, certificate: await certificateOf(account), ...extra });
  return {
    envoy,
    authority,
    hbone,
    connectAs,
    request: async (account, target, request, extra) => {
      const connection = await connectAs(account, extra);
      try {
        return await requestThrough(await connection.connect(target), request);
      } finally {
        await connection.close();
      }
    },
    stop: async () => {
      await envoy.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/**
 * Those of `targets` to which a tunnel opens; each is asked for on a connection of its own, which
 * some of them end.
 */
export async function listReached(
  waypoint: TestWaypoint,
  account: string,
  targets: readonly string[],
): Promise<readonly string[]> {
  const isReached = async (target: string): Promise<boolean> => {
    const connection = await waypoint.connectAs(account);
    try {
      await connection.connect(target);
      return true;
    } catch (error) {
      // 503: let through, but no server is there.
      return isHboneRefusal(error) && error.status === 503;
    } finally {
      await connection.close();
    }
  };
  const reached = await Promise.all(targets.map(isReached));
  return targets.filter((_, index) => reached[index]);
}
