// One file that `envoy -c` runs without a control plane: the static form of a waypoint, with the
// certificates that it names.

import { access } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { renderBootstrap } from '../bootstrap/index.ts';
import { formatIdentity } from '../certificates/index.ts';
import type { EnvoyResource, JsonObject } from '../envoy-api/index.ts';
import { inlineResources } from '../envoy-api/index.ts';
import type { GatewayKey } from '../generator/index.ts';
import { hbonePort } from '../mesh/index.ts';
import type { MeshSnapshot } from '../mesh/index.ts';
import { certificateFiles, writeThrowawayCertificate } from './certificate-files.ts';
import type { Io } from './io.ts';

/** The input of the file. */
export interface StaticFormInput {
  readonly mesh: MeshSnapshot;
  readonly key: GatewayKey;
  readonly resources: readonly EnvoyResource[];
  /**
   * A directory with cert-chain.pem, key.pem and root-cert.pem; temporary ones are made if they are
   * missing.
   */
  readonly certs: string | undefined;
  readonly io: Io;
}

/** Envoy's `Bootstrap` as ProtoJSON, admin on 127.0.0.1:15000. */
export async function renderStaticForm({ mesh, key, resources, certs, io }: StaticFormInput): Promise<JsonObject> {
  const { trustDomain, clusterDomain } = mesh.settings;
  const identity = formatIdentity({ trustDomain, namespace: key.namespace, serviceAccount: key.name });
  const directory = await provideCertificates(certs, identity, trustDomain, io);
  const address = mesh.get('Gateway', key.namespace, key.name)?.spec.addresses?.[0]?.value ?? '0.0.0.0';
  const { dynamic_resources: _dynamic, ...rest } = renderBootstrap({
    role: 'waypoint',
    podName: key.name,
    namespace: key.namespace,
    serviceAccount: key.name,
    gatewayName: key.name,
    instanceIp: address,
    domain: clusterDomain,
    labels: {},
    admin: { address: '127.0.0.1', port: 15000 },
    stats: { address: '127.0.0.1', port: 15090 },
    xds: { host: '127.0.0.1', port: hbonePort, identity },
    sdsSocket: join(directory, 'none.sock'),
    heapLimit: 1024 * 1024 * 1024,
  });
  const static_resources = inlineResources(resources, {
    certificates: {
      default: { chain: join(directory, certificateFiles.chain), key: join(directory, certificateFiles.key) },
    },
    roots: join(directory, certificateFiles.root),
  });
  return { ...rest, static_resources: { ...static_resources } };
}

async function provideCertificates(
  given: string | undefined,
  identity: string,
  trustDomain: string,
  io: Io,
): Promise<string> {
  const directory = given === undefined ? await mkdtemp(join(tmpdir(), 'cairn-certs-')) : resolve(given);
  const present = await Promise.all(
    Object.values(certificateFiles).map((name) =>
      access(join(directory, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  if (present.every(Boolean)) return directory;
  await writeThrowawayCertificate(directory, identity, trustDomain);
  io.stderr.write(`throw-away certificates for ${identity} were written to ${directory}\n`);
  return directory;
}
