// The control plane of a cluster. It reads the API, serves configuration and certificates and, on
// the leader, writes objects and statuses back. Every replica serves; one of them leads.

import { setTimeout as sleep } from 'node:timers/promises';
import { CertificateError, CertificateServer, formatIdentity } from '../../certificates/index.ts';
import type { Authority, CallerIdentity } from '../../certificates/index.ts';
import { ApiClient, ApiError, ApiUnreachableError, LeaderElection, reviewToken } from '../../kubernetes/index.ts';
import type { ClusterAccess } from '../../kubernetes/index.ts';
import { comparePlaces, formatHostPort } from '../../mesh/index.ts';
import type { MeshChange, PlacedFinding } from '../../mesh/index.ts';
import { SnapshotCache, XdsServer } from '../../xds/index.ts';
import { AcceptancePublisher } from './acceptance.ts';
import { AdminServer } from '../serving/admin-server.ts';
import type { AdminQuestions, LogLevel } from '../serving/admin-server.ts';
import { loadClusterAuthority } from './identity/cluster-authority.ts';
import type { ClusterContext, ClusterStep, LeaderLoop } from './cluster-context.ts';
import { ClusterEntries } from './source/cluster-entries.ts';
import { ClusterKeys } from './source/cluster-keys.ts';
import { controlPlaneServiceAccount, meshSettingsOf, serviceNames } from './cluster-settings.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { ClusterTrustDomain } from './source/cluster-trust-domain.ts';
import { viewClusterProxy } from './cluster-views.ts';
import { Distribution, StageClock } from '../serving/distribution.ts';
import type { PipelineStep } from '../serving/distribution.ts';
import { openIstiodAuthority } from './identity/istiod-authority.ts';
import { KubernetesSource } from './source/kubernetes-source.ts';
import type { KubernetesSourceOptions, SourceChange } from './source/kubernetes-source.ts';
import { createClusterWork } from './leader-loops.ts';
import type { ClusterWork } from './leader-loops.ts';
import type { ControllerLog } from '../serving/log.ts';
import { createMetrics } from '../serving/metrics.ts';
import { authorizePod } from './identity/pod-authorization.ts';
import { ServerCertificate } from '../serving/server-certificate.ts';
import { findingsKey } from './status/view.ts';
import { UnsettledSteps } from './unsettled-steps.ts';
import { viewFinding } from '../serving/finding-view.ts';

/** The audience of tokens for which certificates are issued. */
const certificateAudience = 'istio-ca';
/** Between two attempts of the start's calls to the API, in milliseconds. */
const retryMs = 2_000;

/** How long the start waits for keys of slow issuers, in milliseconds. */
const keyPatienceMs = 10_000;

/** The options of a controller in a cluster. */
export interface ClusterControllerOptions {
  readonly access: ClusterAccess;
  readonly settings: ClusterSettings;
  readonly log: ControllerLog;
  readonly logLevel?: { readonly get: () => string; readonly set: (level: LogLevel) => void };
  /** Of reflectors, for tests. */
  readonly timing?: KubernetesSourceOptions['timing'];
}

/** The addresses of a running controller. */
export interface ClusterEndpoints {
  /** `host:port` of xDS and of the certificate service. */
  readonly grpc: string;
  /** On 127.0.0.1. */
  readonly adminPort: number;
  readonly healthPort: number;
}

/** The parts that exist only once there is an authority. */
interface Serving {
  readonly authority: Authority;
  /** Under the DNS names, of our own authority: for agents and for the API server. */
  readonly certificate: ServerCertificate;
  /** For waypoints: the same, or one of istiod's. */
  readonly xdsCertificate: ServerCertificate;
  readonly xds: XdsServer;
  readonly work: ClusterWork;
  readonly election: LeaderElection;
}

