// Mesh-wide settings: those of the process, overridden by the part of Istio's MeshConfig that is
// read. They are an input like any object.

import type { ExtensionProvider, MeshConfigSpec } from './kinds/mesh-config/spec.ts';
import type { HttpRetry } from './kinds/virtual-service/spec.ts';
import { waypointClass, waypointController } from './labels.ts';

/** Mesh-wide settings with their defaults applied. */
export interface MeshSettings {
  /** SPIFFE trust domain of every identity. */
  readonly trustDomain: string;
  /**
   * Earlier names of the trust domain, whose certificates are accepted and whose identities are the
   * same as ours.
   */
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
  /** The services that policies can name as the provider of a decision. */
  readonly extensionProviders: readonly ExtensionProvider[];
  /**
   * MeshConfig's path normalization; absent: none is set, so paths are normalized as by BASE, and
   * policies that read them are careful.
   */
  readonly pathNormalization?: PathNormalization;
  /** The retries of routes that set none; absent: Istio's. */
  readonly defaultRetry?: HttpRetry;
  /** MeshConfig's access log; '' is no log, and an absent field has our default. */
  readonly accessLog: { readonly file?: string; readonly format?: string; readonly encoding?: 'TEXT' | 'JSON' };
  /** The file, on a waypoint, of the roots that verify servers outside of the mesh. */
  readonly systemRoots: string;
  /**
   * If the mesh is one machine: which loopback addresses are allowed. Absent in a cluster, where
   * none is.
   */
  readonly machine?: MachineAddresses;
}

/** Ranges of loopback addresses. */
export interface MachineAddresses {
  /** Of workloads, beside the addresses that WorkloadEntries have. */
  readonly workloads: readonly string[];
  /** Of the control plane and the proxies themselves, which no endpoint may lead to. */
  readonly proxies: readonly string[];
}

/** The defaults, as Istio's if Istio has the setting. */
export const defaultMeshSettings: MeshSettings = {
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  waypointClass,
  waypointController,
  extensionProviders: [],
  accessLog: {},
  systemRoots: '/etc/ssl/certs/ca-certificates.crt',
};

/** How paths are normalized, in Istio's words; each includes the one before it. */
export type PathNormalization = 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';

/**
 * Reads a normalization as MeshConfig spells it, where DEFAULT is BASE; undefined for other texts.
 */
export function readPathNormalization(text: string | undefined): PathNormalization | undefined {
  switch (text) {
    case 'NONE':
    case 'BASE':
    case 'MERGE_SLASHES':
    case 'DECODE_AND_MERGE_SLASHES':
      return text;
    case 'DEFAULT':
      return 'BASE';
    default:
      return undefined;
  }
}

/** The settings with those of a MeshConfig. */
export function applyMeshConfig(settings: MeshSettings, config: MeshConfigSpec): MeshSettings {
  const trustDomain = config.trustDomain ?? settings.trustDomain;
  const pathNormalization = readPathNormalization(config.pathNormalization?.normalization);
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
    ...(pathNormalization === undefined ? {} : { pathNormalization }),
  };
}
