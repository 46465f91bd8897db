// Mesh-wide settings: what the process was started with, overridden by the part of Istio's MeshConfig that is read. They are an input like
// any object.

import type { ExtensionProvider, MeshConfigSpec } from './kinds/mesh-config.ts';
import type { HttpRetry } from './kinds/virtual-service.ts';
import { waypointClass, waypointController } from './labels.ts';

/** Mesh-wide settings with their defaults applied. */
export interface MeshSettings {
  /** SPIFFE trust domain of every identity. */
  readonly trustDomain: string;
  /** Earlier names of the trust domain, whose certificates are accepted and whose identities are the same as ours. */
  readonly trustDomainAliases: readonly string[];
  /** DNS suffix of the cluster's services. */
  readonly clusterDomain: string;
  /** Namespace whose DestinationRules and GatewayClass policies apply to the whole mesh. */
  readonly rootNamespace: string;
  /** The class of waypoint Gateways that exists without a GatewayClass object. */
  readonly waypointClass: string;
  /** The `controllerName` of every GatewayClass whose Gateways are waypoints. */
  readonly waypointController: string;
  /** The revision whose Gateways are ours, '' being the default one; absent: all of them. */
  readonly revision?: string;
  /** Refuse `;` in paths (400) on frontends whose policies or routes read the path. */
  readonly rejectPathParameters: boolean;
  /** What policies can name as the provider of a decision. */
  readonly extensionProviders: readonly ExtensionProvider[];
  /** What to do with `%2F` and `%5C` in paths. */
  readonly escapedSlashes: 'reject' | 'decode';
  /** The retries of routes that say nothing of them; absent: Istio's. */
  readonly defaultRetry?: HttpRetry;
  /** What MeshConfig says of the access log; '' is no log, and what is absent is ours. */
  readonly accessLog: { readonly file?: string; readonly format?: string; readonly encoding?: 'TEXT' | 'JSON' };
  /** The file, on a waypoint, of the roots that certificates of servers outside of the mesh are checked against. */
  readonly systemRoots: string;
}

/** The defaults, as Istio's where Istio has the setting. */
export const defaultMeshSettings: MeshSettings = {
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  waypointClass,
  waypointController,
  rejectPathParameters: true,
  extensionProviders: [],
  escapedSlashes: 'reject',
  accessLog: {},
  systemRoots: '/etc/ssl/certs/ca-certificates.crt',
};

/** The settings with what a MeshConfig says. Paths are always normalized: of `pathNormalization` only decoding makes a difference. */
export function applyMeshConfig(settings: MeshSettings, config: MeshConfigSpec): MeshSettings {
  const trustDomain = config.trustDomain ?? settings.trustDomain;
  return {
    ...settings,
    trustDomain,
    trustDomainAliases: [...new Set(config.trustDomainAliases ?? settings.trustDomainAliases)]
      .filter((alias) => alias !== trustDomain)
      .sort(),
    rootNamespace: config.rootNamespace ?? settings.rootNamespace,
    ...(config.defaultHttpRetryPolicy === undefined ? {} : { defaultRetry: config.defaultHttpRetryPolicy }),
    accessLog: {
      ...settings.accessLog,
      ...(config.accessLogFile === undefined ? {} : { file: config.accessLogFile }),
      ...(config.accessLogFormat === undefined ? {} : { format: config.accessLogFormat }),
      ...(config.accessLogEncoding === undefined ? {} : { encoding: config.accessLogEncoding }),
    },
    extensionProviders: config.extensionProviders ?? settings.extensionProviders,
    escapedSlashes:
      config.pathNormalization?.normalization === 'DECODE_AND_MERGE_SLASHES' ? 'decode' : settings.escapedSlashes,
  };
}