/** One replica of a control plane in a cluster. */
export class ClusterController {
  readonly #options: ClusterControllerOptions;
  readonly #client: ApiClient;
  readonly #cache = new SnapshotCache();
  readonly #metrics = createMetrics();
  readonly #entries = new ClusterEntries();
  readonly #trustDomain: ClusterTrustDomain;
  readonly #keys: ClusterKeys;
  readonly #distribution: Distribution;
  readonly #unsettled = new UnsettledSteps();
  readonly #source: KubernetesSource;
  readonly #acceptance: AcceptancePublisher;
  readonly #admin: AdminServer;
  readonly #health: AdminServer;
  readonly #stopping = new AbortController();
  #serving: Serving | undefined;
  #isReady = false;
  #leading: readonly LeaderLoop[] = [];
  /** Begins and ends of leadership, one after the other. */
  #leadership: Promise<void> = Promise.resolve();
  #findings: readonly PlacedFinding[] | undefined;

  constructor(options: ClusterControllerOptions) {
    const { access, settings, log, timing } = options;
    this.#options = options;
    this.#client = new ApiClient(access, { userAgent: `cairn/${settings.identity}` });
    const meshSettings = meshSettingsOf(settings);
    this.#trustDomain = new ClusterTrustDomain(settings.trustDomain);
    this.#keys = new ClusterKeys({
      allowsPrivate: settings.allowsPrivateJwks,
      onChange: (changes) => this.#take([], changes, new StageClock()),
    });
    this.#distribution = new Distribution({
      cache: this.#cache,
      settings: meshSettings,
      onDemandAbove: settings.onDemandAbove,
      onStep: (step) => this.#noteStep(step),
    });
    this.#source = new KubernetesSource({
      client: this.#client,
      settings: meshSettings,
      waypointAddress: settings.waypointAddress,
      onChange: (change) => this.#apply(change),
      onProblem: ({ kind, code, message }) => log('warn', 'cannot follow a kind', { kind, code, reason: message }),
      ...(timing === undefined ? {} : { timing }),
    });
    this.#acceptance = new AcceptancePublisher({
      client: this.#client,
      log,
      pod: (namespace, name) => this.#source.object('Pod', namespace, name),
    });
    this.#admin = new AdminServer(this.#questions());
    this.#health = new AdminServer(this.#questions());
  }

  /**
   * Follows the cluster, then serves; waits for the API for as long as that takes. Rejects when it
   * is stopped meanwhile.
   */
  async start(): Promise<ClusterEndpoints> {
    const { settings, log } = this.#options;
    const { ports, listenAddress } = settings;
    try {
      const adminPort = await this.#admin.start(ports.admin);
      const healthPort = await this.#health.start(ports.health, listenAddress);
      await this.#source.start();
      // Proxies come from another replica that has the keys; without the keys this replica would
      // refuse what is allowed.
      await this.#keys.settled(keyPatienceMs);
      this.#stopping.signal.throwIfAborted();
      const serving = await this.#assemble();
      this.#serving = serving;
      await serving.certificate.start();
      if (serving.xdsCertificate !== serving.certificate) {
        await this.#persist('no certificate from istiod', () => serving.xdsCertificate.start());
      }
      const credentials = serving.xdsCertificate.credentials({ clients: 'asked' });
      const address = formatHostPort(listenAddress, ports.xds);
      const grpc = await serving.xds.start(address, credentials, (server) => {
        // Beside istiod nobody would trust certificates of our own authority.
        if (settings.ca.kind === 'cairn') this.#certificateServer(serving.authority).addTo(server);
      });
      for (const server of serving.work.servers) await server.start();
      this.#isReady = true;
      serving.election.start();
      log('info', 'control plane started', { grpc, adminPort, healthPort, identity: settings.identity });
      return { grpc, adminPort, healthPort };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Not ready from now on. Releases the leadership, ends the streams, then everything else. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#isReady = false;
    const serving = this.#serving;
    await this.#lead(false);
    await serving?.election.stop();
    await this.#leadership;
    this.#acceptance.stop();
    await serving?.xds.stop();
    await Promise.all((serving?.work.servers ?? []).map((server) => server.stop()));
    serving?.certificate.stop();
    serving?.xdsCertificate.stop();
    await this.#source.stop();
    this.#distribution.stop();
    this.#keys.stop();
    await Promise.all([this.#admin.stop(), this.#health.stop()]);
    this.#client.stop();
    this.#options.log('info', 'control plane stopped', {});
  }

  /** Whether this replica leads. */
  get isLeader(): boolean {
    return this.#serving?.election.isLeader ?? false;
  }

  /** Calls to the API so far, by verb and kind. */
  get requests(): ReadonlyMap<string, number> {
    return this.#client.requests;
  }

  /** All Findings about the configuration. */
  findings(): readonly PlacedFinding[] {
    this.#findings ??= [
      ...this.#source.findings(),
      ...this.#trustDomain.findings,
      ...this.#distribution.findings(),
    ].sort(comparePlaces);
    return this.#findings;
  }

  /** Includes the faults that keep Gateways from being deployed, which only the leader knows. */
  #allFindings(): readonly PlacedFinding[] {
    return [...this.findings(), ...(this.#serving?.work.findings() ?? [])];
  }

  async #assemble(): Promise<Serving> {
    const { settings, log } = this.#options;
    const { namespace, identity, lease } = settings;
    const trustDomain = this.#trustDomain.value;
    const authority = await this.#persist('the authority could not be read', () =>
      loadClusterAuthority(this.#client, { namespace, trustDomain, now: new Date() }),
    );
    const options = {
      identity: formatIdentity({ trustDomain, namespace, serviceAccount: controlPlaneServiceAccount }),
      dnsNames: serviceNames(settings),
      onError: (error: unknown) => log('error', 'the server certificate was not renewed', { error: String(error) }),
    };
    const certificate = new ServerCertificate({ authority, ...options });
    const xdsCertificate =
      settings.ca.kind === 'cairn'
        ? certificate
        : new ServerCertificate({
            authority: await this.#persist('no root certificate of istiod', () =>
              openIstiodAuthority(this.#client, settings),
            ),
            ...options,
          });
    const xds = new XdsServer({
      cache: this.#cache,
      authorize: (peer, node) =>
        authorizePod(peer, node, {
          mesh: this.#distribution.mesh,
          trustDomain,
          hasProxy: (key) => this.#cache.has(key),
        }),
      onStatusChange: (read, connected) => {
        if (!connected) this.#metrics.recordDisconnect(read());
        this.#acceptance.note(read, connected);
      },
      log,
    });
    const work = createClusterWork(this.#context(authority, certificate, xds));
    const election = new LeaderElection({
      client: this.#client,
      namespace,
      name: lease.name,
      identity,
      leaseDurationMs: lease.durationMs,
      renewDeadlineMs: lease.renewMs,
      retryPeriodMs: lease.retryMs,
      onChange: (isLeader) => void this.#lead(isLeader),
      log: (message) => log('info', message, { lease: lease.name }),
    });
    return { authority, certificate, xdsCertificate, xds, work, election };
  }

  #context(authority: Authority, certificate: ServerCertificate, xds: XdsServer): ClusterContext {
    const { settings, log } = this.#options;
    return {
      client: this.#client,
      settings: { ...settings, trustDomain: this.#trustDomain.value },
      log,
      mesh: this.#distribution.mesh,
      waypoints: () => this.#distribution.waypoints(),
      findings: () => this.findings(),
      isSettled: (ref) => this.#unsettled.isSettled(ref),
      object: (kind, namespace, name) => this.#source.object(kind, namespace, name),
      objects: (kind) => this.#source.objects(kind),
      proxies: () => xds.status(),
      serving: {
        rootPem: () => authority.rootPem,
        certificate: () => certificate.current(),
        onRenew: (listener) => certificate.onRenew(listener),
      },
    };
  }

  /** Certificates are issued for tokens that the API server confirms, and for no other identity. */
  #certificateServer(authority: Authority): CertificateServer {
    const { trustDomain } = authority;
    return new CertificateServer({
      authority,
      authenticate: async (token): Promise<CallerIdentity> => {
        const reviewed = await reviewToken(this.#client, token, [certificateAudience]).catch((cause: unknown) => {
          throw new CertificateError('Unavailable', 'the API server cannot be asked about the token now', cause);
        });
        if (reviewed === undefined) {
          const message = `the API server does not accept the token for the audience ${certificateAudience}`;
          throw new CertificateError('Unauthenticated', message);
        }
        const { namespace, serviceAccount, node } = reviewed;
        return { trustDomain, namespace, serviceAccount, ...(node === undefined ? {} : { nodeName: node }) };
      },
      mayImpersonate: () => false,
      log: (message, fields) => {
        this.#metrics.recordCertificate(message === 'certificate issued');
        this.#options.log('info', message, fields);
      },
    });
  }

  #apply({ changed, meshChanges, said }: SourceChange): void {
    const clock = new StageClock();
    const changes = this.#trustDomain.pin(this.#entries.address(meshChanges));
    clock.end('allocate');
    this.#take(changed, changes, clock, said);
    const documents = this.#keys.follow(this.#distribution.mesh, changes);
    if (documents.length > 0) this.#take([], documents, new StageClock());
  }

  #take(
    changed: ClusterStep['changed'],
    changes: readonly MeshChange[],
    clock: StageClock,
    said: SourceChange['said'] = [],
  ): void {
    const { step, touched, number } = this.#distribution.apply(changes, clock);
    // An object that cannot be read changes nothing in force, but has Findings all the same.
    this.#unsettled.add(number, { changed, touched: new Set([...touched, ...said.map(findingsKey)]) });
    this.#noteStep(step);
  }

  #noteStep(step: PipelineStep): void {
    this.#findings = undefined;
    this.#metrics.recordStep(step);
    if (step.changedObjects + step.changedResources > 0)
      this.#options.log('debug', 'configuration applied', { ...step });
    for (const settled of this.#unsettled.release(this.#distribution.settled)) {
      for (const loop of this.#leading) loop.onStep(settled);
    }
  }

  /** Begins or ends the work of the leader, after earlier calls have ended. */
  async #lead(isLeader: boolean): Promise<void> {
    const loops = this.#serving?.work.loops ?? [];
    const ending = isLeader ? [] : this.#leading;
    if (!isLeader) this.#leading = [];
    const ended = Promise.all(ending.map((loop) => loop.stop()));
    this.#leadership = this.#begin(isLeader ? loops : [], this.#leadership, ended);
    await this.#leadership;
  }

  async #begin(loops: readonly LeaderLoop[], before: Promise<void>, ended: Promise<unknown>): Promise<void> {
    await before;
    await ended;
    if (loops.length === 0 || this.#leading.length > 0 || !this.isLeader || this.#stopping.signal.aborted) return;
    this.#options.log('info', 'this replica leads', {});
    this.#leading = loops;
    for (const loop of loops) loop.start();
  }

  /** Retries while the API does not answer; a refusal of the API is final. */
  async #persist<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const isPassing =
          error instanceof ApiUnreachableError ||
          (error instanceof ApiError && error.status >= 500) ||
          (error instanceof CertificateError && error.code === 'Unavailable');
        if (!isPassing) throw error;
        this.#options.log('warn', what, { error: error.message });
        await sleep(retryMs, undefined, { signal: this.#stopping.signal });
      }
    }
  }

  #questions(): AdminQuestions {
    const { settings, logLevel } = this.#options;
    const proxies = () => this.#serving?.xds.status() ?? [];
    return {
      api: {
        proxies: () => proxies().map((status) => viewClusterProxy(status, settings.identity)),
        waypoints: () => this.#distribution.waypoints(),
        findings: () => this.#allFindings().map(viewFinding),
        leader: () => ({ replica: settings.identity, isLeader: this.isLeader }),
      },
      unready: async () => this.#unready(),
      metrics: () =>
        this.#metrics.format({
          proxies: proxies(),
          findings: this.#allFindings(),
          services:
            this.#distribution.mesh.list('Service').length + this.#distribution.mesh.list('ServiceEntry').length,
          isLeader: this.isLeader,
          apiRequests: this.#client.requests,
          apiAnswers: this.#client.answers,
          apiServer: this.#client.server,
        }),
      ...(logLevel === undefined ? {} : { logLevel }),
    };
  }

  #unready(): readonly string[] {
    if (this.#stopping.signal.aborted) return ['the control plane is stopping'];
    const unsynced = this.#source.unsynced();
    if (unsynced.length > 0) return [`not known yet: ${unsynced.join(', ')}`];
    return this.#isReady ? [] : ['the servers do not listen yet'];
  }
}
