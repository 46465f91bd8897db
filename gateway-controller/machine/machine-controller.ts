// The control plane of one machine. It reads a directory, and runs proxies with their configuration
// and certificates.

import { CertificateServer, formatIdentity, loadOrCreateAuthority } from '../../certificates/index.ts';
import type { CallerIdentity } from '../../certificates/index.ts';
import { listKeySources } from '../../generator/index.ts';
import { defaultMeshSettings } from '../../mesh/index.ts';
import type { MeshObject, PlacedFinding, WorkloadIdentity } from '../../mesh/index.ts';
import { SnapshotCache, XdsServer } from '../../xds/index.ts';
import type { ProxyStatus } from '../../xds/index.ts';
import { controlPlaneAddress, formatAddressBlock, nodeProxyAddress } from './addresses.ts';
import type { AddressBlock, Allocations } from './addresses.ts';
import { AdminServer } from '../serving/admin-server.ts';
import { isReady } from './agent-supervisor.ts';
import { DirectorySource } from './directory-source.ts';
import type { DirectoryState } from './directory-source.ts';
import { FirstSeen } from './first-seen.ts';
import { KeyFetcher } from '../keys/key-fetcher.ts';
import type { KeyFetcherOptions } from '../keys/key-fetcher.ts';
import { parseKept } from './last-good.ts';
import type { ControllerLog } from '../serving/log.ts';
import { createMetrics } from '../serving/metrics.ts';
import { Pipeline } from './pipeline.ts';
import type { PipelineStep } from '../serving/distribution.ts';
import { Proxies, proxyPorts } from './proxies.ts';
import type { DesiredProxy, ProxyView } from './proxies.ts';
import { loadTokenSigner, ProxyTokens } from './proxy-tokens.ts';
import { caPort, chooseBlock, keepBlock, xdsPort } from './run-block.ts';
import { ServerCertificate } from '../serving/server-certificate.ts';
import { prepareState, readStateFields, StateFile, statePaths } from './state.ts';
import type { StatePaths } from './state.ts';
import { completeState } from './run-state.ts';
import { chooseTrustDomain } from './trust-domain.ts';
import { viewProxy, viewServices, viewWorkloads } from './views.ts';
import type { ServiceView, WaypointView, WorkloadView } from './views.ts';
import {
  authorizeProxy,
  controlPlaneAccount,
  nodeAccount,
  serverName,
  systemNamespace,
} from './proxy-authorization.ts';
import { viewFinding } from '../serving/finding-view.ts';

/** An event that an observer of a run wants to know at once. */
export type MachineEvent =
  | { readonly type: 'step'; readonly step: PipelineStep; readonly findings: readonly PlacedFinding[] }
  | { readonly type: 'proxy'; readonly proxy: ProxyView; readonly reason: string }
  | { readonly type: 'problem'; readonly message: string };

/** The options of a controller. */
export interface MachineOptions {
  /** The directory of manifests. */
  readonly config: string;
  /** The state between runs. */
  readonly state: string;
  /** By default the same as last time, or the first free one. */
  readonly block?: AddressBlock;
  /** 0 takes a free one. */
  readonly adminPort: number;
  /**
   * How the keys of issuers are fetched: by default from public addresses only, and every 20
   * minutes.
   */
  readonly keys?: Pick<KeyFetcherOptions, 'allowsPrivate' | 'refreshInterval'>;
  /** The command line of an agent, without its flags. */
  readonly agentCommand: readonly string[];
  readonly envoyBinary: string;
  /** The environment of agents. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: ControllerLog;
  readonly onEvent: (event: MachineEvent) => void;
}

/** The addresses of a running controller. */
export interface MachineEndpoints {
  /** `127.B.0.0/16` */
  readonly block: string;
  readonly xds: string;
  readonly certificates: string;
  /** `http://127.0.0.1:port` */
  readonly admin: string;
}

/** The parts with a lifetime of their own, made in `start`. */
interface Parts {
  readonly pipeline: Pipeline;
  readonly source: DirectorySource;
  readonly keys: KeyFetcher;
  readonly serverCertificate: ServerCertificate;
  readonly tokens: ProxyTokens;
  readonly xds: XdsServer;
  readonly ca: CertificateServer;
  readonly proxies: Proxies;
  readonly admin: AdminServer;
  readonly firstSeen: FirstSeen;
  readonly files: Readonly<Record<'addresses' | 'firstSeen' | 'lastGood' | 'keys', StateFile>>;
}

/** A control plane on one machine. */
export class MachineController {
  readonly #options: MachineOptions;
  readonly #paths: StatePaths;
  readonly #cache = new SnapshotCache();
  readonly #metrics = createMetrics();
  #trustDomain = defaultMeshSettings.trustDomain;
  #parts: Parts | undefined;
  /** The last state of the source. */
  #state: DirectoryState | undefined;
  /** Fetched keys that are in force. */
  #documents: readonly MeshObject<'JwksDocument'>[] = [];
  /** Proxies are not touched before the servers that they need listen, nor after the end began. */
  #isServing = false;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#paths = statePaths(options.state);
  }

  /**
   * Reads the directory, listens, and starts or takes over proxies. Rejects, with nothing left
   * behind, when it cannot.
   */
  async start(): Promise<MachineEndpoints> {
    const { config, adminPort, log } = this.#options;
    await prepareState(this.#paths);
    const block = await chooseBlock(this.#paths, this.#options.block);
    this.#trustDomain = await chooseTrustDomain(config, this.#paths);
    const address = controlPlaneAddress(block);
    const parts = await this.#assemble(block);
    this.#parts = parts;
    try {
      await parts.serverCertificate.start();
      parts.tokens.start();
      await parts.xds.start(`${address}:${xdsPort}`, parts.serverCertificate.credentials({ clients: true }));
      await keepBlock(this.#paths, block, this.#trustDomain);
      await parts.source.start();
      await parts.ca.start(`${address}:${caPort}`, parts.serverCertificate.credentials({ clients: false }));
      const port = await parts.admin.start(adminPort);
      this.#isServing = true;
      await parts.proxies.reconcile(this.#desiredProxies(block));
      const endpoints = {
        block: formatAddressBlock(block),
        xds: `${address}:${xdsPort}`,
        certificates: `${address}:${caPort}`,
        admin: `http://127.0.0.1:${port}`,
      };
      log('info', 'control plane started', { ...endpoints, config });
      return endpoints;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends the proxies, then everything else. */
  async stop(): Promise<void> {
    const parts = this.#parts;
    if (parts === undefined) return;
    // A failed start must not end proxies of an earlier process, which still carry traffic.
    const hasProxies = this.#isServing;
    this.#parts = undefined;
    this.#isServing = false;
    await parts.source.stop();
    parts.keys.stop();
    if (hasProxies) await parts.proxies.stop();
    await Promise.all(Object.values(parts.files).map((file) => file.flush()));
    await Promise.all([parts.admin.stop(), parts.xds.stop(), parts.ca.stop()]);
    parts.tokens.stop();
    parts.serverCertificate.stop();
    this.#options.log('info', 'control plane stopped', {});
  }

  /** The waypoints as they are. */
  waypoints(): readonly WaypointView[] {
    return this.#proxies().filter(({ name }) => name !== undefined);
  }

  /** The services as their clients reach them. */
  services(): readonly ServiceView[] {
    return this.#parts === undefined ? [] : viewServices(this.#parts.pipeline.mesh, this.waypoints());
  }

  /** The workloads with the addresses that they have. */
  workloads(): readonly WorkloadView[] {
    return this.#parts === undefined ? [] : viewWorkloads(this.#parts.pipeline.mesh);
  }

  /** All Findings about the configuration. */
  findings(): readonly PlacedFinding[] {
    if (this.#parts === undefined) return [];
    const { pipeline, files } = this.#parts;
    return [...Object.values(files).flatMap(describeUnwritten), ...pipeline.findings()];
  }

  /** The parts that are not ready yet; [] when every proxy has its configuration. */
  async unready(): Promise<readonly string[]> {
    if (this.#parts === undefined) return ['the control plane is not running'];
    const checks = this.#parts.proxies.list().map(async (proxy) => {
      const { sync } = this.#view(proxy);
      const isUp = await isReady({ address: proxy.address, port: proxyPorts.health });
      return isUp && sync.state === 'SYNCED' ? [] : [`${proxy.key}: ${isUp ? sync.state : proxy.state}`];
    });
    return (await Promise.all(checks)).flat();
  }

  async #assemble(block: AddressBlock): Promise<Parts> {
    const { config, log } = this.#options;
    const trustDomain = this.#trustDomain;
    const authority = await loadOrCreateAuthority(this.#paths.authority, { trustDomain, now: new Date() });
    const signer = await loadTokenSigner(this.#paths);
    const allocations = readAllocations(await readStateFields(this.#paths.addresses));
    const report = (what: string) => (error: unknown) => log('error', what, { error: String(error) });
    const serverCertificate = new ServerCertificate({
      authority,
      identity: formatIdentity({ trustDomain, namespace: systemNamespace, serviceAccount: controlPlaneAccount }),
      dnsNames: [serverName],
      onError: report('the server certificate was not renewed'),
    });
    const tokens = new ProxyTokens(signer, this.#paths, report('a token was not renewed'));
    const pipeline = new Pipeline({ block, cache: this.#cache, allocations });
    const address = controlPlaneAddress(block);
    const told = (path: string) => (failure: string | undefined) =>
      failure === undefined
        ? log('info', `${path} is written again`, {})
        : this.#problem(`cannot write ${path}, and tries again: ${failure}`);
    const files = {
      addresses: new StateFile(this.#paths.addresses, told(this.#paths.addresses)),
      firstSeen: new StateFile(this.#paths.firstSeen, told(this.#paths.firstSeen)),
      lastGood: new StateFile(this.#paths.lastGood, told(this.#paths.lastGood)),
      keys: new StateFile(this.#paths.keys, told(this.#paths.keys)),
    };
    const firstSeen = new FirstSeen(await readStateFields(this.#paths.firstSeen));
    const keys = new KeyFetcher({
      ...(this.#options.keys ?? { allowsPrivate: false }),
      kept: await readStateFields(this.#paths.keys),
      onChange: () => {
        if (this.#state !== undefined) this.#apply({ pipeline, files, keys, firstSeen }, block, this.#state);
      },
    });
    return {
      pipeline,
      files,
      firstSeen,
      keys,
      serverCertificate,
      tokens,
      source: new DirectorySource({
        directory: config,
        kept: parseKept(await readStateFields(this.#paths.lastGood)),
        onChange: (state) => this.#apply({ pipeline, files, keys, firstSeen }, block, state),
        onError: (error) => this.#problem(`cannot read ${config}: ${error.message}`),
      }),
      xds: new XdsServer({
        cache: this.#cache,
        authorize: (peer, node) => authorizeProxy(peer, node, { trustDomain, hasProxy: (key) => this.#cache.has(key) }),
        onStatusChange: (read, connected) => {
          if (!connected) this.#metrics.recordDisconnect(read());
        },
        log,
      }),
      ca: new CertificateServer({
        authority,
        authenticate: async (token) => ({ trustDomain, ...signer.verifyToken(token, new Date()) }),
        mayImpersonate: (caller, identity) => this.#mayImpersonate(pipeline, caller, identity),
        log: (message, fields) => {
          this.#metrics.recordCertificate(message === 'certificate issued');
          log('info', message, fields);
        },
      }),
      proxies: new Proxies({
        paths: this.#paths,
        tokens,
        agentCommand: this.#options.agentCommand,
        env: this.#options.env,
        envoyBinary: this.#options.envoyBinary,
        trustDomain,
        clusterDomain: defaultMeshSettings.clusterDomain,
        xds: { address: `${address}:${xdsPort}`, identity: serverCertificate.identity },
        caAddress: `${address}:${caPort}`,
        onChange: (proxy, reason) => {
          log('info', 'proxy', { key: proxy.key, state: proxy.state, reason });
          this.#options.onEvent({ type: 'proxy', proxy, reason });
        },
      }),
      admin: new AdminServer({
        api: {
          waypoints: () => this.waypoints(),
          nodes: () => this.#proxies().filter(({ name }) => name === undefined),
          services: () => this.services(),
          workloads: () => this.workloads(),
          findings: () => this.findings().map(viewFinding),
        },
        unready: () => this.unready(),
        metrics: () =>
          this.#metrics.format({
            proxies: this.#statuses(),
            findings: this.findings(),
            services: this.services().length,
          }),
      }),
    };
  }

  #apply(
    { pipeline, files, keys, firstSeen }: Pick<Parts, 'pipeline' | 'files' | 'keys' | 'firstSeen'>,
    block: AddressBlock,
    state: DirectoryState,
  ): void {
    const { allocations } = pipeline;
    const documents = keys.documents();
    if (firstSeen.note(state.changes, state.changedAt)) files.firstSeen.save(JSON.stringify(firstSeen.keep()));
    const step = pipeline.apply(
      completeState(state, {
        trustDomain: this.#trustDomain,
        documentsBefore: this.#documents,
        documents,
        stamp: (object) => firstSeen.stamp(object),
      }),
    );
    // When only keys change, the directory's state has been applied already.
    this.#state = { ...state, changes: [] };
    this.#documents = documents;
    const fetched = new Set(documents.map(({ metadata }) => metadata.name));
    const given = new Set(
      pipeline.mesh
        .list('JwksDocument')
        .filter(({ metadata }) => !fetched.has(metadata.name))
        .map(({ spec }) => spec.uri),
    );
    keys.want(listKeySources(pipeline.mesh).filter(({ uri }) => !given.has(uri)));
    files.keys.save(JSON.stringify(keys.keep()));
    this.#metrics.recordStep(step);
    if (pipeline.allocations !== allocations) {
      files.addresses.save(JSON.stringify(pipeline.allocations, undefined, 2));
    }
    files.lastGood.save(JSON.stringify(state.kept));
    this.#options.log('info', 'configuration applied', { ...step });
    this.#options.onEvent({ type: 'step', step, findings: pipeline.findings() });
    if (!this.#isServing) return;
    this.#parts?.proxies.reconcile(this.#desiredProxies(block)).catch((error: unknown) => {
      this.#problem(`proxies could not be brought up to date: ${String(error)}`);
    });
  }

  #desiredProxies(block: AddressBlock): readonly DesiredProxy[] {
    const { pipeline } = this.#parts ?? {};
    if (pipeline === undefined) return [];
    const waypoints = pipeline.waypoints().flatMap((gateway) => {
      const address = pipeline.mesh.get('Gateway', gateway.namespace, gateway.name)?.spec.addresses?.[0]?.value;
      return address === undefined ? [] : [{ gateway, address }];
    });
    return [{ address: nodeProxyAddress(block) }, ...waypoints];
  }

  /** The node proxy may have the identities of the workloads of this machine, and no others. */
  #mayImpersonate(pipeline: Pipeline, caller: CallerIdentity, identity: WorkloadIdentity): boolean {
    const wanted = formatIdentity(identity);
    return (
      caller.namespace === systemNamespace &&
      caller.serviceAccount === nodeAccount &&
      viewWorkloads(pipeline.mesh).some((workload) => workload.identity === wanted)
    );
  }

  #proxies(): readonly WaypointView[] {
    return (this.#parts?.proxies.list() ?? []).map((proxy) => this.#view(proxy));
  }

  #view(proxy: ProxyView): WaypointView {
    return viewProxy(proxy, { cache: this.#cache, statuses: this.#statuses(), findings: this.findings() });
  }

  #statuses(): readonly ProxyStatus[] {
    return this.#parts?.xds.status() ?? [];
  }

  #problem(message: string): void {
    this.#options.log('error', message, {});
    this.#options.onEvent({ type: 'problem', message });
  }
}

function describeUnwritten({ path, failure }: StateFile): readonly PlacedFinding[] {
  if (failure === undefined) return [];
  const message = `What a restart needs is not written, so that it would begin with an older state: ${failure}. It is tried again until it succeeds.`;
  const ref = { kind: '', namespace: '', name: '' };
  const position = { file: path, line: 1, column: 1 };
  return [{ code: 'StateNotWritten', severity: 'error', ref, path: [], message, position }];
}

function readAllocations(fields: Readonly<Record<string, unknown>>): Allocations {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
